"""Expressions of the forms that most rules are made of, as generated Python.

For a field, a comparison or one of our own functions, converting the event for CEL costs ten times the work itself
(docs/decisions/rule-expressions.md). Such an expression becomes one Python function whose usual path is a type check
and a value. The function gives CEL's value or gives up at any step: for a missing field, a value of another type, a
function that fails. CEL then evaluates the expression, so all errors and their messages come from CEL.

The source consists of names of this package alone (`v1`, `c1`, … and `operations.NAMES`). A rule's texts, numbers and
field names are passed to the function as `c1`, `c2`, … and are never read as Python. `event.amount_paid > 0.0` becomes

    lambda c1, c2: lambda data: (v1 > c1 if type(v1 := data[c2]) is float else more(v1, c1))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from math import prod
from types import NoneType
from typing import Any, NamedTuple

from pipeline.rules.cel.forms import Generated
from pipeline.rules.cel.operations import MAX_INT, MIN_INT, NAMES
from pipeline.rules.cel.tree import UNSIGNED, Kind, Node
from pipeline.rules.functions import FUNCTIONS, Function
from pipeline.rules.timestamp import Timestamp


class Code(NamedTuple):
    """Python source of one value."""

    source: str
    type: type | None
    """The class that the value surely has, with texts as CEL sees them; None: not checked yet."""


def variable_key(name: str) -> tuple[str]:
    """The key of a variable besides `event` in the data of a generated function; a field's key is a text."""
    return (name,)


Conversion = Callable[[Code], str]
"""Turns the code of a value into source that gives the value as the caller needs it."""


class NeedsCel(Exception):
    """The expression has a part that only CEL can evaluate."""


NOT_GENERATED = (NeedsCel, RecursionError, SyntaxError, MemoryError)
"""Raised where no function can be generated; Python raises the last three for nesting that CEL refuses as well."""


def generate(root: Node) -> Generated | None:
    """The expression as a function; None where it has a part that only CEL can evaluate."""
    writer = Writer()
    try:
        return writer.generated(writer.write(root, writer.plain))
    except NOT_GENERATED:
        return None


