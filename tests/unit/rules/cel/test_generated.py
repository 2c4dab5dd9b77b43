"""The source of expressions that are evaluated without CEL: nothing of a rule's text is in it, however it is meant."""

from __future__ import annotations

import io
import keyword
import re
import tokenize
from dataclasses import replace

import pytest

from pipeline.rules.cel.engine import Environment
from pipeline.rules.cel.generated import Writer, generate
from pipeline.rules.cel.operations import NAMES, GiveUp
from pipeline.rules.cel.tree import Node

ENVIRONMENT = Environment()
_OWN = re.compile(r"[cv]\d+|data|startswith|endswith")
EVIL = (
    "__import__('os').abort()",
    '"); raise SystemExit(1) #',
    "')\\",
    "\\'",
    '\\"""',
    "{0.__class__}",
    "{v1}",
    "%s",
    "c1",
    "data",
    "\n\r\t",
    "\u2028",
    "\U0001f600",
    "\x7f\u0085",
)


def cel(text: str) -> str:
    """The text as a constant of CEL, in escapes."""
    return '"' + "".join(f"\\U{ord(one):08x}" for one in text) + '"'


def root(source: str) -> Node:
    return ENVIRONMENT.compile(source).tree().root


def message(source: str) -> set[str]:
    """What Python would look up, and every text and number, in an expression's source."""
    writer = Writer()
    written = writer.factory(writer.write(root(source), writer.plain))
    tokens = [one for one in tokenize.generate_tokens(io.StringIO(written).readline) if one.string]
    names = {one.string for one in tokens if one.type in {tokenize.NAME, tokenize.STRING, tokenize.NUMBER}}
    return {one for one in names if not keyword.iskeyword(one) and _OWN.fullmatch(one) is None}


@pytest.mark.parametrize("text", EVIL)
def test_a_rules_text_is_a_value_and_never_source(text: str) -> None:
    """As a constant, a key, a word of a map, a member of a list and an event's own value it stays the text it is."""
    constant = cel(text)
    sources = {
        constant: text,
        f"event.a[{constant}]": "found",
        f"event.a[{constant}] == {constant}": False,
        f'label("A", {{"A": {constant}}})': text,
        f'"A" in ["A", {constant}]': True,
        f"has(event.a) ? {constant} + event.b : event.b": text + text,
        f"event.b.startsWith({constant})": True,
        f"default(event.b, {constant})": text,
    }
    activation = ENVIRONMENT.bind({"a": {text: "found"}, "b": text})
    for source, expected in sources.items():
        expression = ENVIRONMENT.compile(source)
        assert expression.generated is not None
        assert expression.generated(activation.data) == expected == expression.by_cel(activation)
        assert message(source) <= {*NAMES, r"'\0'"}


@pytest.mark.parametrize("name", ["__class__", "c1", "v1", "data", "lambda", "None", "type", "str", "exec"])
def test_a_fields_name_is_a_value_and_never_a_name(name: str) -> None:
    """A field with the name of a variable of the source, or of Python, is a field of the event."""
    expression = ENVIRONMENT.compile(f"event.{name} == event.a.{name}")
    assert expression.generated is not None
    assert expression.generated({name: "x", "a": {name: "x"}}) is True
    assert message(f"event.{name}.{name}") <= {*NAMES, r"'\0'"}


def test_numbers_of_a_rule_are_no_source_either() -> None:
    """Not even the endless one that has no literal in Python."""
    expression = ENVIRONMENT.compile("event.a < 1e999 && event.b != 123456789")
    assert expression.generated is not None
    assert expression.generated({"a": 1.0, "b": 5}) is True
    assert "123456789" not in message(expression.source)


@pytest.mark.parametrize(
    ("before", "inner", "after"),
    [
        ("upper(", "event.a", ")"),
        ("string(", "event.a", ")"),
        ("!(false || !(", "event.b", "))"),
        ("(event.b ? ", "event.a", ' : "x")'),
        ("", "event.a", ' + "x"'),
        ("", 'event.a == "a"', " == true"),
        ("", "event.list", "[0]"),
        ("", "event.self", ".self"),
        ("default(", "event.a", ', "x")'),
        ("default(event.a, ", "event.a", ")"),
    ],
)
def test_the_deepest_that_cel_takes_is_evaluated_directly(before: str, inner: str, after: str) -> None:
    """What is nested as deep as CEL allows (32) is still no problem of Python's compiler."""
    deep: list[object] = []
    deep.append(deep)
    event: dict[str, object] = {"a": "a", "b": True, "list": deep}
    event["self"] = event
    depths = []
    for depth in range(1, 40):
        source = before * depth + inner + after * depth
        try:
            expression = ENVIRONMENT.compile(source)
        except ValueError:
            break
        assert expression.generated is not None
        depths.append(depth)
    assert 10 <= depths[-1] <= 32


@pytest.mark.parametrize("source", ["!event.a", "string(event.a)", "event.a.b", '"a" + event.a', "event.a == true"])
def test_what_would_be_nested_deeper_is_left_to_cel(source: str) -> None:
    """Should CEL take more one day: Python's own limits end in no function, not in a traceback."""
    node = root(source)
    made = {depth: generate(_nested(node, depth)) for depth in (50, 100, 200, 400, 800, 1_600, 20_000)}
    assert made[20_000] is None


def _nested(node: Node, depth: int) -> Node:
    """The node in the place of its own first part, again and again."""
    below = node
    for _ in range(depth):
        below = replace(node, children=(below, *node.children[1:]))
    return below


def test_expressions_of_one_form_share_their_code() -> None:
    """A thousand rules that compare one field with a thousand values have one piece of code."""
    one, other = (ENVIRONMENT.compile(f"event.{name} == {number}").generated for name, number in (("a", 1), ("b", 2)))
    assert one is not None
    assert other is not None
    assert one.__code__ is other.__code__
    assert one({"a": 1}) is other({"b": 2}) is True


@pytest.mark.parametrize(
    ("source", "expected"),
    [('default(event.none, "x")', "x"), ("default(event.none, 0.5) > 0.0", True), ("event.none == null", True)],
)
def test_null_is_usual_where_a_rule_expects_it(source: str, expected: object) -> None:
    """A fallback for what is null needs no CEL."""
    expression = ENVIRONMENT.compile(source)
    assert expression.generated is not None
    assert expression.generated({"none": None}) == expected


def test_a_function_of_several_types_takes_them_in_the_pairs_that_it_names() -> None:
    """Each argument alone is accepted, but not the two together: CEL reports the error."""
    plain = ENVIRONMENT.compile("default(event.a, event.b)").generated
    assert plain is not None
    assert plain({"a": None, "b": 1}) == 1
    assert plain({"a": "", "b": "x"}) == "x"
    with pytest.raises(GiveUp):
        plain({"a": 1, "b": "x"})
