"""Expressions of the plain forms that most rules are made of, evaluated without a call into CEL.

A field, a comparison, one of our own functions: for these, handing the event over to CEL costs ten times the work
itself (docs/decisions/rule-expressions.md). Such an expression is written as one Python function, in which the usual
case is a type looked at and a value taken. It gives CEL's value or gives up, for any reason and at any step: a field
that is not there, a value of another type, a function that fails. Then CEL itself is asked, so errors, their words and
everything unusual stay CEL's. A property test holds the two against each other.

The source is made of the words of this module alone (`v1`, `c1`, …, and `direct_operations.WORDS`). Whatever the rule
says, a text, a number or a field's name, is a value that the function is given as `c1`, `c2`, …; none of it is ever
read as Python. `event.amount_paid > 0.0` becomes

    lambda c1, c2: lambda data: (v1 > c1 if type(v1 := data[c2]) is float else more(v1, c1))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from math import prod
from types import NoneType
from typing import Any, NamedTuple

from pipeline.rules.cel.operations import LEAST, MOST, WORDS, CompiledExpression
from pipeline.rules.cel.tree import Kind, Node
from pipeline.rules.functions import FUNCTIONS, Function
from pipeline.rules.timestamp import Timestamp


class Written(NamedTuple):
    """The source of a value."""

    code: str
    kind: type | None
    """The class that it is surely of, clean as CEL would see it; None: not looked at yet."""


Look = Callable[[Written], str]
"""Makes of a value's source that of the value as somebody wants it."""


class NeedsCel(Exception):
    """The expression has a part that only CEL can evaluate."""


NOT_WRITTEN = (NeedsCel, RecursionError, SyntaxError, MemoryError)
"""Why there is no source; the last three are Python's for what is nested too deep. CEL takes nothing that is."""


def direct(root: Node) -> CompiledExpression | None:
    """The expression as a function; None where it has a part that only CEL can evaluate."""
    writer = Writer()
    try:
        return writer.function(writer.written(root, writer.plain))
    except NOT_WRITTEN:
        return None


