"""Expressions that differ only in texts and numbers: `event.amount > 5.0` and `event.amount > 6.0` have one form.

Conditions and texts of thousands of rules have few forms. What the checks find in an expression does not depend on an
ordinary text or number that is compared with a field, nor on a text that the expression becomes; so one expression is
checked for all that differ from it in nothing else. Their trees and generated functions are made of its own.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.rules.cel.fields import Fields
from pipeline.rules.cel.operations import GeneratedFunction
from pipeline.rules.cel.tree import Kind, Node, Tree, path, tree_of

Literal = str | int | float
_TOKEN = re.compile(
    r"""
    (?<![\w."'])(?P<quote>["'])(?P<text>[^"'\\\x00-\x1f\x7f$]{0,200})(?P=quote)(?!["'])
    |(?<![\w.])(?:(?P<float>(?:0|[1-9][0-9]{0,8})\.[0-9]{1,6})|(?P<int>0|[1-9][0-9]{0,14}))(?![\w.])
    """,
    re.VERBOSE,
)
"""Texts and numbers in their plainest form."""
_UNUSUAL = re.compile("[\x00\"'\\\\`]|//")
"""What makes it doubtful, outside the literals, where one begins or ends."""
_MOST_CHARACTERS = 2_000
_COMPARISONS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})
_OF_TEXTS = frozenset({"startsWith", "endsWith", "contains"})


class Form(NamedTuple):
    """An expression taken apart."""

    source: str
    outline: str
    """The source with a sign in the place of each literal, which tells its type, and whether it is zero or empty."""
    literals: tuple[Literal, ...]
    spans: tuple[tuple[int, int], ...]
    """Where each literal begins and ends in the source."""


def form_of(source: str) -> Form | None:
    """The form of an expression; None where it has no literals, or is written in an unusual way."""
    if len(source) > _MOST_CHARACTERS or "\x00" in source:
        return None
    literals: list[Literal] = []
    spans: list[tuple[int, int]] = []
    outline: list[str] = []
    at = 0
    for found in _TOKEN.finditer(source):
        literal = _value(found)
        between = source[at : found.start()]
        if _UNUSUAL.search(between) is not None or (isinstance(literal, str) and "event." in literal):
            return None  # `event.` is perhaps a field without its braces
        if between.rstrip().endswith("-"):  # of a negative number, which is one constant
            continue
        outline += (between, _sign(literal))
        literals.append(literal)
        spans.append(found.span())
        at = found.end()
    outline.append(source[at:])
    if _UNUSUAL.search(source[at:]) is not None:
        return None
    return Form(source, "".join(outline), tuple(literals), tuple(spans)) if literals else None


def _value(found: re.Match[str]) -> Literal:
    if (text := found["text"]) is not None:
        return text
    return int(found["int"]) if found["int"] is not None else float(found["float"])


def _sign(literal: Literal) -> str:
    """What the checks ask about a literal is its type, and whether it is zero, or an empty text."""
    return f"\x00{type(literal).__name__}{'' if literal else '0'}\x00"


def free(form: Form, tree: Tree, versions: Sequence[Fields]) -> tuple[bool, ...]:
    """Of each literal, whether the checks find the same with another in its place.

    It is compared with a field that is no enum, or is a text that the expression may become.
    """
    if any(node.kind is Kind.MACRO for node in tree.nodes):
        return (False,) * len(form.literals)
    found = {start for node in tree.nodes for start in _compared(node, versions)}
    found.update(_becomes(tree.root))
    return tuple([start in found for start, _ in form.spans])


def _compared(node: Node, versions: Sequence[Fields]) -> Iterable[int]:
    if node.kind is not Kind.CALL or len(node.children) != 2:  # noqa: PLR2004 - a comparison
        return ()
    one, other = node.children
    pairs = [(other, one)] if node.name in _COMPARISONS or node.name in _OF_TEXTS else []
    if node.name in _COMPARISONS:
        pairs.append((one, other))
    return [
        constant.start
        for constant, field in pairs
        if constant.kind is Kind.CONSTANT
        and field.kind is Kind.FIELD
        and (path(field) or ("",))[0] == "event"
        and not any(fields.symbols(field, {}) for fields in versions)
    ]


def _becomes(node: Node) -> Iterator[int]:
    match node.kind, node.name:
        case Kind.CONSTANT, _ if isinstance(node.value, str):
            yield node.start
        case Kind.CALL, "_?_:_":
            yield from _becomes(node.children[1])
            yield from _becomes(node.children[2])
        case Kind.CALL, "_+_":
            for child in node.children:
                yield from _becomes(child)
        case Kind.CALL, "label" if node.children[-1].kind is Kind.MAP:
            yield from (one.start for one in node.children[-1].children[1::2] if isinstance(one.value, str))
        case _:
            return


def moved(tree: Tree, before: Form, after: Form) -> Tree:
    """The tree of another expression of the same form."""
    starts = [start for start, _ in before.spans]
    shifts = [0]
    for (start, end), (other_start, other_end) in zip(before.spans, after.spans, strict=True):
        shifts.append(shifts[-1] + (other_end - other_start) - (end - start))
    values = dict(zip(starts, after.literals, strict=True))

    def place(index: int) -> int:
        return index + shifts[bisect_left(starts, index)]

    def rebuilt(node: Node) -> Node:
        value = node.value
        if node.kind is Kind.CONSTANT and node.start in values:
            value = values[node.start]
        return Node(
            node.id,
            node.kind,
            node.name,
            tuple([rebuilt(child) for child in node.children]),
            place(node.start),
            place(node.end),
            place(node.own),
            node.is_closed,
            value,
            node.loop_variables,
        )

    return tree_of(after.source, rebuilt(tree.root))


class Generated(NamedTuple):
    """A generated function, and what makes it: the same source with other literals is another function."""

    function: GeneratedFunction
    factory: Callable[..., Any]
    values: tuple[object, ...]
    """What the factory was given."""
    literals: Mapping[int, int]
    """Which of the values are literals of the expression: its index to where the literal begins."""

    def of_form(self, before: Form, after: Form) -> Generated | None:
        """The function of another expression of the same form; None where it differs in more than these literals."""
        values = list(self.values)
        places = {start: index for index, start in self.literals.items()}
        for (start, _), literal, other in zip(before.spans, before.literals, after.literals, strict=True):
            if literal != other:
                if start not in places:
                    return None
                values[places[start]] = other
        return self._replace(function=self.factory(*values), values=tuple(values))
