"""Events of one schema read as another version of their type: Avro's schema resolution, on decoded values.

Source: Avro specification 1.12, "Schema Resolution": a field that the writer lacks gets the reader's default, an alias
finds a renamed field, a symbol that the reader lacks becomes its default, and numbers are widened.

Decoded values are resolved rather than bytes, as fastavro's reader schema does it, for two reasons: a decimal has the
scale that it was written with (a reader of another scale would shift the point), and a field that cannot be resolved
stays as written, so that it fails the rules that use it and not the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pipeline.rules.schema.avro_values import Convert, converter
from pipeline.rules.schema.defaults import default_reader
from pipeline.rules.schema.types import (
    Field,
    FieldType,
    ListType,
    MapType,
    NullableType,
    RecordType,
    Scalar,
    ScalarType,
    without_null,
)
from pipeline.rules.timestamp import Timestamp


def resolver(writer: RecordType, reader: RecordType) -> Convert | None:
    """A function that resolves an event decoded as `writer` (in place), or None where there is nothing to do."""
    return _Resolvers().record(writer, reader)


class _Resolvers:
    """Makes the resolvers of two schemas, each pair of records' once."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], Convert | None] = {}
        self._open: set[tuple[str, str]] = set()

    def record(self, writer: RecordType, reader: RecordType) -> Convert | None:
        key = writer.name, reader.name
        if key in self._open:  # the pair contains itself
            return lambda value: value if (resolve := self._records[key]) is None else resolve(value)
        if key not in self._records:
            self._open.add(key)
            self._records[key] = self._record(writer, reader)
            self._open.discard(key)
        return self._records[key]

    def _record(self, writer: RecordType, reader: RecordType) -> Convert | None:
        changes: list[tuple[str, str, Convert | None]] = []
        missing: list[tuple[str, Callable[[], object]]] = []
        for field in reader.fields:
            written = _written(field, writer)
            if written is not None:
                change = self.of(written.type, field.type)
                if change is not None or written.name != field.name:
                    changes.append((written.name, field.name, change))
            elif field.has_default or isinstance(field.type, NullableType):
                missing.append((field.name, default_reader(field)))
        if not changes and not missing:
            return None

        def resolve(value: dict[str, Any]) -> dict[str, Any]:
            for old, new, change in changes:
                given = value.pop(old) if old != new else value[old]
                value[new] = given if change is None else change(given)
            for name, default in missing:
                value[name] = default()
            return value

        return resolve

    def of(self, writer: FieldType, reader: FieldType) -> Convert | None:
        """For a value of the writer's type; None where it is also one of the reader's, or cannot become one."""
        writer, reader = _defined(writer), _defined(reader)
        if isinstance(writer, NullableType) or isinstance(reader, NullableType):
            below = self.of(without_null(writer), without_null(reader))
            return None if below is None else lambda value: None if value is None else below(value)
        match writer, reader:
            case RecordType(), RecordType():
                return self.record(writer, reader)
            case ListType(written), ListType(read):
                each = self.of(written, read)
                return None if each is None else lambda value: [each(part) for part in value]
            case MapType(written), MapType(read):
                entry = self.of(written, read)
                return None if entry is None else lambda value: {key: entry(part) for key, part in value.items()}
            case ScalarType(branches=(_, *_)), _:
                return self._dispatch([(branch, self.of(branch, reader)) for branch in writer.branches])
            case _, ScalarType(branches=(_, *_)):
                target = next((branch for branch in reader.branches if _matches(writer, branch)), None)
                return None if target is None else self.of(writer, target)
            case ScalarType(), ScalarType():
                return _scalar(writer, reader)
            case _:
                return None

    def _dispatch(self, branches: Sequence[tuple[FieldType, Convert | None]]) -> Convert | None:
        """By the branch that a value is of, as far as the value shows it."""
        if all(change is None for _, change in branches):
            return None

        def resolve(value: object) -> object:
            change = next((change for kind, change in branches if is_value_of(value, kind)), None)
            return value if change is None else change(value)

        return resolve


def _written(field: Field, writer: RecordType) -> Field | None:
    return next((found for name in (field.name, *field.aliases) if (found := writer.field(name)) is not None), None)


def _defined(kind: FieldType) -> FieldType:
    return kind.record.definition if isinstance(kind, ScalarType) and kind.record is not None else kind


def _matches(writer: FieldType, reader: FieldType) -> bool:
    """Whether the reader's branch is the one for the writer's type: the same type, or the next that it widens to."""
    writer, reader = _defined(writer), _defined(reader)
    if isinstance(writer, RecordType) and isinstance(reader, RecordType):
        return writer.name.rpartition(".")[2] == reader.name.rpartition(".")[2]
    if isinstance(writer, ScalarType) and isinstance(reader, ScalarType):
        return writer.scalar is reader.scalar or _scalar(writer, reader) is not None
    return type(writer) is type(reader)


def _scalar(writer: ScalarType, reader: ScalarType) -> Convert | None:
    if reader.symbols and writer.symbols:
        gone = frozenset(writer.symbols).difference(reader.symbols)
        default = reader.default_symbol
        return (lambda value: default if value in gone else value) if gone and default is not None else None
    if writer.logical is None and reader.logical is not None:  # the reader knows what the writer's number means
        is_count = writer.scalar is Scalar.INT and reader.logical != "decimal"
        is_amount = writer.scalar is Scalar.BYTES and reader.logical in {"decimal", "uuid-fixed"}
        return converter(reader) if is_count or is_amount else None
    if writer.logical or reader.logical:
        return None
    return _WIDENED.get((writer.scalar, reader.scalar))


def _as_text(value: bytes) -> object:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


_WIDENED: Mapping[tuple[Scalar, Scalar], Convert] = {
    (Scalar.INT, Scalar.DOUBLE): float,
    (Scalar.STRING, Scalar.BYTES): str.encode,
    (Scalar.BYTES, Scalar.STRING): _as_text,
}


_VALUES: Mapping[Scalar, tuple[type, ...]] = {
    Scalar.BOOL: (bool,),
    Scalar.INT: (int,),
    Scalar.DOUBLE: (float, Decimal),
    Scalar.STRING: (str,),
    Scalar.BYTES: (bytes,),
    Scalar.TIMESTAMP: (Timestamp,),
}


def is_value_of(value: object, kind: FieldType) -> bool:
    """Whether a value of this type may look like that; False for a union, which has no unions within."""
    match _defined(kind):
        case RecordType(fields=fields):
            return isinstance(value, dict) and value.keys() == {field.name for field in fields}
        case ListType():
            return isinstance(value, list)
        case MapType():
            return isinstance(value, dict)
        case ScalarType(scalar=scalar, symbols=symbols):
            return type(value) in _VALUES.get(scalar, ()) and (not symbols or value in symbols)
        case _:
            return False
