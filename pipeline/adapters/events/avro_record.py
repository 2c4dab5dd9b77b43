"""An event in JSON as values that fastavro writes. The schema's `JsonReader` must have accepted it before."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation, localcontext
from uuid import UUID

from pipeline.phrases import phrase
from pipeline.rules.schema.json_events import SchemaMismatch
from pipeline.rules.schema.types import FieldType, ListType, MapType, NullableType, RecordType, Scalar, ScalarType


def avro_record(kind: RecordType, event: Mapping[str, object]) -> dict[str, object]:
    """The record's values; a field that the event lacks is left to its default.

    Raises:
        SchemaMismatch: a decimal has more digits than its schema keeps.
    """
    return {field.name: _value(field.type, event[field.name]) for field in kind.fields if field.name in event}


def _value(kind: FieldType, value: object) -> object:
    match kind:
        case NullableType(inner):
            return None if value is None else _value(inner, value)
        case RecordType() if isinstance(value, Mapping):
            return avro_record(kind, value)
        case ListType(item) if isinstance(value, list):
            return [_value(item, part) for part in value]
        case MapType(item) if isinstance(value, Mapping):
            return {key: _value(item, part) for key, part in value.items()}
        case ScalarType():
            return _scalar(kind, value)
        case _:
            return value


def _scalar(kind: ScalarType, value: object) -> object:
    if kind.logical == "decimal":
        return _decimal(kind, value)
    if not isinstance(value, str):
        return value
    read = _FROM_TEXT.get(kind.logical or "") or _FROM_PLAIN_TEXT.get(kind.scalar)
    return value if read is None else read(value)


def _local_time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)  # fastavro counts these as if they were UTC


_FROM_TEXT: Mapping[str, Callable[[str], object]] = {
    "date": date.fromisoformat,
    "time-millis": time.fromisoformat,
    "time-micros": time.fromisoformat,
    "uuid-fixed": UUID,
    "local-timestamp-millis": _local_time,
    "local-timestamp-micros": _local_time,
}
"""By logical type."""
_FROM_PLAIN_TEXT: Mapping[Scalar, Callable[[str], object]] = {
    Scalar.TIMESTAMP: datetime.fromisoformat,
    Scalar.BYTES: base64.b64decode,
    Scalar.DOUBLE: float,
}


def _decimal(kind: ScalarType, value: object) -> Decimal:
    try:
        with localcontext(prec=max(28, kind.precision or 0)):
            exact = Decimal(str(value))
            kept = exact.quantize(Decimal(1).scaleb(-(kind.scale or 0)))
    except InvalidOperation:
        raise SchemaMismatch(phrase("`{value}` is not a decimal of this schema", value=value)) from None
    if kept != exact or len(kept.as_tuple().digits) > (kind.precision or 0):
        raise SchemaMismatch(
            phrase(
                "`{value}` does not fit a decimal of {precision} digits, {scale} of them after the point",
                value=value,
                precision=kind.precision,
                scale=kind.scale,
            )
        )
    return kept
