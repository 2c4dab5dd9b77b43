"""Fixed parts of an expression, evaluated at compile time: a fixed part that fails would fail for every event."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pipeline.phrases import phrase
from pipeline.rules.cel.compiling import CompileError
from pipeline.rules.cel.engine import Environment, Expression, ExpressionFailed
from pipeline.rules.cel.literals import Fault, bad_argument
from pipeline.rules.cel.tree import Kind, Node, Tree, walk

_DIVISIONS = frozenset({"_/_", "_%_"})
_CALENDAR = frozenset(
    f"get{part}"
    for part in (
        "FullYear", "Month", "Date", "DayOfMonth", "DayOfWeek", "DayOfYear", "Hours", "Minutes", "Seconds",
        "Milliseconds",
    )
)  # fmt: skip
"""CEL's methods of timestamps; with an argument that is a time zone (cel-spec, langdef.md, "List of Standard
Definitions")."""
_DIFFERENCE = re.compile(r"[+-]?([0-9]{1,9}):([0-9]{1,9})")
_SLASHES = re.compile(r"/\^.*/[gimsuy]*|/.*\$/[gimsuy]*", re.DOTALL)
"""A regular expression as JavaScript writes it, which no text matches: the slash is before the beginning."""
_DAY_HOURS, _HOUR_MINUTES = 24, 60
_HINTS: Mapping[str, str] = {
    **dict.fromkeys(_DIVISIONS, phrase("divide by something other than zero")),
    **dict.fromkeys(
        ("int", "uint", "double"), phrase('write the number itself, without quotes: 12 instead of int("12")')
    ),
    "timestamp": phrase('write it with date, time and zone: timestamp("2026-11-11T00:00:00+08:00")'),
    "duration": phrase('write it in h, m or s: a day is duration("24h")'),
    "number": phrase("write the number itself, without quotes and separators: 1000.0"),
    "bool": phrase("write true or false, without quotes"),
    "_[_]": phrase("the first item of a list is [0]"),
    Kind.MAP: phrase("each key of a map is written once"),
}
_HINT = phrase("change its fixed values")
_CAUSES: Mapping[str, str] = {
    "String to Timestamp conversion failed": phrase("this is not a date, a time and a zone"),
    "timestamp overflow": phrase("the year is not one of 1 to 9999"),
    "String to Duration conversion failed": phrase("this is not a number of hours, minutes or seconds"),
    "Duration": phrase("the span is too long"),
    "Type conversion error from": phrase("the text is neither true nor false"),
    "cannot convert string to int": phrase("the text is not a whole number"),
    "cannot convert string to uint": phrase("the text is not a whole number"),
    "Index error": phrase("the list has no such item"),
    "there is no such field or key in this event": phrase("the map has no such key"),
    "duplicate key in map": phrase("the map has a key twice"),
    "integer overflow": phrase("the number is too large"),
    "double out of int64 range": phrase("the number is too large"),
    "int64 out of uint64 range": phrase("the number is negative"),
    "divide by zero": phrase("it divides by zero"),
    "modulus by zero": phrase("it divides by zero"),
}
"""CEL's causes (measured with cel-expr-python 0.1.3) as an author would say them."""
_NO_OVERLOAD = "No matching overloads"
"""How CEL begins its message about a value of another type (measured with cel-expr-python 0.1.3)."""
_NO_SUCH_VALUE = phrase("it does not take a value of this type")
_OUT_OF_STEPS = "Iteration budget exceeded"
"""CEL's message at its bound for macros (measured with cel-expr-python 0.1.3)."""
_QUOTED_CHARACTERS = 60


def is_fixed(node: Node, variable: str | None = None) -> bool:
    """Whether the part has the same value for every event; `variable` is a name besides `event` that has not."""
    open_names = ("event", variable)
    return node.is_closed and all(below.kind is not Kind.NAME or below.name not in open_names for below in walk(node))


def failures(environment: Environment, expression: Expression, tree: Tree) -> Iterator[Fault]:
    """The parts of a compiled expression that fail for every event; each at the innermost part that fails.

    Evaluates, so an expression over the cost limits (`cel.cost`) must not come here.
    """
    return _Search(environment, expression, tree).failures(tree.root)


