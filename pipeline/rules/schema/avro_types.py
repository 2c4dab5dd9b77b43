"""An Avro schema's JSON as a tree of field types, names resolved as Avro does.

Sources: Avro specification 1.12, sections "Names", "Schema Declaration" and "Logical Types". What can make a
decoder or a checker run for ever is refused here, once, so that nothing behind it has to fear a hostile schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pipeline.errors import SchemaError
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

MAX_DEPTH = 16
"""Deeper schemas are refused: no message needs them, and expressions stop at 32."""

MAX_FIELDS = 2_000
"""Fields of a schema, a named type counted wherever it is used: two uses at each level double without end."""

UUID_BYTES = 16

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
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
_TIMESTAMPS = frozenset({"timestamp-millis", "timestamp-micros", "timestamp-nanos"})
_TEXTS_OF_INTS = frozenset(
    {"date", "time-millis", "time-micros", "local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos"}
)


def read_types(avro: Mapping[str, object], path: str) -> RecordType:
    """The record that `avro` describes; `path` is named in errors.

    Raises:
        SchemaError: it is no Avro record schema, or one that rules cannot read.
    """
    root = _Reader(path).read(avro, "", 0)
    if not isinstance(root, RecordType):
        raise SchemaError(f"{path}: an event's schema must be a record")
    return root


class _Reader:
    def __init__(self, path: str) -> None:
        self._path = path
        self._named: dict[str, FieldType | None] = {}
        self._empty: set[str] = set()
        """Named types whose values take no byte at all."""
        self._extents: dict[str, tuple[int, int]] = {}
        """Fields and levels of each record."""

    def read(self, avro: object, namespace: str, depth: int) -> FieldType:
        if depth > MAX_DEPTH:
            raise self._refused(f"deeper than {MAX_DEPTH} levels")
        if isinstance(avro, str):
            return self._by_name(avro, namespace)
        if isinstance(avro, list):
            return self._union(avro, namespace, depth)
        if not isinstance(avro, Mapping):
            raise self._refused(f"a type is a name, a list or an object, not {type(avro).__name__}")
        return self._described(avro, namespace, depth)

    def _refused(self, message: str) -> SchemaError:
        return SchemaError(f"{self._path}: {message}")

    def _described(self, avro: Mapping[str, object], namespace: str, depth: int) -> FieldType:
        kind = avro.get("type")
        match kind:
            case "record" | "error":
                return self._record(avro, namespace, depth)
            case "enum":
                return self._enum(avro, namespace)
            case "fixed":
                return self._fixed(avro, namespace)
            case "array":
                return self._array(avro, namespace, depth)
            case "map":
                return MapType(self.read(avro.get("values"), namespace, depth + 1))
            case str() if kind in _PRIMITIVES:
                return _logical(avro, _PRIMITIVES[kind])
            case _:
                return self.read(kind, namespace, depth + 1)

    def _array(self, avro: Mapping[str, object], namespace: str, depth: int) -> ListType:
        item = self.read(avro.get("items"), namespace, depth + 1)
        if self._takes_no_byte(item):
            # A few bytes could declare a list of 2^62 such items.
            raise self._refused("a list whose items take no byte has no bound")
        return ListType(item)

    def _takes_no_byte(self, kind: FieldType) -> bool:
        if isinstance(kind, RecordType):
            return kind.name in self._empty
        return isinstance(kind, ScalarType) and (kind.scalar is Scalar.NULL or kind.logical == "empty")

    def _enum(self, avro: Mapping[str, object], namespace: str) -> ScalarType:
        symbols = avro.get("symbols")
        if not isinstance(symbols, list) or not symbols or not all(isinstance(one, str) for one in symbols):
            raise self._refused("an enum needs a list of symbols")
        return self._name(avro, namespace, ScalarType(Scalar.STRING, "enum", tuple(symbols)))

    def _fixed(self, avro: Mapping[str, object], namespace: str) -> ScalarType:
        size = avro.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise self._refused("a fixed needs a size")
        if not size:
            return self._name(avro, namespace, ScalarType(Scalar.BYTES, "empty"))
        if avro.get("logicalType") == "uuid" and size == UUID_BYTES:
            return self._name(avro, namespace, ScalarType(Scalar.STRING, "uuid-fixed"))
        return self._name(avro, namespace, _logical(avro, Scalar.BYTES))

    def _by_name(self, name: str, namespace: str) -> FieldType:
        if name in _PRIMITIVES:
            return ScalarType(_PRIMITIVES[name])
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        for candidate in (full, name):
            if candidate in self._named:
                known = self._named[candidate]
                if known is None:
                    raise self._refused(f"`{candidate}` contains itself; rules cannot read such events")
                return known
        raise self._refused(f"unknown type `{name}`")

    def _union(self, avro: list[object], namespace: str, depth: int) -> FieldType:
        if not avro:
            raise self._refused("a union of nothing")
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
            raise self._refused(f"record `{full}` needs a list of fields")
        fields: dict[str, Field] = {}
        for one in declared:
            field = self._field(one, full, inner, depth)
            if field.name in fields:
                raise self._refused(f"`{full}` has the field `{field.name}` twice")
            fields[field.name] = field
        record = RecordType(full, tuple(fields.values()))
        self._bound(record)
        if all(self._takes_no_byte(field.type) for field in record.fields):
            self._empty.add(full)
        self._named[full] = record
        return record

    def _field(self, declared: object, record: str, namespace: str, depth: int) -> Field:
        if not isinstance(declared, Mapping) or "type" not in declared:
            raise self._refused(f"a field of `{record}` needs a name and a type")
        name = declared.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise self._refused(f"a field of `{record}` needs a name of letters, digits and `_`")
        kind = self.read(declared["type"], namespace, depth + 1)
        return Field(name, kind, str(declared.get("doc", "")), "default" in declared, declared.get("default"))

    def _bound(self, record: RecordType) -> None:
        """Refuse what is small on paper and endless when walked, because named types stand in it again and again."""
        fields, levels = len(record.fields), 0
        for below in _records_in(field.type for field in record.fields):
            below_fields, below_levels = self._extents[below.name]
            fields += below_fields
            levels = max(levels, below_levels)
        if fields > MAX_FIELDS:
            raise self._refused(f"more than {MAX_FIELDS} fields")
        if levels + 1 > MAX_DEPTH:
            raise self._refused(f"deeper than {MAX_DEPTH} levels")
        self._extents[record.name] = fields, levels + 1

    def _name(self, avro: Mapping[str, object], namespace: str, kind: ScalarType) -> ScalarType:
        self._named[self._full_name(avro, namespace)] = kind
        return kind

    def _full_name(self, avro: Mapping[str, object], namespace: str) -> str:
        name = avro.get("name")
        if not isinstance(name, str) or not _FULL_NAME.fullmatch(name):
            raise self._refused(f"a {avro.get('type')} needs a name of letters, digits and `_`")
        space = avro.get("namespace", namespace)
        if not isinstance(space, str) or (space and not _FULL_NAME.fullmatch(space)):
            raise self._refused(f"the namespace of `{name}` is none")
        full = name if "." in name or not space else f"{space}.{name}"
        if full in self._named:
            raise self._refused(f"`{full}` is defined twice")
        return full


def _records_in(kinds: Iterable[FieldType]) -> Iterable[RecordType]:
    for kind in kinds:
        below = kind
        while not isinstance(below, RecordType | ScalarType):
            match below:
                case NullableType(inner):
                    below = inner
                case ListType(item):
                    below = item
                case MapType(value):
                    below = value
        if isinstance(below, RecordType):
            yield below


def _logical(avro: Mapping[str, object], plain: Scalar) -> ScalarType:
    """The type that `logicalType` makes of a plain one; an invalid one is ignored, as the specification wants."""
    logical = avro.get("logicalType")
    if not isinstance(logical, str):
        return ScalarType(plain)
    if logical == "decimal" and plain is Scalar.BYTES:
        precision, scale = avro.get("precision"), avro.get("scale", 0)
        if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision <= 1_000:  # noqa: PLR2004 - no amount is longer
            return ScalarType(plain)
        return ScalarType(Scalar.DOUBLE, logical, precision=precision, scale=scale)
    if plain is Scalar.INT and logical in _TIMESTAMPS:
        return ScalarType(Scalar.TIMESTAMP, logical)
    if plain is Scalar.INT and logical in _TEXTS_OF_INTS:
        return ScalarType(Scalar.STRING, logical)
    return ScalarType(plain, "uuid" if logical == "uuid" and plain is Scalar.STRING else None)
