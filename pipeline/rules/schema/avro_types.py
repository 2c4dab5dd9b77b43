"""An Avro schema's JSON as a tree of field types, and as the plainest schema of the same encoding for a decoder.

Sources: Avro specification 1.12, sections "Names", "Schema Declaration" and "Logical Types". Names are taken as Avro's
Java and Python clients take them by default: of any characters. Schemas that would take a decoder or a checker
unbounded time are refused here, so that the code behind it need not check again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.errors import SchemaError
from pipeline.phrases import phrase
from pipeline.rules.schema.avro_values import UNSCALED, converter, has_plain_symbols
from pipeline.rules.schema.types import (
    Field,
    FieldType,
    ListType,
    MapType,
    NullableType,
    RecordReference,
    RecordType,
    Scalar,
    ScalarType,
)

MAX_DEPTH = 100
"""Types within types, each counted: a nullable list of records is three."""

MAX_RECORD_LEVELS = 32
"""Records within records, named types counted wherever they are used: expressions see no deeper level of an event."""

MAX_FIELDS = 20_000
"""Fields of a schema, a named type counted wherever it is used: two uses at each level double without end."""

UUID_BYTES = 16

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
_OF_LONGS = frozenset(
    {
        "timestamp-millis",
        "timestamp-micros",
        "timestamp-nanos",
        "local-timestamp-millis",
        "local-timestamp-micros",
        "local-timestamp-nanos",
        "time-micros",
    }
)
_OF_INTS = frozenset({"date", "time-millis"})


class AvroType(NamedTuple):
    """One type of a schema."""

    kind: FieldType
    """How rules see it."""
    plain: object
    """A schema in JSON with the same encoding, for the decoder: no logical types, defaults, documentation or names of
    the writer's, which the decoder might refuse; and every branch of a union with logical types in a record of its
    own, for the decoder tells branches apart by nothing else."""
    converts: bool = False
    """Whether decoded values of `plain` need `avro_values.converter`."""
    is_empty: bool = False
    """Whether every value is encoded as no byte at all."""
    is_recursive: bool = False
    """Of a root: whether a record contains itself."""
    has_unbounded_lists: bool = False
    """Of a root: whether a list has items that take no byte."""


def read_record(avro: object, path: str) -> AvroType:
    """The record that `avro` describes; `path` is named in errors.

    Raises:
        SchemaError: it is not an Avro record schema, or one beyond the bounds above.
    """
    reader = _Reader(path)
    root = reader.read(avro, "", 0)
    if not isinstance(root.kind, RecordType):
        raise SchemaError(phrase("{path}: an event's schema must be a record", path=path))
    return root._replace(is_recursive=reader.is_recursive, has_unbounded_lists=reader.has_unbounded_lists)


class _Reader:
    def __init__(self, path: str) -> None:
        self._path = path
        self._named: dict[str, AvroType | None] = {}
        self._records: dict[str, RecordType] = {}
        self._plain_names: dict[str, str] = {}
        self._extents: dict[str, tuple[int, int]] = {}
        """Fields and levels of each record."""
        self._plain_count = 0
        self.is_recursive = False
        self.has_unbounded_lists = False

    def read(self, avro: object, namespace: str, depth: int) -> AvroType:
        if depth > MAX_DEPTH:
            raise self._refused(phrase("deeper than {max_depth} levels", max_depth=MAX_DEPTH))
        if isinstance(avro, str):
            return self._by_name(avro, namespace)
        if isinstance(avro, list):
            return self._union(avro, namespace, depth)
        if not isinstance(avro, Mapping):
            raise self._refused(phrase("a type is a name, a list or an object, not {name}", name=type(avro).__name__))
        return self._described(avro, namespace, depth)

    def _refused(self, message: str) -> SchemaError:
        return SchemaError(phrase("{path}: {message}", path=self._path, message=message))

    def _described(self, avro: Mapping[str, object], namespace: str, depth: int) -> AvroType:
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
                value = self.read(avro.get("values"), namespace, depth + 1)
                return AvroType(MapType(value.kind), {"type": "map", "values": value.plain}, value.converts)
            case str() if kind in _PRIMITIVES:
                return _scalar(_logical(avro, kind), kind)
            case _:
                return self.read(kind, namespace, depth + 1)

    def _array(self, avro: Mapping[str, object], namespace: str, depth: int) -> AvroType:
        item = self.read(avro.get("items"), namespace, depth + 1)
        if item.is_empty:
            # A few bytes could declare 2^62 such items. A decoder reads each `fixed` from its stream, which can count.
            self.has_unbounded_lists = True
            plain: object = {"type": "fixed", "name": self._plain_name(), "size": 0}
            return AvroType(ListType(item.kind, is_empty=True), {"type": "array", "items": plain}, converts=True)
        return AvroType(ListType(item.kind), {"type": "array", "items": item.plain}, item.converts)

    def _enum(self, avro: Mapping[str, object], namespace: str) -> AvroType:
        symbols, default = avro.get("symbols"), avro.get("default")
        if not isinstance(symbols, list) or not symbols or not all(isinstance(one, str) for one in symbols):
            raise self._refused(phrase("an enum needs a list of symbols"))
        known = default if isinstance(default, str) and default in symbols else None
        kind = ScalarType(Scalar.STRING, "enum", tuple(symbols), default_symbol=known)
        plain_name = self._plain_name()
        plain: object = {"type": "enum", "name": plain_name, "symbols": [sys.intern(one) for one in symbols]}
        converts = not has_plain_symbols(kind)
        if converts:
            return self._name(avro, namespace, AvroType(kind, "int", converts), "int")
        return self._name(avro, namespace, AvroType(kind, plain), plain_name)

    def _fixed(self, avro: Mapping[str, object], namespace: str) -> AvroType:
        size = avro.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise self._refused(phrase("a fixed needs a size"))
        plain_name = self._plain_name()
        plain = {"type": "fixed", "name": plain_name, "size": size}
        kind = _logical(avro, "fixed") if size else ScalarType(Scalar.BYTES)
        if avro.get("logicalType") == "uuid" and size == UUID_BYTES:
            kind = ScalarType(Scalar.STRING, "uuid-fixed")
        return self._name(avro, namespace, _scalar(kind, plain)._replace(is_empty=size == 0), plain_name)

    def _by_name(self, name: str, namespace: str) -> AvroType:
        if name in _PRIMITIVES:
            return _scalar(ScalarType(_PRIMITIVES[name], is_single=name == "float"), sys.intern(name))
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        for candidate in (full, name):
            if candidate in self._named:
                known = self._named[candidate]
                if known is not None:
                    return known
                self.is_recursive = True
                kind = ScalarType(Scalar.DYN, "recursive", record=RecordReference(candidate, self._records))
                return AvroType(kind, self._plain_names[candidate], converts=True)
        raise self._refused(phrase("unknown type `{name}`", name=name))

    def _union(self, avro: list[object], namespace: str, depth: int) -> AvroType:
        if not avro:
            raise self._refused(phrase("a union of nothing"))
        parts = [self.read(part, namespace, depth + 1) for part in avro]
        others = [part for part in parts if not (isinstance(part.kind, ScalarType) and part.kind.scalar is Scalar.NULL)]
        converts = any(part.converts for part in others)
        is_tagged = converts and len(others) > 1
        if not others:
            kind: FieldType = ScalarType(Scalar.NULL)
        elif len(others) == 1:
            kind = others[0].kind
        else:
            kind = ScalarType(Scalar.DYN, branches=tuple(part.kind for part in others), is_tagged=is_tagged)
        numbers = {id(part): number for number, part in enumerate(others)}
        plain = [
            self._tagged(numbers[id(part)], part.plain) if is_tagged and id(part) in numbers else part.plain
            for part in parts
        ]
        return AvroType(kind if not others or len(others) == len(parts) else NullableType(kind), plain, converts)

    def _tagged(self, number: int, plain: object) -> object:
        """A record with one field is encoded as that field alone."""
        return {"type": "record", "name": self._plain_name(), "fields": [{"name": str(number), "type": plain}]}

    def _record(self, avro: Mapping[str, object], namespace: str, depth: int) -> AvroType:
        full = self._full_name(avro, namespace)
        self._named[full] = None
        plain_name = self._plain_names[full] = self._plain_name()
        inner = full.rpartition(".")[0]
        declared = avro.get("fields")
        if not isinstance(declared, list):
            raise self._refused(phrase("record `{full}` needs a list of fields", full=full))
        fields: dict[str, Field] = {}
        types: list[AvroType] = []
        for one in declared:
            field, kind = self._field(one, full, inner, depth)
            if field.name in fields:
                raise self._refused(phrase("`{full}` has the field `{name}` twice", full=full, name=field.name))
            fields[field.name] = field
            types.append(kind)
        record = self._records[full] = RecordType(full, tuple(fields.values()))
        self._bound(record)
        plain = {
            "type": "record",
            "name": plain_name,
            "fields": [
                {"name": sys.intern(name), "type": kind.plain} for name, kind in zip(fields, types, strict=True)
            ],
        }
        whole = AvroType(record, plain, any(kind.converts for kind in types), all(kind.is_empty for kind in types))
        self._named[full] = whole._replace(plain=plain_name)
        return whole

    def _field(self, declared: object, record: str, namespace: str, depth: int) -> tuple[Field, AvroType]:
        if not isinstance(declared, Mapping) or "type" not in declared:
            raise self._refused(phrase("a field of `{record}` needs a name and a type", record=record))
        name = declared.get("name")
        if not isinstance(name, str) or not name:
            raise self._refused(phrase("a field of `{record}` needs a name", record=record))
        kind = self.read(declared["type"], namespace, depth + 1)
        aliases = declared.get("aliases")
        field = Field(
            name,
            kind.kind,
            str(declared.get("doc", "")),
            "default" in declared,
            declared.get("default"),
            tuple(alias for alias in aliases if isinstance(alias, str)) if isinstance(aliases, list) else (),
        )
        return field, kind

    def _bound(self, record: RecordType) -> None:
        """Refuse what is small on paper and endless when walked, because named types are used in it repeatedly."""
        fields, levels = len(record.fields), 0
        for below in _records_in(field.type for field in record.fields):
            below_fields, below_levels = self._extents[below.name]
            fields += below_fields
            levels = max(levels, below_levels)
        if fields > MAX_FIELDS:
            raise self._refused(phrase("more than {max_fields} fields", max_fields=MAX_FIELDS))
        if levels + 1 > MAX_RECORD_LEVELS:
            raise self._refused(
                phrase(
                    "records within records deeper than {max_record_levels} levels", max_record_levels=MAX_RECORD_LEVELS
                )
            )
        self._extents[record.name] = fields, levels + 1

    def _name(self, avro: Mapping[str, object], namespace: str, kind: AvroType, plain_name: str) -> AvroType:
        self._named[self._full_name(avro, namespace)] = kind._replace(plain=plain_name)
        return kind

    def _plain_name(self) -> str:
        self._plain_count += 1
        return f"T{self._plain_count}"

    def _full_name(self, avro: Mapping[str, object], namespace: str) -> str:
        name = avro.get("name")
        if not isinstance(name, str) or not name.strip("."):
            raise self._refused(phrase("a {kind} needs a name", kind=avro.get("type")))
        space = avro.get("namespace", namespace)
        if space is None:  # as some generators write that there is none
            space = ""
        if not isinstance(space, str):
            raise self._refused(phrase("the namespace of `{name}` is not a text", name=name))
        full = name if "." in name or not space else f"{space}.{name}"
        if full in self._named:
            raise self._refused(phrase("`{full}` is defined twice", full=full))
        return full


def _scalar(kind: ScalarType, plain: object) -> AvroType:
    return AvroType(kind, plain, converter(kind) is not None, plain == "null")


def _records_in(kinds: Iterable[FieldType]) -> Iterable[RecordType]:
    for kind in kinds:
        match kind:
            case RecordType():
                yield kind
            case NullableType(inner) | ListType(inner) | MapType(inner):
                yield from _records_in((inner,))
            case ScalarType():
                yield from _records_in(kind.branches)


def _logical(avro: Mapping[str, object], encoding: str) -> ScalarType:
    """The type that `logicalType` makes of a plain one; an invalid one is ignored, as the specification demands.

    Not so an invalid decimal: its bytes may read as a text, and would be sent as an amount.
    """
    logical = avro.get("logicalType")
    plain = ScalarType(_PRIMITIVES.get(encoding, Scalar.BYTES), is_single=encoding == "float")
    if not isinstance(logical, str):
        return plain
    if logical == "big-decimal" and encoding == "bytes":
        return ScalarType(Scalar.BYTES, UNSCALED)
    if logical == "decimal" and plain.scalar is Scalar.BYTES:
        precision, scale = avro.get("precision"), avro.get("scale", 0)
        if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision <= 1_000:  # noqa: PLR2004 - no amount is longer
            return ScalarType(Scalar.BYTES, UNSCALED)
        return ScalarType(Scalar.DOUBLE, logical, precision=precision, scale=scale)
    if logical in (_OF_INTS if encoding == "int" else _OF_LONGS if encoding == "long" else ()):
        return ScalarType(Scalar.TIMESTAMP if logical.startswith("timestamp-") else Scalar.STRING, logical)
    return ScalarType(Scalar.STRING, "uuid") if logical == "uuid" and encoding == "string" else plain
