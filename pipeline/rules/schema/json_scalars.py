"""Single JSON values as a schema's plain types want them."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Self, TypeGuard, TypeVar

from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules import numbers
from pipeline.rules.schema import avro_values
from pipeline.rules.schema.avro_values import UNITS_PER_SECOND
from pipeline.rules.schema.time_texts import point_in_time
from pipeline.rules.schema.types import Scalar, ScalarType
from pipeline.rules.schema.unreadable import OUTSIDE_CALENDAR, OUTSIDE_DAY, Unreadable
from pipeline.rules.timestamp import EPOCH, Timestamp

T = TypeVar("T")
DECIMAL_TEXT = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
LOWEST, HIGHEST = -(2**63), 2**63 - 1
"""A 64-bit integer: what expressions count in."""

_DAY_ALONE = len("2026-11-30")
"""Characters of a text that has no time of day; midnight must not be made up."""
MAX_DIGITS = 60
"""A longer number in a text is not an amount; reading one of a million digits takes seconds."""


class Fault(Exception):
    """A value that does not fit. It does not leave `json_events`, which makes it a `SchemaMismatch`.

    Its location is built on the way up, so that values that fit cost nothing.
    """

    def __init__(self, message: str, *, hint: str | None = None, impersonal: str | None = None) -> None:
        """`impersonal`: the same without anything of the event's own."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.impersonal = message if impersonal is None else impersonal
        self.location: list[str] = []
        self.known_location: list[str] = []

    def below(self, step: str, known_step: str | None = None) -> Self:
        """The same fault one level up; `known_step` where `step` is the event's own text."""
        self.location.append(step)
        self.known_location.append(step if known_step is None else known_step)
        return self


Read = Callable[[object], object]


def strict_reader(kind: ScalarType) -> Read | None:
    """A reader of values of this type, which raises `Fault`; None: anything goes."""
    match kind.scalar:
        case Scalar.DYN:
            return None
        case Scalar.NULL:
            return _null
        case Scalar.BOOL:
            return _bool
        case Scalar.INT:
            return an_int
        case Scalar.DOUBLE:
            return _number
        case Scalar.TIMESTAMP:
            per_second = UNITS_PER_SECOND[kind.logical or "timestamp-millis"]
            return lambda value: _point_in_time(value, per_second)
        case Scalar.BYTES:
            return _bytes
        case Scalar.STRING:
            return _text_reader(kind)


def _text_reader(kind: ScalarType) -> Callable[[object], object]:
    logical = kind.logical
    if kind.symbols:
        symbols = frozenset(kind.symbols)
        return lambda value: symbol(value, symbols, kind.symbols)
    if logical == "date":
        return _day
    if logical is not None and logical in UNITS_PER_SECOND:
        per_second = UNITS_PER_SECOND[logical]
        if logical.startswith("local-"):
            return lambda value: _local_time(value, per_second)
        return lambda value: _time_of_day(value, per_second)
    return a_text


def plain_scalar(value: object) -> object:
    """A value without a schema.

    Raises:
        Fault: expressions could not read it.
    """
    match value:
        case None | bool():
            return value
        case str():
            return a_text(value)
        case int():
            return an_int(value)
        case float() if math.isfinite(value):
            return value
        case float():
            raise Fault(phrase("should be a finite number"))
        case Decimal():
            return numbers.number(value)
        case datetime() | date() | time():  # YAML reads them where they are not quoted
            return value.isoformat()
        case _:
            raise Fault(phrase("cannot be {kind}", kind=_called(value)))


def a_text(value: object) -> str:
    """The text; raises `Fault` for anything else, and for a text that cannot be written as UTF-8."""
    if isinstance(value, date | time):  # YAML reads them where they are not quoted
        return value.isoformat()
    if not isinstance(value, str):
        fault = _unlike("text", value)
        fault.hint = phrase("put it into quotes") if isinstance(value, int | float) else None
        raise fault
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Fault(phrase("half a character (a lone surrogate)")) from None
    return value


def an_int(value: object) -> int:
    """The integer; raises `Fault` for anything but an integer of 64 bits."""
    if not isinstance(value, int) or isinstance(value, bool):
        fault = _with_fraction(value) if isinstance(value, float | Decimal) else _unlike("int", value)
        fault.hint = phrase("write it without quotes") if isinstance(value, str) and value.isdecimal() else None
        raise fault
    if not LOWEST <= value <= HIGHEST:
        raise Fault(phrase("a number beyond 64 bits"))
    return value


def _with_fraction(value: float | Decimal) -> Fault:
    if not math.isfinite(value):
        return Fault(phrase("a number beyond 64 bits"))
    if value == int(value):  # as a double, which holds the first 15 digits
        return Fault(phrase("should be a whole number with all its digits"))
    return Fault(phrase("should be a whole number, not one with a fraction"))


_KINDS = {
    "text": phrase("a text"),
    "str": phrase("a text"),
    "int": phrase("a whole number"),
    "float": phrase("a number"),
    "Decimal": phrase("a number"),
    "bool": phrase("true or false"),
    "NoneType": "null",
    "dict": phrase("an object"),
    "list": phrase("a list"),
    "Unreadable": phrase("a value that cannot be read"),
}
"""What people call Python's types."""


