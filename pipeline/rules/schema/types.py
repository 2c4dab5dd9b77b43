"""The types of event fields, as rules see them: an Avro schema in the vocabulary of expressions."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import overload

READABLE_NAME = re.compile(r"(?!(?:in|true|false|null)\Z)[A-Za-z_][A-Za-z0-9_]*")
"""Names of fields that an expression can write, as in CEL (cel-spec, langdef.md, SELECTOR): `order-no`, `订单` and `in`
are not among them."""


class Scalar(StrEnum):
    """How a field's value arrives in an expression."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    """Avro float, double and decimal, exact: see `pipeline.rules.numbers`."""
    STRING = "string"
    """Avro string, uuid, enum; and as ISO 8601 texts date (`2026-11-30`), time (`15:01:00`), local timestamp."""
    BYTES = "bytes"
    TIMESTAMP = "timestamp"
    """Avro timestamp-millis, -micros, -nanos: a `pipeline.rules.timestamp.Timestamp`."""
    NULL = "null"
    DYN = "dyn"
    """Anything: a union of several types, or an event without a schema."""


@dataclass(frozen=True, slots=True)
class ScalarType:
    """One plain value."""

    scalar: Scalar
    logical: str | None = None
    """Avro's logical type, or `enum`, where there is one: `date`, `decimal`, `uuid`, `enum`, …"""
    symbols: tuple[str, ...] = ()
    """An enum's values."""
    precision: int | None = None
    scale: int | None = None
    is_single: bool = dataclasses.field(default=False, compare=False)
    """Whether it is Avro's `float`, of 32 bits; the value is a double all the same."""
    default_symbol: str | None = dataclasses.field(default=None, compare=False)
    """An enum's own default: it replaces a symbol that the reader does not know."""
    branches: tuple[FieldType, ...] = dataclasses.field(default=(), compare=False)
    """The types of a union of several types, without null."""
    is_tagged: bool = dataclasses.field(default=False, compare=False)
    """Whether a decoded value of the union comes as `{"<index of its branch>": value}`."""
    record: RecordReference | None = dataclasses.field(default=None, compare=False)
    """The record that contains itself here: rules see anything, and a decoder needs its fields."""


@dataclass(frozen=True, slots=True)
class ListType:
    """An Avro array."""

    item: FieldType
    is_empty: bool = dataclasses.field(default=False, compare=False)
    """Whether its items are encoded as no byte at all."""


@dataclass(frozen=True, slots=True)
class MapType:
    """An Avro map; keys are strings."""

    value: FieldType


@dataclass(frozen=True, slots=True)
class RecordType:
    """An Avro record."""

    name: str
    """Full name."""
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """The field of that name, if there is one."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True, eq=False)
class RecordReference:
    """A record by its name, at a location where its definition is not complete yet."""

    name: str
    definitions: Mapping[str, RecordType] = dataclasses.field(repr=False)
    """Every record of the schema by its full name; complete once the schema is read."""

    @property
    def definition(self) -> RecordType:
        """The record."""
        return self.definitions[self.name]


@dataclass(frozen=True, slots=True)
class NullableType:
    """An Avro union of null and one other type."""

    inner: FieldType


FieldType = ScalarType | ListType | MapType | RecordType | NullableType


@overload
def without_null(kind: FieldType) -> FieldType: ...
@overload
def without_null(kind: None) -> None: ...
def without_null(kind: FieldType | None) -> FieldType | None:
    """The type of the values that are not null; None, which stands for an unknown type, as it is."""
    return kind.inner if isinstance(kind, NullableType) else kind


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record."""

    name: str
    type: FieldType
    doc: str = ""
    has_default: bool = False
    default: object = dataclasses.field(default=None, hash=False)
    """As written in the schema: Avro's JSON encoding, bytes as characters 0 to 255."""
    aliases: tuple[str, ...] = ()
    """Names that older schemas may have for it."""
