"""Plausible example events made from a schema: for trying things out, for tests, for pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.types import FieldType, ListType, MapType, NullableType, RecordType, Scalar, ScalarType

BEGIN = datetime(2026, 11, 23, 7, 1, tzinfo=UTC)
"""When the first of them happened."""
_WORDS = {
    "currency": ("CNY",),
    "item_summary": ("小粒咖啡豆250g", "拿铁随行杯", "手冲壶套装", "桂花乌龙茶礼盒"),
    "coupon_name": ("满100减20券", "新人专享券", "咖啡买一赠一券"),
    "reason": ("商品已拆封", "超过退货期限"),
}
_COUNTS = {"item_count": (1, 5), "quantity": (1, 3), "days_left": (1, 5)}


def example(schema: EventSchema, rng: Callable[[], float], number: int = 0) -> dict[str, object]:
    """An event of this type as JSON; `rng` gives numbers in [0, 1), `number` makes identities differ."""
    return _record(schema.root, rng, number)


def _record(kind: RecordType, rng: Callable[[], float], number: int) -> dict[str, object]:
    return {field.name: _value(field.type, field.name, rng, number) for field in kind.fields}


def _value(kind: FieldType, name: str, rng: Callable[[], float], number: int) -> object:
    match kind:
        case NullableType(inner):
            return None if rng() < 0.3 else _value(inner, name, rng, number)  # noqa: PLR2004 - now and then
        case RecordType():
            return _record(kind, rng, number)
        case ListType(item) if is_endless(item):
            return []
        case MapType(item) if is_endless(item):
            return {}
        case ListType(item):
            return [_value(item, name, rng, number) for _ in range(1 + int(rng() * 2))]
        case MapType(item):
            return {"key": _value(item, name, rng, number)}
        case ScalarType():
            return plain_value(kind, name, rng, number)


def is_endless(kind: FieldType) -> bool:
    """Whether it is a record that contains itself: an example of it would have no end."""
    return isinstance(kind, ScalarType) and kind.record is not None


def plain_value(kind: ScalarType, name: str, rng: Callable[[], float], number: int) -> object:
    """A value of a plain type as JSON."""
    if kind.symbols:
        return kind.symbols[int(rng() * len(kind.symbols))]
    match kind.scalar:
        case Scalar.BOOL:
            return rng() < 0.5  # noqa: PLR2004 - even odds
        case Scalar.INT:
            low, high = _COUNTS.get(name, (1, 100))
            return low + int(rng() * (high - low + 1))
        case Scalar.DOUBLE:
            digits = min(kind.scale if kind.scale is not None else 2, 6)
            whole = min(500, 10 ** max(1, (kind.precision or 12) - digits) - 1)
            return f"{1 + rng() * whole:.{digits}f}"
        case Scalar.TIMESTAMP:
            return (BEGIN + timedelta(seconds=number % 86_400)).isoformat()
        case Scalar.STRING:
            return _text(kind, name, rng, number)
        case Scalar.BYTES:
            return "AAAA"
        case _:
            return None


def _text(kind: ScalarType, name: str, rng: Callable[[], float], number: int) -> str:
    if kind.logical == "date":
        return (BEGIN.date() + timedelta(days=1 + int(rng() * 7))).isoformat()
    if kind.logical is not None and kind.logical.startswith("local-timestamp"):
        return (BEGIN + timedelta(seconds=number % 86_400)).replace(tzinfo=None).isoformat()
    if kind.logical is not None and kind.logical.startswith("time-"):
        return (BEGIN + timedelta(seconds=number % 86_400)).time().isoformat()
    if kind.logical == "uuid":
        return f"{int(rng() * 2**32):08x}-0000-4000-8000-{number % 2**48:012x}"
    if name == "sub":
        return f"{int(rng() * 2**64):016x}{int(rng() * 2**64):016x}"
    message = _WORDS.get(name)
    if message is not None:
        return message[int(rng() * len(message))]
    return f"{name[:1].upper()}20261123{number % 10**9:09d}"
