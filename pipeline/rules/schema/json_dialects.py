"""Single JSON values as other libraries write them, where they have one meaning only."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal

from pipeline.phrases import phrase
from pipeline.rules.schema import avro_values
from pipeline.rules.schema.avro_values import UNITS_PER_SECOND
from pipeline.rules.schema.json_scalars import DECIMAL_TEXT, Fault, Read, is_integer, readable, strict_reader, symbol
from pipeline.rules.schema.types import Scalar, ScalarType
from pipeline.rules.schema.unreadable import WRONG_UNIT
from pipeline.rules.timestamp import Timestamp

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
MOST_EXACT = 2**53
"""Whole numbers beyond are not exact in JSON's doubles."""
SECONDS_FROM, SECONDS_TO = 1_000_000_000, 4_200_000_000
"""The years 2001 to 2103 in seconds since 1970."""


def scalar_reader(kind: ScalarType, *, is_lenient: bool = False) -> Read | None:
    """A reader of values of this type, which raises `Fault`; None: anything goes.

    A lenient one also takes what other JSON libraries write and what has one meaning only: numbers as texts, whole
    numbers with a fraction of zero, an enum's symbol in other case.
    """
    read = strict_reader(kind)
    return _lenient_reader(kind, read) if is_lenient and read is not None else read


def _lenient_reader(kind: ScalarType, read: Read) -> Read:
    if kind.symbols:
        return _lenient_symbol(kind)
    if kind.logical == "decimal" and kind.scale:
        return lambda value: read(_unambiguous(value))
    if kind.scalar is Scalar.TIMESTAMP:
        return lambda value: _lenient_time(value, read)
    if kind.logical in UNITS_PER_SECOND or kind.logical == "date":
        make = date if kind.logical == "date" else _local_time if kind.logical.startswith("local-") else _time_of_day
        return lambda value: read(_of_parts(value, make) if isinstance(value, list) else value)
    prepare = _LENIENT.get(kind.scalar) if kind.logical in {None, "uuid"} else None
    return read if prepare is None else _or_prepared(read, prepare)


def _or_prepared(read: Read, prepare: Read) -> Read:
    def read_either(value: object) -> object:
        try:
            return read(value)
        except Fault:
            return read(prepare(value))

    return read_either


def _lenient_symbol(kind: ScalarType) -> Read:
    by_case = {symbol.casefold(): symbol for symbol in reversed(kind.symbols)}
    symbols = frozenset(kind.symbols)

    def read(value: object) -> str:
        if isinstance(value, str) and value not in symbols:
            found = by_case.get(value.casefold(), kind.default_symbol)
            if found is not None:
                return found
        return symbol(value, symbols, kind.symbols)

    return read


def _unambiguous(value: object) -> object:
    """Kafka Connect writes decimals as the base64 of their bytes, and some of those texts read as numbers."""
    if isinstance(value, str) and value.isdecimal() and len(value) % 4 == 0:
        raise Fault(
            phrase("could be a number or, as Kafka Connect writes decimals by default, base64"),
            hint=phrase("write the digits after the point (1000.00); in Connect: decimal.format=NUMERIC"),
        )
    return value


def encoded_decimal(kind: ScalarType) -> Read:
    """A reader of decimals in Avro's JSON encoding: their bytes as characters U+0000 to U+00FF."""
    convert = avro_values.converter(kind)
    assert convert is not None  # noqa: S101 - a decimal's bytes are converted

    def read(value: object) -> object:
        if not isinstance(value, str) or (len(value) > 1 and DECIMAL_TEXT.fullmatch(value) and "." in value):
            raise Fault(phrase("could be a number or, as Avro's JSON encoding writes decimals, its bytes"))
        try:
            return readable(convert(value.encode("latin-1")))
        except UnicodeEncodeError:
            raise Fault(phrase("should be bytes as characters U+0000 to U+00FF")) from None

    return read


def _lenient_time(value: object, read: Read) -> object:
    if isinstance(value, float | Decimal) and SECONDS_FROM <= value < SECONDS_TO:  # as Jackson writes an Instant
        return Timestamp(int(value), int(Decimal(str(value)) % 1 * 1_000_000_000))
    try:
        return read(_whole(value) if type(value) is not int else value)
    except Fault as fault:
        if fault.message == WRONG_UNIT.reason:
            return WRONG_UNIT  # harms only the rules that use it
        raise


def _of_parts(parts: list[object], make: Callable[..., date | time]) -> object:
    """A day or a time on local clocks from its numbers, as Jackson writes `LocalDate` and the like by default."""
    try:
        return make(*parts).isoformat() if all(is_integer(part) for part in parts) else parts
    except (TypeError, ValueError, OverflowError):  # too few or too many, or there is none such
        return parts


def _local_time(year: int, month: int, day: int, hour: int, minute: int, second: int = 0, nanos: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, nanos // 1_000)  # noqa: DTZ001 - a local time


def _time_of_day(hour: int, minute: int, second: int = 0, nanos: int = 0) -> time:
    return time(hour, minute, second, nanos // 1_000)


def _whole(value: object) -> object:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip(" ")):
        return int(value)
    if isinstance(value, float | Decimal) and -MOST_EXACT <= value <= MOST_EXACT and value == int(value):
        return int(value)
    return value


def _truth(value: object) -> object:
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _as_text(value: object) -> object:
    return str(value) if is_integer(value) else value


def _as_bytes(value: object) -> object:
    """Bytes as Avro's own JSON encoding has them, U+0000 to U+00FF, where they are not base64."""
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            try:
                return value.encode("latin-1")
            except UnicodeEncodeError:
                pass
    return value


_LENIENT: Mapping[Scalar, Read] = {
    Scalar.BOOL: _truth,
    Scalar.INT: _whole,
    Scalar.STRING: _as_text,
    Scalar.BYTES: _as_bytes,
}
