"""What CEL leaves open, or calculates with doubles, replaced in a compiled expression before it is evaluated.

- Arithmetic on doubles, and their conversions to and from texts and integers, become exact (`decimals.py`):
  `128.1 * 3.0` is 384.3, and `string(1234567.0)` is 1234567.
- A macro visits the keys of a map in one order. CEL defines none, and the order of its C++ library differs from process
  to process.

A type is known only when an event is evaluated. So `a * b` becomes, with `a` and `b` evaluated once,
`type(a) == double && type(b) == double ? @_*_(a, b) : a * b`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial, reduce

from pipeline.rules.cel.messages import Message, everything, pack, read

_ARITHMETIC = frozenset({"_+_", "_-_", "_*_", "_/_"})
_CONVERSIONS: Mapping[str, frozenset[str]] = {
    "string": frozenset({"double"}),
    "int": frozenset({"double"}),
    "uint": frozenset({"double"}),
    "double": frozenset({"string", "int", "uint"}),
}
"""Function to the types of argument for which the exact function takes its place."""
_NUMERIC = frozenset({"int", "uint", "double"})
_RESULTS: Mapping[str, str] = {
    "string": "string",
    "size": "int",
    "int": "int",
    "uint": "uint",
    "@in": "bool",
    "!_": "bool",
    **dict.fromkeys(("_&&_", "_||_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"), "bool"),
    **dict.fromkeys(("contains", "startsWith", "endsWith", "matches"), "bool"),
    **dict.fromkeys(("timestamp", "duration", "bytes"), "other"),
}
"""Functions of CEL whose results have one type."""


_MAY_APPLY = re.compile(r"[-+*/]|\b(string|double|u?int|map|filter|exists|exists_one|all)\b")


def may_apply(source: str) -> bool:
    """A quick check that spares most expressions reading their tree."""
    return _MAY_APPLY.search(source) is not None


def rewritten(serialized: bytes) -> bytes | None:
    """The serialized expression with the replacements; None where there is nothing to replace."""
    checked = read(serialized)
    found = list(everything(checked.expr))
    used = {expr.id for expr in found}.union(one.key for one in checked.source_info.positions)
    rewriter = _Rewriter(type(checked.expr), max(used))  # a part keeps the references of the whole expression
    has_replaced = [rewriter.replace(expr) for expr in reversed(found)]  # what is inside another comes first
    return pack(checked) if any(has_replaced) else None


class _Rewriter:
    """Replaces expressions in place; new parts get numbers that the expression does not use."""

    def __init__(self, expr_class: type[Message], last: int) -> None:
        self._expr_class = expr_class
        self._last = last

    def replace(self, expr: Message) -> bool:
        """Whether the expression is now another one."""
        kind = expr.WhichOneof("kind")
        if kind == "comprehension_expr":
            return self._sort_keys(expr.comprehension_expr.iter_range)
        return kind == "call_expr" and not expr.call_expr.HasField("target") and self._replace_call(expr)

    def _sort_keys(self, over: Message) -> bool:
        if over.WhichOneof("kind") == "list_expr":
            return False
        original, name = self._copy(over), self._new_name()
        self._choose(over, {name: original}, frozenset({"map"}), "@sorted_keys", self._name(name))
        return True

    def _replace_call(self, expr: Message) -> bool:
        function, arguments = str(expr.call_expr.function), list(expr.call_expr.args)
        is_arithmetic = function in _ARITHMETIC and len(arguments) == 2  # noqa: PLR2004 - not `-x`
        types = frozenset({"double"}) if is_arithmetic else _CONVERSIONS.get(function, frozenset())
        if not types or not all(_may_have(argument, types) for argument in arguments):
            return False
        if function in _NUMERIC and _is_fixed_number(arguments[0]):
            return False  # a number in the rule, which cel-spec says how to convert
        values = {self._new_name(): self._copy(argument) for argument in arguments}
        self._choose(expr, values, types, f"@{function}", self._call(function, *map(self._name, values)))
        return True

    def _choose(
        self, expr: Message, values: Mapping[str, Message], types: Collection[str], function: str, otherwise: Message
    ) -> None:
        """Put in the place of `expr`: the function of the values where each has one of the types, else `otherwise`."""
        conditions = [
            reduce(partial(self._call, "_||_"), [self._has_type(name, one) for one in sorted(types)]) for name in values
        ]
        condition = reduce(partial(self._call, "_&&_"), conditions)
        result = self._call("_?_:_", condition, self._call(function, *map(self._name, values)), otherwise)
        for name, value in reversed([*values.items()]):
            result = self._bound(name, value, result)
        expr.CopyFrom(result)

    def _has_type(self, name: str, expected: str) -> Message:
        return self._call("_==_", self._call("type", self._name(name)), self._name(expected))

    def _bound(self, name: str, value: Message, body: Message) -> Message:
        """`body` with the value under a name: a loop over nothing that begins with the value, as CEL's `bind()`."""
        made = self._new()
        loop = made.comprehension_expr
        loop.iter_var, loop.accu_var = "#unused", name
        loop.iter_range.CopyFrom(self._new())
        loop.iter_range.list_expr.SetInParent()
        loop.accu_init.CopyFrom(value)
        loop.loop_condition.CopyFrom(self._new())
        loop.loop_condition.const_expr.bool_value = False
        loop.loop_step.CopyFrom(self._name(name))
        loop.result.CopyFrom(body)
        return made

    def _call(self, function: str, *arguments: Message) -> Message:
        made = self._new()
        made.call_expr.function = function
        made.call_expr.args.extend(arguments)
        return made

    def _name(self, name: str) -> Message:
        made = self._new()
        made.ident_expr.name = name
        return made

    def _new_name(self) -> str:
        return f"@value{self._last}_{self._new().id}"

    def _new(self) -> Message:
        self._last += 1
        return self._expr_class(id=self._last)

    @staticmethod
    def _copy(expr: Message) -> Message:
        made = type(expr)()
        made.CopyFrom(expr)
        return made


def _is_fixed_number(expr: Message) -> bool:
    """Whether the expression reads no event, and is not a text."""
    is_fixed = not any(one.HasField("ident_expr") for one in everything(expr))
    return is_fixed and not expr.const_expr.HasField("string_value")


def _may_have(expr: Message, types: Collection[str]) -> bool:
    """Whether the expression's value may have one of the types, as far as its form tells."""
    match expr.WhichOneof("kind"):
        case "const_expr":
            return str(expr.const_expr.WhichOneof("kind")).removesuffix("64_value").removesuffix("_value") in types
        case "call_expr":
            result = _RESULTS.get(str(expr.call_expr.function))
            return result is None or result in types
        case "list_expr" | "struct_expr":
            return False
        case _:
            return True