class Writer:
    """Writes the source of one function."""

    def __init__(self) -> None:
        self._values: list[object] = []
        self._literals: dict[int, int] = {}
        self._variables = 0

    def generated(self, source: str) -> Generated:
        """The function of an event's data that returns the value of `source`."""
        factory = _evaluated(self.factory(source))
        return Generated(factory(*self._values), factory, tuple(self._values), self._literals)

    def factory(self, source: str) -> str:
        """The source of a function that takes the rule's values and returns the function of an event's data."""
        names = ", ".join(f"c{number}" for number in range(1, len(self._values) + 1))
        return f"lambda {names}: lambda data: {source}"

    def constant(self, value: object) -> str:
        """The name under which the source gets a value of the rule."""
        self._values.append(value)
        return f"c{len(self._values)}"

    def variable(self) -> str:
        """A new name."""
        self._variables += 1
        return f"v{self._variables}"

    def plain(self, code: Code) -> str:
        """As a plain value: a text, number, truth value or null."""
        return code.source if code.type is not None else self.checked(code, str, "scalar({})")

    def raw(self, code: Code) -> str:
        """Unchecked."""
        return code.source

    def truth(self, code: Code) -> str:
        """As true or false."""
        return code.source if code.type is bool else f"truth({code.source})"

    def string(self, code: Code) -> str:
        """As CEL's `string()` writes it."""
        return self.checked(code, int, "string({})", "str({})")

    def text(self, code: Code) -> str:
        """As a text."""
        return code.source if code.type is str else self.checked(code, str, "text({})")

    def checked(self, code: Code, expected: type, otherwise: str, usual: str = "{}") -> str:
        """`usual` applied to the value if it has the expected class, else `otherwise` applied to it."""
        name = self.variable()
        check = f"type({name} := {code.source}) is {expected.__name__}{_FURTHER_CHECKS.get(expected, '').format(name)}"
        return f"({usual.format(name)} if {check} else {otherwise.format(name)})"

    def write(self, node: Node, convert: Conversion) -> str:
        """The source of a node's value, converted; of `a ? b : c`, both branches are converted."""
        if node.kind is Kind.CALL and node.name == "_?_:_":
            condition, one, other = node.children
            then, otherwise = self.write(one, convert), self.write(other, convert)
            return f"({then} if {self.write(condition, self.truth)} else {otherwise})"
        return convert(self._value(node))

    def _value(self, node: Node) -> Code:
        match node.kind:
            case Kind.CONSTANT:
                return self._constant(node)
            case Kind.NAME if node.name != "event":
                return Code(self._variable_of_rule(node), None)
            case Kind.FIELD:
                return Code(f"{self._container(node)}[{self.constant(node.name)}]", None)
            case Kind.HAS:
                container = self._container(node)
                record = container if container == "data" else f"record({container})"
                return Code(f"({self.constant(node.name)} in {record})", bool)
            case Kind.CALL if node.name in _FUNCTIONS:
                return self._function_call(_FUNCTIONS[node.name], node.children)
            case Kind.CALL if node.name in _COMPARISONS:
                return self._comparison(node)
            case Kind.CALL:
                return self._call(node)
            case _:
                raise NeedsCel

    def _constant(self, node: Node) -> Code:
        value = node.value
        if (
            node.name == UNSIGNED
            or type(value) not in {str, bool, int, float, NoneType}
            or (type(value) is str and "\x00" in value)
        ):
            raise NeedsCel
        self._literals[len(self._values)] = node.start
        return Code(self.constant(value), type(value))

    def _container(self, node: Node) -> str:
        """What a field or item is taken from: the event itself, or the value of a path."""
        below = node.children[0]
        if below.kind is Kind.NAME and below.name == "event" and node.kind is not Kind.CALL:
            return "data"
        if below.kind is Kind.NAME and below.name != "event":
            return self._variable_of_rule(below)
        if below.kind is Kind.FIELD or (below.kind is Kind.CALL and below.name == "_[_]"):
            return self._value(below).source
        raise NeedsCel

    def _variable_of_rule(self, node: Node) -> str:
        """An item of the rule's `for_each`. For any other name there is no such key, and the function gives up."""
        return f"data[{self.constant(variable_key(node.name))}]"

    def _item(self, node: Node) -> str:
        """`event.a[0]`, `event.a["b"]`; only a record has items by text, so that needs no check."""
        key = node.children[1]
        index = key.value if key.kind is Kind.CONSTANT else None
        if type(index) is str:
            return f"{self._container(node)}[{self.constant(index)}]"
        if type(index) is int and index >= 0:
            return f"listed({self._container(node)})[{self.constant(index)}]"
        raise NeedsCel

    def _call(self, node: Node) -> Code:
        if node.name == "_[_]":
            return Code(self._item(node), None)
        if node.name == "@in":
            one, group = node.children
            texts = frozenset(_texts(group, Kind.LIST))
            return Code(f"({self.write(one, self.text)} in {self.constant(texts)})", bool)
        form = _FORMS.get((node.name, len(node.children)))
        if node.name == "_+_" and any(map(_is_text, node.children)):
            form = _CONCATENATION
        if form is None:
            raise NeedsCel
        parts = [self.write(child, partial(form.convert, self)) for child in node.children]
        return Code(form.source.format(*parts), form.type)

    def _comparison(self, node: Node) -> Code:
        one, other = node.children
        operation, operator = _COMPARISONS[node.name], node.name.strip("_")
        if other.kind is not Kind.CONSTANT or other.value is None:
            return Code(f"{operation}({self.write(one, self.raw)}, {self.write(other, self.raw)})", bool)
        constant = self._constant(other)

        def compare(code: Code) -> str:
            if code.type is constant.type:
                return f"({code.source} {operator} {constant.source})"
            usual = f"{{}} {operator} {constant.source}"
            return self.checked(code, type(other.value), f"{operation}({{}}, {constant.source})", usual)

        return Code(self.write(one, compare), bool)

    def _function_call(self, function: Function, parts: Sequence[Node]) -> Code:
        """One of our functions, called as CEL does: with arguments of exactly the types of an overload."""
        overloads = [
            (tuple(_CLASSES[name] for name in overload.parameters), overload.result)
            for overload in function.overloads
            if len(overload.parameters) == len(parts) and _CLASSES.keys() >= set(overload.parameters)
        ]
        overloads = [one for one in overloads if all(map(_may_be, parts, one[0]))]
        if not overloads:
            raise NeedsCel
        name = self.constant(function.implementation)
        alternatives = [tuple(dict.fromkeys(classes)) for classes in zip(*(one[0] for one in overloads), strict=True)]
        if len(overloads) == prod(map(len, alternatives)):  # each argument can be checked alone
            arguments = ", ".join(map(self._argument, parts, alternatives))
            results = {result for _, result in overloads}
            return Code(f"{name}({arguments})", _RESULTS.get(results.pop()) if len(results) == 1 else None)
        accepted = self.constant(frozenset(one[0] for one in overloads))
        values = ", ".join(self.write(part, self.raw) for part in parts)
        return Code(f"call({name}, {accepted}, {values})", None)

    def _argument(self, node: Node, classes: tuple[type, ...]) -> str:
        if classes == (dict,):
            texts = _texts(node, Kind.MAP)
            return self.constant(dict(zip(texts[::2], texts[1::2], strict=True)))

        def convert(code: Code) -> str:
            if code.type in classes:
                return code.source
            return self.checked(code, classes[0], f"argument({{}}, {self.constant(frozenset(classes))})")

        return self.write(node, convert)


