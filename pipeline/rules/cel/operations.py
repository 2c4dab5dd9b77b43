"""The operations that generated Python calls for values of unusual types: each gives CEL's value, or gives up."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.rules.timestamp import Timestamp

EventData = Mapping[str, object]
GeneratedFunction = Callable[[EventData], Any]
"""Gives an expression's value for an event's data; raises one of `GIVE_UP_ERRORS` where CEL must be asked."""


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
    raise GiveUp


def _unequal(first: object, second: object) -> bool:
    return not _equal(first, second)


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def compared(first: object, second: object) -> bool:
        one, other = scalar(first), scalar(second)
        if type(one) is type(other):
            return compare(one, other)
        raise GiveUp

    return compared


def _string(value: object) -> str:
    if type(value) is int and MIN_INT <= value <= MAX_INT:
        return str(value)
    return text(value)


def _size(value: object) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise GiveUp


def _argument(value: object, classes: frozenset[type]) -> object:
    """A function's argument, of one of the classes."""
    found = value if type(value) is Timestamp else scalar(value)
    if type(found) in classes:
        return found
    raise GiveUp


def _call(function: Callable[..., object], accepted: frozenset[tuple[type, ...]], *values: object) -> object:
    """Call one of our functions as CEL does: with arguments of exactly the types of an overload."""
    given = [value if type(value) is Timestamp else scalar(value) for value in values]
    if tuple(map(type, given)) in accepted:
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
    "string": _string,
    "size": _size,
    "argument": _argument,
    "call": _call,
}
"""All names that generated source can use besides its own variables."""