class _Search:
    def __init__(self, environment: Environment, expression: Expression, tree: Tree) -> None:
        self._environment = environment
        self._expression = expression
        self._tree = tree

    def _is_fixed(self, node: Node) -> bool:
        return is_fixed(node, self._expression.variable)

    def failures(self, node: Node) -> Iterator[Fault]:
        if self._is_fixed(node):
            if (error := self._error(node)) is not None:
                yield self._innermost(node, error)
            return
        if (fault := self._bad_operand(node)) is not None:
            yield fault
        for child in node.children:
            yield from self.failures(child)

    def _innermost(self, node: Node, error: str) -> Fault:
        if (fault := self._bad_operand(node) or bad_argument(node)) is not None:
            return fault
        for child in node.children:
            if self._is_fixed(child) and (below := self._error(child)) is not None:
                return self._innermost(child, below)
        if error == _OUT_OF_STEPS:
            return Fault(
                node.own, "too-costly", phrase("these loops take more than 10,000 steps"), phrase("use shorter lists")
            )
        text = self._tree.text(node)
        if len(text) > _QUOTED_CHARACTERS:
            text = text[:_QUOTED_CHARACTERS] + "…"
        hint = _HINTS.get(node.name or node.kind, _HINT)
        cause = _NO_SUCH_VALUE if error.startswith(_NO_OVERLOAD) else _CAUSES.get(error, error)
        return Fault(
            node.start, "always-fails", phrase("`{text}` fails for every event: {cause}", text=text, cause=cause), hint
        )

    def _bad_operand(self, node: Node) -> Fault | None:
        """A fixed operand that no value of the others can make right."""
        last = node.children[-1] if node.kind is Kind.CALL and len(node.children) > 1 else None
        if last is None or not self._is_fixed(last):
            return None
        if node.name in _DIVISIONS and self._value(last) == 0:
            return Fault(node.own, "always-fails", phrase("this divides by zero"), _HINTS[node.name])
        if node.name == "_[_]" and isinstance(index := self._value(last), int) and index < 0:
            return Fault(last.start, "always-fails", phrase("no list has an item {index}", index=index), _HINTS["_[_]"])
        if node.name == "matches" and not self._evaluates(f"''.matches({self._tree.text(last)}\n)"):
            hint = phrase("brackets and stars that mean themselves need `\\\\` before them")
            return Fault(last.start, "bad-argument", phrase("matches: this is not a regular expression"), hint)
        if node.name == "matches" and _SLASHES.fullmatch(str(self._value(last))):
            hint = phrase("write what is between the slashes")
            return Fault(last.start, "bad-argument", phrase("matches: the slashes are a part of the pattern"), hint)
        if node.name in _CALENDAR and not self._is_zone(node, last):
            hint = phrase('name a zone by its city, like "Asia/Shanghai", or its difference from UTC, like "+08:00"')
            return Fault(last.start, "bad-argument", phrase("{name}: this is not a time zone", name=node.name), hint)
        return None

    def _is_zone(self, call: Node, zone: Node) -> bool:
        """Whether the call takes it; of a difference from UTC CEL counts more than a day, and 60 minutes and more."""
        name = str(self._value(zone))
        if not name.strip():  # UTC for CEL
            return False
        difference = _DIFFERENCE.fullmatch(name)
        if difference is not None and not (int(difference[1]) < _DAY_HOURS and int(difference[2]) < _HOUR_MINUTES):
            return False
        return self._evaluates(f"timestamp(0).{call.name}({self._tree.text(zone)}\n)")

    def _evaluates(self, source: str) -> bool:
        try:
            self._environment.compile(source).evaluate(self._environment.bind({}))
        except (CompileError, ExpressionFailed):
            return False
        return True

    def _value(self, node: Node) -> object:
        """The value of a fixed part; None where it fails."""
        if node.kind is Kind.CONSTANT:
            return node.value
        try:
            return self._environment.part(self._expression, node).evaluate(self._environment.bind({}))
        except ExpressionFailed:
            return None

    def _error(self, node: Node) -> str | None:
        """Why a fixed part has no value; None where it has one."""
        if _has_plain_value(node):
            return None
        try:
            self._environment.part(self._expression, node).evaluate(self._environment.bind({}))
        except ExpressionFailed as failed:
            return failed.message
        return None


def _has_plain_value(node: Node) -> bool:
    """Literals need no evaluation: maps of labels are in most rules."""
    if node.kind is Kind.MAP:
        keys = [key.value for key in node.children[::2]]
        return all(child.kind is Kind.CONSTANT for child in node.children) and len(set(keys)) == len(keys)
    return not node.children or (node.kind is Kind.LIST and all(map(_has_plain_value, node.children)))
