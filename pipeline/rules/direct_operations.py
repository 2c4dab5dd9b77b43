"""CEL's operators and methods over plain values, each with CEL's answer or none.

Each is given functions of an event's data (`direct.py` makes them); what is unusual is given up, for CEL itself.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, object]
Direct = Callable[[Data], Any]
"""The value for an event's data; raises one of `GIVING_UP` where CEL is to be asked."""


class GiveUp(Exception):
    """This is one for CEL."""


GIVING_UP = (GiveUp, LookupError, ValueError, ArithmeticError, TypeError)
"""A missing field, an index beyond the list, a function that fails in whatever way."""
_LEAST, _MOST = -(2**63), 2**63 - 1
"""CEL's int (cel-spec, langdef.md, "Numeric Values")."""


def scalar(value: object) -> object:
    """A plain value as CEL would see it: the binding ends a text at its first NUL, so U+0001 stands in for it.

    Raises:
        GiveUp: CEL would see no plain value, or none of its numbers.
    """
    kind = type(value)
    if kind is str:
        return _clean(value)  # type: ignore[arg-type]  # a text, as was just seen
    if kind is float or kind is bool or value is None:
        return value
    if type(value) is int and _LEAST <= value <= _MOST:
        return value
    raise GiveUp


def _clean(text: str) -> str:
    return text.replace("\x00", "\x01") if "\x00" in text else text


def text_of(value: object) -> str:
    """A text as CEL would see it.

    Raises:
        GiveUp: it is none.
    """
    if type(value) is str:
        return _clean(value)
    raise GiveUp


def _truth(value: object) -> bool:
    if value is True or value is False:
        return value
    raise GiveUp


def _and(first: Direct, second: Direct) -> Direct:
    return lambda data: _truth(first(data)) and _truth(second(data))


def _or(first: Direct, second: Direct) -> Direct:
    return lambda data: _truth(first(data)) or _truth(second(data))


def _not(part: Direct) -> Direct:
    return lambda data: not _truth(part(data))


def _choice(asked: Direct, one: Direct, other: Direct) -> Direct:
    return lambda data: one(data) if _truth(asked(data)) else other(data)


def _equality(first: Direct, second: Direct) -> Direct:
    """Values of one type, or null beside anything: mixed numbers are CEL's."""

    def equal(data: Data) -> bool:
        one, other = scalar(first(data)), scalar(second(data))
        if type(one) is type(other) or one is None or other is None:
            return one == other
        raise GiveUp

    return equal


def _inequality(first: Direct, second: Direct) -> Direct:
    equal = _equality(first, second)
    return lambda data: not equal(data)


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Direct, Direct], Direct]:
    def make(first: Direct, second: Direct) -> Direct:
        def compared(data: Data) -> bool:
            one, other = scalar(first(data)), scalar(second(data))
            if type(one) is not type(other) or type(one) not in _ORDERED:
                raise GiveUp
            return compare(one, other)

        return compared

    return make


def _of_texts(work: Callable[[str, str], object]) -> Callable[[Direct, Direct], Direct]:
    return lambda first, second: lambda data: work(text_of(first(data)), text_of(second(data)))


def _string(part: Direct) -> Direct:
    def text(data: Data) -> str:
        value = scalar(part(data))
        return str(value) if type(value) is int else text_of(value)

    return text


def _size(part: Direct) -> Direct:
    def size(data: Data) -> int:
        value = part(data)
        if isinstance(value, str | list | dict):
            return len(value)
        raise GiveUp

    return size


_ORDERED = frozenset({int, float, str})
OPERATIONS: Mapping[tuple[str, int], Callable[..., Direct]] = {
    ("_&&_", 2): _and,
    ("_||_", 2): _or,
    ("!_", 1): _not,
    ("_?_:_", 3): _choice,
    ("_==_", 2): _equality,
    ("_!=_", 2): _inequality,
    ("_<_", 2): _order(operator.lt),
    ("_<=_", 2): _order(operator.le),
    ("_>_", 2): _order(operator.gt),
    ("_>=_", 2): _order(operator.ge),
    ("_+_", 2): _of_texts(operator.add),
    ("startsWith", 2): _of_texts(str.startswith),
    ("endsWith", 2): _of_texts(str.endswith),
    ("contains", 2): _of_texts(str.__contains__),
    ("string", 1): _string,
    ("size", 1): _size,
}