def _unlike(kind: str, value: object) -> Fault:
    return Fault(phrase("should be {needed}, not {given}", needed=_KINDS[kind], given=_called(value)))


def _called(value: object) -> str:
    name = type(value).__name__
    return _KINDS.get(name) or _article(name)


def _article(word: str) -> str:
    return phrase("an {word}", word=word) if word[0] in "aeiou" else phrase("a {word}", word=word)


def _null(value: object) -> None:
    if value is not None:
        raise Fault(phrase("should be null"))


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise _unlike("bool", value)
    return value


def _number(value: object) -> numbers.Number:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Fault(phrase("should be a number"))
    if isinstance(value, str) and len(value) > MAX_DIGITS:
        raise Fault(phrase("should be a number of fewer digits"))
    if isinstance(value, str) and not DECIMAL_TEXT.fullmatch(value.strip(" ")):
        raise Fault(phrase("should be a number"), hint=phrase("write it as 1280.00: digits and a point alone"))
    if isinstance(value, float) and math.isfinite(value):
        return value
    try:
        number = Decimal(value)
        float(value)
    except (InvalidOperation, OverflowError):
        raise Fault(phrase("should be a number that is not that large")) from None
    if not math.isfinite(number):  # beyond the range of a double, too
        raise Fault(phrase("should be a finite number"))
    return numbers.number(number)


def is_integer(value: object) -> TypeGuard[int]:
    """Whether it is an integer; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _point_in_time(value: object, per_second: int) -> Timestamp:
    if is_integer(value):
        return readable(avro_values.point_in_time(value, per_second))
    if isinstance(value, datetime):  # YAML reads an unquoted time as one, in UTC
        time = value if value.tzinfo else value.replace(tzinfo=UTC)
    else:
        read = point_in_time(value) if isinstance(value, str) else None
        if read is None:
            raise Fault(phrase("should be a time such as 2026-11-23T15:01:00Z"))
        if read.tzinfo is None:
            raise Fault(phrase("the time has no zone; write Z or +08:00 after it"))
        time = read
    since = time - EPOCH
    return Timestamp(since.days * 86_400 + since.seconds, since.microseconds * 1_000)


def readable(counted: T | Unreadable) -> T:
    """The value; raises `Fault` for one that cannot be read."""
    if isinstance(counted, Unreadable):
        raise Fault(counted.reason)
    return counted


def _calendar(read: Callable[[], T | Unreadable], otherwise: Unreadable = OUTSIDE_CALENDAR) -> T:
    """A count of units as a day or time; raises `Fault` for one that no calendar or day has."""
    try:
        return readable(read())
    except (ValueError, OverflowError):
        raise Fault(otherwise.reason) from None


def _day(value: object) -> str:
    if is_integer(value):
        return _calendar(lambda: avro_values.day(value))
    if isinstance(value, date):
        return value.isoformat()[:10]
    try:
        return date.fromisoformat(value if isinstance(value, str) else "").isoformat()
    except ValueError:
        raise Fault(phrase("should be a date such as 2026-11-30")) from None


def _local_time(value: object, per_second: int) -> str:
    if is_integer(value):
        return _calendar(lambda: avro_values.local_time(value, per_second))
    time = value if isinstance(value, datetime) else point_in_time(text := a_text(value))
    if time is None or (not isinstance(value, datetime) and len(text) <= _DAY_ALONE):
        raise Fault(phrase("should be a local time such as 2026-11-30T15:01:00"))
    if time.tzinfo is not None:
        raise Fault(phrase("a local time has no zone; leave Z or the offset out, or make the field a timestamp"))
    return time.replace(microsecond=0).isoformat()


def _time_of_day(value: object, per_second: int) -> str:
    if is_integer(value):
        return _calendar(lambda: avro_values.time_of_day(value, per_second), OUTSIDE_DAY)
    try:
        read = value if isinstance(value, time) else time.fromisoformat(a_text(value))
    except ValueError:
        raise Fault(phrase("should be a time of day such as 15:01:00")) from None
    if read.tzinfo is not None:
        raise Fault(phrase("a time of day has no zone; leave Z or the offset out"))
    return read.replace(microsecond=0).isoformat()


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):  # YAML's !!binary, and defaults
        return value
    try:
        return base64.b64decode(value if isinstance(value, str) else "-", validate=True)
    except (binascii.Error, ValueError):
        raise Fault(phrase("bytes are written in base64")) from None


def symbol(value: object, symbols: frozenset[str], in_order: tuple[str, ...]) -> str:
    """The symbol of an enum; raises `Fault` for anything else."""
    if isinstance(value, str) and value in symbols:
        return str(value)
    shown, hint = _called(value), None
    if isinstance(value, str):
        shown, hint = f"`{value[:40]}`", did_you_mean(value[:40].upper(), in_order)
    raise Fault(
        phrase("{shown} is none of {in_order}", shown=shown, in_order=joined(", ", in_order)),
        hint=hint,
        impersonal=phrase("none of the enum's values"),
    )
