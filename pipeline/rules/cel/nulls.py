"""Fields that may be null or missing in a version: whether an expression checks before it uses them.

Comparisons with null are followed through `&&`, `||`, `!` and `? :` as CEL evaluates them: `a && b` is false if either
is false, whatever the other does, so the order of check and use does not matter there. Measured with cel-expr-python
0.1.3: null may be compared with anything (`null == 5` is false) and looked for in a list; everything else refuses it.
`has()` is true for a field that is there and null.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.rules.cel.fields import Fields, Scope
from pipeline.rules.cel.tree import Kind, Node, Tree
from pipeline.rules.schema.types import NullableType

Known = frozenset[tuple[str, str]]
"""What is known at a point of an expression: `("there", path)` and `("filled", path)`, the path as CEL writes it."""

NOTHING: Known = frozenset()


class Use(NamedTuple):
    """A part that is used although it may be null, or absent."""

    node: Node
    path: str
    is_absent: bool


def uses(tree: Tree, fields: Fields, known: Known = NOTHING, *, may_be_null: bool = False) -> Iterator[Use]:
    """Yield each unchecked use of a field that can be null or absent; `may_be_null`: the expression may be null."""
    return _Walk(fields).visit(tree.root, known, {}, may_be_null=may_be_null)


def facts(node: Node, *, holds: bool) -> Known:
    """What is known of fields where `node` is true, or (`holds` false) where it is false."""
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


class _Walk:
    """Walks through an expression with what is known at each point."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def visit(self, node: Node, known: Known, scope: Scope, *, may_be_null: bool) -> Iterator[Use]:
        yield from self._itself(node, known, scope, may_be_null=may_be_null)
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
                for body in bodies:
                    yield from self.visit(body, known, inner, may_be_null=False)
            case _:
                for index, child in enumerate(node.children):
                    yield from self.visit(child, known, scope, may_be_null=_takes_null(node, index))

    def _itself(self, node: Node, known: Known, scope: Scope, *, may_be_null: bool) -> Iterator[Use]:
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
