"""Expressions of the plain forms that most rules are made of, evaluated without a call into CEL.

A field, a comparison, one of our own functions: for these, handing the event over to CEL costs ten times the work
itself (docs/decisions/rule-expressions.md). What is here gives CEL's value or gives up, for any reason and at any step:
a field that is not there, a value of another type, a function that fails. Then CEL itself is asked, so errors, their
words and everything unusual stay CEL's. A property test holds the two against each other.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from pipeline.rules.cel_ast import Kind, Node
from pipeline.rules.functions import FUNCTIONS, Function

Data = Mapping[str, object]
Direct = Callable[[Data], Any]
"""The value for an event's data; raises one of `GIVING_UP` where CEL is to be asked."""


class _GiveUp(Exception):
    pass


GIVING_UP = (_GiveUp, LookupError, ValueError, ArithmeticError, TypeError)
"""A missing field, an index beyond the list, a function that fails in whatever way."""
_LEAST, _MOST = -(2**63), 2**63 - 1
"""CEL's int (cel-spec, langdef.md, "Numeric Values")."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def direct(root: Node) -> Direct | None:
    """The expression as a function; None where it has a part that only CEL can evaluate."""
    made = _make(root)
    if made is None or root.kind is Kind.CONSTANT:
        return made
    if root.kind is Kind.FIELD and root.children[0].kind is Kind.NAME:
        return _plain_field(root.name)
    return lambda data: scalar(made(data))


def _plain_field(name: str) -> Direct:
    """`event.name`, what most texts are made of: the usual case first."""

    def value(data: Data) -> object:
        found = data[name]
        return found if type(found) is str and "\x00" not in found else scalar(found)

    return value


def scalar(value: object) -> object:
    """A plain value as CEL would see it: the binding ends a text at its first NUL, so U+0001 stands in for it."""
    kind = type(value)
    if kind is str:
        return _clean(value)  # type: ignore[arg-type]  # a text, as was just seen
    if kind is float or kind is bool or value is None:
        return value
    if type(value) is int and _LEAST <= value <= _MOST:
        return value
    raise _GiveUp


def _clean(text: str) -> str:
    return text.replace("\x00", "\x01") if "\x00" in text else text


def _make(node: Node) -> Direct | None:
    match node.kind:
        case Kind.CONSTANT:
            return _constant(node.value)
        case Kind.FIELD:
            return _field(node)
        case Kind.HAS:
            holder = _holder(node.children[0])
            name = node.name
            return None if holder is None else lambda data: name in _record(holder(data))
        case Kind.CALL:
            return _call(node)
        case _:
            return None


def _constant(value: object) -> Direct | None:
    if value is not None and type(value) not in {str, bool, int, float}:
        return None
    if type(value) is str and "\x00" in value:
        return None
    return lambda _: value


def _holder(node: Node) -> Direct | None:
    """What a field may be taken from: the event itself, or what a path leads to."""
    if node.kind is Kind.NAME:
        return (lambda data: data) if node.name == "event" else None
    return _field(node) if node.kind is Kind.FIELD or node.name == "_[_]" else None


def _field(node: Node) -> Direct | None:
    """`event.a`, `event.a.b`, `event.a[0].b`: whatever stands there, not yet looked at."""
    name = node.name
    if node.kind is not Kind.FIELD:
        return _item(node)
    below = node.children[0]
    if below.kind is Kind.NAME:
        return operator.itemgetter(name) if below.name == "event" else None
    holder = _holder(below)
    return None if holder is None else lambda data: _record(holder(data))[name]


def _item(node: Node) -> Direct | None:
    below, key = node.children
    holder = _holder(below) if below.kind is not Kind.NAME else None
    index = key.value if key.kind is Kind.CONSTANT else None
    if holder is None:
        return None
    if type(index) is str:
        return lambda data: _record(holder(data))[index]
    if type(index) is int and index >= 0:
        return lambda data: _list(holder(data))[index]
    return None


def _record(value: object) -> Data:
    if type(value) is dict:
        return value
    raise _GiveUp


def _list(value: object) -> list[object]:
    if type(value) is list:
        return value
    raise _GiveUp


def _call(node: Node) -> Direct | None:
    name = node.name
    function = _OURS.get(name)
    if function is not None:
        return _function(function, node)
    if name == "@in":
        return _membership(node)
    if name == "_[_]":
        return _item(node)
    parts = [_make(child) for child in node.children]
    made = _OPERATIONS.get((name, len(parts)))
    if made is None or any(part is None for part in parts):
        return None
    return made(*parts)


def _function(function: Function, node: Node) -> Direct | None:
    """One of ours, called as CEL would: with arguments of exactly the types that an overload names."""
    parts = [_argument(child) for child in node.children]
    accepted = frozenset(
        tuple(_CLASSES[parameter] for parameter in overload.parameters)
        for overload in function.overloads
        if len(overload.parameters) == len(parts) and _CLASSES.keys() >= set(overload.parameters)
    )
    if not accepted or any(part is None for part in parts):
        return None
    given: list[Direct] = [part for part in parts if part is not None]
    implementation = function.implementation

    if len(given) == 2:  # noqa: PLR2004 - the usual case, in less time
        one, other = given

        def call_with_two(data: Data) -> object:
            first, second = one(data), other(data)
            if (type(first), type(second)) not in accepted:
                raise _GiveUp
            return implementation(first, second)

        return call_with_two

    def call(data: Data) -> object:
        arguments = [part(data) for part in given]
        if tuple([type(argument) for argument in arguments]) not in accepted:
            raise _GiveUp
        return implementation(*arguments)

    return call


def _argument(node: Node) -> Direct | None:
    if node.kind is Kind.MAP:
        return _words(node)
    made = _make(node)
    if made is None or node.kind is Kind.CONSTANT:
        return made
    return lambda data: _value(made(data))


def _words(node: Node) -> Direct | None:
    """A map of constant texts, as `label` takes."""
    texts = _constant_texts(node)
    if texts is None:
        return None
    words = dict(zip(texts[::2], texts[1::2], strict=True))
    return lambda _: words


def _constant_texts(node: Node) -> list[str] | None:
    texts = [child.value for child in node.children if type(child.value) is str and "\x00" not in child.value]
    return texts if len(texts) == len(node.children) else None


def _value(value: object) -> object:
    """A plain value, or a moment as the binding hands it to a function: parts of a microsecond are dropped."""
    if type(value) is Timestamp:
        return _EPOCH + timedelta(0, value.seconds, value.nanos // 1_000)
    return scalar(value)


def _membership(node: Node) -> Direct | None:
    """`event.kind in ["A", "B"]`: a text among constant texts."""
    wanted, group = _make(node.children[0]), node.children[1]
    texts = _constant_texts(group) if group.kind is Kind.LIST else None
    if wanted is None or texts is None:
        return None
    members = frozenset(texts)
    return lambda data: _text(wanted(data)) in members


def _text(value: object) -> str:
    if type(value) is str:
        return _clean(value)
    raise _GiveUp


def _truth(value: object) -> bool:
    if value is True or value is False:
        return value
    raise _GiveUp


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
        raise _GiveUp

    return equal


def _inequality(first: Direct, second: Direct) -> Direct:
    equal = _equality(first, second)
    return lambda data: not equal(data)


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Direct, Direct], Direct]:
    def make(first: Direct, second: Direct) -> Direct:
        def compared(data: Data) -> bool:
            one, other = scalar(first(data)), scalar(second(data))
            if type(one) is not type(other) or type(one) not in _ORDERED:
                raise _GiveUp
            return compare(one, other)

        return compared

    return make


def _of_texts(work: Callable[[str, str], object]) -> Callable[[Direct, Direct], Direct]:
    return lambda first, second: lambda data: work(_text(first(data)), _text(second(data)))


def _string(part: Direct) -> Direct:
    def text(data: Data) -> str:
        value = scalar(part(data))
        return str(value) if type(value) is int else _text(value)

    return text


def _size(part: Direct) -> Direct:
    def size(data: Data) -> int:
        value = part(data)
        if isinstance(value, str | list | dict):
            return len(value)
        raise _GiveUp

    return size


_ORDERED = frozenset({int, float, str})
_CLASSES: Mapping[str, type] = {
    "string": str,
    "double": float,
    "int": int,
    "bool": bool,
    "timestamp": datetime,
    "map<string, string>": dict,
}
"""CEL's names for types that a function's arguments may have here. A map can only be one of constants."""
_OURS: Mapping[str, Function] = {function.name: function for function in FUNCTIONS}
_OPERATIONS: Mapping[tuple[str, int], Callable[..., Direct]] = {
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
