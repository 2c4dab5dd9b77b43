"""The data of a decoded event as the JSON that authors edit: what `pipeline.rules.schema.json_events` reads back."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal

from pipeline.phrases import phrase
from pipeline.rules import numbers
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.json_events import branch_names, lenient_reader
from pipeline.rules.schema.json_scalars import MAX_DIGITS, Fault
from pipeline.rules.schema.resolution import is_value_of
from pipeline.rules.schema.types import (
    FieldType,
    ListType,
    MapType,
    NullableType,
    RecordReference,
    RecordType,
    ScalarType,
)
from pipeline.rules.schema.unreadable import Unreadable
from pipeline.rules.timestamp import Timestamp

UNREADABLE = "unreadable"
"""Key of the object in place of a value that cannot be read: it fits no plain type, so that its field is reported."""


def event_json(data: Mapping[str, object], schema: EventSchema | None) -> dict[str, object]:
    """The data as JSON values, with `Decimal` for numbers that a float does not hold.

    `schema` is the one in whose form the data is; without one each value is written by its own type.
    """
    return _record(data, None if schema is None else schema.root)


def _record(value: Mapping[str, object], kind: RecordType | None) -> dict[str, object]:
    types = {} if kind is None else {field.name: field.type for field in kind.fields}
    return {name: _value(below, types.get(name)) for name, below in value.items()}


def _value(value: object, kind: FieldType | None) -> object:
    match kind:
        case NullableType(inner):
            return _value(value, inner)
        case ScalarType(branches=(_, *_)) if value is not None:
            return _union(value, kind)
        case ScalarType(record=RecordReference() as reference):
            return _value(value, reference.definition)
    match value:
        case Mapping():
            if isinstance(kind, MapType):
                return {key: _value(below, kind.value) for key, below in value.items()}
            return _record(value, kind if isinstance(kind, RecordType) else None)
        case list():
            item = kind.item if isinstance(kind, ListType) else None
            return [_value(below, item) for below in value]
        case _:
            return _plain(value, kind if isinstance(kind, ScalarType) else None)


def _plain(value: object, kind: ScalarType | None) -> object:
    match value:
        case Unreadable(reason):
            return {UNREADABLE: reason}
        case Timestamp():
            return _time(value, kind)
        case bytes():
            return base64.b64encode(value).decode()
        case float() if not math.isfinite(value):
            return {UNREADABLE: phrase("not a finite number")}
        case float() | Decimal() if kind is not None and kind.logical == "decimal":
            # With its digits after the point, or else it could be taken for the base64 of Kafka Connect.
            text = f"{numbers.exact(value):.{kind.scale or 0}f}"
            return text if len(text) <= MAX_DIGITS else value
        case _:
            return value


def _time(value: Timestamp, kind: ScalarType | None) -> object:
    if value.nanos % 1_000 and kind is not None and kind.logical == "timestamp-nanos":
        return value.seconds * 1_000_000_000 + value.nanos  # a text has microseconds at most
    return value.as_datetime().isoformat().replace("+00:00", "Z")


def _union(value: object, kind: ScalarType) -> object:
    """The first form that is read as the same value: the value alone, else under the name of its type."""
    read = lenient_reader(kind)
    for form in _forms(value, kind):
        try:
            if _is_same(read(form), value):
                return form
        except Fault:
            continue
    return _value(value, None)


def _forms(value: object, kind: ScalarType) -> Iterator[object]:
    fitting = [branch for branch in kind.branches if is_value_of(value, branch)]
    for branch in fitting:
        yield _value(value, branch)
    for branch in fitting:
        is_decimal = isinstance(branch, ScalarType) and branch.logical == "decimal"
        for name in sorted(branch_names(branch)):
            yield {name: _encoded(value, branch) if is_decimal else _value(value, branch)}


def _encoded(value: object, kind: FieldType) -> str:
    """A decimal as Avro's JSON encoding has it: its bytes as characters U+0000 to U+00FF."""
    assert isinstance(kind, ScalarType)  # noqa: S101 - a decimal is one
    assert isinstance(value, float | Decimal)  # noqa: S101 - as it fits
    units = int(numbers.exact(value).scaleb(kind.scale or 0))
    return units.to_bytes(units.bit_length() // 8 + 1, "big", signed=True).decode("latin-1")


def _is_same(one: object, other: object) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return type(one) is type(other) and one == other
