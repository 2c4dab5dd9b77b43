"""Types of expressions against an event's schema: CEL's own checker over a descriptor made from Avro."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import NamedTuple

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2, timestamp_pb2, wrappers_pb2

from pipeline.model.suggestion import closest, did_you_mean
from pipeline.rules.cel import mismatches, type_names
from pipeline.rules.cel.decimals import function_declarations
from pipeline.rules.cel.engine import CompileError, compiled
from pipeline.rules.cel.fields import Fields, records
from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.other_languages import instead
from pipeline.rules.cel.syntax import syntax
from pipeline.rules.functions import FUNCTIONS
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
_PACKAGE = "event_types"
"""Messages get flat names, so that an Avro namespace clashes neither with Google's nor with another record's."""


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
        self._records = {f"{_PACKAGE}.{flat}": name for name, flat in messages.names.items()}
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
        inner = kind.inner if isinstance(kind, NullableType) else kind
        if isinstance(inner, RecordType) and inner.name in self._names:
            return cel.Type(f"{_PACKAGE}.{self._names[inner.name]}")
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
            faults = [self._explain(source, at, text) for at, text in error.faults if _TAINTED not in text]
            is_first_alone = faults[0].code == "expression-syntax" or "no function" in faults[0].message
            return Typed(faults[:1] if is_first_alone else faults, None)  # the others follow from it
        try:
            result = str(expression.return_type().name())
        except RuntimeError:  # the binding has no name for some types, such as a map whose keys are lists
            return Typed([Fault(0, "type-mismatch", "a map's keys are texts, numbers or true and false", None)], None)
        return Typed([], "RECORD" if result in self._records else result)

    def _explain(self, source: str, at: int, text: str) -> Fault:
        """CEL's message as one of ours."""
        if match := _UNDEFINED_FIELD.search(text):
            return self._unknown_field(source, at, match[1], self._records.get(match[2], ""))
        if match := _UNDECLARED.search(text):
            return _unknown_name(source, at, match[1], self.fields)
        if match := _NO_OVERLOAD.search(text):
            types = re.sub(rf"{_PACKAGE}\.\w+", lambda found: self._records.get(found[0], found[0]), match[2])
            return _mismatch(source, at, match[1], types)
        if match := _NO_RECORD.search(text):
            return self._no_record(source, at, match[1])
        return Fault(at, "expression-syntax", *syntax(text, source, at))

    def _no_record(self, source: str, at: int, kind: str) -> Fault:
        """A field of what is not a record: `event.passengers.name`, `event.order_no.length`."""
        found = re.compile(r"\.\s*(\w+)").match(source, at)
        name = found[1] if found is not None else ""
        holder = _before(source, at + 1) or "event.…"
        inner = self._records.get(kind.removeprefix("list(").removesuffix(")"))
        record = next((one for one in records(self.fields.root) if one.name == inner), None)
        if record is not None and record.field(name) is not None:
            hint = f'write {holder}[0].{name} for the first, or join({holder}.map(one, one.{name}), "、") for all'
        else:
            hint = instead(name, holder, [function.name for function in FUNCTIONS], is_method=True) or ""
        message = f"`{holder}` is {type_names.named(kind)}, which has no field `{name}`"
        return Fault(at + 1, "type-mismatch", message, hint or None)

    def _unknown_field(self, source: str, at: int, name: str, record_name: str) -> Fault:
        record = next(one for one in records(self.fields.root) if one.name == record_name)
        names = [field.name for field in record.fields]
        hint = did_you_mean(name, names) or f"it has {', '.join(names[:12])}"
        start = source.find(name, at)
        return Fault(start if start >= 0 else at, "unknown-field", f"`{record_name}` has no field `{name}`", hint)


_TAINTED = "*error*"
"""CEL's name of an unknown type: a message about one follows from another fault."""
_UNDEFINED_FIELD = re.compile(r"undefined field '([^']*)' not found in struct '([^']*)'")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_NO_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\((.*)\)'")
_NO_RECORD = re.compile(r"expression of type '([^']*)' cannot be the operand of a select operation")
_BUILT_IN = ("event", "size", "has", "string", "int", "double", "timestamp", "duration")