@lru_cache(maxsize=256)
def _evaluated(source: str) -> Callable[..., Any]:
    """Rules that differ only in their values have the same source, and share its code object."""
    factory: Callable[..., Any] = eval(source, _GLOBALS)  # noqa: S307 - only names of this package
    return factory


def _may_be(node: Node, expected: type) -> bool:
    """Whether an argument may have the class: a constant's class is known, and only a written-out map is a map."""
    if node.kind is Kind.CONSTANT:
        return type(node.value) is expected and node.name != UNSIGNED
    return (node.kind is Kind.MAP) is (expected is dict)


def _is_text(node: Node) -> bool:
    """Whether a part of a sum is a text for sure, so that the other part must be one."""
    if node.kind is Kind.CONSTANT:
        return type(node.value) is str
    if node.name == "_+_":
        return any(map(_is_text, node.children))
    function = _FUNCTIONS.get(node.name) if node.kind is Kind.CALL else None
    return node.kind is Kind.CALL and (
        node.name == "string" or (function is not None and {one.result for one in function.overloads} == {"string"})
    )


def _texts(node: Node, kind: Kind) -> list[str]:
    """The texts of a list, or of a map (key, value, key, value …), that consists of constant texts."""
    texts = [child.value for child in node.children if type(child.value) is str and "\x00" not in child.value]
    if node.kind is not kind or len(texts) < len(node.children):
        raise NeedsCel
    return texts


_FURTHER_CHECKS: Mapping[type, str] = {
    str: " and '\\0' not in {0}",
    int: f" and {MIN_INT} <= {{0}} <= {MAX_INT}",
}
"""What is checked besides the class."""


class _Form(NamedTuple):
    """An operator or method: source with a gap for each part, the conversion of the parts, and the result's class."""

    source: str
    convert: Callable[[Writer, Code], str]
    type: type | None


_CONCATENATION = _Form("({} + {})", Writer.text, str)
_FORMS: Mapping[tuple[str, int], _Form] = {
    ("_&&_", 2): _Form("({} and {})", Writer.truth, bool),
    ("_||_", 2): _Form("({} or {})", Writer.truth, bool),
    ("!_", 1): _Form("(not {})", Writer.truth, bool),
    ("_+_", 2): _Form("add({}, {})", Writer.raw, None),
    ("_-_", 2): _Form("subtract({}, {})", Writer.raw, None),
    ("_*_", 2): _Form("multiply({}, {})", Writer.raw, None),
    ("_/_", 2): _Form("divide({}, {})", Writer.raw, None),
    ("-_", 1): _Form("negate({})", Writer.raw, None),
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
_RESULTS: Mapping[str, type] = {"string": str, "int": int, "bool": bool}
"""A result that is a `double` may be a `float` or a `Decimal`."""
_CLASSES: Mapping[str, type] = {
    **_RESULTS,
    "double": float,
    "null": NoneType,
    "timestamp": Timestamp,
    "map<string, string>": dict,
}
"""CEL's names of the types that a function's arguments may have here. A map can only be one of constants."""
_FUNCTIONS: Mapping[str, Function] = {function.name: function for function in FUNCTIONS}
_GLOBALS: dict[str, object] = {"__builtins__": {}, **NAMES}
