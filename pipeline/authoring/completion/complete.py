"""What can be written at a position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from pipeline.authoring.completion import care
from pipeline.authoring.completion.describe import (
    described_field,
    described_template,
    described_template_field,
    field_detail,
)
from pipeline.authoring.completion.expression import Cursor
from pipeline.authoring.completion.facts import Facts
from pipeline.authoring.completion.functions import CALLABLES, METHODS, FunctionHelp
from pipeline.authoring.completion.known import Known
from pipeline.authoring.completion.outline import Path, outline
from pipeline.authoring.completion.place import Place, place
from pipeline.authoring.completion.shapes import FileKind, Shape, shape_of
from pipeline.authoring.event_fields import FieldRow
from pipeline.model.outcome import Reason
from pipeline.phrases import phrase

MOST_ITEMS = 200
_EVENT_DATA = frozenset({"with", "data"})
_FIELD_MAPS = frozenset({"data", "overflow"})


class ItemKind(StrEnum):
    """What an item is, for its icon."""

    KEY = "key"
    FIELD = "field"
    FUNCTION = "function"
    VALUE = "value"
    VARIABLE = "variable"
    TEMPLATE = "template"
    TYPE = "type"
    RULE = "rule"


class Item(NamedTuple):
    """One thing that can be written."""

    label: str
    kind: ItemKind
    detail: str
    """On one line: a type, or a title."""
    doc: str
    insert: str
    start: int
    """Index of the first character that `insert` replaces; the last is the one before the cursor."""


def complete(kind: FileKind, text: str, offset: int, known: Known) -> list[Item]:
    """What can be written at `offset`, at most `MOST_ITEMS`: first what begins with the letters there.

    The rest is in the order of its declaration. The case of letters does not matter.
    """
    offset = max(0, min(offset, len(text)))
    facts = Facts(kind, outline(text), known)
    where = place(facts.outline, offset)
    return _Items(facts, where, offset).fitting()[:MOST_ITEMS]


class _Items:
    def __init__(self, facts: Facts, where: Place, offset: int) -> None:
        self._facts = facts
        self._where = where
        self._offset = offset
        self._known = facts.known
        self._shape = shape_of(facts.kind).at(where.path)

    def fitting(self) -> list[Item]:
        """The items that have what is written, those that begin with it first."""
        ranked: list[tuple[bool, Item]] = []
        for item in self._all():
            written = self._facts.outline.text[item.start : self._offset].lstrip("\"'").lower()
            label = item.label.lower()
            if written in label:
                ranked.append((not label.rpartition(".")[2].startswith(written), item))
        return [item for _, item in sorted(ranked, key=itemgetter(0))]

    def _all(self) -> Iterator[Item]:
        at = None if self._where.is_key else self._facts.cursor(self._where, self._offset)
        if at is not None:
            yield from self._expression(at)
        elif self._where.is_key or self._is_first_of_an_item():
            yield from self._keys()
        else:
            yield from self._values()

    def _is_first_of_an_item(self) -> bool:
        """Behind the dash of a list whose items have keys."""
        path = self._where.path
        return bool(path) and isinstance(path[-1], int) and (self._shape.is_mapping or bool(self._event_rows(path)))

    # Expressions

    def _expression(self, at: Cursor) -> Iterator[Item]:
        scope = self._facts.scope(self._where, at)
        start = self._offset - len(at.word)
        compared = scope.row(at.compared) if at.compared is not None else None
        if at.quote is not None or compared is not None:
            yield from (
                Item(
                    value,
                    ItemKind.VALUE,
                    phrase("value of {compared}", compared=at.compared),
                    "",
                    self._quoted(value, at.quote),
                    start,
                )
                for value in (compared.values if compared is not None else ())
            )
        if at.quote is not None or (not at.word and self._facts.outline.text[start - 1 : start].isdigit()):
            return
        if at.holder is not None:
            rows = scope.below(at.holder)
            yield from (_field_item(row, start) for row in rows)
            if not rows:
                yield from (_callable_item(one, start) for one in METHODS.values())
            return
        for name in scope.names():
            over = at.variables.get(name)
            yield Item(
                name,
                ItemKind.VARIABLE,
                phrase("an entry of {over}", over=over) if over else phrase("the event"),
                "",
                name,
                start,
            )
        if at.word:  # a field by its own name: `amo` finds `event.amount_paid`
            yield from (
                _field_item(row, start)._replace(label=row.path, insert=row.path) for row in scope.below("event")
            )
        yield from (_callable_item(one, start) for one in CALLABLES.values())
        yield from (Item(one, ItemKind.VALUE, "", "", one, start) for one in ("true", "false", "null"))

    def _quoted(self, value: str, quote: str | None) -> str:
        """The value of an enum as an expression writes it, within the quotes that YAML may have around it."""
        if quote is not None:
            return value
        yaml = self._facts.outline.quote(self._where.word)
        return f"'{value}'" if yaml == '"' else f'"{value}"'

    # Keys

    def _keys(self) -> Iterator[Item]:
        where, start = self._where, min(self._where.word.start, self._offset)
        path = where.path
        if self._shape.is_list and not where.is_key:
            return
        if self._shape.is_list:
            yield from (
                item._replace(insert=f"- {item.insert}")
                for item in self._declared(self._shape.below(0), start, set())
                if item.label in {"id", "name", "rule"}
            )
            return
        own = where.entry.path[-1] if where.entry is not None and where.is_key else None
        present = {key for key in self._facts.outline.keys(path) if key != own}
        yield from self._named(path, start, present)
        yield from self._declared(self._shape, start, present)

    def _declared(self, shape: Shape, start: int, present: set[str]) -> Iterator[Item]:
        for key in shape.declared():
            if key.name not in present:
                detail = "required" if key.is_required else ""
                below = key.is_mapping or key.is_list
                yield Item(key.name, ItemKind.KEY, detail, key.doc, self._as_key(key.name, below=below), start)

    def _named(self, path: Path, start: int, present: set[str]) -> Iterator[Item]:
        """Keys that other files name: the fields of a template, or of an event."""
        for row in self._event_rows(path):
            name = row.path.rpartition(".")[2]
            if name not in present:
                below = row.type == "record"
                yield _field_item(row, start)._replace(label=name, insert=self._as_key(name, below=below))
        for name, detail in care.keys_at(self._facts, path):
            if name not in present:
                yield Item(
                    name, ItemKind.KEY, detail, "", self._as_key(name, below=path[-1:] == ("categories",)), start
                )
        last = path[-1] if path else None
        is_expected = self._facts.kind is FileKind.TESTS and "expect" in path
        if last in _FIELD_MAPS and (self._facts.kind is FileKind.RULES or is_expected):
            template = self._facts.template(path)
            for field in template.fields if template is not None else ():
                if field.key not in present:
                    insert = self._as_key(field.key, below=False)
                    detail = f"{field.label} {field.kind}".strip() + (", optional" if field.optional else "")
                    yield Item(field.key, ItemKind.FIELD, detail, described_template_field(field), insert, start)

    def _event_rows(self, path: Path) -> list[FieldRow]:
        """The fields of the event that a test sets at `path`."""
        below = below_event(self._facts, path)
        if below is None:
            return []
        fields = self._facts.fields(path)
        return fields[0].below(below) if fields else []

    def _as_key(self, name: str, *, below: bool) -> str:
        """The key with its colon, unless there is one already."""
        entry = self._where.entry
        if entry is not None and self._where.is_key:
            behind = self._facts.outline.text[entry.key.end : entry.value.start]
            if ":" in behind:
                return name
        return f"{name}:" if below and self._where.column >= 0 else f"{name}: "

    # Values

    def _values(self) -> Iterator[Item]:
        path, known = self._where.path, self._known
        start = min(self._where.word.start, self._offset)
        inside = self._facts.inside(path)
        last = next((part for part in reversed(path) if isinstance(part, str)), None)
        if inside[:1] == ("on",) or (self._facts.kind is FileKind.TESTS and path[2:] == ("event", "type")):
            yield from (
                Item(one, ItemKind.TYPE, phrase("event type"), known.doc(one), one, start) for one in known.types()
            )
        elif (last == "template" and self._facts.kind is not FileKind.TEMPLATES) or inside[:2] == ("template", "of"):
            yield from (
                Item(alias, ItemKind.TEMPLATE, one.title, described_template(one), alias, start)
                for alias, one in known.templates.items()
            )
        elif last == "rule" and self._facts.kind is FileKind.TESTS:
            yield from (Item(one, ItemKind.RULE, "rule", "", one, start) for one in known.rules)
        elif last == "reason" and self._facts.kind is FileKind.TESTS:
            yield from (Item(one.value, ItemKind.VALUE, "reason", "", one.value, start) for one in Reason)
        elif (below := below_event(self._facts, path)) is not None:
            yield from self._event_values(below, start)
        elif (names := care.names_at(self._facts, path)) is not None:
            yield from (Item(name, ItemKind.VALUE, detail, "", name, start) for name, detail in names)
        else:
            yield from self._choices(self._shape.values(), start)
            if self._facts.is_text(path):
                yield Item("${…}", ItemKind.VALUE, phrase("a value of the event"), "", "${event.", self._offset)

    def _event_values(self, below: str, start: int) -> Iterator[Item]:
        fields = self._facts.fields(self._where.path)
        row = fields[0].by_path.get(below) if fields else None
        if row is None:
            return
        yield from self._choices(("true", "false") if row.type == "true or false" else row.values, start)
        if row.may_be_missing:
            yield from self._choices(("null",), start)

    def _choices(self, values: Iterable[str], start: int) -> Iterator[Item]:
        return (Item(value, ItemKind.VALUE, "", "", value, start) for value in values)


def below_event(facts: Facts, path: Path) -> str | None:
    """The path of an event's field, as expressions write it, for a path of a test; None for another one."""
    if facts.kind is not FileKind.TESTS:
        return None
    inside = path[3:] if path[2:3] == ("event",) else path[4:] if path[2:3] == ("cases",) else ()
    if inside[:1] == () or inside[0] not in _EVENT_DATA:
        return None
    return "".join(["event", *("[]" if isinstance(part, int) else f".{part}" for part in inside[1:])])


def _field_item(row: FieldRow, start: int) -> Item:
    name = row.path.rpartition(".")[2]
    return Item(name, ItemKind.FIELD, field_detail(row), described_field(row), name, start)


def _callable_item(one: FunctionHelp, start: int) -> Item:
    return Item(one.name, ItemKind.FUNCTION, one.signatures[0], one.doc, f"{one.name}(", start)
