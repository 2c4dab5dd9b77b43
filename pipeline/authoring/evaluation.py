"""Evaluates an expression part by part: the value of each part, skipped parts, and the parts that decide the result.

It follows CEL's order: `a && b` is false if either is false, even if the other fails; of `a ? b : c` one branch is
evaluated; a macro (`exists`, `all`, …) is one part, because its body has no single value. cel-spec, doc/langdef.md,
"Logical Operators".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipeline.rules.cel.engine import Activation, Environment, Expression, ExpressionFailed
from pipeline.rules.cel.tree import Kind, Node, Tree


class Result(NamedTuple):
    """The value of one part."""

    value: object = None
    failed: str | None = None
    """Why the part has no value; without text of the event."""


class Evaluation(NamedTuple):
    """One expression, evaluated for one event."""

    tree: Tree
    results: Mapping[int, Result]
    """Values by `Node.id`, without skipped parts, bodies of macros, and `event` itself."""

    @property
    def result(self) -> Result:
        """The value of the whole expression."""
        return self.results.get(self.tree.root.id, Result())

    def of(self, node: Node) -> Result | None:
        """The value of a part; None if it was skipped, is `event` itself, or is inside a macro."""
        return self.results.get(node.id)

    def deciding(self) -> tuple[Node, ...]:
        """The smallest parts that decide the result, in the order of the source.

        For a false `a && b` the first false operand, for a true one both, for a failure its deepest part.
        """
        return tuple(self._deciding(self.tree.root))

    def operands(self, node: Node) -> Iterator[Node]:
        """The parts below `node` whose values explain it: fields, calls and macros, outer parts first."""
        for child in node.children:
            if child.kind is Kind.FIELD or _is_item(child):
                if child.id in self.results:
                    yield child
                continue
            if child.kind in {Kind.HAS, Kind.CALL, Kind.MACRO} and child.id in self.results:
                yield child
            yield from self.operands(child)

    def _deciding(self, node: Node) -> Iterator[Node]:
        result = self.results.get(node.id)
        if node.kind is not Kind.CALL or result is None:
            yield from self._failing(node)
        elif node.name == "!_":
            yield from self._deciding(node.children[0])
        elif node.name in _JUNCTIONS:
            yield from self._deciding_junction(node, result)
        elif node.name == "_?_:_":
            yield from self._deciding_choice(node)
        else:
            yield from self._failing(node)

    def _deciding_junction(self, node: Node, result: Result) -> Iterator[Node]:
        ending = _JUNCTIONS[node.name]
        known = [(child, self.results[child.id]) for child in node.children if child.id in self.results]
        if result.failed is not None:
            deciding = [child for child, one in known if one.failed is not None][:1]
        elif result.value is ending:
            deciding = [child for child, one in known if one.value is ending and one.failed is None][:1]
        else:
            deciding = [child for child, _ in known]
        for child in deciding or [node]:
            yield from self._deciding(child) if child is not node else (node,)

    def _deciding_choice(self, node: Node) -> Iterator[Node]:
        condition, *branches = node.children
        yield from self._deciding(condition)
        chosen = next((branch for branch in branches if branch.id in self.results), None)
        if chosen is not None and chosen.kind is not Kind.CONSTANT:  # the value of a constant explains nothing
            yield from self._deciding(chosen)

    def _failing(self, node: Node) -> Iterator[Node]:
        """The part, or the part below it that made it fail."""
        below = (child for child in node.children if (one := self.results.get(child.id)) is not None and one.failed)
        failed = next(below, None)
        yield from (node,) if failed is None else self._deciding(failed)


class Probe:
    """One expression prepared for evaluation part by part, for any number of events."""

    def __init__(self, environment: Environment, expression: Expression) -> None:
        """`environment` is the one that the expression was compiled in."""
        self.tree = expression.tree()
        self._environment = environment
        self._expression = expression
        self._parts: dict[int, Expression] = {self.tree.root.id: expression}

    def evaluate(self, activation: Activation) -> Evaluation:
        """The value of every part that CEL evaluates for this event."""
        results: dict[int, Result] = {}
        self._visit(self.tree.root, activation, results)
        return Evaluation(self.tree, results)

    def _visit(self, node: Node, activation: Activation, results: dict[int, Result]) -> None:
        if node.kind is Kind.NAME or not node.is_closed:
            return
        result = results[node.id] = self._result(node, activation)
        match node.kind, node.name:
            case Kind.CONSTANT, _:
                return
            case Kind.CALL, "_?_:_":
                condition, one, other = node.children
                self._visit(condition, activation, results)
                truth = _truth(results.get(condition.id, Result()))
                if truth is not None:
                    self._visit(one if truth else other, activation, results)
            case Kind.CALL, ("_&&_" | "_||_") as name:
                first, second = node.children
                self._visit(first, activation, results)
                if result.failed is not None or _truth(results.get(first.id, Result())) is not _JUNCTIONS[name]:
                    self._visit(second, activation, results)
            case Kind.MACRO, _:
                self._visit(node.children[0], activation, results)
            case _:
                for child in node.children:
                    self._visit(child, activation, results)

    def _result(self, node: Node, activation: Activation) -> Result:
        if node.kind is Kind.CONSTANT:
            return Result(node.value)
        part = self._parts.get(node.id)
        if part is None:
            part = self._parts[node.id] = self._environment.part(self._expression, node)
        try:
            return Result(part.evaluate(activation))
        except ExpressionFailed as failed:
            return Result(failed=str(failed))


_JUNCTIONS: Mapping[str, bool] = {"_&&_": False, "_||_": True}
"""For each operator, the value of one operand that decides the result."""


def _truth(result: Result) -> bool | None:
    return result.value if isinstance(result.value, bool) and result.failed is None else None


def _is_item(node: Node) -> bool:
    """`event.tags[0]`: a path that is shown like a field."""
    return node.name == "_[_]" and node.kind is Kind.CALL and node.children[1].kind is Kind.CONSTANT
