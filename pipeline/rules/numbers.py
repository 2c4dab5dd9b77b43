"""Numbers with decimals, exact: as events hold them and as expressions calculate with them.

A number is a `float` if the shortest text of the double is the number itself, as it is for every number of up to 15
digits; else it is a `Decimal`. A `float` always means its shortest text: 0.1 is one tenth, and 0.1 + 0.2 is 0.3.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

from pipeline.phrases import phrase

Number = float | Decimal

MAX_DIGITS = 100
"""Significant digits of a result of arithmetic; a longer one is an error."""
MAX_TEXT = 1_000
"""Characters of a number in a text: reading one of a million digits takes seconds."""
_SHORT = 10**15
"""Smaller integers have at most 15 digits, and a decimal of at most 15 digits is the shortest text of its double."""
_SHORT_TEXT = 16
"""Characters of a number with a point that has at most 15 digits."""
_TEXT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


class InexactResult(ArithmeticError):
    """The exact result has more digits than can be kept."""


def number(exact: Decimal) -> Number:
    """The number in its form: a `float` if that is exact, else the `Decimal`."""
    double = float(exact)  # infinite where it is too large
    if math.isfinite(double):
        return double if Decimal(repr(double)) == exact else _trimmed(exact)
    return exact if exact.is_finite() else double


def _trimmed(exact: Decimal) -> Decimal:
    """Without trailing zeros, so that equal numbers have one form."""
    return exact.normalize(Context(prec=len(exact.as_tuple().digits)))


def of_units(units: int, scale: int) -> Number:
    """`units` of 10 to the power of -`scale`, as Avro writes a decimal.

    Raises:
        OverflowError: it is beyond the range of a double: no amount or id is.
    """
    if -_SHORT < units < _SHORT:
        quotient: float = units / 10**scale  # dividing integers rounds once: the double nearest to the decimal
        return quotient
    float(units)
    return number(Decimal(units).scaleb(-scale, Context(prec=len(str(units)) + 1)))


def parse(text: str) -> Number:
    """The number that a text of digits writes, as in JSON.

    Raises:
        ValueError: the text is not such a number, or has too many digits.
    """
    if len(text) > MAX_TEXT or _TEXT.fullmatch(text) is None:
        raise ValueError(phrase("not a number"))
    return number(Decimal(text))


def from_json(text: str) -> Number:
    """The number that JSON writes with a point or an exponent; infinite where it is beyond the range of a double.

    Raises:
        ValueError: it has too many digits.
    """
    double = float(text)
    return double if len(text) <= _SHORT_TEXT or not math.isfinite(double) else parse(text)


def exact(value: float | Decimal) -> Decimal:
    """The number as a `Decimal`."""
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def text_of(value: float | Decimal) -> str:
    """The number in digits, without an exponent, trailing zeros or the sign of a zero.

    Raises:
        ValueError: the value is infinite or not a number.
    """
    if isinstance(value, float):
        text = repr(value)
        if text.endswith(".0"):
            return text[:-2] if value else "0"
        if "e" not in text and "n" not in text:
            return text
        if not math.isfinite(value):
            raise ValueError(phrase("not a finite number"))
    text = f"{exact(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def add(one: Number, other: Number) -> Number:
    """The exact sum."""
    return _calculated(_CONTEXT.add, float.__add__, one, other)


def subtract(one: Number, other: Number) -> Number:
    """The exact difference."""
    return _calculated(_CONTEXT.subtract, float.__sub__, one, other)


def multiply(one: Number, other: Number) -> Number:
    """The exact product."""
    return _calculated(_CONTEXT.multiply, float.__mul__, one, other)


def divide(one: Number, other: Number) -> Number:
    """The exact quotient; where it has no end, the double nearest to it."""
    if not other:
        return _divided(float(one), float(other))
    try:
        return _calculated(_CONTEXT.divide, _divided, one, other)
    except InexactResult:
        return float(_ROUNDING.divide(exact(one), exact(other)))


def _divided(one: float, other: float) -> float:
    if other:
        return one / other
    return math.copysign(math.inf, one) * math.copysign(1, other) if one and not math.isnan(one) else math.nan


def negate(one: Number) -> Number:
    """The number with the other sign."""
    return one.copy_negate() if isinstance(one, Decimal) else -one


def compare(one: Number | int, other: Number | int) -> int | None:
    """-1, 0 or 1; None where one of them is not a number (NaN)."""
    if not (_is_finite(one) and _is_finite(other)):  # a double beside it changes no order
        first, second = float(one), float(other)
        return None if math.isnan(first) or math.isnan(second) else (first > second) - (first < second)
    left, right = (exact(value) if isinstance(value, float) else Decimal(value) for value in (one, other))
    return (left > right) - (left < right)


_CONTEXT = Context(prec=MAX_DIGITS, traps=[Inexact, InvalidOperation, Overflow])
_ROUNDING = Context(prec=MAX_DIGITS, traps=[InvalidOperation])
_LARGEST = Decimal(repr(sys.float_info.max))


def _is_finite(value: Number | int) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _calculated(
    operation: Callable[[Decimal, Decimal], Decimal], plain: Callable[[float, float], float], one: Number, other: Number
) -> Number:
    """The operation on decimals; the plain one on doubles that are infinite, NaN or zero, as IEEE 754 defines it."""
    are_doubles = isinstance(one, float) and isinstance(other, float)
    if not (_is_finite(one) and _is_finite(other)) or (are_doubles and not (one and other)):
        return plain(float(one), float(other))
    try:
        result = operation(exact(one), exact(other))
    except (Inexact, Overflow):
        raise InexactResult(
            phrase("the exact result has more than {max_digits} digits", max_digits=MAX_DIGITS)
        ) from None
    if are_doubles and abs(result) > _LARGEST:
        return math.copysign(math.inf, result)
    return number(result)
