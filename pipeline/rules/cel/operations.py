"""What generated expressions (`direct.py`) call by name for what is of no usual type: CEL's answer or none."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.rules.timestamp import Timestamp

Data = Mapping[str, object]
CompiledExpression = Callable[[Data], Any]
"""The value for an event's data; raises one of `GIVING_UP` where CEL is to be asked."""


class GiveUp(Exception):
    """This is one for CEL."""


GIVING_UP = (GiveUp, LookupError, ValueError, ArithmeticError, TypeError)
"""A missing field, an index beyond the list, a field of what is no record, a function that fails in whatever way."""
LEAST, MOST = -(2**63), 2**63 - 1
"""CEL's int (cel-spec, langdef.md, "Numeric Values")."""


def scalar(value: object) -> object:
    """A plain value as CEL would see it: the binding ends a text at its first NUL, so U+0001 stands in for it.

    Raises:
        GiveUp: CEL would see no plain value, or none of its numbers.
    """
    kind = type(value)
    if kind is str:
        return text(value)
    if kind is float or kind is bool or value is None:
        return value
    if type(value) is int and LEAST <= value <= MOST:
        return value
    raise GiveUp


def text(value: object) -> str:
    """A text as CEL would see it.

    Raises:
        GiveUp: it is none.
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
    """Values of one type, or null beside anything: mixed numbers are CEL's."""
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
    if type(value) is int and LEAST <= value <= MOST:
        return str(value)
    return text(value)


def _size(value: object) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise GiveUp


def _argument(value: object, classes: frozenset[type]) -> object:
    """What a function may be given in one place."""
    found = value if type(value) is Timestamp else scalar(value)
    if type(found) in classes:
        return found
    raise GiveUp


def _call(function: Callable[..., object], accepted: frozenset[tuple[type, ...]], *values: object) -> object:
    """One of our functions, as CEL would call it: with arguments of exactly the types that an overload names."""
    given = [value if type(value) is Timestamp else scalar(value) for value in values]
    if tuple(map(type, given)) in accepted:
        result = function(*given)
        if type(result) is not Timestamp:  # CEL would hand it on as a `datetime`, which ends earlier than a moment does
            return result
    raise GiveUp


WORDS: Mapping[str, object] = {
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
"""All that generated source can name, besides what it is given."""