class Writer:
    """Writes the expressions of one function."""

    def __init__(self) -> None:
        self._values: list[object] = []
        self._variables = 0

    def function(self, code: str) -> CompiledExpression:
        """The function of an event's data that `code` is the value of."""
        made: CompiledExpression = _made(self.source(code))(*self._values)
        return made

    def source(self, code: str) -> str:
        """A function of the rule's values that gives the one of an event's data."""
        names = ", ".join(f"c{number}" for number in range(1, len(self._values) + 1))
        return f"lambda {names}: lambda data: {code}"

    def given(self, value: object) -> str:
        """The name of a value that the source is given."""
        self._values.append(value)
        return f"c{len(self._values)}"

    def variable(self) -> str:
        """A fresh name."""
        self._variables += 1
        return f"v{self._variables}"

    def plain(self, found: Written) -> str:
        """As a plain value: a text, number, truth or null."""
        return found.code if found.kind is not None else self.otherwise(found, str, "scalar({})")

    def raw(self, found: Written) -> str:
        """As it is."""
        return found.code

    def truth(self, found: Written) -> str:
        """As true or false."""
        return found.code if found.kind is bool else f"truth({found.code})"

    def string(self, found: Written) -> str:
        """As CEL's `string()` writes a text or whole number."""
        return self.otherwise(found, int, "string({})", "str({})")

    def text(self, found: Written) -> str:
        """As a text."""
        return found.code if found.kind is str else self.otherwise(found, str, "text({})")

    def otherwise(self, found: Written, kind: type, unusual: str, usual: str = "{}") -> str:
        """`usual` with its name where it is of the kind, else `unusual` with it."""
        name = self.variable()
        asked = f"type({name} := {found.code}) is {kind.__name__}{_BESIDES.get(kind, '').format(name)}"
        return f"({usual.format(name)} if {asked} else {unusual.format(name)})"

    def written(self, node: Node, look: Look) -> str:
        """The node's value as `look` makes it; of a choice, either branch's."""
        if node.kind is Kind.CALL and node.name == "_?_:_":
            asked, one, other = node.children
            return f"({self.written(one, look)} if {self.written(asked, self.truth)} else {self.written(other, look)})"
        return look(self._value(node))

    def _value(self, node: Node) -> Written:
        match node.kind:
            case Kind.CONSTANT:
                return self._constant(node.value)
            case Kind.FIELD:
                return Written(f"{self._holder(node)}[{self.given(node.name)}]", None)
            case Kind.HAS:
                holder = self._holder(node)
                record = holder if holder == "data" else f"record({holder})"
                return Written(f"({self.given(node.name)} in {record})", bool)
            case Kind.CALL if node.name in _OURS:
                return self._ours(_OURS[node.name], node.children)
            case Kind.CALL if node.name in _COMPARISONS:
                return self._comparison(node)
            case Kind.CALL:
                return self._call(node)
            case _:
                raise NeedsCel

    def _constant(self, value: object) -> Written:
        if type(value) not in {str, bool, int, float, NoneType} or (type(value) is str and "\x00" in value):
            raise NeedsCel
        return Written(self.given(value), type(value))

    def _holder(self, node: Node) -> str:
        """What a field or item is taken from: the event itself, or what a path leads to."""
        below = node.children[0]
        if below.kind is Kind.NAME and below.name == "event" and node.kind is not Kind.CALL:
            return "data"
        if below.kind is Kind.FIELD or (below.kind is Kind.CALL and below.name == "_[_]"):
            return self._value(below).code
        raise NeedsCel

    def _item(self, node: Node) -> str:
        """`event.a[0]`, `event.a["b"]`; only a record has items by text, so that need not be asked."""
        key = node.children[1]
        index = key.value if key.kind is Kind.CONSTANT else None
        if type(index) is str:
            return f"{self._holder(node)}[{self.given(index)}]"
        if type(index) is int and index >= 0:
            return f"listed({self._holder(node)})[{self.given(index)}]"
        raise NeedsCel

    def _call(self, node: Node) -> Written:
        if node.name == "_[_]":
            return Written(self._item(node), None)
        if node.name == "@in":
            one, group = node.children
            texts = frozenset(_texts(group, Kind.LIST))
            return Written(f"({self.written(one, self.text)} in {self.given(texts)})", bool)
        form = _FORMS.get((node.name, len(node.children)))
        if form is None:
            raise NeedsCel
        parts = [self.written(child, partial(form.look, self)) for child in node.children]
        return Written(form.code.format(*parts), form.kind)

    def _comparison(self, node: Node) -> Written:
        one, other = node.children
        word, sign = _COMPARISONS[node.name], node.name.strip("_")
        if other.kind is not Kind.CONSTANT or other.value is None:
            return Written(f"{word}({self.written(one, self.raw)}, {self.written(other, self.raw)})", bool)
        constant = self._constant(other.value)

        def beside(found: Written) -> str:
            if found.kind is constant.kind:
                return f"({found.code} {sign} {constant.code})"
            usual = f"{{}} {sign} {constant.code}"
            return self.otherwise(found, type(other.value), f"{word}({{}}, {constant.code})", usual)

        return Written(self.written(one, beside), bool)

    def _ours(self, function: Function, parts: Sequence[Node]) -> Written:
        """One of our functions, with arguments of exactly the types that an overload names, as CEL would call it."""
        overloads = [
            (tuple(_CLASSES[name] for name in overload.parameters), overload.result)
            for overload in function.overloads
            if len(overload.parameters) == len(parts) and _CLASSES.keys() >= set(overload.parameters)
        ]
        overloads = [one for one in overloads if all(map(_may_be, parts, one[0]))]
        if not overloads:
            raise NeedsCel
        name = self.given(function.implementation)
        locations = [tuple(dict.fromkeys(classes)) for classes in zip(*(one[0] for one in overloads), strict=True)]
        if len(overloads) == prod(map(len, locations)):  # each argument may be looked at alone
            given = ", ".join(map(self._argument, parts, locations))
            results = {result for _, result in overloads}
            return Written(f"{name}({given})", _RESULTS.get(results.pop()) if len(results) == 1 else None)
        accepted = self.given(frozenset(one[0] for one in overloads))
        values = ", ".join(self.written(part, self.raw) for part in parts)
        return Written(f"call({name}, {accepted}, {values})", None)

    def _argument(self, node: Node, classes: tuple[type, ...]) -> str:
        if classes == (dict,):
            texts = _texts(node, Kind.MAP)
            return self.given(dict(zip(texts[::2], texts[1::2], strict=True)))

        def look(found: Written) -> str:
            if found.kind in classes:
                return found.code
            return self.otherwise(found, classes[0], f"argument({{}}, {self.given(frozenset(classes))})")

        return self.written(node, look)


