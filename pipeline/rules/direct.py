"""Expressions of the plain forms that most rules are made of, evaluated without a call into CEL.

A field, a comparison, one of our own functions: for these, handing the event over to CEL costs ten times the work
itself (docs/decisions/rule-expressions.md). What is here gives CEL's value or gives up, for any reason and at any step:
a field that is not there, a value of another type, a function that fails. Then CEL itself is asked, so errors, their
words and everything unusual stay CEL's. A property test holds the two against each other.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from pipeline.rules.cel_ast import Kind, Node
from pipeline.rules.direct_operations import OPERATIONS, Data, Direct, GiveUp, scalar, text_of
from pipeline.rules.functions import FUNCTIONS, Function

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
    raise GiveUp


def _list(value: object) -> list[object]:
    if type(value) is list:
        return value
    raise GiveUp


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
    made = OPERATIONS.get((name, len(parts)))
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
                raise GiveUp
            return implementation(first, second)

        return call_with_two

    def call(data: Data) -> object:
        arguments = [part(data) for part in given]
        if tuple([type(argument) for argument in arguments]) not in accepted:
            raise GiveUp
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
    return lambda data: text_of(wanted(data)) in members


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
