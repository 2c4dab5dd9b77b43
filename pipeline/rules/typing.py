"""Types of expressions against an event's schema: CEL's own checker over a descriptor made from Avro."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import NamedTuple

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2, timestamp_pb2, wrappers_pb2

from pipeline.rules.cel import CompileError, compiled, function_declarations
from pipeline.rules.functions import FUNCTIONS
from pipeline.rules.schema import EventSchema
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
_ANYTHING = ".google.protobuf.Value"
_PACKAGE = "event_types"
"""Messages live under a package of our own, so that an Avro namespace can never clash with Google's."""


class TypeFault(NamedTuple):
    """One thing wrong with an expression."""

    at: int
    """Index into the expression's source."""
    code: str
    words: str
    hint: str | None = None


class TypedEnvironment:
    """Checks expressions against one version of one event type."""

    def __init__(self, schema: EventSchema) -> None:
        self._schema = schema
        pool = descriptor_pool.DescriptorPool()
        for module in (timestamp_pb2, wrappers_pb2, struct_pb2):
            file = descriptor_pb2.FileDescriptorProto()
            module.DESCRIPTOR.CopyToProto(file)
            pool.Add(file)
        messages = _Messages()
        root = messages.message(schema.root)
        messages.file.dependency.extend(
            ["google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto", "google/protobuf/struct.proto"]
        )
        pool.Add(messages.file)
        self._env = cel.NewEnv(
            descriptor_pool=pool, variables={"event": cel.Type(root.lstrip("."))}, functions=function_declarations()
        )

    def check(self, source: str) -> tuple[list[TypeFault], str | None]:
        """What is wrong with `source`, and the name of its result type where nothing is."""
        try:
            expression = compiled(self._env, source)
        except CompileError as error:
            return [self._explain(source, at, words) for at, words in error.faults], None
        return [*_enum_faults(source, self._schema.root)], str(expression.return_type().name())

    def nullable_paths(self, source: str) -> Iterator[tuple[int, str]]:
        """Each use of a field that may be null in `source`: where, and its path."""
        for match in _PATH.finditer(_without_texts(source)):
            path = match[0].split(".")[1:]
            for length in range(1, len(path) + 1):
                field = _lookup(self._schema.root, path[:length])
                if field is not None and isinstance(field.type, NullableType):
                    yield match.start(), ".".join(("event", *path[:length]))
                    break

    def _explain(self, source: str, at: int, words: str) -> TypeFault:
        """CEL's words, made ours."""
        if match := _UNDEFINED_FIELD.search(words):
            return self._unknown_field(source, at, match[1], match[2])
        if match := _UNDECLARED.search(words):
            return _unknown_name(source, at, match[1])
        if match := _NO_OVERLOAD.search(words):
            return _mismatch(source, at, match[1], match[2])
        return TypeFault(at, "expression-syntax", f"not an expression: {words}")

    def _unknown_field(self, source: str, at: int, name: str, struct: str) -> TypeFault:
        record = next((one for one in _records(self._schema.root) if _message_name(one) == struct), self._schema.root)
        names = [field.name for field in record.fields]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(names[:12])}"
        start = source.find(name, at)
        return TypeFault(start if start >= 0 else at, "unknown-field", f"`{record.name}` has no field `{name}`", hint)


