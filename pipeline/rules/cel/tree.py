"""The syntax tree of an expression, with the location of each part in the source.

CEL's own tree (`pipeline.rules.cel.messages`) has loops in place of macros, and one position for each part. Here macros
are as the author wrote them, and every part has a start and an end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from pipeline.rules.cel.messages import Message, children, cut, read
from pipeline.rules.cel.tokens import Tokens

UNSIGNED = "uint"


class Kind(StrEnum):
    """What a node is."""

    CONSTANT = "constant"
    NAME = "name"
    """A variable: `event`, or one of a macro."""
    FIELD = "field"
    """`operand.name`."""
    HAS = "has"
    """`has(operand.name)`."""
    CALL = "call"
    """A function or operator. Operators are named as CEL does: `_&&_`, `_?_:_`, `!_`, `_[_]`, `@in`, `_==_`."""
    LIST = "list"
    MAP = "map"
    """Its children are key, value, key, value …"""
    MACRO = "macro"
    """`exists`, `all`, `map`, …: the children are the range, then what is done with each item."""


@dataclass(frozen=True, slots=True)
class Node:
    """One part of an expression."""

    id: int
    """CEL's own number; unique in the expression."""
    kind: Kind
    name: str
    """Function, operator, field, variable or macro; `uint` for an unsigned constant; else empty."""
    children: tuple[Node, ...]
    """A method's target is the first."""
    start: int
    """Index of the part's first character in the source."""
    end: int
    """Index after its last character."""
    own: int
    """Index of what names it: an operator's sign, a field's or function's name."""
    is_closed: bool
    """Whether it can be evaluated alone: it uses no variable of a macro around it."""
    value: object = None
    """A constant's value."""
    loop_variables: tuple[str, ...] = ()
    """The variables that a macro gives to what is done with each item."""


class Tree(NamedTuple):
    """A whole expression."""

    source: str
    root: Node
    nodes: tuple[Node, ...]
    """All parts, as `walk` gives them: some twenty checks look at each."""

    def text(self, node: Node) -> str:
        """The node's source."""
        return self.source[node.start : node.end]


def parse(source: str, serialized: bytes) -> Tree:
    """The tree of a compiled expression; `serialized` is what the binding's `Expression.serialize()` gives."""
    return tree_of(source, _TreeReader(source, read(serialized)).root())


def tree_of(source: str, root: Node) -> Tree:
    """The tree of the expression `source` below its root."""
    return Tree(source, root, tuple(walk(root)))


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, each before its children, in the order of the source's tree."""
    left = [node]
    while left:
        one = left.pop()
        yield one
        left.extend(reversed(one.children))


def path(node: Node) -> tuple[str, ...] | None:
    """`("event", "item", "name")` for `event.item.name`; None for anything but a path of names."""
    if node.kind is Kind.NAME:
        return (node.name,)
    if node.kind in {Kind.FIELD, Kind.HAS}:
        before = path(node.children[0])
        return (*before, node.name) if before is not None else None
    return None


def written(node: Node) -> str | None:
    """A path of names and constant indices, in one spelling; None for anything else."""
    if node.kind is Kind.NAME:
        return node.name
    if node.kind in {Kind.FIELD, Kind.HAS}:
        before = written(node.children[0])
        return f"{before}.{node.name}" if before is not None else None
    if node.name == "_[_]" and node.children[1].kind is Kind.CONSTANT:
        before = written(node.children[0])
        return f"{before}[{node.children[1].value!r}]" if before is not None else None
    return None


def fields_read(node: Node) -> frozenset[str] | None:
    """The event's own fields that an expression reads; None where it may read any, as `size(event)` does."""
    if node.kind is Kind.NAME:
        return None if node.name == "event" else frozenset()
    if node.kind in {Kind.FIELD, Kind.HAS} and (read := path(node)) is not None and read[0] == "event":
        return frozenset({read[1]})
    fields: set[str] = set()
    for child in node.children:
        below = fields_read(child)
        if below is None:
            return None
        fields |= below
    return frozenset(fields)


def part(serialized: bytes, node: Node) -> bytes:
    """The serialized form of one part alone, for the binding's `Env.deserialize`.

    Raises:
        ValueError: the part stands inside a macro and uses its variable.
    """
    if not node.is_closed:
        raise ValueError("a part that uses a macro's variable has no value of its own")
    return cut(serialized, node.id)


