"""The values of a message's expressions, with one call into CEL for all of them, and none where they are plain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.errors import RenderRefused
from pipeline.model.outcome import Reason
from pipeline.rules.cel.engine import Activation, Environment, Expression, ExpressionFailed


class Named(NamedTuple):
    """An expression, and the name under which its failure is told."""

    name: str
    expression: Expression


class BatchedExpressions:
    """All expressions of one message. What it needs is made when first used: of a thousand rules most are never."""

    __slots__ = ("_environment", "_for_cel", "_list", "_parts")

    def __init__(self, environment: Environment, parts: Sequence[Named]) -> None:
        """`environment` is the one in which they were compiled."""
        self._environment = environment
        self._parts = tuple(parts)
        self._for_cel: tuple[int, ...] | None = None
        """Which of them are CEL's; None: not yet looked at."""
        self._list: Expression | None = None
        """Those as one expression, the list of their values."""

    def values(self, activation: Activation) -> Iterator[object]:
        """Each expression's value, in order.

        Raises:
            RenderRefused: one has none for this event.
        """
        if self._for_cel is None:
            self._prepare()
        if self._list is not None:
            values = self._mixed(self._list, activation)
            if values is not None:
                return iter(values)
        return iter([evaluated(expression, activation, name) for name, expression in self._parts])

    def _prepare(self) -> None:
        found = [part.expression.direct for part in self._parts]
        self._for_cel = tuple(number for number, direct in enumerate(found) if direct is None)
        self._list = self._environment.together([self._parts[number].expression for number in self._for_cel])

    def _mixed(self, together: Expression, activation: Activation) -> list[object] | None:
        """None where one fails in CEL: which of them it was, and what it says, is found one by one."""
        try:
            found = together.by_cel(activation)
        except ExpressionFailed:
            return None
        if not isinstance(found, list):
            return None
        ready = dict(zip(self._for_cel or (), found, strict=True))
        return [
            ready[number] if number in ready else evaluated(part.expression, activation, part.name)
            for number, part in enumerate(self._parts)
        ]


def evaluated(expression: Expression, activation: Activation, name: str) -> object:
    """The expression's value for one event.

    Raises:
        RenderRefused: it has none; `name` is told.
    """
    try:
        return expression.evaluate(activation)
    except ExpressionFailed as failed:
        raise RenderRefused(Reason.EXPRESSION_FAILED, f"{name}: `{expression.source[:120]}`: {failed}") from None
