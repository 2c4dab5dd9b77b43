"""Conditions that are never true, or always true, as far as their form shows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from pipeline.rules.cel.tree import Kind, Node, written


class Clash(NamedTuple):
    """Two parts that exclude one another."""

    at: Node
    """The second of them."""
    path: str
    """The field that both compare."""


_TURNED = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}
_NEGATED = {"_==_": "_!=_", "_!=_": "_==_", "_<_": "_>=_", "_<=_": "_>_", "_>_": "_<=_", "_>=_": "_<_"}


def of_itself(node: Node) -> Iterator[tuple[Node, str, bool]]:
    """Comparisons of a field with itself: each with the field and whether it is always true."""
    if node.name in _NEGATED:
        one, other = map(written, node.children)
        if one is not None and one == other:
            yield node, one, node.name in {"_==_", "_<=_", "_>=_"}
    for child in node.children:
        yield from of_itself(child)


class _Claim(NamedTuple):
    path: str
    sign: str
    value: str | float
    node: Node


def never(node: Node) -> Clash | None:
    """Two parts joined by `&&` that exclude one another, so that the condition is never true."""
    return _clash(list(_claims(node, "_&&_", negated=False)))


def always(node: Node) -> Clash | None:
    """Two parts joined by `||` of which one holds for any value, so that the condition is always true."""
    return _clash(list(_claims(node, "_||_", negated=True)))


def _claims(node: Node, joint: str, *, negated: bool) -> Iterator[_Claim]:
    """Comparisons of a field with a fixed value, joined by `joint`; each negated if `negated`."""
    if node.name == joint:
        for child in node.children:
            yield from _claims(child, joint, negated=negated)
        return
    if node.name not in _NEGATED:
        return
    one, other, sign = *node.children, node.name
    if one.kind is Kind.CONSTANT:
        one, other, sign = other, one, _TURNED.get(sign, sign)
    path = written(one)
    if path is not None and other.kind is Kind.CONSTANT and isinstance(other.value, str | int | float):
        yield _Claim(path, _NEGATED[sign] if negated else sign, other.value, node)


def _clash(claims: list[_Claim]) -> Clash | None:
    for index, later in enumerate(claims):
        for earlier in claims[:index]:
            if earlier.path == later.path and _exclude(earlier, later):
                return Clash(later.node, later.path)
    return None


def _exclude(one: _Claim, other: _Claim) -> bool:
    """Whether no value satisfies both."""
    if other.sign == "_==_":
        one, other = other, one
    if one.sign == "_==_":
        return not _satisfies(one.value, other)
    if isinstance(one.value, str) or isinstance(other.value, str):
        return False
    low, high = (one, other) if one.sign in _LOWER else (other, one)
    if low.sign not in _LOWER or high.sign not in _UPPER:
        return False
    if low.value == high.value:
        return "=" not in low.sign or "=" not in high.sign
    return float(low.value) > float(high.value)


def _satisfies(value: str | float, claim: _Claim) -> bool:
    if isinstance(value, str) or isinstance(claim.value, str):
        return {"_==_": value == claim.value, "_!=_": value != claim.value}.get(claim.sign, True)
    return _COMPARE[claim.sign](value, claim.value)


_LOWER, _UPPER = frozenset({"_>_", "_>=_"}), frozenset({"_<_", "_<=_"})
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "_==_": operator.eq,
    "_!=_": operator.ne,
    "_<_": operator.lt,
    "_<=_": operator.le,
    "_>_": operator.gt,
    "_>=_": operator.ge,
}