class _TreeReader:
    """Turns CEL's messages into nodes with their locations."""

    def __init__(self, source: str, checked: Message) -> None:
        self._tokens = Tokens(source)
        self._checked = checked
        self._positions: Mapping[int, int] = {
            location.key: location.value for location in checked.source_info.positions
        }

    def root(self) -> Node:
        return self._node(self._checked.expr, frozenset())

    def _node(self, expr: Message, loops: frozenset[str]) -> Node:
        """`loops` are the variables of the macros around."""
        match expr.WhichOneof("kind"):
            case "const_expr":
                return self._constant(expr)
            case "ident_expr":
                name, at = str(expr.ident_expr.name), self._token(expr)
                return self._leaf(expr, Kind.NAME, (at, at), name=name, is_closed=name not in loops)
            case "select_expr":
                return self._select(expr, loops)
            case "call_expr":
                return self._call(expr, loops)
            case "comprehension_expr":
                return self._macro(expr, loops)
            case kind:
                at = self._token(expr)
                parts = tuple(self._node(one, loops) for one in children(expr))
                named = Kind.LIST if kind == "list_expr" else Kind.MAP
                return self._spanned(expr, named, "", parts, (at, self._tokens.closing(at), at))

    def _constant(self, expr: Message) -> Node:
        at = self._token(expr)
        end = at + 1 if self._tokens.text(at) == "-" else at  # a negative number is one constant and two tokens
        constant = expr.const_expr
        name = constant.WhichOneof("kind")
        value = None if name == "null_value" else getattr(constant, name)
        return self._leaf(expr, Kind.CONSTANT, (at, end), name=UNSIGNED if name == "uint64_value" else "", value=value)

    def _leaf(
        self,
        expr: Message,
        kind: Kind,
        span: tuple[int, int],
        *,
        name: str = "",
        value: object = None,
        is_closed: bool = True,
    ) -> Node:
        start, end = self._tokens.start(span[0]), self._tokens.end(span[1])
        return Node(int(expr.id), kind, name, (), start, end, start, is_closed, value)

    def _select(self, expr: Message, loops: frozenset[str]) -> Node:
        select, at = expr.select_expr, self._token(expr)
        name, parts = str(select.field), (self._node(select.operand, loops),)
        if select.test_only:  # CEL points at the bracket of `has(`
            closing = self._tokens.closing(at)
            return self._spanned(expr, Kind.HAS, name, parts, (at - 1, closing, closing - 1))
        return self._spanned(expr, Kind.FIELD, name, parts, (self._tokens.at(parts[0].start), at + 1, at + 1))

    def _call(self, expr: Message, loops: frozenset[str]) -> Node:
        name, at = str(expr.call_expr.function), self._token(expr)
        parts = tuple(self._node(one, loops) for one in children(expr))
        if name in _OPERATORS:
            first, last = self._tokens.at(parts[0].start), self._tokens.at(parts[-1].end - 1)
            return self._spanned(expr, Kind.CALL, name, parts, (min(first, at), max(last, at), at))
        first = self._tokens.at(parts[0].start) if expr.call_expr.HasField("target") else at - 1
        return self._spanned(expr, Kind.CALL, name, parts, (first, at, at - 1))  # CEL points at the bracket

    def _macro(self, expr: Message, loops: frozenset[str]) -> Node:
        comprehension, at = expr.comprehension_expr, self._token(expr)
        variables = tuple(str(name) for name in (comprehension.iter_var, comprehension.iter_var2) if name)
        inner = loops.union(variables)
        bodies = [self._node(one, inner) for one in self._written(comprehension.loop_step, self._position(expr))]
        parts = (self._node(comprehension.iter_range, loops), *bodies)
        names = {node.name for body in bodies for node in walk(body) if node.kind is Kind.NAME}
        is_closed = parts[0].is_closed and names.isdisjoint(loops.difference(variables))
        span = (self._tokens.at(parts[0].start), at, at - 1)
        node = self._spanned(expr, Kind.MACRO, self._tokens.text(at - 1), parts, span)
        return replace(node, is_closed=is_closed, loop_variables=variables)

    def _written(self, expr: Message, macro: int) -> Iterator[Message]:
        """The parts that the author wrote; what CEL puts around them has the macro's own position."""
        if self._position(expr) != macro:
            yield expr
            return
        for child in children(expr):
            yield from self._written(child, macro)

    def _position(self, expr: Message) -> int:
        return self._positions.get(expr.id, 0)

    def _token(self, expr: Message) -> int:
        return self._tokens.at(self._position(expr))

    def _spanned(
        self, expr: Message, kind: Kind, name: str, parts: tuple[Node, ...], span: tuple[int, int, int]
    ) -> Node:
        """`span` is first token, last token, and the one that names the part."""
        first, last = self._tokens.balanced(span[0], span[1])
        start, end, own = self._tokens.start(first), self._tokens.end(last), self._tokens.start(span[2])
        return Node(int(expr.id), kind, name, parts, start, end, own, all(part.is_closed for part in parts))


_SIGNS = ("==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%")
_OPERATORS = frozenset({"_&&_", "_||_", "_?_:_", "!_", "-_", "_[_]", "@in", *(f"_{sign}_" for sign in _SIGNS)})
