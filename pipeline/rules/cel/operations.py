"""The operations that generated Python calls for values of unusual types: each gives CEL's value, or gives up."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from pipeline.rules import numbers
from pipeline.rules.numbers import Number
from pipeline.rules.timestamp import Timestamp

EventData = Mapping[str, object]
GeneratedFunction = Callable[[EventData], Any]
"""Returns an expression's value for an event's data; raises one of `GIVE_UP_ERRORS` if CEL must evaluate it."""


class GiveUp(Exception):
    """Only CEL can evaluate this."""


GIVE_UP_ERRORS = (GiveUp, LookupError, ValueError, ArithmeticError, TypeError)
"""A missing field, an index beyond the list, a field of a value that is not a record, a function that fails."""
MIN_INT, MAX_INT = -(2**63), 2**63 - 1
"""CEL's int (cel-spec, langdef.md, "Numeric Values")."""


def scalar(value: object) -> object:
    """A plain value as CEL sees it: U+0001 replaces NUL, at which the binding would end a text.

    Raises:
        GiveUp: it is not a plain value of CEL.
    """
    kind = type(value)
    if kind is str:
        return text(value)
    if kind is float or kind is bool or value is None:
        return value
    if type(value) is int and MIN_INT <= value <= MAX_INT:
        return value
    if isinstance(value, Decimal):
        return numbers.number(value)
    raise GiveUp


def text(value: object) -> str:
    """A text as CEL sees it.

    Raises:
        GiveUp: it is not a text.
    """
    if type(value) is str:
        return value.replace("\x00", "\x01")
    raise GiveUp


def _truth(value: object) -> bool:
    if value is True or value is False:
        return value
    raise GiveUp


def _record(value: object) -> dict[str, object]:
    if type(value) is dict:
        return value
    raise GiveUp


def _listed(value: object) -> list[object]:
    if type(value) is list:
        return value
    raise GiveUp


def _equal(first: object, second: object) -> bool:
    """Equality of values of one type, or of null and anything; numbers of two types are left to CEL."""
    one, other = scalar(first), scalar(second)
    if type(one) is type(other) or one is None or other is None:
        return one == other
    if isinstance(one, float | Decimal) and isinstance(other, float | Decimal):
        return False  # a number has one form: two forms are two numbers
    raise GiveUp


def _unequal(first: object, second: object) -> bool:
    return not _equal(first, second)


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def compared(first: object, second: object) -> bool:
        one, other = scalar(first), scalar(second)
        if type(one) is type(other):
            return compare(one, other)
        if isinstance(one, float | Decimal) and isinstance(other, float | Decimal):
            order = numbers.compare(one, other)
            return order is not None and compare(order, 0)
        raise GiveUp

    return compared


def _arithmetic(
    exact: Callable[[Number, Number], Number], of_others: Mapping[type, Callable[[Any, Any], Any]]
) -> Callable[[object, object], object]:
    """An operator on numbers with decimals; `of_others` has it for further types."""

    def calculated(first: object, second: object) -> object:
        one, other = scalar(first), scalar(second)
        if isinstance(one, float | Decimal) and isinstance(other, float | Decimal):
            return exact(one, other)
        plain = of_others.get(type(one))
        if plain is None or type(one) is not type(other):
            raise GiveUp
        return scalar(plain(one, other))

    return calculated


def _negate(value: object) -> object:
    found = scalar(value)
    if isinstance(found, float | Decimal):
        return numbers.negate(found)
    if type(found) is int:
        return scalar(-found)
    raise GiveUp


def _string(value: object) -> str:
    found = scalar(value)
    if type(found) is str:
        return found
    if type(found) is int:
        return str(found)
    if isinstance(found, float | Decimal):
        return numbers.text_of(found)
    raise GiveUp


def _size(value: object) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise GiveUp


def _argument(value: object, classes: frozenset[type]) -> object:
    """A function's argument, of one of the classes."""
    found = value if type(value) is Timestamp else scalar(value)
    if type(found) in classes or (type(found) is Decimal and float in classes):
        return found
    raise GiveUp


def _call(function: Callable[..., object], accepted: frozenset[tuple[type, ...]], *values: object) -> object:
    """Call one of our functions as CEL does: with arguments of exactly the types of an overload."""
    given = [value if type(value) is Timestamp else scalar(value) for value in values]
    if tuple(float if type(value) is Decimal else type(value) for value in given) in accepted:
        result = function(*given)
        if type(result) is not Timestamp:  # CEL would pass a `datetime` on, which drops nanoseconds
            return result
    raise GiveUp


NAMES: Mapping[str, object] = {
    "type": type,
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "Timestamp": Timestamp,
    "scalar": scalar,
    "text": text,
    "truth": _truth,
    "record": _record,
    "listed": _listed,
    "equal": _equal,
    "unequal": _unequal,
    "less": _order(operator.lt),
    "at_most": _order(operator.le),
    "more": _order(operator.gt),
    "at_least": _order(operator.ge),
    "add": _arithmetic(numbers.add, {int: operator.add, str: operator.add}),
    "subtract": _arithmetic(numbers.subtract, {int: operator.sub}),
    "multiply": _arithmetic(numbers.multiply, {int: operator.mul}),
    "divide": _arithmetic(numbers.divide, {}),
    "negate": _negate,
    "string": _string,
    "size": _size,
    "argument": _argument,
    "call": _call,
}
"""All names that generated source can use besides its own variables."""
