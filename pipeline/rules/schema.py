"""An event type's Avro schema, as rules need it: the tree of its fields, and values in the form expressions read.

Avro decoding itself is an adapter's work: it decodes with `without_logical_types(schema)`, and `EventSchema.from_avro`
turns the few fields that need it into what `pipeline.rules.types` promises. Sources: Avro specification 1.12, sections
"Names" and "Logical Types".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from pipeline.errors import SchemaError
from pipeline.rules.types import (
    Field,
    FieldType,
    ListType,
    MapType,
    NullableType,
    RecordType,
    Scalar,
    ScalarType,
)

MAX_DEPTH = 16
"""Deeper schemas are refused: no message needs them, and expressions stop at 32."""

Convert = Callable[[object], object]

_PRIMITIVES = {
    "null": Scalar.NULL,
    "boolean": Scalar.BOOL,
    "int": Scalar.INT,
    "long": Scalar.INT,
    "float": Scalar.DOUBLE,
    "double": Scalar.DOUBLE,
    "bytes": Scalar.BYTES,
    "string": Scalar.STRING,
}
UNITS_PER_SECOND = {
    "timestamp-millis": 1_000,
    "timestamp-micros": 1_000_000,
    "timestamp-nanos": 1_000_000_000,
    "local-timestamp-millis": 1_000,
    "local-timestamp-micros": 1_000_000,
    "time-millis": 1_000,
    "time-micros": 1_000_000,
}


class EventSchema:
    """One version of one event type's schema.

    Raises:
        SchemaError: when made of something that is no Avro record schema, or one that rules cannot read.
    """

    def __init__(self, avro: Mapping[str, object], path: str = "schema") -> None:
        """`avro` is the schema's JSON, parsed; `path` is named in errors."""
        reader = _Reader(path)
        root = reader.read(avro, "", 0)
        if not isinstance(root, RecordType):
            raise SchemaError(f"{path}: an event's schema must be a record")
        self.avro = avro
        self.path = path
        self.name = root.name
        self.root = root
        self.fingerprint = hashlib.sha256(orjson.dumps(avro, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
        self._convert = _converter(root)

    def from_avro(self, raw: dict[str, object]) -> dict[str, object]:
        """What an Avro decoder made of a record, with timestamps, decimals and dates as expressions read them."""
        if self._convert is not None:
            self._convert(raw)
        return raw


class SchemaCatalogue:
    """The schemas of all event types, each with every version that events may still come in."""

    def __init__(self, schemas: Iterable[EventSchema] = ()) -> None:
        self._types: dict[str, list[EventSchema]] = {}
        for schema in schemas:
            versions = self._types.setdefault(schema.name, [])
            if all(known.fingerprint != schema.fingerprint for known in versions):
                versions.append(schema)

    def versions(self, event_type: str) -> tuple[EventSchema, ...]:
        """Every known version, the newest last; empty for an unknown type."""
        return tuple(self._types.get(event_type, ()))

    def newest(self, event_type: str) -> EventSchema | None:
        """The newest version."""
        versions = self._types.get(event_type)
        return versions[-1] if versions else None

    def __iter__(self) -> Iterator[str]:
        """The event types."""
        return iter(self._types)

    def __len__(self) -> int:
        """How many event types there are."""
        return len(self._types)


def without_logical_types(schema: object) -> object:
    """The same schema without `logicalType`: what is decoded with it are plain numbers and bytes."""
    if isinstance(schema, Mapping):
        kept = {key: value for key, value in schema.items() if key not in {"logicalType", "precision", "scale"}}
        return {
            key: without_logical_types(value) if key in {"type", "items", "values", "fields"} else value
            for key, value in kept.items()
        }
    if isinstance(schema, list):
        return [without_logical_types(part) for part in schema]
    return schema


class _Reader:
    """Turns Avro's JSON into field types, resolving names as Avro does."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._named: dict[str, FieldType | None] = {}

    def read(self, avro: object, namespace: str, depth: int) -> FieldType:
        if depth > MAX_DEPTH:
            raise SchemaError(f"{self._path}: deeper than {MAX_DEPTH} levels")
        if isinstance(avro, str):
            return self._by_name(avro, namespace)
        if isinstance(avro, list):
            return self._union(avro, namespace, depth)
        if not isinstance(avro, Mapping):
            raise SchemaError(f"{self._path}: a type is a name, a list or an object, not {type(avro).__name__}")
        return self._described(avro, namespace, depth)

    def _described(self, avro: Mapping[str, object], namespace: str, depth: int) -> FieldType:
        kind = avro.get("type")
        match kind:
            case "record" | "error":
                return self._record(avro, namespace, depth)
            case "enum":
                return self._enum(avro, namespace)
            case "fixed":
                return self._name(avro, namespace, _logical(avro, Scalar.BYTES))
            case "array":
                return ListType(self.read(avro.get("items"), namespace, depth + 1))
            case "map":
                return MapType(self.read(avro.get("values"), namespace, depth + 1))
            case str() if kind in _PRIMITIVES:
                return _logical(avro, _PRIMITIVES[kind])
            case _:
                return self.read(kind, namespace, depth + 1)

    def _enum(self, avro: Mapping[str, object], namespace: str) -> ScalarType:
        symbols = avro.get("symbols")
        if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
            raise SchemaError(f"{self._path}: an enum needs a list of symbols")
        return self._name(avro, namespace, ScalarType(Scalar.STRING, "enum", tuple(symbols)))

    def _by_name(self, name: str, namespace: str) -> FieldType:
        if name in _PRIMITIVES:
            return ScalarType(_PRIMITIVES[name])
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        for candidate in (full, name):
            if candidate in self._named:
                known = self._named[candidate]
                if known is None:
                    raise SchemaError(f"{self._path}: `{candidate}` contains itself; rules cannot read such events")
                return known
        raise SchemaError(f"{self._path}: unknown type `{name}`")

    def _union(self, avro: list[object], namespace: str, depth: int) -> FieldType:
        if not avro:
            raise SchemaError(f"{self._path}: a union of nothing")
        parts = [self.read(part, namespace, depth + 1) for part in avro]
        others = [part for part in parts if not (isinstance(part, ScalarType) and part.scalar is Scalar.NULL)]
        if not others:
            return ScalarType(Scalar.NULL)
        inner = others[0] if len(others) == 1 else ScalarType(Scalar.DYN)
        return inner if len(others) == len(parts) else NullableType(inner)

    def _record(self, avro: Mapping[str, object], namespace: str, depth: int) -> FieldType:
        full = self._full_name(avro, namespace)
        self._named[full] = None
        inner = full.rpartition(".")[0]
        declared = avro.get("fields")
        if not isinstance(declared, list):
            raise SchemaError(f"{self._path}: record `{full}` needs a list of fields")
        fields: list[Field] = []
        for field in declared:
            if not isinstance(field, Mapping) or not isinstance(field.get("name"), str) or "type" not in field:
                raise SchemaError(f"{self._path}: a field of `{full}` needs a name and a type")
            kind = self.read(field["type"], inner, depth + 1)
            fields.append(Field(str(field["name"]), kind, str(field.get("doc", "")), "default" in field))
        record = RecordType(full, tuple(fields))
        self._named[full] = record
        return record

    def _name(self, avro: Mapping[str, object], namespace: str, kind: ScalarType) -> ScalarType:
        self._named[self._full_name(avro, namespace)] = kind
        return kind

    def _full_name(self, avro: Mapping[str, object], namespace: str) -> str:
        name = avro.get("name")
        if not isinstance(name, str) or not name:
            raise SchemaError(f"{self._path}: a {avro.get('type')} needs a name")
        space = avro.get("namespace", namespace)
        return name if "." in name or not space else f"{space}.{name}"


def _logical(avro: Mapping[str, object], plain: Scalar) -> ScalarType:
    logical = avro.get("logicalType")
    if not isinstance(logical, str):
        return ScalarType(plain)
    if logical == "decimal" and plain is Scalar.BYTES:
        precision, scale = avro.get("precision"), avro.get("scale", 0)
        if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision:
            return ScalarType(plain)  # an invalid logical type is ignored (Avro specification)
        return ScalarType(Scalar.DOUBLE, logical, precision=precision, scale=scale)
    if plain is Scalar.INT and logical in {"timestamp-millis", "timestamp-micros", "timestamp-nanos"}:
        return ScalarType(Scalar.TIMESTAMP, logical)
    if plain is Scalar.INT and (logical == "date" or logical in UNITS_PER_SECOND):
        return ScalarType(Scalar.STRING, logical)
    return ScalarType(plain, logical if logical == "uuid" else None)


def timestamp(units: int, per_second: int) -> Timestamp:
    """A moment from a count of units since the epoch."""
    seconds, rest = divmod(units, per_second)
    return Timestamp(seconds=seconds, nanos=rest * (1_000_000_000 // per_second))


def _scalar_converter(kind: ScalarType) -> Convert | None:
    logical = kind.logical
    if kind.scalar is Scalar.TIMESTAMP and logical is not None:
        per_second = UNITS_PER_SECOND[logical]
        return lambda value: timestamp(value, per_second) if isinstance(value, int) else value
    if logical == "decimal":
        scale = kind.scale or 0
        return lambda value: (
            float(Decimal(int.from_bytes(value, "big", signed=True)).scaleb(-scale))
            if isinstance(value, bytes)
            else value
        )
    if logical == "date":
        return lambda value: _date(value) if isinstance(value, int) else value
    if logical is not None and logical.startswith("local-timestamp"):
        per_second = UNITS_PER_SECOND[logical]
        return lambda value: _local(value, per_second) if isinstance(value, int) else value
    if logical is not None and logical.startswith("time-"):
        per_second = UNITS_PER_SECOND[logical]
        return lambda value: _clock(value, per_second) if isinstance(value, int) else value
    return None


def _date(days: int) -> str:
    try:
        return (date(1970, 1, 1) + timedelta(days=days)).isoformat()
    except OverflowError:
        return ""


def _local(units: int, per_second: int) -> str:
    try:
        moment = datetime(1970, 1, 1) + timedelta(seconds=units // per_second)  # noqa: DTZ001 - it has no zone by nature
        return moment.isoformat()
    except OverflowError:
        return ""


def _clock(units: int, per_second: int) -> str:
    seconds = units // per_second
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _converter(kind: FieldType) -> Convert | None:
    """A function that brings a value into form (records in place), or None where it is in form already."""
    match kind:
        case ScalarType():
            return _scalar_converter(kind)
        case NullableType(inner):
            below = _converter(inner)
            return None if below is None else lambda value: None if value is None else below(value)
        case ListType(item):
            each = _converter(item)
            return None if each is None else lambda value: [each(part) for part in _each(value)]
        case MapType(item):
            entry = _converter(item)
            return None if entry is None else lambda value: {key: entry(part) for key, part in _pairs(value)}
        case RecordType():
            return _record_converter(kind)


def _each(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()


def _pairs(value: object) -> Iterable[tuple[str, object]]:
    return value.items() if isinstance(value, dict) else ()


def _record_converter(kind: RecordType) -> Convert | None:
    needing = [(field.name, convert) for field in kind.fields if (convert := _converter(field.type)) is not None]
    if not needing:
        return None

    def convert_record(value: object) -> object:
        if isinstance(value, dict):
            for name, convert in needing:
                value[name] = convert(value[name])
        return value

    return convert_record
