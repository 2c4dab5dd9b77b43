"""Types of expressions against an event's schema: CEL's own checker over a descriptor made from Avro."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import NamedTuple

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2, timestamp_pb2, wrappers_pb2

from pipeline.phrases import phrase
from pipeline.rules.cel.compiling import CompileError, compiled
from pipeline.rules.cel.decimals import function_declarations
from pipeline.rules.cel.explained import PACKAGE, explained
from pipeline.rules.cel.fields import Fields
from pipeline.rules.cel.literals import Fault
from pipeline.rules.schema.types import (
    READABLE_NAME,
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

_Proto = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    Scalar.BOOL: _Proto.TYPE_BOOL,
    Scalar.INT: _Proto.TYPE_INT64,
    Scalar.DOUBLE: _Proto.TYPE_DOUBLE,
    Scalar.STRING: _Proto.TYPE_STRING,
    Scalar.BYTES: _Proto.TYPE_BYTES,
}
_WRAPPERS = {
    Scalar.BOOL: ".google.protobuf.BoolValue",
    Scalar.INT: ".google.protobuf.Int64Value",
    Scalar.DOUBLE: ".google.protobuf.DoubleValue",
    Scalar.STRING: ".google.protobuf.StringValue",
    Scalar.BYTES: ".google.protobuf.BytesValue",
}
_VARIABLES = {
    Scalar.BOOL: cel.Type.BOOL,
    Scalar.INT: cel.Type.INT,
    Scalar.DOUBLE: cel.Type.DOUBLE,
    Scalar.STRING: cel.Type.STRING,
    Scalar.TIMESTAMP: cel.Type.TIMESTAMP,
}
"""Types of variables; what may be null is of any type, for CEL has no name for it."""
_ANYTHING = ".google.protobuf.Value"


class Typed(NamedTuple):
    """The result of CEL's type check of one expression."""

    faults: list[Fault]
    result: str | None
    """CEL's name of the result's type; None where there are faults."""


class TypedEnvironment:
    """Checks expressions against one version of one event type."""

    def __init__(self, fields: Fields) -> None:
        """`fields` are those of the version, and those that only other versions have."""
        self.fields = fields
        self._known: dict[str, Typed] = {}
        pool = descriptor_pool.DescriptorPool()
        for module in (timestamp_pb2, wrappers_pb2, struct_pb2):
            file = descriptor_pb2.FileDescriptorProto()
            module.DESCRIPTOR.CopyToProto(file)
            pool.Add(file)
        messages = _Messages()
        root = messages.message(fields.root)
        messages.file.dependency.extend(
            ["google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto", "google/protobuf/struct.proto"]
        )
        pool.Add(messages.file)
        self._pool, self._root, self._names = pool, root.lstrip("."), messages.names
        self._variables: Mapping[str, cel.Type] = {}
        self._items: dict[tuple[str, FieldType | None], TypedEnvironment] = {}
        self._records = {f"{PACKAGE}.{flat}": name for name, flat in messages.names.items()}
        self._env = self._made()

    def _made(self) -> cel.Env:
        variables = {"event": cel.Type(self._root), **self._variables}
        return cel.NewEnv(descriptor_pool=self._pool, variables=variables, functions=function_declarations())

    def with_variable(self, name: str, kind: FieldType | None) -> TypedEnvironment:
        """The same with a variable besides `event`; a kind of None is any."""
        known = self._items.get((name, kind))
        if known is None:
            known = self._items[name, kind] = copy(self)
            known.add_variable(name, kind)
        return known

    def add_variable(self, name: str, kind: FieldType | None) -> None:
        """Know a variable from now on."""
        self.fields = replace(self.fields, variables={name: kind})
        self._known = {}
        self._variables = {name: self._type(kind)}
        self._env = self._made()

    def _type(self, kind: FieldType | None) -> cel.Type:
        inner = without_null(kind)
        if isinstance(inner, RecordType) and inner.name in self._names:
            return cel.Type(f"{PACKAGE}.{self._names[inner.name]}")
        return _VARIABLES.get(kind.scalar, cel.Type.DYN) if isinstance(kind, ScalarType) else cel.Type.DYN

    def check(self, source: str) -> Typed:
        """The types of `source`."""
        known = self._known.get(source)
        if known is None:
            known = self._known[source] = self._check(source)
        return known

    def _check(self, source: str) -> Typed:
        try:
            expression = compiled(self._env, source)
        except CompileError as error:
            return Typed(explained(source, error, self.fields, self._records), None)
        try:
            result = str(expression.return_type().name())
        except RuntimeError:  # the binding has no name for some types, such as a map whose keys are lists
            return Typed(
                [Fault(0, "type-mismatch", phrase("a map's keys are texts, numbers or true and false"), None)], None
            )
        return Typed([], "RECORD" if result in self._records else result)


