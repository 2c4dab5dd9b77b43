"""Google's CEL, behind our own types: compile once, evaluate to a plain value or an error in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cel_expr_python import cel
from google.protobuf.timestamp_pb2 import Timestamp as ProtobufTimestamp

from pipeline.rules.cel import cost
from pipeline.rules.cel import tree as cel_ast
from pipeline.rules.cel.generated import direct
from pipeline.rules.cel.operations import GIVING_UP, CompiledExpression
from pipeline.rules.functions import FUNCTIONS
from pipeline.rules.timestamp import Timestamp

MAX_DEPTH = 32
"""Levels of an event that expressions see: CEL itself reads no deeper path."""
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
        self._compiled: dict[str, Expression] = {}

    def compile(self, source: str) -> Expression:
        """Compile without types: what is wrong with those, `pipeline.rules.cel.typing` finds beforehand.

        Raises:
            CompileError: it is no CEL, or calls what is not there.
        """
        known = self._compiled.get(source)  # many rules have the same expressions: `event.sub`
        if known is None:
            known = self._compiled[source] = self._bounded(source)
        return known

    def _bounded(self, source: str) -> Expression:
        expression = Expression(source, compiled(self._env, source))
        if not cost.may_build_lists(source):
            return expression
        return Expression(source, expression.compiled, self._sizes(expression.tree()))

    def _sizes(self, tree: cel_ast.Tree) -> tuple[cel.Expression, ...]:
        return tuple(compiled(self._env, f"size({text}\n)") for text in cost.lists_walked(tree))

    def together(self, expressions: Sequence[Expression]) -> Expression | None:
        """One expression whose value is the list of theirs: a single call for a whole message, in half the time.

        None where there is nothing to gain, or where CEL's own bounds are too narrow for all at once.
        """
        if len(expressions) < 2:  # noqa: PLR2004 - one is as good alone
            return None
        sources = "\n,".join(expression.source for expression in expressions)  # a line each: one may end in a comment
        try:
            return self._bounded(f"[{sources}\n]")
        except CompileError:
            return None

    def part(self, expression: Expression, node: cel_ast.Node) -> Expression:
        """One part of an expression, to be evaluated alone.

        Raises:
            ValueError: the part stands inside a macro and uses its variable (`node.is_closed` is false).
        """
        source = expression.source[node.start : node.end]
        alone = self._env.deserialize(cel_ast.part(expression.compiled.serialize(), node))
        sizes = self._sizes(cel_ast.Tree(expression.source, node)) if expression.sizes else ()
        return Expression(source, alone, sizes, node)

    def bind(self, data: Mapping[str, object]) -> Activation:
        """An event's data, ready for any number of expressions."""
        return Activation(self._env, data)


class Activation:
    """An event bound to an environment. Only what an expression reads is made ready for CEL, when CEL is asked."""

    __slots__ = ("_bound", "_env", "data")

    def __init__(self, env: cel.Env, data: Mapping[str, object]) -> None:
        self._env = env
        self.data = data
        self._bound: dict[frozenset[str] | None, cel.Activation] = {}

    def bound(self, fields: frozenset[str] | None) -> cel.Activation:
        """For expressions that read only these fields of the event; None: all of it."""
        bound = self._bound.get(fields)
        if bound is None:
            names = self.data if fields is None else [name for name in fields if name in self.data]
            event = {name: _whole(self.data[name], 0) for name in names}
            bound = self._bound[fields] = self._env.Activation({"event": event})
        return bound