_OTHER_WORDS = {
    **dict.fromkeys(("none", "nil", "nul", "null", "undefined", "empty"), "null"),
    **dict.fromkeys(("true", "yes", "是"), "true"),
    **dict.fromkeys(("false", "no", "否"), "false"),
}
"""Names in other languages, in lower case, and CEL's names."""


def _unknown_name(source: str, at: int, name: str, fields: Fields) -> Fault:
    name = name.partition(".")[0]
    start = max(0, source.find(name, max(0, at - len(name))))
    behind = source[start + len(name) :].lstrip()
    if not behind.startswith("("):
        return Fault(start, "unknown-name", f"there is no `{name}` here", _near_name(name, fields))
    is_method = source[:start].rstrip().endswith(".")
    subject = _before(source, start) if is_method else _first_argument(behind)
    declared = next((one for one in FUNCTIONS if one.name == name), None)
    if declared is not None and not is_method:
        return mismatches.of_call(start, name, [""] * _count(behind))
    names = [function.name for function in FUNCTIONS]
    if subject == "event" and fields.root.field(name) is not None:
        return Fault(
            start, "unknown-name", f"`{name}` is a field, not a function", f"write event.{name}, without brackets"
        )
    hint = instead(name, subject, names, is_method=is_method)
    if hint is None:
        hint = did_you_mean(name, [*names, *_BUILT_IN]) or f"there are {', '.join(names)}, and those of the reference"
    return Fault(start, "unknown-name", f"there is no function `{name}`", hint)


_SUBJECT = re.compile(r"[A-Za-z_][\w.]*(?:\[[^\]]*\])?\.$")


def _before(source: str, start: int) -> str:
    """What a method is called on, where it is a path of names."""
    found = _SUBJECT.search(source[:start].rstrip())
    return found[0][:-1] if found is not None else ""


def _first_argument(behind: str) -> str:
    found = re.match(r"\(\s*([A-Za-z_][\w.]*)\s*[,)]", behind)
    return found[1] if found is not None else ""


def _count(behind: str) -> int:
    """How many arguments a call has; `behind` begins with its bracket."""
    depth, count, quote = 0, 1, ""
    for character in behind:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if not depth:
                break
        elif character == "," and depth == 1:
            count += 1
    return 0 if re.match(r"\(\s*\)", behind) else count


def _near_name(name: str, fields: Fields) -> str:
    if name.casefold() in _OTHER_WORDS:
        return f"write `{_OTHER_WORDS[name.casefold()]}`"
    declared = did_you_mean(name, [*(function.name for function in FUNCTIONS), *_BUILT_IN])
    if (variable := closest(name, fields.variables)) is not None:
        return f"did you mean `{variable}`?"
    own = closest(name, [field.name for field in fields.root.fields])
    if own is not None and (own == name or declared is None):
        return f"did you mean `event.{own}`?"
    if declared is not None:
        return declared
    return f'a text is in quotes: "{name}"; fields are read from `event`: event.order_no'


def _mismatch(source: str, at: int, function: str, types: str) -> Fault:
    kinds = [type_names.plain(kind) for kind in type_names.split(types)]
    if function == "_?_:_":
        return mismatches.of_choice(at, kinds)
    if function.startswith("_") or function in {"@in", "!_", "-_"}:
        sign = "[]" if function == "_[_]" else function.strip("_@")
        return mismatches.of_operator(at, sign, kinds, (source[:at], source[at + len(sign.rstrip("]")) :]))
    start = max(0, source.rfind(function, 0, at + len(function)))
    declared = next((one for one in FUNCTIONS if one.name == function), None)
    if declared is not None and source[:start].rstrip().endswith("."):
        subject = _before(source, start)
        return Fault(start, "type-mismatch", f"`{function}` is not a method", f"write {function}({subject or '…'})")
    return mismatches.of_call(start, function, kinds)


class _Messages:
    """Collects one protobuf message for each record of a schema."""

    def __init__(self) -> None:
        self.file = descriptor_pb2.FileDescriptorProto(name="event.proto", package=_PACKAGE, syntax="proto2")
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
        return f".{_PACKAGE}.{self.names[record.name]}"

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
        else:  # a list in a list, a union, null, a list that may be null: anything
            target.type_name = _ANYTHING
