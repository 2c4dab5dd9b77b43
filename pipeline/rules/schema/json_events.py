"""Events written as JSON: by senders, in rule tests, in previews. Brought into the same form as Avro's.

With a schema: timestamps come as RFC 3339 texts or as counts in the schema's unit, decimals as numbers or texts, dates
as ISO texts or day counts, bytes in base64; defaults are filled in; every fault names its place (`$.items[2].price`).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

from pipeline.errors import UserError
from pipeline.rules.schema.defaults import default_reader
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.json_scalars import Fault, a_text, plain_scalar, scalar_reader
from pipeline.rules.schema.types import FieldType, ListType, MapType, NullableType, RecordType, ScalarType

MAX_DEPTH = 32
"""Levels of JSON without a schema: as deep as expressions go."""

Read = Callable[[object], object]


class SchemaMismatch(UserError):
    """JSON that does not fit the event type's schema."""

    def __init__(
        self, message: str, *, hint: str | None = None, impersonal: str = "", location: tuple[str, ...] = ()
    ) -> None:
        """`impersonal` says the same without anything of the event's own: for logs and outcomes.

        `location` is the way to the faulty value, a step for each level: `(".items", "[2]", ".price")`.
        """
        super().__init__(message, hint=hint)
        self.impersonal = impersonal or "does not fit the schema"
        self.location = location


class JsonReader:
    """Reads events of one type: made once, called for each."""

    def __init__(self, schema: EventSchema, *, ignore_unknown: bool = False) -> None:
        """Fields that the schema lacks are a fault, or passed over as Avro's own schema resolution does."""
        self._read = _record_reader(schema.root, ignore_unknown)

    def read(self, value: object) -> dict[str, object]:
        """The event's data in the form that expressions read.

        Raises:
            SchemaMismatch: it does not fit; the words begin with the place.
        """
        try:
            return self._read(value)
        except Fault as fault:
            raise _mismatch(fault) from None


def from_json(schema: EventSchema, value: object) -> dict[str, object]:
    """One event, as `JsonReader` reads it: a field that the schema lacks is a fault.

    Raises:
        SchemaMismatch: it does not fit; the words begin with the place.
    """
    return JsonReader(schema).read(value)


def plain_json(value: object) -> object:
    """JSON without a schema, refused where expressions could not read it.

    Raises:
        SchemaMismatch: a number beyond 64 bits or that is none, a lone surrogate, or too deep.
    """
    try:
        return _plain(value, 0)
    except Fault as fault:
        raise _mismatch(fault) from None


def _mismatch(fault: Fault) -> SchemaMismatch:
    shown = "".join(reversed(fault.location))[:200]
    known = "".join(reversed(fault.known_place))[:200]
    impersonal = f"${known}: {fault.impersonal}"
    location = tuple(reversed(fault.location))
    return SchemaMismatch(f"${shown}: {fault.message}", hint=fault.hint, impersonal=impersonal, location=location)


def _plain(value: object, depth: int) -> object:
    if depth > MAX_DEPTH:
        raise Fault("nested too deeply")
    if isinstance(value, Mapping):
        result: dict[str, object] = {}
        for key, below in value.items():
            try:
                result[a_text(key)] = _plain(below, depth + 1)
            except Fault as fault:
                raise fault.below(f".{key}", ".*") from None
        return result
    if isinstance(value, list):
        items: list[object] = []
        for index, below in enumerate(value):
            try:
                items.append(_plain(below, depth + 1))
            except Fault as fault:
                raise fault.below(f"[{index}]") from None
        return items
    return plain_scalar(value)


def _reader(kind: FieldType, ignore_unknown: bool) -> Read:  # noqa: FBT001 - handed through to the records below
    match kind:
        case NullableType(inner):
            below = _reader(inner, ignore_unknown)
            return lambda value: None if value is None else below(value)
        case RecordType():
            return _record_reader(kind, ignore_unknown)
        case ListType(item):
            return _list_reader(_reader(item, ignore_unknown))
        case MapType(item):
            return _map_reader(_reader(item, ignore_unknown))
        case ScalarType():
            return scalar_reader(kind) or (lambda value: _plain(value, 0))


def _record_reader(kind: RecordType, ignore_unknown: bool) -> Callable[[object], dict[str, object]]:  # noqa: FBT001 - as above
    fields = [(field.name, _reader(field.type, ignore_unknown), default_reader(field)) for field in kind.fields]
    known = frozenset(name for name, _, _ in fields)

    def read(value: object) -> dict[str, object]:
        if not isinstance(value, Mapping):
            raise Fault("should be an object")
        result: dict[str, object] = {}
        for name, read_field, default in fields:
            try:
                result[name] = read_field(value[name]) if name in value else default()
            except Fault as fault:
                raise fault.below(f".{name}") from None
        if not ignore_unknown and len(value) > len(known.intersection(value)):
            unknown = next(str(name) for name in value if name not in known)
            near = difflib.get_close_matches(unknown[:80], sorted(known), n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(sorted(known))}"
            raise Fault(f"`{kind.name}` has no such field", hint=hint, impersonal="unknown field").below(
                f".{unknown}", ""
            )
        return result

    return read


def _list_reader(read_item: Read) -> Read:
    def read(value: object) -> object:
        if not isinstance(value, list):
            raise Fault("should be a list")
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
            raise Fault("should be an object")
        entries: dict[str, object] = {}
        for key, part in value.items():
            try:
                entries[a_text(key)] = read_entry(part)
            except Fault as fault:
                raise fault.below(f".{key}", ".*") from None
        return entries

    return read