@lru_cache(maxsize=256)
def _made(source: str) -> Callable[..., Any]:
    """Rules that differ in their values alone have one source, and share its code."""
    made: Callable[..., Any] = eval(source, _GLOBALS)  # noqa: S307 - of our own words alone
    return made


def _may_be(node: Node, kind: type) -> bool:
    """Whether an argument may be of the kind: of a constant it is known, and a map is one only if written out."""
    if node.kind is Kind.CONSTANT:
        return type(node.value) is kind
    return (node.kind is Kind.MAP) is (kind is dict)


def _texts(node: Node, kind: Kind) -> list[str]:
    """The texts of a list, or of a map (key, value, key, value …), that is made of constant ones alone."""
    texts = [child.value for child in node.children if type(child.value) is str and "\x00" not in child.value]
    if node.kind is not kind or len(texts) < len(node.children):
        raise NeedsCel
    return texts


_BESIDES: Mapping[type, str] = {str: " and '\\0' not in {0}", int: f" and {LEAST} <= {{0}} <= {MOST}"}
"""What is to be asked besides the class."""


class _Form(NamedTuple):
    """An operator or method: the source with its parts in place, how each is wanted, and what it gives."""

    code: str
    look: Callable[[Writer, Written], str]
    kind: type


_FORMS: Mapping[tuple[str, int], _Form] = {
    ("_&&_", 2): _Form("({} and {})", Writer.truth, bool),
    ("_||_", 2): _Form("({} or {})", Writer.truth, bool),
    ("!_", 1): _Form("(not {})", Writer.truth, bool),
    ("_+_", 2): _Form("({} + {})", Writer.text, str),
    ("startsWith", 2): _Form("{}.startswith({})", Writer.text, bool),
    ("endsWith", 2): _Form("{}.endswith({})", Writer.text, bool),
    ("contains", 2): _Form("({1} in {0})", Writer.text, bool),
    ("string", 1): _Form("{}", Writer.string, str),
    ("size", 1): _Form("size({})", Writer.raw, int),
}
_COMPARISONS: Mapping[str, str] = {
    "_==_": "equal",
    "_!=_": "unequal",
    "_<_": "less",
    "_<=_": "at_most",
    "_>_": "more",
    "_>=_": "at_least",
}
_RESULTS: Mapping[str, type] = {"string": str, "double": float, "int": int, "bool": bool}
_CLASSES: Mapping[str, type] = {
    **_RESULTS,
    "null": NoneType,
    "timestamp": Timestamp,
    "map<string, string>": dict,
}
"""CEL's names for types that a function's arguments may have here. A map can only be one of constants."""
_OURS: Mapping[str, Function] = {function.name: function for function in FUNCTIONS}
_GLOBALS: dict[str, object] = {"__builtins__": {}, **WORDS}
