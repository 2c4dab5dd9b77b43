"""The fields of an event type as authors write them in rules: path, type in plain words, values, documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pipeline.phrases import joined, phrase
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.types import (
    READABLE_NAME,
    FieldType,
    ListType,
    MapType,
    NullableType,
    RecordType,
    Scalar,
    ScalarType,
)

MOST_FIELDS = 2_000
"""A schema may use one record in many places; more fields than this are of no use to a reader."""

_LOGICAL: Mapping[str, str] = {
    "date": phrase("date"),
    "uuid": phrase("text (UUID)"),
    "uuid-fixed": phrase("text (UUID)"),
    "time-millis": phrase("time of day"),
    "time-micros": phrase("time of day"),
    "local-timestamp-millis": phrase("local time"),
    "local-timestamp-micros": phrase("local time"),
    "local-timestamp-nanos": phrase("local time"),
    "enum": phrase("one of"),
    "recursive": phrase("anything"),
}
_SCALARS: Mapping[Scalar, str] = {
    Scalar.BOOL: phrase("true or false"),
    Scalar.INT: phrase("whole number"),
    Scalar.DOUBLE: phrase("number"),
    Scalar.STRING: phrase("text"),
    Scalar.BYTES: phrase("bytes"),
    Scalar.TIMESTAMP: phrase("time"),
    Scalar.NULL: "null",
    Scalar.DYN: phrase("anything"),
}


class FieldRow(NamedTuple):
    """One field that a rule can read."""

    path: str
    """As an expression reads it, such as `event.buyer.name`; `[]` for each item of a list, `[…]` for a map's value."""
    type: str
    """In plain words, such as `decimal (2 digits after the point)`."""
    may_be_missing: bool
    """Whether it, or a record that holds it, can be null."""
    values: Sequence[str] = ()
    """An enum's values."""
    doc: str = ""
    example: object = None
    """None where the example of the event does not have it."""
    is_readable: bool = True
    """Whether rules can read it: expressions have no way to write names such as `order-no` and `订单`."""


def event_fields(schema: EventSchema, example: Mapping[str, object]) -> list[FieldRow]:
    """Return the fields in the schema's order, those of nested records below theirs, at most `MOST_FIELDS`.

    `example` is an event of this type as JSON.
    """
    rows: list[FieldRow] = []
    for row in _fields(schema.root, "event", example, missing=False):
        if len(rows) == MOST_FIELDS:
            break
        rows.append(row)
    return rows


def _fields(record: RecordType, path: str, example: object, *, missing: bool) -> Iterator[FieldRow]:
    values = example if isinstance(example, Mapping) else {}
    for field in record.fields:
        rows = _field(field.type, f"{path}.{field.name}", field.doc, values.get(field.name), missing=missing)
        readable = READABLE_NAME.fullmatch(field.name) is not None
        yield from rows if readable else (row._replace(is_readable=False) for row in rows)


def _field(kind: FieldType, path: str, doc: str, example: object, *, missing: bool) -> Iterator[FieldRow]:
    if isinstance(kind, NullableType):
        missing, kind = True, kind.inner
    shown = None if isinstance(kind, RecordType | ListType | MapType) else example
    yield FieldRow(path, _words(kind), missing, _values(kind), " ".join(doc.split()), shown)
    yield from _below(kind, path, example, missing=missing)


def _below(kind: FieldType, path: str, example: object, *, missing: bool) -> Iterator[FieldRow]:
    match kind:
        case RecordType():
            yield from _fields(kind, path, example, missing=missing)
        case ListType(item):
            first = example[0] if isinstance(example, list) and example else None
            yield from _below(item, f"{path}[]", first, missing=missing)
        case MapType(item):
            value = next(iter(example.values()), None) if isinstance(example, Mapping) else None
            yield from _below(item, f"{path}[…]", value, missing=missing)
        case NullableType(inner):
            yield from _below(inner, path, example, missing=True)
        case ScalarType():
            return


def _words(kind: FieldType) -> str:
    match kind:
        case RecordType():
            return phrase("record")
        case ListType(RecordType()):
            return phrase("list of records")
        case MapType(RecordType()):
            return phrase("map of records")
        case ListType(item):
            return phrase("list of {item}", item=_words(item))
        case MapType(item):
            return phrase("map of {item}", item=_words(item))
        case NullableType(inner):
            return phrase("{inner} or null", inner=_words(inner))
        case ScalarType():
            return _scalar(kind)


def _scalar(kind: ScalarType) -> str:
    if kind.branches:
        return joined(" or ", dict.fromkeys(map(_words, kind.branches)))
    if kind.logical == "decimal":
        return (
            phrase("decimal ({scale} digits after the point)", scale=kind.scale)
            if kind.scale
            else phrase("decimal (whole)")
        )
    return _LOGICAL.get(kind.logical or "") or _SCALARS[kind.scalar]


def _values(kind: FieldType) -> Sequence[str]:
    match kind:
        case ListType(item) | MapType(item) | NullableType(item):
            return _values(item)
        case ScalarType():
            return kind.symbols
        case RecordType():
            return ()
