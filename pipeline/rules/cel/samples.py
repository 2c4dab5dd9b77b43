"""Texts that an expression may become, as far as its form tells: fixed ones, and those of functions with one form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from pipeline.rules.cel.tree import Kind, Node
from pipeline.rules.functions import FunctionFailed
from pipeline.rules.functions.money import money, money_of_cents
from pipeline.rules.functions.times import local_date, local_time

_TIME = datetime(2026, 11, 23, 7, 1, tzinfo=UTC)
_DAY = "2026-11-23"
_LOCALE = "en"
_AMOUNT, _CENTS, _CURRENCY = 1.0, 100, "CNY"


def possible_texts(node: Node) -> Iterator[tuple[Node, str]]:
    """The texts that are known, each with the part that decides it: constants, branches, labels, formatted times.

    A time and an amount stand for all others that the function writes in the same form.
    """
    match node.kind, node.name:
        case Kind.CONSTANT, _:
            if isinstance(node.value, str):
                yield node, node.value
            elif node.value is None:  # no text
                yield node, ""
        case Kind.CALL, "_?_:_":
            yield from possible_texts(node.children[1])
            yield from possible_texts(node.children[2])
        case Kind.CALL, "label":
            message = node.children[-1]
            for value in message.children[1::2] if message.kind is Kind.MAP else ():
                yield from possible_texts(value)
        case Kind.CALL, "default":
            yield from possible_texts(node.children[1])
        case Kind.CALL, name if name in _FORMED:
            text = _formed(node)
            if text is not None:
                yield node, text
        case _:
            return


def is_known(node: Node) -> bool:
    """Whether `possible_texts` gives every text that the part may become, but for values of one form."""
    match node.kind, node.name:
        case Kind.CONSTANT, _:
            return node.value is None or isinstance(node.value, str)
        case Kind.CALL, "_?_:_":
            return is_known(node.children[1]) and is_known(node.children[2])
        case Kind.CALL, "label":
            message = node.children[-1]
            return message.kind is Kind.MAP and all(map(is_known, message.children[1::2]))
        case Kind.CALL, name if name in _FORMED:
            return _formed(node) is not None
        case _:
            return False


def _formed(call: Node) -> str | None:
    try:
        return _FORMED[call.name](call)
    except FunctionFailed:  # a finding of its own
        return None


def _fixed(call: Node, at: int) -> str | None:
    value = call.children[at].value if len(call.children) > at else None
    return value if isinstance(value, str) else None


def _of_time(call: Node) -> str | None:
    pattern = _fixed(call, 1)
    locale = _fixed(call, 3) or _LOCALE if len(call.children) > 3 else None  # noqa: PLR2004 - time, pattern, zone, locale
    return None if pattern is None else local_time(_TIME, pattern, locale=locale)


def _of_date(call: Node) -> str | None:
    pattern = _fixed(call, 1)
    locale = _fixed(call, 2) or _LOCALE if len(call.children) > 2 else None  # noqa: PLR2004 - date, pattern, locale
    return None if pattern is None else local_date(_DAY, pattern, locale)


def _of_money(call: Node) -> str | None:
    return money(_AMOUNT, _fixed(call, 1) or _CURRENCY)


def _of_cents(call: Node) -> str | None:
    return money_of_cents(_CENTS, _fixed(call, 1) or _CURRENCY)


_FORMED: Mapping[str, Callable[[Node], str | None]] = {
    "local_time": _of_time,
    "local_date": _of_date,
    "money": _of_money,
    "money_of_cents": _of_cents,
}