class _Messages:
    """Collects one protobuf message for each record of a schema."""

    def __init__(self) -> None:
        self.file = descriptor_pb2.FileDescriptorProto(name="event.proto", package=PACKAGE, syntax="proto2")
        self.names: dict[str, str] = {}
        """Each record's full name and its message's own."""

    def message(self, record: RecordType) -> str:
        """The full name of the record's message, with a leading dot."""
        if record.name not in self.names:
            flat = self.names[record.name] = f"Record{len(self.names)}"
            proto = self.file.message_type.add(name=flat)
            proto.options.deprecated_legacy_json_field_conflicts = True  # `order_no` and `orderNo` may stand together
            writable = (field for field in record.fields if READABLE_NAME.fullmatch(field.name))
            for number, field in enumerate(writable, 1):
                self._field(proto, field, number if number < 19_000 else number + 1_000)  # noqa: PLR2004 - protobuf's own range
        return f".{PACKAGE}.{self.names[record.name]}"

    def _field(self, proto: descriptor_pb2.DescriptorProto, field: Field, number: int) -> None:
        target = proto.field.add(
            name=field.name, json_name=f"field{number}", number=number, label=_Proto.LABEL_OPTIONAL
        )
        kind = field.type
        if isinstance(kind, ListType):
            target.label = _Proto.LABEL_REPEATED
            kind = kind.item
        elif isinstance(kind, MapType):
            self._map(proto, target, kind)
            return
        self._type(target, kind)

    def _map(
        self, proto: descriptor_pb2.DescriptorProto, target: descriptor_pb2.FieldDescriptorProto, kind: MapType
    ) -> None:
        """A map is a repeated entry message, which must be nested and named as protobuf's own compiler does it."""
        target.type = _Proto.TYPE_MESSAGE
        name = "".join(part[:1].upper() + part[1:] for part in target.name.split("_")) + "Entry"
        if any(one.name == name for one in proto.nested_type):
            target.type_name = _ANYTHING  # `a_b` and `aB` would have entries of one name
            return
        entry = proto.nested_type.add(name=name)
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=_Proto.LABEL_OPTIONAL, type=_Proto.TYPE_STRING)
        value = entry.field.add(name="value", number=2, label=_Proto.LABEL_OPTIONAL)
        self._type(value, kind.value)
        target.label = _Proto.LABEL_REPEATED
        target.type_name = name

    def _type(self, target: descriptor_pb2.FieldDescriptorProto, kind: FieldType) -> None:
        nullable = isinstance(kind, NullableType)
        inner = without_null(kind)
        if isinstance(inner, ScalarType) and inner.scalar in _SCALARS and not nullable:
            target.type = _SCALARS[inner.scalar]
            return
        target.type = _Proto.TYPE_MESSAGE
        if isinstance(inner, RecordType):
            target.type_name = self.message(inner)
        elif isinstance(inner, ScalarType) and inner.scalar is Scalar.TIMESTAMP:
            target.type_name = ".google.protobuf.Timestamp"
        elif isinstance(inner, ScalarType) and inner.scalar in _WRAPPERS:
            target.type_name = _WRAPPERS[inner.scalar]
        else:  # a list in a list, a union, null, a list that may be null: anything
            target.type_name = _ANYTHING
