"""Avro's plain numbers and bytes in the form in which expressions read them: a converter is made once for each schema.

It touches only the fields that need it: an order event of ten fields costs 1.5 µs for two timestamps and an amount.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache, partial
from struct import Struct
from typing import Any
from uuid import UUID

from pipeline.phrases import phrase
from pipeline.rules import numbers
from pipeline.rules.schema.types import (
    FieldType,
    ListType,
    MapType,
    NullableType,
    RecordReference,
    RecordType,
    Scalar,
    ScalarType,
)
from pipeline.rules.schema.unreadable import OUTSIDE_CALENDAR, OUTSIDE_DAY, WRONG_UNIT, Unreadable
from pipeline.rules.timestamp import Timestamp

Convert = Callable[[Any], Any]

UNITS_PER_SECOND = {
    "timestamp-millis": 1_000,
    "timestamp-micros": 1_000_000,
    "timestamp-nanos": 1_000_000_000,
    "local-timestamp-millis": 1_000,
    "local-timestamp-micros": 1_000_000,
    "local-timestamp-nanos": 1_000_000_000,
    "time-millis": 1_000,
    "time-micros": 1_000_000,
}
FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799
"""Years 1 to 9999: what google.protobuf.Timestamp may hold (timestamp.proto)."""
UNSCALED = "unscaled"
"""In place of a logical type: bytes of a decimal whose scale is not known from the schema."""
_NO_SCALE = Unreadable(phrase("a decimal whose schema does not give its scale and precision as Avro wants them"))
_TOO_LARGE = Unreadable(phrase("a decimal beyond the range of a double"))
_SINGLE = Struct("<f")
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_SECONDS = 86_400


def converter(kind: FieldType) -> Convert | None:
    """A function that converts a decoded value (records in place), or None where none is needed.

    The values are those that `AvroType.plain` decodes to. A count that no calendar has, and a decimal that no number
    holds, become `Unreadable`: they harm only the rules that read them. The function raises `IndexError` for a number
    without a symbol, and `RecursionError` for a value nested too deeply.
    """
    return _Converters().of(kind)


class _Converters:
    def __init__(self) -> None:
        self._records: dict[str, Convert | None] = {}

    def of(self, kind: FieldType) -> Convert | None:
        match kind:
            case ScalarType(branches=(_, *_)):
                return self._union(kind) if kind.is_tagged else None
            case ScalarType(record=RecordReference() as reference):
                return self._recursive(reference)
            case ScalarType():
                return _scalar(kind)
            case NullableType(inner):
                below = self.of(inner)
                return None if below is None else lambda value: None if value is None else below(value)
            case ListType(item) if kind.is_empty:
                return lambda value: [_without_bytes(item) for _ in value]
            case ListType(item):
                each = self.of(item)
                return None if each is None else lambda value: [each(part) for part in value]
            case MapType(item):
                entry = self.of(item)
                return None if entry is None else lambda value: {key: entry(part) for key, part in value.items()}
            case RecordType():
                if kind.name not in self._records:
                    self._records[kind.name] = self._record(kind)
                return self._records[kind.name]

    def _union(self, kind: ScalarType) -> Convert:
        branches = [self.of(branch) for branch in kind.branches]

        def convert_branch(value: dict[str, Any]) -> Any:  # noqa: ANN401 - any branch's value
            ((number, below),) = value.items()
            convert = branches[int(number)]
            return below if convert is None else convert(below)

        return convert_branch

    def _recursive(self, reference: RecordReference) -> Convert:
        def convert_again(value: Any) -> Any:  # noqa: ANN401 - a record
            convert = self._records[reference.name]
            return value if convert is None else convert(value)

        return convert_again

    def _record(self, kind: RecordType) -> Convert | None:
        needing = [(field.name, convert) for field in kind.fields if (convert := self.of(field.type)) is not None]
        if not needing:
            return None

        def convert_record(value: dict[str, Any]) -> dict[str, Any]:
            for name, convert in needing:
                value[name] = convert(value[name])
            return value

        return convert_record


def _without_bytes(kind: FieldType) -> object:
    """The only value of a type whose values take no byte."""
    if isinstance(kind, RecordType):
        return {field.name: _without_bytes(field.type) for field in kind.fields}
    return None if isinstance(kind, ScalarType) and kind.scalar is Scalar.NULL else b""


_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def has_plain_symbols(kind: ScalarType) -> bool:
    """Whether the decoder accepts the enum's symbols; values of others are decoded as their numbers."""
    return len(set(kind.symbols)) == len(kind.symbols) and all(map(_SYMBOL.fullmatch, kind.symbols))


def _symbol(symbols: tuple[str, ...]) -> Convert:
    def convert(number: int) -> str:
        if number < 0:
            raise IndexError
        return symbols[number]

    return convert


