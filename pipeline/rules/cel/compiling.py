"""From an expression's source to what CEL makes of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from cel_expr_python import cel

from pipeline.phrases import phrase
from pipeline.rules.cel import cost, decimals, rewriting, tree

_POSITION = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")


class CompileError(ValueError):
    """An expression that is not CEL, or does not fit the types; each fault with its index into the source."""

    def __init__(self, faults: list[tuple[int, str]]) -> None:
        super().__init__(faults[0][1])
        self.faults = faults


class Compiled(NamedTuple):
    """An expression, compiled."""

    checked: cel.Expression
    exact: cel.Expression
    """As CEL evaluates it (`rewriting.py`)."""
    sizes: tuple[cel.Expression, ...]
    """The length of each list that the expression builds others from. They are evaluated first, one by one, so that
    a list whose length fails does not hide another one that is too long."""


class Compiler:
    """Compiles expressions over `event`, a variable of any type, and our functions."""

    def __init__(self) -> None:
        self.env = self._with()
        self._with_variable: dict[str, cel.Env] = {}

    @staticmethod
    def _with(*variables: str) -> cel.Env:
        return cel.NewEnv(
            descriptor_pool=decimals.pool(),
            variables=dict.fromkeys(("event", *variables), cel.Type.DYN),
            functions=decimals.exact_declarations(),
            extensions=[decimals.operators()],
        )

    def _env_of(self, variable: str | None) -> cel.Env:
        if variable is None:
            return self.env
        if variable not in self._with_variable:
            self._with_variable[variable] = self._with(variable)
        return self._with_variable[variable]

    def compile(self, source: str, variable: str | None) -> Compiled:
        """The whole expression; `variable` is a name besides `event` that it may read.

        Raises:
            CompileError: the source is not CEL, or calls an unknown function, or is nested too deeply.
        """
        return self._complete(source, source, compiled(self._env_of(variable), source), None, variable)

    def part(self, source: str, whole: cel.Expression, node: tree.Node, variable: str | None) -> Compiled:
        """One part of the expression `source`.

        Raises:
            ValueError: as `tree.part`.
        """
        alone = self.env.deserialize(tree.part(whole.serialize(), node))
        return self._complete(source, source[node.start : node.end], alone, node, variable)

    def _complete(
        self, source: str, text: str, checked: cel.Expression, node: tree.Node | None, variable: str | None
    ) -> Compiled:
        sizes: tuple[cel.Expression, ...] = ()
        if cost.may_build_lists(text):
            whole = tree.tree_of(source, node) if node is not None else tree.parse(source, checked.serialize())
            env = self._env_of(variable)
            sizes = tuple(compiled(env, f"size({one}\n)") for one in cost.lists_walked(whole))
        return Compiled(checked, self._exact(text, checked), sizes)

    def _exact(self, source: str, checked: cel.Expression) -> cel.Expression:
        serialized = rewriting.rewritten(checked.serialize()) if rewriting.may_apply(source) else None
        try:
            return checked if serialized is None else self.env.deserialize(serialized)
        except RuntimeError:
            raise CompileError([(0, phrase("expression recursion limit exceeded"))]) from None


def compiled(env: cel.Env, source: str) -> cel.Expression:
    """Compile `source` in `env`.

    Raises:
        CompileError: with the index of every fault.
    """
    try:
        return env.compile(source)
    except RuntimeError as error:
        faults = [
            (_index(source, int(line), int(column)), summary) for line, column, summary in _POSITION.findall(str(error))
        ]
        raise CompileError(faults or [(0, str(error).splitlines()[0])]) from None


def _index(source: str, line: int, column: int) -> int:
    """The index of a position. CEL counts lines and columns from 1, and gives -1 where it knows none.

    Columns point one past an operator's start.
    """
    if line < 1:
        return 0
    start = sum(len(text) + 1 for text in source.split("\n")[: line - 1])
    return min(len(source), start + max(0, column - 1))
