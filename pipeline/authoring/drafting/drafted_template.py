"""The fields of a card for an event type: a new template, or those of one that is registered already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pipeline.authoring.drafting.shown_fields import ShownField
from pipeline.authoring.drafting.yaml_text import flow, scalar
from pipeline.errors import UserError
from pipeline.phrases import joined, phrase
from pipeline.rules.source.templates import Template, TemplateField
from pipeline.styles.field_kind import PLAIN
from pipeline.styles.registry import kinds

MOST_FIELDS = 5
"""Fields of a new template: what most registered templates have."""
_MOST_ALIKE = {"time": 2, "date": 2, "amount": 2}


class Filled(NamedTuple):
    """A field of the template and what it shows."""

    key: str
    shown: ShownField | None
    """None: a fixed text."""
    text: str = ""
    """The fixed text."""

    @property
    def source(self) -> str:
        """The text as a rule has it."""
        return f"${{{self.shown.expression}}}" if self.shown is not None else self.text.replace("${", "$${")


def fields_of_new(shown: Sequence[ShownField]) -> list[Filled]:
    """The most useful fields, in the schema's order, with the key that each has on a card of style `category`."""
    chosen: list[ShownField] = []
    for one in sorted(shown, key=lambda field: field.rank):
        kind = one.kinds[0]
        if len(chosen) < MOST_FIELDS and sum(other.kinds[0] == kind for other in chosen) < _MOST_ALIKE.get(kind, 3):
            chosen.append(one)
    in_order = [one for one in shown if one in chosen]
    return [Filled(f"{one.kinds[0]}{number}", one) for number, one in enumerate(in_order, 1)]


def fields_of(template: Template, shown: Sequence[ShownField]) -> list[Filled]:
    """What each field of a registered template shows; an optional one that nothing resembles is left out.

    Raises:
        UserError: the event has nothing for a field that must be filled.
    """
    left = sorted(shown, key=lambda field: field.rank)
    filled: dict[str, Filled] = {}
    for field in sorted(template.fields, key=lambda one: (one.optional, one.kind is PLAIN or one.kind.name == "thing")):
        if field.values:
            filled[field.key] = Filled(field.key, None, field.values[0])
            continue
        found = max(left, key=lambda one: _fit(field, one), default=None)
        if found is not None and _fit(field, found) >= (_RESEMBLES if field.optional else _POSSIBLE):
            left.remove(found)
            filled[field.key] = Filled(field.key, found)
        elif field.optional:
            continue
        elif field.kind is PLAIN or field.kind.name == "thing":
            filled[field.key] = Filled(field.key, None, (field.example or template.title)[: field.kind.most])
        else:
            message = phrase(
                "template `{alias}` needs `{key}`, and the event has nothing that it takes",
                alias=template.alias,
                key=field.key,
            )
            near = joined(", ", [f"{one.path} ({one.kinds[0]})" for one in left[:6]]) or phrase("no other field")
            hint = phrase(
                "`{kind}` takes {takes}; there is {near}. Or leave --template out for a new one",
                kind=field.kind,
                takes=field.kind.takes,
                near=near,
            )
            raise UserError(message, hint=hint)
    return [filled[field.key] for field in template.fields if field.key in filled]


_POSSIBLE, _RESEMBLES = 1.0, 3.0


def _fit(field: TemplateField, one: ShownField) -> float:
    """How well a field of the event fits: 0 not at all, from `_RESEMBLES` on their labels or kinds agree."""
    if one.may_be_empty and not field.optional:
        return 0.0
    if field.kind is PLAIN:
        at = 0
    elif field.kind.name in one.kinds:
        at = list(one.kinds).index(field.kind.name)
    else:
        return 0.0
    alike = _alike(field.label, one.label) * 4
    special = 2.0 if at == 0 and field.kind.name not in {"plain", "thing", "character_string", "number"} else 0.0
    return 1.5 - 0.2 * at + special + alike - one.rank / 1_000


def _alike(one: str, other: str) -> float:
    """Share of the shorter label's characters that are in the other one."""
    first, second = set(one.casefold()) - {" "}, set(other.casefold()) - {" "}
    return len(first & second) / min(len(first), len(second)) if first and second else 0.0


def new_template(
    alias: str, title: str, filled: Sequence[Filled], texts: Mapping[str, str], environments: Sequence[str]
) -> Iterator[str]:
    """The lines of a new entry of `templates:`; `texts` has what each field shows for the example."""
    yield f"{scalar(alias)}:"
    yield f"  title: {scalar(title)}"
    yield "  style: category"
    yield "  ids:  # the platform's id of the registered template, in each environment"
    for one in environments:
        yield f"    {scalar(one)}: {scalar(f'{alias}-{one}')}"
    yield "  fields:"
    for field in filled:
        about: dict[str, object] = {}
        if field.shown is not None:
            about["label"] = field.shown.label
        example = texts.get(field.key, "")
        kind = kinds().get(field.key.rstrip("0123456789"))
        if example and (kind is None or kind.violation(example) is None):
            about["example"] = example
        if field.shown is not None and field.shown.may_be_empty:
            about["optional"] = True
        yield f"    {field.key}: {flow(about)}"