_UNDEFINED_FIELD = re.compile(r"undefined field '([^']*)' not found in struct '([^']*)'")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_NO_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\(([^']*)\)'")
_PATH = re.compile(r"\bevent(?:\.[A-Za-z_]\w*)+(?!\s*\()")
_OPERATOR = re.compile(r"_?([^_]+)_?")
_TEXT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")


def _without_texts(source: str) -> str:
    """The expression with its text literals blanked out, every index unchanged."""
    return _TEXT.sub(lambda match: " " * len(match[0]), source)


def _unknown_name(source: str, at: int, name: str) -> TypeFault:
    known = [*(function.name for function in FUNCTIONS), "event", "size", "has", "string", "int", "double", "timestamp"]
    near = difflib.get_close_matches(name, known, n=1)
    start = source.find(name, max(0, at - len(name)))
    hint = f"did you mean `{near[0]}`?" if near else "fields are read from `event`: event.order_no"
    return TypeFault(start if start >= 0 else at, "unknown-name", f"there is no `{name}` here", hint)


def _mismatch(source: str, at: int, function: str, types: str) -> TypeFault:
    types = re.sub(rf"{_PACKAGE}\.([\w.]+)", r"\1", types).replace("wrapper(", "").replace(")", "")
    kinds = [kind.strip() for kind in types.split(",")]
    operator = function.strip("_") if function.startswith("_") else ""
    if operator:
        words = f"`{operator}` does not go between {' and '.join(kinds)}"
        hint = None
        if set(kinds) == {"double", "int"}:
            hint = "write a whole number beside a decimal one with its point: 0.0"
        elif "string" in kinds and operator == "+":
            hint = "make a text of the other side with string()"
        return TypeFault(at, "type-mismatch", words, hint)
    declared = next((one for one in FUNCTIONS if one.name == function), None)
    hint = None
    if declared is not None:
        hint = "it takes " + " or ".join(f"({', '.join(overload.parameters)})" for overload in declared.overloads)
    start = source.rfind(function, 0, at + len(function))
    return TypeFault(max(0, start), "type-mismatch", f"`{function}` does not take ({', '.join(kinds)})", hint)


_COMPARED = re.compile(r"(event(?:\.[A-Za-z_]\w*)+)\s*(?:==|!=)\s*(\"[^\"]*\"|'[^']*')")
_COMPARED_BACK = re.compile(r"(\"[^\"]*\"|'[^']*')\s*(?:==|!=)\s*(event(?:\.[A-Za-z_]\w*)+)")
_AMONG = re.compile(r"(event(?:\.[A-Za-z_]\w*)+)\s+in\s+\[([^\]]*)\]")
_LABELLED = re.compile(r"label\(\s*(event(?:\.[A-Za-z_]\w*)+)\s*,\s*\{(.*?)\}\s*\)", re.DOTALL)
_KEY = re.compile(r"(\"[^\"]*\"|'[^']*')\s*:")


def _enum_faults(source: str, root: RecordType) -> Iterator[TypeFault]:
    """Texts compared with an enum that are none of its values."""
    for match in _COMPARED.finditer(source):
        yield from _not_a_symbol(root, match[1], match[2], match.start(2))
    for match in _COMPARED_BACK.finditer(source):
        yield from _not_a_symbol(root, match[2], match[1], match.start(1))
    for match in _AMONG.finditer(source):
        for item in _TEXT.finditer(match[2]):
            yield from _not_a_symbol(root, match[1], item[0], match.start(2) + item.start())
    for match in _LABELLED.finditer(source):
        keys = {key[1][1:-1]: match.start(2) + key.start() for key in _KEY.finditer(match[2])}
        for key, at in keys.items():
            if key != "*":
                yield from _not_a_symbol(root, match[1], f'"{key}"', at)
        symbols = _symbols(root, match[1])
        missing = [symbol for symbol in symbols if symbol not in keys]
        if missing and "*" not in keys:
            words = f"no label for {', '.join(missing)}"
            yield TypeFault(match.start(), "label-missing", words, 'add them, or "*" for all others')


def _not_a_symbol(root: RecordType, path: str, literal: str, at: int) -> Iterator[TypeFault]:
    symbols = _symbols(root, path)
    value = literal[1:-1]
    if symbols and value not in symbols:
        near = difflib.get_close_matches(value, symbols, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"it is one of {', '.join(symbols)}"
        yield TypeFault(at, "unknown-enum-value", f"`{path}` is never `{value}`", hint)


def _symbols(root: RecordType, path: str) -> tuple[str, ...]:
    field = _lookup(root, path.split(".")[1:])
    kind = field.type if field is not None else None
    if isinstance(kind, NullableType):
        kind = kind.inner
    return kind.symbols if isinstance(kind, ScalarType) else ()


def _lookup(root: RecordType, path: list[str]) -> Field | None:
    """The field at `path`, through records only."""
    record: FieldType = root
    field: Field | None = None
    for name in path:
        if isinstance(record, NullableType):
            record = record.inner
        field = record.field(name) if isinstance(record, RecordType) else None
        if field is None:
            return None
        record = field.type
    return field


def _records(kind: FieldType) -> Iterator[RecordType]:
    match kind:
        case RecordType():
            yield kind
            for field in kind.fields:
                yield from _records(field.type)
        case ListType(inner) | MapType(inner) | NullableType(inner):
            yield from _records(inner)
        case ScalarType():
            return


def _message_name(record: RecordType) -> str:
    return f"{_PACKAGE}.{record.name}"


class _Messages:
    """Collects one protobuf message for each record of a schema."""

    def __init__(self) -> None:
        self.file = descriptor_pb2.FileDescriptorProto(name="event.proto", package=_PACKAGE, syntax="proto3")
        self._made: dict[str, str] = {}

    def message(self, record: RecordType) -> str:
        """The full name of the record's message, with a leading dot."""
        made = self._made.get(record.name)
        if made is not None:
            return made
        # A message's own name has no dots: the namespace becomes outer messages' names, which CEL shows with dots.
        flat = record.name
        holder = self.file.message_type
        *outer, name = flat.split(".")
        for part in outer:
            found = next((one for one in holder if one.name == part), None)
            holder = (found if found is not None else holder.add(name=part)).nested_type
        proto = next((one for one in holder if one.name == name), None) or holder.add(name=name)
        full = self._made[record.name] = f".{_message_name(record)}"
        for number, field in enumerate(record.fields, 1):
            self._field(proto, field, number if number < 19_000 else number + 1_000)  # noqa: PLR2004 - protobuf's own range
        return full

    def _field(self, proto: descriptor_pb2.DescriptorProto, field: Field, number: int) -> None:
        target = proto.field.add(name=field.name, number=number, label=_Proto.LABEL_OPTIONAL)
        kind = field.type
        if isinstance(kind, NullableType) and isinstance(kind.inner, ListType | MapType):
            kind = kind.inner
        if isinstance(kind, ListType):
            target.label = _Proto.LABEL_REPEATED
            kind = kind.item
        elif isinstance(kind, MapType):
            self._map(proto, target, field.name, kind)
            return
        self._type(target, kind)

    def _map(
        self,
        proto: descriptor_pb2.DescriptorProto,
        target: descriptor_pb2.FieldDescriptorProto,
        name: str,
        kind: MapType,
    ) -> None:
        """A map is a repeated entry message, named as protobuf's own compiler names it."""
        camel = "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Entry"
        entry = proto.nested_type.add(name=camel)
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=_Proto.LABEL_OPTIONAL, type=_Proto.TYPE_STRING)
        value = entry.field.add(name="value", number=2, label=_Proto.LABEL_OPTIONAL)
        self._type(value, kind.value)
        target.label = _Proto.LABEL_REPEATED
        target.type = _Proto.TYPE_MESSAGE
        target.type_name = camel

    def _type(self, target: descriptor_pb2.FieldDescriptorProto, kind: FieldType) -> None:
        nullable = isinstance(kind, NullableType)
        inner = kind.inner if isinstance(kind, NullableType) else kind
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
        else:  # a list in a list, a union, null: anything
            target.type_name = _ANYTHING
