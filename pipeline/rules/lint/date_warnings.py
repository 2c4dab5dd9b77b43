"""Dates and times of day beside a text of another form: they are texts, and compared letter by letter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time

from pipeline.phrases import phrase
from pipeline.rules.cel.fields import Fields, Scope
from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.tree import Kind, Node, Tree
from pipeline.rules.schema.types import ScalarType, without_null

_ORDER = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
_COMPARISONS = _ORDER | {"_==_", "_!=_"}
_DATE = "2026-11-30"
_FORMS: Mapping[str, str] = {"date": _DATE, **dict.fromkeys(("time-millis", "time-micros"), "15:01:00")}
"""Logical types that arrive as texts, and how they look."""
_YEAR_FIRST = re.compile(r"(\d{4})\D{1,2}(\d{1,2})\D{1,2}(\d{1,2})\D?")
_YEAR_LAST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_BEGINNING = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2}T.*)?)?")
"""Texts that have their place in the order of dates all the same."""


def unlike_dates(tree: Tree, fields: Fields) -> Iterator[Fault]:
    """Fixed texts beside a date or a time of day that none can be equal to."""
    for node, scope in fields.walk(tree.root, {}):
        if node.kind is not Kind.CALL or len(node.children) != 2:  # noqa: PLR2004 - both sides
            continue
        one, other = node.children
        if node.name in _COMPARISONS:
            yield from _unlike(tree, node, one, [other], fields, scope)
            yield from _unlike(tree, node, other, [one], fields, scope)
        elif node.name == "@in" and other.kind is Kind.LIST:
            yield from _unlike(tree, node, one, other.children, fields, scope)


def _unlike(
    tree: Tree, call: Node, field: Node, values: Sequence[Node], fields: Fields, scope: Scope
) -> Iterator[Fault]:
    kind = fields.type_of(field, scope) if field.kind is Kind.FIELD else None
    kind = without_null(kind)
    form = _FORMS.get(kind.logical or "") if isinstance(kind, ScalarType) else None
    if form is None:
        return
    for value in values:
        if not isinstance(value.value, str) or _is_of(form, value.value):
            continue
        if call.name in _ORDER and _BEGINNING.fullmatch(value.value):
            continue
        message = phrase(
            "`{field}` is written like {form}, and `{value}` is not",
            field=tree.text(field), form=form, value=value.value,
        )  # fmt: skip
        yield Fault(value.start, "doubtful-date", message, phrase('write "{right}"', right=_right(value.value) or form))


def _is_of(form: str, text: str) -> bool:
    """Whether a text is a date or a time of day of that form."""
    if not re.fullmatch(re.sub(r"\d", r"\\d", form) + r"(?:\.\d+)?", text):
        return False
    try:
        (date if "-" in form else time).fromisoformat(text)
    except ValueError:
        return False
    return True


def _right(text: str) -> str | None:
    """The date that is meant, as the event has it."""
    if (found := _YEAR_FIRST.fullmatch(text)) is not None:
        year, month, day = found.groups()
    elif (found := _YEAR_LAST.fullmatch(text)) is not None:
        day, month, year = found.groups()
    else:
        return None
    right = f"{year}-{int(month):02}-{int(day):02}"
    return right if _is_of(_DATE, right) else None
