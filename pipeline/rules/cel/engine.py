"""Expressions: compiled once, evaluated to a plain value or an error.

`Expression.evaluate` is the one way to evaluate. Behind it are two evaluators: Python generated from the expression
(`generated.py`), and Google's CEL for every expression and event that the generated Python gives up on. Both give the
same value; a property test and the vectors of cel-spec compare them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, cast

from cel_expr_python import cel
from google.protobuf.timestamp_pb2 import Timestamp as ProtobufTimestamp

from pipeline.phrases import marked, phrase
from pipeline.rules.cel import cost, decimals, tree
from pipeline.rules.cel.compiling import Compiled, Compiler
from pipeline.rules.cel.forms import Form, Generated
from pipeline.rules.cel.generated import generate, variable_key
from pipeline.rules.cel.operations import GIVE_UP_ERRORS, GeneratedFunction
from pipeline.rules.schema.unreadable import Unreadable
from pipeline.rules.timestamp import Timestamp

MAX_DEPTH = 32
"""Levels of an event that expressions see: CEL reads no deeper path."""


class ExpressionFailed(ValueError):
    """An expression could not be evaluated for this event; the message holds no value of the event."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Environment:
    """Compiles expressions over `event`, a variable of any type, and our functions."""

    def __init__(self) -> None:
        self._compiler = Compiler()
        self._known: dict[tuple[str, str | None], Expression] = {}

    def compile(self, source: str, variable: str | None = None) -> Expression:
        """Compile without checking types, which `pipeline.rules.cel.typing` does.

        `variable` is a name besides `event` that the expression may read, as an item of a rule's `for_each`.

        Raises:
            CompileError: the source is not CEL, or calls an unknown function.
        """
        key = (source, variable)
        known = self._known.get(key)  # many rules have the same expressions: `event.sub`
        if known is None:
            made = self._compiler.compile(source, variable)
            known = self._known[key] = Expression(source, variable, self._compiler, made)
        return known

    def alike(self, alike: Alike) -> Expression:
        """An expression of the same form as one that compiles; CEL compiles it when CEL must evaluate it."""
        key = (alike.form.source, alike.other.variable)
        known = self._known.get(key)
        if known is None:
            made = Expression(key[0], key[1], self._compiler, alike=alike)
            known = self._known[key] = made
        return known

    def part(self, expression: Expression, node: tree.Node) -> Expression:
        """One part of an expression, for evaluating it alone.

        Raises:
            ValueError: the part is inside a macro and uses the macro's variable (`node.is_closed` is false).
        """
        made = self._compiler.part(expression.source, expression.checked, node, expression.variable)
        text = expression.source[node.start : node.end]
        return Expression(text, expression.variable, self._compiler, made, root=node)

    def bind(self, data: Mapping[str, object]) -> Activation:
        """An event's data, ready for any number of expressions."""
        return Activation(self._compiler.env, data)


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


class Alike(NamedTuple):
    """An expression, and how another one that has the same form differs from it."""

    other: Expression
    before: Form
    """Of `other`."""
    form: Form


class Prepared(NamedTuple):
    """What evaluates an expression."""

    generated: Generated | None
    """None where the expression has a part that only CEL can evaluate."""
    fields: frozenset[str] | None
    """The event's own fields that it reads; None: any."""


class Expression:
    """A compiled expression."""

    __slots__ = ("_compiler", "_function", "_made", "_prepared", "_root", "alike", "source", "variable")

    def __init__(
        self,
        source: str,
        variable: str | None,
        compiler: Compiler,
        made: Compiled | None = None,
        *,
        root: tree.Node | None = None,
        alike: Alike | None = None,
    ) -> None:
        """`variable` is what it may read besides `event`; `root` is its tree, where it is known already."""
        self.source = source
        self.variable = variable
        self._compiler = compiler
        self._made = made
        self._root = root
        self.alike = alike
        self._prepared: Prepared | None = None
        self._function: GeneratedFunction | None = None

    def _compiled(self) -> Compiled:
        if self._made is None:
            self._made = self._compiler.compile(self.source, self.variable)
        return self._made

    @property
    def checked(self) -> cel.Expression:
        """As CEL compiled it."""
        return self._compiled().checked

    def tree(self) -> tree.Tree:
        """The syntax tree, with the location of every part."""
        return tree.parse(self.source, self.checked.serialize())

    @property
    def generated(self) -> GeneratedFunction | None:
        """The generated Python; None where the expression has a part that only CEL can evaluate."""
        if self._prepared is None:
            self.prepared()
        return self._function

    def evaluate(self, activation: Activation) -> object:
        """The expression's plain value.

        Raises:
            ExpressionFailed: the expression has no value for this event.
        """
        if self._prepared is None:
            self.prepared()
        generated = self._function  # `self._function(…)` would look for a method first, at five times the cost
        if generated is not None:
            try:
                return generated(activation.data)
            except GIVE_UP_ERRORS:
                pass  # CEL gives the value, or the error
        return self.by_cel(activation)

    def prepared(self) -> Prepared:
        """At first use: most of a thousand rules are only checked, and their trees would take a second."""
        if self._prepared is None:
            self._prepared = self._of_form() or self._of_tree()
            self._function = None if self._prepared.generated is None else self._prepared.generated.function
        return self._prepared

    def _of_form(self) -> Prepared | None:
        """By the generated function of an expression of the same form."""
        if self.alike is None:
            return None
        generated, fields = self.alike.other.prepared()
        own = None if generated is None else generated.of_form(self.alike.before, self.alike.form)
        return None if own is None and generated is not None else Prepared(own, fields)

    def _of_tree(self) -> Prepared:
        root = self._root or self.tree().root
        return Prepared(generate(root), tree.fields_read(root))

    def by_cel(self, activation: Activation) -> object:
        """The expression's plain value as CEL gives it.

        Raises:
            ExpressionFailed: the expression has no value for this event.
        """
        fields = self.prepared().fields
        made, bound = self._compiled(), activation.bound(fields)
        try:
            for size in made.sizes:
                _refuse_long(size.eval(activation=bound).plain_value())
            value = made.exact.eval(activation=bound)
            result: object = value.plain_value()
        except RuntimeError as error:  # the binding's own bounds
            raise ExpressionFailed(_message(str(error))) from None
        if result.__class__ is str and value.type() == cel.Type.ERROR:  # an error's plain value is its message
            unreadable = activation.unreadable(fields)
            raise ExpressionFailed(_message(str(result)) if unreadable is None else unreadable.reason)
        return result if result.__class__ in _PLAIN else decimals.from_cel(result)


_PLAIN = frozenset({str, bool, int, float, type(None)})


def _refuse_long(size: object) -> None:
    if isinstance(size, int) and size > cost.MAX_ITEMS:
        raise ExpressionFailed(phrase("a list of more than {max_items} items", max_items=cost.MAX_ITEMS))


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
