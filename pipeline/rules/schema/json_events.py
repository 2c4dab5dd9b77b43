"""Events written as JSON: by senders, in rule tests, in previews. Brought into the same form as Avro's.

With a schema: timestamps come as RFC 3339 texts or as counts in the schema's unit, decimals as numbers or texts, dates
as ISO texts or day counts, bytes in base64; defaults are filled in; each fault has its location (`$.items[2].price`).
Of events of other systems, a field that does not fit harms only the rules that read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from pipeline.errors import UserError
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.schema.avro_values import UNITS_PER_SECOND
from pipeline.rules.schema.defaults import default_reader
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.json_dialects import encoded_decimal, scalar_reader
from pipeline.rules.schema.json_scalars import Fault, a_text, plain_scalar
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
from pipeline.rules.schema.unreadable import Unreadable

MAX_DEPTH = 32
"""Levels of JSON without a schema: as deep as expressions go."""

Read = Callable[[object], object]


_MOST_OF_A_WAY = 200
"""Characters of the way to a faulty value that a message has."""


class SchemaMismatch(UserError):
    """JSON that does not fit the event type's schema."""

    def __init__(
        self, fault: str, *, hint: str | None = None, impersonal: str = "", location: tuple[str, ...] | None = None
    ) -> None:
        """`impersonal` says the same without anything of the event's own: for logs and outcomes.

        `location` is the way to the faulty value, a step for each level: `(".items", "[2]", ".price")`.
        """
        where = "".join(location or ())[:_MOST_OF_A_WAY]
        super().__init__(
            fault if location is None else phrase("{where}: {fault}", where=f"${where}", fault=fault), hint=hint
        )
        self.fault = fault
        self.impersonal = impersonal or phrase("does not fit the schema")
        self.location = location or ()


class JsonReader:
    """Reads events of one type: made once, called for each."""

    def __init__(self, schema: EventSchema, *, is_lenient: bool = False, keeps_unreadable: bool | None = None) -> None:
        """Make a reader for events of people, which refuses likely mistakes; or a lenient one, for other systems.

        A lenient one ignores fields that the schema lacks, as Avro's schema resolution does, takes the values that
        `scalar_reader` names, and puts an `Unreadable` where a field does not fit: it fails the rules that read it.
        With `keeps_unreadable=False` it refuses such an event.
        """
        keeps = is_lenient if keeps_unreadable is None else keeps_unreadable
        self._read = _Readers(is_lenient=is_lenient, keeps_unreadable=keeps).record(schema.root)

    def read(self, value: object) -> dict[str, object]:
        """The event's data in the form that expressions read.

        Raises:
            SchemaMismatch: it does not fit; the message begins with the location.
        """
        try:
            return self._read(value)
        except Fault as fault:
            raise _mismatch(fault) from None
        except RecursionError:
            raise SchemaMismatch(phrase("nested too deeply"), impersonal=phrase("nested too deeply")) from None


def from_json(schema: EventSchema, value: object) -> dict[str, object]:
    """One event, as `JsonReader` reads it: a field that the schema lacks is a fault.

    Raises:
        SchemaMismatch: it does not fit; the message begins with the location.
    """
    return JsonReader(schema).read(value)


def lenient_reader(kind: FieldType) -> Read:
    """A reader of single values of a type, as `JsonReader` reads those of other systems; it raises `Fault`."""
    return _Readers(is_lenient=True, keeps_unreadable=False).of(kind)


def plain_json(value: object) -> object:
    """JSON without a schema; what expressions cannot hold becomes `Unreadable`, which fails the rules that use it."""
    return _plain(value, 0)


def _mismatch(fault: Fault) -> SchemaMismatch:
    location = tuple(reversed(fault.location))
    return SchemaMismatch(fault.message, hint=fault.hint, impersonal=_impersonal(fault, "$"), location=location)


def _impersonal(fault: Fault, top: str) -> str:
    """The fault with its location below `top`, without anything of the event's own."""
    way = "".join(reversed(fault.known_location))[:_MOST_OF_A_WAY]
    return phrase("{where}: {fault}", where=f"{top}{way}", fault=fault.impersonal)


