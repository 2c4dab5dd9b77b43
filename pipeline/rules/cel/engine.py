"""Expressions: compiled once, evaluated to a plain value or an error.

`Expression.evaluate` is the one way to evaluate. Behind it are two evaluators: Python generated from the expression
(`generated.py`), and Google's CEL for every expression and event that the generated Python gives up on. Both give the
same value; a property test and the vectors of cel-spec compare them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from cel_expr_python import cel
from google.protobuf.timestamp_pb2 import Timestamp as ProtobufTimestamp

from pipeline.phrases import marked, phrase
from pipeline.rules.cel import cost, decimals, rewriting, tree
from pipeline.rules.cel.generated import generate, variable_key
from pipeline.rules.cel.operations import GIVE_UP_ERRORS, GeneratedFunction
from pipeline.rules.schema.unreadable import Unreadable
from pipeline.rules.timestamp import Timestamp

MAX_DEPTH = 32
"""Levels of an event that expressions see: CEL reads no deeper path."""
_POSITION = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")


class ExpressionFailed(ValueError):
    """An expression could not be evaluated for this event; the message holds no value of the event."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class CompileError(ValueError):
    """An expression that is not CEL, or does not fit the types; each fault with its index into the source."""

    def __init__(self, faults: list[tuple[int, str]]) -> None:
        super().__init__(faults[0][1])
        self.faults = faults


class Environment:
    """Compiles expressions over `event`, a variable of any type, and our functions."""

    def __init__(self) -> None:
        self._env = self._with()
        self._with_variable: dict[str, cel.Env] = {}
        self._compiled: dict[tuple[str, str | None], Expression] = {}

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
            return self._env
        if variable not in self._with_variable:
            self._with_variable[variable] = self._with(variable)
        return self._with_variable[variable]

    def compile(self, source: str, variable: str | None = None) -> Expression:
        """Compile without checking types, which `pipeline.rules.cel.typing` does.

        `variable` is a name besides `event` that the expression may read, as an item of a rule's `for_each`.

        Raises:
            CompileError: the source is not CEL, or calls an unknown function.
        """
        key = (source, variable)
        known = self._compiled.get(key)  # many rules have the same expressions: `event.sub`
        if known is None:
            checked = compiled(self._env_of(variable), source)
            known = self._compiled[key] = self._expression(source, checked, variable=variable)
        return known

    def part(self, expression: Expression, node: tree.Node) -> Expression:
        """One part of an expression, for evaluating it alone.

        Raises:
            ValueError: the part is inside a macro and uses the macro's variable (`node.is_closed` is false).
        """
        alone = self._env.deserialize(tree.part(expression.checked.serialize(), node))
        return self._expression(expression.source, alone, node, expression.variable)

    def _expression(
        self, source: str, checked: cel.Expression, node: tree.Node | None = None, variable: str | None = None
    ) -> Expression:
        """The whole expression, or a node of it."""
        text = source if node is None else source[node.start : node.end]
        sizes: tuple[cel.Expression, ...] = ()
        if cost.may_build_lists(text):
            whole = tree.tree_of(source, node) if node is not None else tree.parse(source, checked.serialize())
            env = self._env_of(variable)
            sizes = tuple(compiled(env, f"size({one}\n)") for one in cost.lists_walked(whole))
        return Expression(text, checked, self._exact(text, checked), sizes, (node, variable))

    def _exact(self, source: str, checked: cel.Expression) -> cel.Expression:
        """The expression as CEL evaluates it.

        Raises:
            CompileError: it is nested too deeply.
        """
        serialized = rewriting.rewritten(checked.serialize()) if rewriting.may_apply(source) else None
        try:
            return checked if serialized is None else self._env.deserialize(serialized)
        except RuntimeError:
            raise CompileError([(0, phrase("expression recursion limit exceeded"))]) from None

    def bind(self, data: Mapping[str, object]) -> Activation:
        """An event's data, ready for any number of expressions."""
        return Activation(self._env, data)


class Activation:
    """An event bound to an environment. A field is converted for CEL when CEL evaluates an expression that reads it."""

    __slots__ = ("_bound", "_env", "_event", "_variables", "data")

    def __init__(self, env: cel.Env, data: Mapping[str, object], variables: Mapping[str, object] | None = None) -> None:
        self._env = env
        self._event = data
        self._variables = variables
        self.data = data if variables is None else _with_variables(data, variables)
        """What generated functions read: the event's fields, and variables under keys that no field has."""
        self._bound: dict[frozenset[str] | None, cel.Activation] = {}

    def bound(self, fields: frozenset[str] | None) -> cel.Activation:
        """CEL's activation with these fields of the event; None: all fields."""
        bound = self._bound.get(fields)
        if bound is None:
            data = self._event
            names = data if fields is None else [name for name in fields if name in data]
            event = {name: _for_cel(data[name], 0) for name in names}
            others = {name: _for_cel(value, 0) for name, value in (self._variables or {}).items()}
            bound = self._bound[fields] = self._env.Activation({"event": event, **others})
        return bound

    def with_variable(self, name: str, value: object) -> Activation:
        """The same event with a variable more."""
        return Activation(self._env, self._event, {**(self._variables or {}), name: value})

    def unreadable(self, fields: frozenset[str] | None) -> Unreadable | None:
        """The first value in these fields of the event that expressions cannot read; None: all fields."""
        values = [value for name, value in self._event.items() if fields is None or name in fields]
        values += (self._variables or {}).values()
        while values:
            value = values.pop(0)
            if isinstance(value, Unreadable):
                return value
            if isinstance(value, dict | list):
                values[:0] = value.values() if isinstance(value, dict) else value
        return None


