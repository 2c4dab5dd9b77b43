"""The value of a field that an event lacks: the default in its Avro schema, written in Avro's JSON encoding."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.phrases import phrase
from pipeline.rules.schema import avro_values
from pipeline.rules.schema.json_scalars import Fault
from pipeline.rules.schema.types import (
    Field,
    FieldType,
    ListType,
    MapType,
    NullableType,
    RecordType,
    Scalar,
    ScalarType,
)


def default_reader(field: Field) -> Callable[[], object]:
    """A function that makes the value of a missing field, a new one each time: lists and maps can be changed."""
    if field.has_default:
        return lambda: _from_default(field.type, field.default)
    if isinstance(field.type, NullableType):
        return lambda: None
    return _missing


def _missing() -> object:
    raise Fault(phrase("is missing"))


def _from_default(kind: FieldType, default: object) -> object:
    """A default in Avro's own JSON encoding: bytes as characters 0 to 255, times and dates as counts.

    A default that does not fit its type becomes null: fastavro and the registry refuse such schemas.
    """
    match kind:
        case NullableType(inner):
            return None if default is None else _from_default(inner, default)
        case RecordType() if isinstance(default, dict):
            return {
                below.name: _from_default(below.type, default.get(below.name, below.default)) for below in kind.fields
            }
        case ListType(item) if isinstance(default, list):
            return [_from_default(item, part) for part in default]
        case MapType(item) if isinstance(default, dict):
            return {key: _from_default(item, part) for key, part in default.items()}
        case ScalarType():
            return _scalar_default(kind, default)
        case _:
            return None


def _scalar_default(kind: ScalarType, default: object) -> object:
    if kind.branches:
        return _from_default(kind.branches[0], default)  # a union's default is of its first branch
    if kind.record is not None:
        return _from_default(kind.record.definition, default)
    if kind.symbols:
        return default
    raw = default
    if isinstance(default, str) and (kind.scalar is Scalar.BYTES or kind.logical in {"decimal", "uuid-fixed"}):
        raw = default.encode("latin-1", "replace")
    convert = avro_values.converter(kind)
    try:
        return raw if convert is None else convert(raw)
    except (ValueError, TypeError, OverflowError):
        return None
