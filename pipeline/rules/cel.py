"""Google's CEL, behind our own types: compile once, evaluate to a plain value or an error in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from cel_expr_python import cel

from pipeline.rules import cel_ast
from pipeline.rules.functions import FUNCTIONS

Activation = cel.Activation
"""An event bound to an environment."""

_POSITION = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_TYPES = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "bytes": cel.Type.BYTES,
    "timestamp": cel.Type.TIMESTAMP,
    "null": cel.Type.NULL,
    "dyn": cel.Type.DYN,
    "list<string>": cel.Type.List(cel.Type.STRING),
    "map<string, string>": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    "map<string, map<string, string>>": cel.Type.Map(cel.Type.STRING, cel.Type.Map(cel.Type.STRING, cel.Type.STRING)),
}


class ExpressionFailed(ValueError):
    """An expression could not be evaluated for this event; the words name no value of it."""


class CompileError(ValueError):
    """An expression that is no CEL, or does not fit the types; each fault with its index into the source."""

    def __init__(self, faults: list[tuple[int, str]]) -> None:
        super().__init__(faults[0][1])
        self.faults = faults


def function_declarations() -> list[cel.FunctionDecl]:
    """Our functions, as CEL wants them declared."""
    return [
        cel.FunctionDecl(
            function.name,
            [
                cel.Overload(
                    f"{function.name}_{index}",
                    _TYPES[overload.result],
                    [_TYPES[parameter] for parameter in overload.parameters],
                    impl=function.implementation,
                )
                for index, overload in enumerate(function.overloads)
            ],
        )
        for function in FUNCTIONS
    ]


class Environment:
    """Where expressions are evaluated: `event` is any value, and our functions are there."""

    def __init__(self) -> None:
        self._env = cel.NewEnv(variables={"event": cel.Type.DYN}, functions=function_declarations())

    def compile(self, source: str) -> Expression:
        """Compile without types: what is wrong with those, `pipeline.rules.typing` finds beforehand.

        Raises:
            CompileError: it is no CEL, or calls what is not there.
        """
        return Expression(source, compiled(self._env, source))

    def part(self, expression: Expression, node: cel_ast.Node) -> Expression:
        """One part of an expression, to be evaluated alone.

        Raises:
            ValueError: the part stands inside a macro and uses its variable (`node.is_closed` is false).
        """
        source = expression.source[node.start : node.end]
        return Expression(source, self._env.deserialize(cel_ast.part(expression.compiled.serialize(), node)))

    def bind(self, data: Mapping[str, object]) -> cel.Activation:
        """An event's data, ready for any number of expressions."""
        return self._env.Activation({"event": data})


class Expression(NamedTuple):
    """A compiled expression."""

    source: str
    compiled: cel.Expression

    def tree(self) -> cel_ast.Tree:
        """What it is made of, with the place of every part."""
        return cel_ast.parse(self.source, self.compiled.serialize())

    def evaluate(self, activation: cel.Activation) -> object:
        """Its plain value.

        Raises:
            ExpressionFailed: it has none for this event.
        """
        try:
            value = self.compiled.eval(activation=activation)
            if value.type() == cel.Type.ERROR:
                raise ExpressionFailed(_words(str(value.value())))
            return value.plain_value()
        except RuntimeError as error:  # how the binding tells of its own bounds
            raise ExpressionFailed(_words(str(error))) from None


def compiled(env: cel.Env, source: str) -> cel.Expression:
    """Compile in `env`.

    Raises:
        CompileError: with the index of every fault.
    """
    try:
        return env.compile(source)
    except RuntimeError as error:
        faults = [
            (_index(source, int(line), int(column)), words) for line, column, words in _POSITION.findall(str(error))
        ]
        raise CompileError(faults or [(0, str(error).splitlines()[0])]) from None


def _index(source: str, line: int, column: int) -> int:
    """CEL counts lines and columns from 1; -1 where it knows none. Columns point one past an operator's start."""
    if line < 1:
        return 0
    start = sum(len(text) + 1 for text in source.split("\n")[: line - 1])
    return min(len(source), start + max(0, column - 1))


_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_VALUE = re.compile(r" -> .*", re.DOTALL)


def _words(message: str) -> str:
    """The error's words without CEL's status code, and without any value of the event."""
    return _VALUE.sub("", _STATUS.sub("", message.splitlines()[0])).strip()[:200]