class Expression:
    """A compiled expression."""

    __slots__ = ("_direct", "_fields", "_prepared", "_root", "compiled", "sizes", "source")

    def __init__(
        self,
        source: str,
        compiled: cel.Expression,
        sizes: tuple[cel.Expression, ...] = (),
        root: cel_ast.Node | None = None,
    ) -> None:
        """`root` is its tree, where that is known already."""
        self.source = source
        self.compiled = compiled
        self.sizes = sizes
        """The length of each list that it builds others from, to be looked at first, one by one: what has no length
        here must not hide another's."""
        self._root = root
        self._prepared = False
        self._direct: CompiledExpression | None = None
        self._fields: frozenset[str] | None = None

    def tree(self) -> cel_ast.Tree:
        """What it is made of, with the place of every part."""
        return cel_ast.parse(self.source, self.compiled.serialize())

    @property
    def direct(self) -> CompiledExpression | None:
        """Its value without CEL, where it is of so plain a form that CEL is asked only where an event is unusual."""
        if not self._prepared:
            self._prepare()
        return self._direct

    def evaluate(self, activation: Activation) -> object:
        """Its plain value.

        Raises:
            ExpressionFailed: it has none for this event.
        """
        if not self._prepared:
            self._prepare()
        direct = self._direct  # called through `self` it would be looked for as a method, at five times the cost
        if direct is not None:
            try:
                return direct(activation.data)
            except GIVING_UP:
                pass  # CEL tells the value, or what is wrong
        return self.by_cel(activation)

    def _prepare(self) -> None:
        """At first use: most of a thousand rules are only checked, and their trees would cost a second."""
        root = self._root or self.tree().root
        self._direct = direct(root)
        self._fields = cel_ast.fields_read(root)
        self._prepared = True

    def by_cel(self, activation: Activation) -> object:
        """Its plain value, from CEL itself.

        Raises:
            ExpressionFailed: it has none for this event.
        """
        if not self._prepared:
            self._prepare()
        bound = activation.bound(self._fields)
        try:
            for size in self.sizes:
                _refuse_long(size.eval(activation=bound).plain_value())
            value = self.compiled.eval(activation=bound)
            result: object = value.plain_value()
        except RuntimeError as error:  # how the binding tells of its own bounds
            raise ExpressionFailed(_words(str(error))) from None
        if result.__class__ is str and value.type() == cel.Type.ERROR:  # an error's plain value is its words
            raise ExpressionFailed(_words(str(result)))
        return result


def _refuse_long(size: object) -> None:
    if isinstance(size, int) and size > cost.MAX_ITEMS:
        raise ExpressionFailed(f"a list of more than {cost.MAX_ITEMS} items")


def compiled(env: cel.Env, source: str) -> cel.Expression:
    """Compile in `env`.

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
    """CEL counts lines and columns from 1; -1 where it knows none. Columns point one past an operator's start."""
    if line < 1:
        return 0
    start = sum(len(text) + 1 for text in source.split("\n")[: line - 1])
    return min(len(source), start + max(0, column - 1))


_QUOTED = re.compile("`[^`]*`")


def _words(message: str) -> str:
    """An error in words that hold no value of the event.

    CEL puts values behind a colon or into quotes; what our own functions say comes as `UNKNOWN` and has them, if at
    all, between backquotes.
    """
    status, _, summary = message.partition("\n")[0].partition(": ")
    if status != "UNKNOWN" or summary.startswith("Index error"):
        summary = re.split(r"[:\"'\[]", summary)[0].strip()
    if summary == "Key not found in map":
        return "there is no such field or key in this event"
    return _QUOTED.sub("`…`", summary)[:200] or status[:40]


def _whole(value: object, depth: int) -> object:
    """The value as the binding takes it, with what it cannot carry made what rules refuse.

    It ends a text at its first NUL, so that a recipient could become another one: U+0001 stands in for it, a
    control character that neither recipients nor fields nor urls may hold. Very deep values would overflow its stack.
    """
    if isinstance(value, str):
        return value.replace("\x00", "\x01")
    if isinstance(value, dict):
        return {key: _whole(item, depth + 1) for key, item in value.items()} if depth < MAX_DEPTH else None
    if isinstance(value, list):
        return [_whole(item, depth + 1) for item in value] if depth < MAX_DEPTH else None
    if type(value) is Timestamp:
        return ProtobufTimestamp(seconds=value.seconds, nanos=value.nanos)
    return value
