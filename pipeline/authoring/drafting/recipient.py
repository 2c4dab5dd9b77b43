"""Finds the field of an event that names the recipient."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.authoring.drafting.shown_fields import Variant
from pipeline.authoring.examples.meanings import snake
from pipeline.errors import UserError
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.types import READABLE_NAME, NullableType, RecordType, Scalar, ScalarType

_LIKELY = tuple(
    re.compile(pattern)
    for pattern in (
        r"sub|subject",
        r"(?:(?:we_?chat|weixin|wx|mp|mini_?program|alipay)_?)?(?:open_?id|union_?id)|alipay_?(?:user_?id|uid)",
        r"recipient(_?id)?|to|receiver(_?id)?",
        r"uid|user_?id|platform_?id",
        r"(member|customer|buyer|subscriber|patient|passenger|client|account|owner|payer|student|guest|reader|borrower"
        r"|holder|tenant|resident|parent|guardian|rider|driver|applicant|employee)_?(?:id|uid|open_?id|union_?id)",
        r"user|member|customer",
        r".+_(?:open_?id|union_?id)",
    )
)
"""Names of the recipient, the likeliest first."""
_DOCUMENTED = re.compile(
    r"\bids? on the platform\b|\b(open|union) ?id\b|平台\s*的?\s*(用户)?\s*(id|标识|账号)", re.IGNORECASE
)
"""Documentation of a recipient with any other name: less likely than all of these."""
MOST_NAMED = 8


class Recipient(NamedTuple):
    """What `to:` of a rule is."""

    path: str
    text: str
    """Such as `${event.sub}`."""
    condition: str | None
    """What holds for events that have it; None where all have."""
    variants: tuple[Variant, ...]


class _Field(NamedTuple):
    parts: tuple[str, ...]
    kind: ScalarType
    doc: str
    nullable: tuple[tuple[str, ...], ...]
    """The field itself and the records around it, where they may be null."""

    @property
    def path(self) -> str:
        return ".".join(("event", *self.parts))


def find_recipient(schema: EventSchema, given: str | None) -> Recipient:
    """The likeliest field, or the `given` one (`event.buyer.sub`, `buyer.sub`).

    Raises:
        UserError: there is no such field, or none is likely.
    """
    fields = list(_fields(schema.root, (), ()))
    if given is not None:
        wanted = given.removeprefix("${").removesuffix("}").removeprefix("event.")
        found = next((one for one in fields if one.path == f"event.{wanted}"), None)
        if found is None:
            known = [one.path for one in fields]
            message = phrase("`{type}` has no field `{given}` that may name a recipient", type=schema.name, given=given)
            raise UserError(message, hint=did_you_mean(f"event.{wanted}", known) or _listed(known))
        return _recipient(found)
    ranked = sorted((rank, at) for at, one in enumerate(fields) if (rank := _rank(one)) is not None)
    if not ranked:
        hint = phrase("name it: --to FIELD; {fields}", fields=_listed([one.path for one in fields]))
        message = phrase("no field of `{type}` looks like the recipient's id on the platform", type=schema.name)
        raise UserError(message, hint=hint)
    return _recipient(fields[ranked[0][1]])


def _listed(known: list[str]) -> str:
    shown = [*known[:MOST_NAMED], *(["…"] if len(known) > MOST_NAMED else [])]
    return (
        phrase("there are {shown}", shown=joined(", ", shown))
        if known
        else phrase("the event has no text or whole number")
    )


def _rank(field: _Field) -> tuple[int, int, int] | None:
    """Less is likelier: the name or documentation, whether it may be missing, and how deep it is."""
    name = snake(field.parts[-1])
    at = next((number for number, pattern in enumerate(_LIKELY) if pattern.fullmatch(name)), None)
    if at is None and _DOCUMENTED.search(field.doc):
        at = len(_LIKELY)
    return None if at is None else (at, len(field.nullable), len(field.parts))


def _fields(record: RecordType, parts: tuple[str, ...], nullable: tuple[tuple[str, ...], ...]) -> Iterator[_Field]:
    for field in record.fields:
        if READABLE_NAME.fullmatch(field.name) is None:
            continue
        here = (*parts, field.name)
        kind, above = field.type, nullable
        if isinstance(kind, NullableType):
            kind, above = kind.inner, (*nullable, here)
        if isinstance(kind, RecordType):
            yield from _fields(kind, here, above)
        elif isinstance(kind, ScalarType) and not kind.symbols and kind.scalar in {Scalar.STRING, Scalar.INT}:
            yield _Field(here, kind, field.doc, above)


def _recipient(field: _Field) -> Recipient:
    path = field.path
    value = f"string({path})" if field.kind.scalar is Scalar.INT else path
    variants = []
    for one in field.nullable:
        change: object = None
        for name in reversed(one):
            change = {name: change}
        assert isinstance(change, dict)  # noqa: S101 - a field has a name
        variants.append(Variant(phrase("{field} is missing", field=".".join(one)), change))
    guards = " && ".join(f"{'.'.join(('event', *one))} != null" for one in field.nullable)
    return Recipient(path, f"${{{value}}}", guards or None, tuple(variants))
