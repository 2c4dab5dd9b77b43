"""Events written as JSON: by senders, in rule tests, in previews. Brought into the same form as Avro's.

With a schema: timestamps come as RFC 3339 texts or as counts in the schema's unit, decimals as numbers or texts, dates
as ISO texts or day counts; defaults are filled in; every fault names its place (`$.items[2].price`).
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from google.protobuf.timestamp_pb2 import Timestamp

from pipeline.errors import UserError
from pipeline.rules.schema import UNITS_PER_SECOND, EventSchema, timestamp
from pipeline.rules.types import FieldType, ListType, MapType, NullableType, RecordType, Scalar, ScalarType

MAX_INT = 2**63 - 1


class SchemaMismatch(UserError):
    """JSON that does not fit the event type's schema."""


def from_json(schema: EventSchema, value: object) -> dict[str, object]:
    """The event's data in the form that expressions read.

    Raises:
        SchemaMismatch: it does not fit; the words begin with the place.
    """
    if not isinstance(value, Mapping):
        raise SchemaMismatch("$: an event's data is an object")
    return _record(schema.root, value, schema.avro, "$")


def plain_json(value: object, path: str = "$") -> object:
    """JSON without a schema, refused where expressions could not read it.

    Raises:
        SchemaMismatch: a number beyond 64 bits, a lone surrogate, or too deep.
    """
    if path.count(".") + path.count("[") > 32:  # noqa: PLR2004 - as deep as expressions go
        raise SchemaMismatch(f"{path[:80]}: nested too deeply")
    match value:
        case dict():
            return {_text(key, path): plain_json(below, f"{path}.{key}") for key, below in value.items()}
        case list():
            return [plain_json(below, f"{path}[{index}]") for index, below in enumerate(value)]
        case str():
            return _text(value, path)
        case int() if not isinstance(value, bool) and not -MAX_INT <= value <= MAX_INT:
            raise SchemaMismatch(f"{path}: a number beyond 64 bits")
        case _:
            return value


def _record(kind: RecordType, value: Mapping[str, object], avro: object, path: str) -> dict[str, object]:
    known = {field.name for field in kind.fields}
    for name in value:
        if name not in known:
            raise SchemaMismatch(
                f"{path}.{name}: `{kind.name}` has no such field", hint=f"it has {', '.join(sorted(known))}"
            )
    defaults = _defaults(avro)
    result: dict[str, object] = {}
    for field in kind.fields:
        if field.name in value:
            result[field.name] = _value(field.type, value[field.name], _below(avro, field.name), f"{path}.{field.name}")
        elif field.has_default:
            default = defaults.get(field.name)
            result[field.name] = _value(field.type, default, _below(avro, field.name), f"{path}.{field.name}")
        elif isinstance(field.type, NullableType):
            result[field.name] = None
        else:
            raise SchemaMismatch(f"{path}.{field.name}: is missing")
    return result


def _defaults(avro: object) -> Mapping[str, object]:
    fields = avro.get("fields", ()) if isinstance(avro, Mapping) else ()
    return {field["name"]: field.get("default") for field in fields}


def _below(avro: object, name: str) -> object:
    """The schema of one field, as far as defaults need it."""
    fields = avro.get("fields", ()) if isinstance(avro, Mapping) else ()
    found = next((field["type"] for field in fields if field["name"] == name), None)
    if isinstance(found, list):
        return next((part for part in found if isinstance(part, Mapping)), None)
    return found


def _value(kind: FieldType, value: object, avro: object, path: str) -> object:
    match kind:
        case NullableType(inner):
            return None if value is None else _value(inner, value, avro, path)
        case RecordType():
            if not isinstance(value, Mapping):
                raise SchemaMismatch(f"{path}: should be an object")
            return _record(kind, value, avro, path)
        case ListType(item):
            if not isinstance(value, list):
                raise SchemaMismatch(f"{path}: should be a list")
            below = avro.get("items") if isinstance(avro, Mapping) else None
            return [_value(item, part, below, f"{path}[{index}]") for index, part in enumerate(value)]
        case MapType(item):
            if not isinstance(value, Mapping):
                raise SchemaMismatch(f"{path}: should be an object")
            return {str(key): _value(item, part, None, f"{path}.{key}") for key, part in value.items()}
        case ScalarType():
            return _scalar(kind, value, path)


def _scalar(kind: ScalarType, value: object, path: str) -> object:
    match kind.scalar:
        case Scalar.DYN:
            return plain_json(value, path)
        case Scalar.NULL if value is None:
            return None
        case Scalar.BOOL if isinstance(value, bool):
            return value
        case Scalar.INT if isinstance(value, int) and not isinstance(value, bool) and -MAX_INT <= value <= MAX_INT:
            return value
        case Scalar.DOUBLE:
            return _number(value, path)
        case Scalar.TIMESTAMP:
            return _moment(kind, value, path)
        case Scalar.BYTES if isinstance(value, str):
            return _bytes(value, path)
        case Scalar.STRING:
            return _string(kind, value, path)
        case _:
            raise SchemaMismatch(f"{path}: should be {_article(kind.scalar)}, not {_article(type(value).__name__)}")


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _number(value: object, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise SchemaMismatch(f"{path}: should be a number")
    try:
        number = float(Decimal(value) if isinstance(value, str) else value)
    except (InvalidOperation, OverflowError):
        raise SchemaMismatch(f"{path}: should be a number") from None
    if not math.isfinite(number):
        raise SchemaMismatch(f"{path}: should be a finite number")
    return number


def _moment(kind: ScalarType, value: object, path: str) -> Timestamp:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INT:
        return timestamp(value, UNITS_PER_SECOND[kind.logical or "timestamp-millis"])
    if isinstance(value, datetime):  # YAML reads an unquoted moment as one
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    else:
        try:
            moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        except ValueError:
            raise SchemaMismatch(f"{path}: should be a time such as 2026-11-23T15:01:00Z") from None
        if moment.tzinfo is None:
            raise SchemaMismatch(f"{path}: the time has no zone; write Z or +08:00 after it")
    result = Timestamp()
    result.FromDatetime(moment)
    return result


def _bytes(value: str, path: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise SchemaMismatch(f"{path}: bytes are written in base64") from None


def _string(kind: ScalarType, value: object, path: str) -> str:
    if kind.logical == "date":
        return _day(value, path)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if not isinstance(value, str):
        raise SchemaMismatch(f"{path}: should be a text, not {_article(type(value).__name__)}")
    if kind.symbols and value not in kind.symbols:
        raise SchemaMismatch(f"{path}: `{value[:40]}` is none of {', '.join(kind.symbols)}")
    return _text(value, path)


def _day(value: object, path: str) -> str:
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return (date(1970, 1, 1) + timedelta(days=value)).isoformat()
        if isinstance(value, date):
            return value.isoformat()[:10]
        return date.fromisoformat(value if isinstance(value, str) else "").isoformat()
    except (ValueError, OverflowError):
        raise SchemaMismatch(f"{path}: should be a date such as 2026-11-30") from None


def _text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SchemaMismatch(f"{path}: half a character (a lone surrogate)") from None
    return value