def _plain(value: object, depth: int) -> object:
    if isinstance(value, Mapping):
        if depth >= MAX_DEPTH:
            return _TOO_DEEP
        return {key: _plain(below, depth + 1) for key, below in value.items() if _is_text(key)}
    if isinstance(value, list):
        return [_plain(below, depth + 1) for below in value] if depth < MAX_DEPTH else _TOO_DEEP
    if isinstance(value, Unreadable):
        return value
    try:
        return plain_scalar(value)
    except Fault as fault:
        return Unreadable(fault.impersonal)


_TOO_DEEP = Unreadable(phrase("deeper than {max_depth} levels", max_depth=MAX_DEPTH))


def _is_text(key: object) -> bool:
    try:
        a_text(key)
    except Fault:
        return False  # no expression can name it
    return True


class _Readers:
    """Makes the readers of one schema's types, each record's once."""

    def __init__(self, *, is_lenient: bool, keeps_unreadable: bool) -> None:
        self._is_lenient = is_lenient
        self._keeps_unreadable = keeps_unreadable
        self._records: dict[str, Callable[[object], dict[str, object]]] = {}

    def of(self, kind: FieldType) -> Read:
        match kind:
            case NullableType(inner):
                return _nullable_reader(inner, self.of(inner))
            case RecordType():
                return self.record(kind)
            case ListType(item):
                return _list_reader(self.of(item))
            case MapType(item):
                return _map_reader(self.of(item))
            case ScalarType(branches=(_, *_)):
                strict = _Readers(is_lenient=self._is_lenient, keeps_unreadable=False)  # faults choose the branch
                return _union_reader(kind.branches, [strict.of(branch) for branch in kind.branches])
            case ScalarType(record=RecordReference() as reference):
                return self._recursive(reference)
            case ScalarType():
                return scalar_reader(kind, is_lenient=self._is_lenient) or (lambda value: _plain(value, 0))

    def _recursive(self, reference: RecordReference) -> Read:
        def read(value: object) -> object:
            return self.record(reference.definition)(value)  # its reader is made by now

        return read

    def _field(self, field: Field) -> Read:
        read = self.of(field.type)
        if not self._is_lenient or not field.has_default or isinstance(field.type, NullableType):
            return read
        default = default_reader(field)
        return lambda value: default() if value is None else read(value)

    def record(self, kind: RecordType) -> Callable[[object], dict[str, object]]:
        read = self._records.get(kind.name)
        if read is None:
            fields = [(field.name, self._field(field), default_reader(field)) for field in kind.fields]
            read = self._records[kind.name] = _record_reader(
                kind, fields, is_lenient=self._is_lenient, keeps_unreadable=self._keeps_unreadable
            )
        return read


_AVRO_NAMES: Mapping[Scalar, frozenset[str]] = {
    Scalar.BOOL: frozenset({"boolean"}),
    Scalar.INT: frozenset({"int", "long"}),
    Scalar.DOUBLE: frozenset({"float", "double"}),
    Scalar.STRING: frozenset({"string"}),
    Scalar.BYTES: frozenset({"bytes"}),
    Scalar.TIMESTAMP: frozenset({"long"}),
}


def branch_names(kind: FieldType) -> frozenset[str]:
    """How Avro's JSON encoding may name this branch of a union: `{"string": "abc"}`."""
    if isinstance(kind, RecordType):
        return frozenset({kind.name})
    if isinstance(kind, ListType):
        return frozenset({"array"})
    if not isinstance(kind, ScalarType) or kind.symbols:
        return frozenset()
    if kind.logical == "decimal":
        return frozenset({"bytes"})
    if (kind.scalar is Scalar.STRING and kind.logical in UNITS_PER_SECOND) or kind.logical == "date":
        return frozenset({"int", "long"})
    return _AVRO_NAMES.get(kind.scalar, frozenset())


