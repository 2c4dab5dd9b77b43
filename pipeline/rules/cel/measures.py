"""What a condition says of the size of lists, of numbers that are not zero, and of texts that hold a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.rules.cel.tree import Kind, Node, written

MOST_ITEMS = 50
"""Sizes of lists that are followed: an item beyond it counts as not asked for."""

Facts = frozenset[tuple[str, str]]
"""`("item", "event.list[2]")`: there is such an item or key; `("item", "event.map[<one>]")`: of the key that `one`
names · `("not zero", path)` · `("number", path)`: a text that was matched with a pattern."""

_TURNED = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}
_NEGATED = {"_<_": "_>=_", "_<=_": "_>_", "_>_": "_<=_", "_>=_": "_<_", "_==_": "_!=_", "_!=_": "_==_"}
_LEAST: Mapping[str, Callable[[float], float]] = {
    "_>_": lambda value: value + 1,
    "_>=_": lambda value: value,
    "_==_": lambda value: value,
    "_!=_": lambda value: 1 if value == 0 else 0,
}
"""The least size that a comparison with a number leaves."""
_OF_TEXTS = frozenset({"matches"})


def measured(node: Node, *, holds: bool) -> Facts:
    """What is known where the comparison or call `node` is true, or (`holds` false) where it is false."""
    if node.name in _OF_TEXTS:
        path = written(node.children[0])
        return frozenset({("number", path)}) if holds and path is not None else frozenset()
    if node.name == "@in" and holds:
        return _key(*node.children)
    if node.name not in _TURNED:
        return frozenset()
    one, other, sign = *node.children, node.name
    if one.kind is Kind.CONSTANT:
        one, other, sign = other, one, _TURNED[sign]
    if not holds:
        sign = _NEGATED[sign]
    value = other.value if other.kind is Kind.CONSTANT else None
    if not isinstance(value, int | float):
        return frozenset()
    if one.name == "size" and one.kind is Kind.CALL:
        return _items(one, sign, value)
    path = written(one)
    return frozenset({("not zero", path)}) if path is not None and _excludes_zero(sign, value) else frozenset()


def _key(key: Node, several: Node) -> Facts:
    path = written(several)
    if path is None:
        return frozenset()
    if key.kind is Kind.CONSTANT:
        return frozenset({("item", f"{path}[{key.value!r}]")})
    return frozenset({("item", item)}) if (item := named_item(path, key)) is not None else frozenset()


def named_item(path: str, key: Node) -> str | None:
    """The item of a map whose key a field or a macro's variable names."""
    name = written(key)
    return f"{path}[<{name}>]" if name is not None else None


def _items(size: Node, sign: str, value: float) -> Facts:
    path = written(size.children[0])
    if path is None or sign not in _LEAST:
        return frozenset()
    count = min(int(_LEAST[sign](value)), MOST_ITEMS)
    return frozenset(("item", f"{path}[{index}]") for index in range(count))


def _excludes_zero(sign: str, value: float) -> bool:
    match sign:
        case "_>_":
            return value >= 0
        case "_>=_":
            return value > 0
        case "_<_":
            return value <= 0
        case "_<=_":
            return value < 0
        case "_==_":
            return value != 0
        case _:
            return value == 0