def _with_variables(data: Mapping[str, object], variables: Mapping[str, object]) -> Mapping[str, object]:
    found: dict[object, object] = dict(data.items())
    found |= {variable_key(name): value for name, value in variables.items()}
    return cast("Mapping[str, object]", found)


class Expression:
    """A compiled expression."""

    __slots__ = ("_cel", "_fields", "_generated", "_is_prepared", "_root", "_sizes", "checked", "source", "variable")

    def __init__(
        self,
        source: str,
        checked: cel.Expression,
        exact: cel.Expression,
        sizes: tuple[cel.Expression, ...],
        known: tuple[tree.Node | None, str | None],
    ) -> None:
        """`exact` is `checked` as CEL evaluates it (`rewriting.py`).

        `known` are its tree, where it is known already, and the variable that it may read besides `event`.
        """
        self.source = source
        self.checked = checked
        self._cel = exact
        self._sizes = sizes
        """The length of each list that the expression builds others from. They are evaluated first, one by one, so that
        a list whose length fails does not hide another one that is too long."""
        self._root, self.variable = known
        self._is_prepared = False
        self._generated: GeneratedFunction | None = None
        self._fields: frozenset[str] | None = None

    def tree(self) -> tree.Tree:
        """The syntax tree, with the location of every part."""
        return tree.parse(self.source, self.checked.serialize())

    @property
    def generated(self) -> GeneratedFunction | None:
        """The generated Python; None where the expression has a part that only CEL can evaluate."""
        if not self._is_prepared:
            self._prepare()
        return self._generated

    def evaluate(self, activation: Activation) -> object:
        """The expression's plain value.

        Raises:
            ExpressionFailed: the expression has no value for this event.
        """
        if not self._is_prepared:
            self._prepare()
        generated = self._generated  # `self._generated(…)` would look for a method first, at five times the cost
        if generated is not None:
            try:
                return generated(activation.data)
            except GIVE_UP_ERRORS:
                pass  # CEL gives the value, or the error
        return self.by_cel(activation)

    def _prepare(self) -> None:
        """At first use: most of a thousand rules are only checked, and their trees would take a second."""
        root = self._root or self.tree().root
        self._generated = generate(root)
        self._fields = tree.fields_read(root)
        self._is_prepared = True

    def by_cel(self, activation: Activation) -> object:
        """The expression's plain value as CEL gives it.

        Raises:
            ExpressionFailed: the expression has no value for this event.
        """
        if not self._is_prepared:
            self._prepare()
        bound = activation.bound(self._fields)
        try:
            for size in self._sizes:
                _refuse_long(size.eval(activation=bound).plain_value())
            value = self._cel.eval(activation=bound)
            result: object = value.plain_value()
        except RuntimeError as error:  # the binding's own bounds
            raise ExpressionFailed(_message(str(error))) from None
        if result.__class__ is str and value.type() == cel.Type.ERROR:  # an error's plain value is its message
            unreadable = activation.unreadable(self._fields)
            raise ExpressionFailed(_message(str(result)) if unreadable is None else unreadable.reason)
        return result if result.__class__ in _PLAIN else decimals.from_cel(result)


_PLAIN = frozenset({str, bool, int, float, type(None)})


def _refuse_long(size: object) -> None:
    if isinstance(size, int) and size > cost.MAX_ITEMS:
        raise ExpressionFailed(phrase("a list of more than {max_items} items", max_items=cost.MAX_ITEMS))


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


_QUOTED = re.compile("`[^`]*`")


_OF_CEL = {
    text: phrase(text)
    for text in (
        marked("divide by zero"),
        marked("modulus by zero"),
        marked("integer overflow"),
        marked("double out of int64 range"),
        marked("String to Timestamp conversion failed"),
        marked("String to Duration conversion failed"),
        marked("cannot convert string to int"),
        marked("Index error"),
    )
}
"""What CEL itself says most often (measured with cel-expr-python 0.1.3)."""


def _message(error: str) -> str:
    """CEL's error message without any value of the event.

    CEL puts values behind a colon or into quotes. Messages of our own functions come as `UNKNOWN` and put values, if at
    all, between backquotes.
    """
    status, _, summary = error.partition("\n")[0].partition(": ")
    if status != "UNKNOWN" or summary.startswith("Index error"):
        summary = re.split(r"[:\"'\[]", summary)[0].strip()
    if summary == "Key not found in map":
        return phrase("there is no such field or key in this event")
    if summary in _OF_CEL:
        return _OF_CEL[summary]
    return phrase(_QUOTED.sub("`…`", summary)[:200] or status[:40])  # of our own functions, which have marked it


def _for_cel(value: object, depth: int) -> object:
    """The value as the binding takes it; what it cannot carry becomes a value that rules refuse.

    The binding ends a text at its first NUL, so that one recipient could become another: U+0001 replaces it, a control
    character that recipients, fields and urls must not hold. Deeper values would overflow the binding's stack.
    """
    if isinstance(value, str):
        return value.replace("\x00", "\x01")
    if isinstance(value, dict):
        return {key: _for_cel(item, depth + 1) for key, item in value.items()} if depth < MAX_DEPTH else None
    if isinstance(value, list):
        return [_for_cel(item, depth + 1) for item in value] if depth < MAX_DEPTH else None
    if type(value) is Timestamp:
        return ProtobufTimestamp(seconds=value.seconds, nanos=value.nanos)
    return decimals.for_cel(value)