def _nullable_reader(kind: FieldType, read: Read) -> Read:
    names, read_named = branch_names(kind), _named_reader(kind, read)
    is_enum = isinstance(kind, ScalarType) and bool(kind.symbols)  # under a name that is not kept; never an object

    def read_nullable(value: object) -> object:
        if value is None:
            return None
        if type(value) is dict and len(value) == 1 and ((name := next(iter(value))) in names or is_enum):
            return read_named(value[name])
        return read(value)

    return read_nullable


def _named_reader(kind: FieldType, read: Read) -> Read:
    """For the value behind a branch's name: a decimal is written there as Avro writes its bytes in JSON."""
    return encoded_decimal(kind) if isinstance(kind, ScalarType) and kind.logical == "decimal" else read


_PREFERRED: Mapping[type, Sequence[Scalar]] = {
    bool: (Scalar.BOOL,),
    int: (Scalar.INT, Scalar.TIMESTAMP, Scalar.DOUBLE),
    float: (Scalar.DOUBLE, Scalar.INT, Scalar.TIMESTAMP),
    Decimal: (Scalar.DOUBLE,),
    str: (Scalar.STRING,),
}
"""Which of a union's types is tried first, by the type of the JSON value."""


def _union_reader(kinds: Sequence[FieldType], reads: Sequence[Read]) -> Read:
    branches = list(zip(kinds, reads, strict=True))
    named = {name: _named_reader(kind, read) for kind, read in reversed(branches) for name in branch_names(kind)}

    def read_union(value: object) -> object:
        if isinstance(value, Mapping) and len(value) == 1 and (name := next(iter(value))) in named:
            return named[name](value[name])
        preferred = _PREFERRED.get(type(value), ())

        def rank(branch: tuple[FieldType, Read]) -> int:
            kind = branch[0]
            scalar = kind.scalar if isinstance(kind, ScalarType) else None
            return preferred.index(scalar) if scalar in preferred else len(preferred)

        for _, read in sorted(branches, key=rank):
            try:
                return read(value)
            except Fault:
                continue
        plain = _plain(value, 0)
        unlike = phrase("fits none of the types that the schema allows here")
        raise Fault(plain.reason if isinstance(plain, Unreadable) else unlike)

    return read_union


def _record_reader(
    kind: RecordType,
    fields: Sequence[tuple[str, Read, Callable[[], object]]],
    *,
    is_lenient: bool,
    keeps_unreadable: bool,
) -> Callable[[object], dict[str, object]]:
    known = frozenset(name for name, _, _ in fields)

    def read(value: object) -> dict[str, object]:
        if not isinstance(value, Mapping):
            raise Fault(phrase("should be an object"))
        result: dict[str, object] = {}
        for name, read_field, default in fields:
            try:
                result[name] = read_field(value[name]) if name in value else default()
            except Fault as fault:
                fault.below(f".{name}")
                if not keeps_unreadable:
                    raise
                result[name] = Unreadable(_impersonal(fault, kind.name))
        if not is_lenient and len(value) > len(known.intersection(value)):
            unknown = next(str(name) for name in value if name not in known)
            hint = did_you_mean(unknown, sorted(known)) or phrase("it has {known}", known=joined(", ", sorted(known)))
            raise Fault(
                phrase("`{name}` has no such field", name=kind.name), hint=hint, impersonal=phrase("unknown field")
            ).below(f".{unknown}", "")
        return result

    return read


def _list_reader(read_item: Read) -> Read:
    def read(value: object) -> object:
        if not isinstance(value, list):
            raise Fault(phrase("should be a list"))
        items: list[object] = []
        for index, part in enumerate(value):
            try:
                items.append(read_item(part))
            except Fault as fault:
                raise fault.below(f"[{index}]") from None
        return items

    return read


def _map_reader(read_entry: Read) -> Read:
    def read(value: object) -> object:
        if not isinstance(value, Mapping):
            raise Fault(phrase("should be an object"))
        entries: dict[str, object] = {}
        for key, part in value.items():
            try:
                entries[a_text(key)] = read_entry(part)
            except Fault as fault:
                raise fault.below(f".{key}", ".*") from None
        return entries

    return read
