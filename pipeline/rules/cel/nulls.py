"""Fields that may be null or missing in a version: whether an expression checks before it uses them.

Comparisons with null are followed through `&&`, `||`, `!` and `? :` as CEL evaluates them: `a && b` is false if either
is false, whatever the other does, so the order of check and use does not matter there. Measured with cel-expr-python
0.1.3: null may be compared with anything (`null == 5` is false) and looked for in a list; everything else refuses it.
`has()` is true for a field that is there and null.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from pipeline.rules.cel import measures
from pipeline.rules.cel.fields import Fields, Scope
from pipeline.rules.cel.tree import Kind, Node, Tree, written
from pipeline.rules.schema.types import FieldType, MapType, NullableType, without_null

Known = frozenset[tuple[str, str]]
"""What is known at a point of an expression: `("there", path)` and `("filled", path)`, the path as CEL writes it; and
what `measures.py` adds."""

NOTHING: Known = frozenset()


class Use(NamedTuple):
    """A part that is used although it may be null, or absent."""

    node: Node
    path: str
    is_absent: bool


def uses(tree: Tree, fields: Fields, known: Known = NOTHING, *, may_be_null: bool = False) -> Iterator[Use]:
    """Yield each unchecked use of a field that can be null or absent; `may_be_null`: the expression may be null."""
    return NullWalk(fields).visit(tree.root, known, {}, may_be_null=may_be_null)


def facts(node: Node, *, holds: bool) -> Known:
    """What is known of fields where `node` is true, or (`holds` false) where it is false."""
    known = _asked(node, holds=holds)
    return known | measures.measured(node, holds=holds) if node.kind is Kind.CALL else known


def _asked(node: Node, *, holds: bool) -> Known:
    match node.kind, node.name:
        case Kind.CALL, "!_":
            return facts(node.children[0], holds=not holds)
        case Kind.CALL, ("_&&_" | "_||_") as name:
            left, right = (facts(child, holds=holds) for child in node.children)
            return left | right if (name == "_&&_") is holds else left & right
        case Kind.CALL, ("_==_" | "_!=_") as name:
            return _compared(node, equal=(name == "_==_") is holds)
        case Kind.CALL, ("_<_" | "_<=_" | "_>_" | "_>=_"):
            return frozenset().union(*(_filled(child) for child in node.children))
        case Kind.CALL, "@in" if holds:
            return _there(node.children[0])
        case Kind.HAS, _ if holds:
            return _there(node)
        case Kind.FIELD, _:
            return _filled(node)  # a truth value by itself
        case _:
            return NOTHING


def _compared(node: Node, *, equal: bool) -> Known:
    one, other = node.children
    if _is_null(one):
        one, other = other, one
    if _is_null(other):
        return _there(one) if equal else _filled(one)
    if equal and other.kind is Kind.CONSTANT:
        return _filled(one)
    if equal and one.kind is Kind.CONSTANT:
        return _filled(other)
    return _there(one) | _there(other)


def _is_null(node: Node) -> bool:
    return node.kind is Kind.CONSTANT and node.value is None


def _there(node: Node) -> Known:
    path = written(node)
    return frozenset({("there", path)}) if path is not None else NOTHING


def _filled(node: Node) -> Known:
    path = written(node)
    return frozenset({("there", path), ("filled", path)}) if path is not None else NOTHING


_Found = TypeVar("_Found")


class Walk(ABC, Generic[_Found]):
    """Walks through an expression with what is known at each point."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    @abstractmethod
    def itself(self, node: Node, known: Known, scope: Scope, *, may_be_null: bool) -> Iterator[_Found]:
        """What there is to say about one part, apart from those below it."""

    def visit(self, node: Node, known: Known, scope: Scope, *, may_be_null: bool) -> Iterator[_Found]:
        """What there is to say about a part and all below it; `may_be_null`: whether the part may be."""
        yield from self.itself(node, known, scope, may_be_null=may_be_null)
        match node.kind, node.name:
            case Kind.CALL, ("_&&_" | "_||_") as name:
                one, other = node.children
                holds = name == "_&&_"
                yield from self.visit(one, known | facts(other, holds=holds), scope, may_be_null=False)
                yield from self.visit(other, known | facts(one, holds=holds), scope, may_be_null=False)
            case Kind.CALL, "_?_:_":
                condition, one, other = node.children
                yield from self.visit(condition, known, scope, may_be_null=False)
                yield from self.visit(one, known | facts(condition, holds=True), scope, may_be_null=may_be_null)
                yield from self.visit(other, known | facts(condition, holds=False), scope, may_be_null=may_be_null)
            case Kind.MACRO, _:
                over, *bodies = node.children
                yield from self.visit(over, known, scope, may_be_null=False)
                inner = self._fields.inside(node, scope)
                keys = _visited(node, over, self._fields.type_of(over, scope))
                for body in bodies:
                    yield from self.visit(body, known | keys, inner, may_be_null=False)
            case _:
                for index, child in enumerate(node.children):
                    yield from self.visit(child, known, scope, may_be_null=_takes_null(node, index))


def _visited(macro: Node, over: Node, kind: FieldType | None) -> Known:
    """A macro over a map visits keys that are in it."""
    path = written(over)
    plain = without_null(kind)
    if path is None or not isinstance(plain, MapType):
        return NOTHING
    return frozenset(("item", f"{path}[<{name}>]") for name in macro.loop_variables)


class NullWalk(Walk[Use]):
    """Finds uses of fields that may be null or absent."""

    def itself(self, node: Node, known: Known, scope: Scope, *, may_be_null: bool) -> Iterator[Use]:
        """The part's own use."""
        path = written(node) if node.kind in {Kind.FIELD, Kind.CALL, Kind.NAME} else None
        if path is None:
            return
        if self._fields.is_absent(node, scope) and ("there", path) not in known:
            yield Use(node, path, is_absent=True)
        elif (
            not may_be_null
            and isinstance(self._fields.type_of(node, scope), NullableType)
            and ("filled", path) not in known
        ):
            yield Use(node, path, is_absent=False)


def _takes_null(node: Node, index: int) -> bool:
    """Whether a part may be null at its position in the part above it."""
    if node.name in {"_==_", "_!=_"}:
        return True
    return index == 0 and (node.name == "@in" or (node.kind is Kind.CALL and node.name == "default"))