def _scalar(kind: ScalarType) -> Convert | None:
    logical = kind.logical
    if kind.symbols:
        return None if has_plain_symbols(kind) else _symbol(kind.symbols)
    if kind.scalar is Scalar.TIMESTAMP:
        per_second = UNITS_PER_SECOND[logical or "timestamp-millis"]
        return _timestamps(per_second)
    if logical == "decimal":
        return _decimals(kind.scale or 0)
    if logical == "date":
        return _or_unreadable(day, OUTSIDE_CALENDAR)
    if logical is None:
        return shortest if kind.is_single else None
    if logical in _OF_BYTES:
        return _OF_BYTES[logical]
    per_second = UNITS_PER_SECOND.get(logical, 0)
    if not per_second:
        return None
    read, otherwise = (local_time, OUTSIDE_CALENDAR) if logical.startswith("local-") else (time_of_day, OUTSIDE_DAY)
    return _or_unreadable(partial(read, per_second=per_second), otherwise)


_OF_BYTES: Mapping[str, Convert] = {UNSCALED: lambda _: _NO_SCALE, "uuid-fixed": lambda raw: str(UUID(bytes=raw))}


def _or_unreadable(convert: Convert, otherwise: Unreadable) -> Convert:
    def converted(units: int) -> object:
        try:
            return convert(units)
        except (ValueError, OverflowError):
            return otherwise

    return converted


def _decimals(scale: int) -> Convert:
    def decimal(raw: bytes) -> numbers.Number | Unreadable:
        try:
            return numbers.of_units(int.from_bytes(raw, "big", signed=True), scale)
        except OverflowError:
            return _TOO_LARGE

    return decimal


def shortest(single: float) -> float:
    """The double that is written with the fewest digits and means the same 32-bit number: 0.1 for 0.10000000149011612.

    It is the number that the writer had: nine digits tell any two numbers of 32 bits apart (IEEE 754).
    """
    same = _SINGLE.pack(single)
    for digits in range(6, 9):
        short = float(f"{single:.{digits}g}")
        if _SINGLE.pack(short) == same:
            return short
    return float(f"{single:.9g}")


def point_in_time(units: int, per_second: int) -> Timestamp | Unreadable:
    """A timestamp from a count of units since 1970.

    `WRONG_UNIT` for a count that was surely made in a larger unit, `OUTSIDE_CALENDAR` for one that no calendar has.
    """
    return _timestamps(per_second)(units)


@lru_cache(maxsize=8)
def _timestamps(per_second: int) -> Callable[[int], Timestamp | Unreadable]:
    """A converter of counts, see `point_in_time`.

    Of today's seconds in a field of milliseconds, or milliseconds in one of microseconds, comes a time of five weeks in
    early 1970; of seconds in a field of microseconds, one of its first two hours, and in one of nanoseconds one of its
    first five seconds.
    """
    first, last, unit = FIRST_SECOND * per_second, (LAST_SECOND + 1) * per_second, 1_000_000_000 // per_second
    suspect = _LAST_SUSPECT * per_second

    def convert(units: int) -> Timestamp | Unreadable:
        if not suspect <= units < last:
            if _is_of_larger_unit(units, per_second):
                return WRONG_UNIT
            if not first <= units < last:
                return OUTSIDE_CALENDAR
        return Timestamp(units // per_second, units % per_second * unit)

    return convert


_SUSPECT = ((1_000_000_000, 4_200_000_000), (1_000_000_000_000, 4_200_000_000_000), (10**15, 42 * 10**14))
"""The years 2001 to 2103 in seconds, milliseconds and microseconds."""
_LAST_SUSPECT = 4_200_000
"""Seconds since 1970 that come at most of a count in a larger unit."""


def _is_of_larger_unit(units: int, per_second: int) -> bool:
    return units < _LAST_SUSPECT * per_second and any(low <= units < high for low, high in _SUSPECT)


def day(days: int) -> str:
    """`2026-11-30` from days since the epoch.

    Raises:
        ValueError: outside the years 1 to 9999.
        OverflowError: far outside.
    """
    return date.fromordinal(_EPOCH_DAY + days).isoformat()


def local_time(units: int, per_second: int) -> str | Unreadable:
    """`2026-11-30T15:01:00` (no zone) from units since the local epoch; parts of a second are dropped.

    `WRONG_UNIT` for a count that was surely made in a larger unit.

    Raises:
        ValueError: outside the years 1 to 9999.
        OverflowError: far outside.
    """
    if _is_of_larger_unit(units, per_second):
        return WRONG_UNIT
    days, seconds = divmod(units // per_second, _DAY_SECONDS)
    return f"{day(days)}T{time_of_day(seconds, 1)}"


def time_of_day(units: int, per_second: int) -> str:
    """`15:01:00` from units since midnight; parts of a second are dropped.

    Raises:
        ValueError: before or beyond the day.
    """
    seconds = units // per_second
    if not 0 <= seconds < _DAY_SECONDS:
        raise ValueError(phrase("a time outside the day"))
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
