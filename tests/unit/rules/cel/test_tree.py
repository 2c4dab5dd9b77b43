"""Expressions taken apart: places, parts, and values of parts."""

from __future__ import annotations

import pytest

from pipeline.rules.cel.engine import Environment, Expression
from pipeline.rules.cel.tree import Kind, Node, Tree, path, walk

ENVIRONMENT = Environment()
EVENT = {"a": 1, "b": 2, "no": "A1", "list": ["x", "y"], "item": {"name": "bean"}, "map": {"k": "v"}, "ok": True}


def compiled(source: str) -> tuple[Expression, Tree]:
    expression = ENVIRONMENT.compile(source)
    return expression, expression.tree()


def texts(source: str) -> list[str]:
    _, tree = compiled(source)
    return [tree.text(node) for node in walk(tree.root)]


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("event.a > 1", ["event.a > 1", "event.a", "event", "1"]),
        (
            "(event.a + event.b) * -2",
            ["(event.a + event.b) * -2", "event.a + event.b", "event.a", "event", "event.b", "event", "-2"],
        ),
        ("!event.ok", ["!event.ok", "event.ok", "event"]),
        ('event.no in ["A1"]', ['event.no in ["A1"]', "event.no", "event", '["A1"]', '"A1"']),
        ("has(event.no)", ["has(event.no)", "event"]),
        ('event.map["k"].size()', ['event.map["k"].size()', 'event.map["k"]', "event.map", "event", '"k"']),
        ("size((event.no))", ["size((event.no))", "event.no", "event"]),
        ('{"k": [1]}["k"]', ['{"k": [1]}["k"]', '{"k": [1]}', '"k"', "[1]", "1", '"k"']),
        (
            "event.list.exists(one, one == 'x')",
            ["event.list.exists(one, one == 'x')", "event.list", "event", "one == 'x'", "one", "'x'"],
        ),
        ("event.ok ? 'a)' : \"b(\"", ["event.ok ? 'a)' : \"b(\"", "event.ok", "event", "'a)'", '"b("']),
        ("'😀中' + event . no // words )", ["'😀中' + event . no", "'😀中'", "event . no", "event"]),
    ],
)
def test_every_part_has_its_own_source(source: str, parts: list[str]) -> None:
    """Each part's place holds exactly the characters that the author wrote for it, brackets in balance."""
    assert texts(source) == parts


@pytest.mark.parametrize(
    ("source", "sign"),
    [
        ("event.ok && event.a > 1", "&&"),
        ("event.a in [1]", "in"),
        ("event.ok ? 1 : 2", "?"),
        ("event.item.name", "name"),
        ("size(event.no)", "size"),
        ("event.list.all(one, one > 'a')", "all"),
    ],
)
def test_own_points_at_what_names_the_part(source: str, sign: str) -> None:
    """Findings and branch marks point at the operator, the field or the function."""
    _, tree = compiled(source)
    assert source[tree.root.own :].startswith(sign)


def test_every_closed_part_has_a_value_of_its_own() -> None:
    """A part that uses no variable of a macro can be evaluated alone, on the same bound event."""
    expression, tree = compiled('event.a > 1 || event.no == "A1" && event.list.exists(one, one == "x")')
    activation = ENVIRONMENT.bind(EVENT)
    values = {
        tree.text(node): ENVIRONMENT.part(expression, node).evaluate(activation)
        for node in walk(tree.root)
        if node.is_closed and node.kind is not Kind.NAME
    }
    assert values == {
        'event.a > 1 || event.no == "A1" && event.list.exists(one, one == "x")': True,
        "event.a > 1": False,
        "event.a": 1,
        "1": 1,
        'event.no == "A1" && event.list.exists(one, one == "x")': True,
        'event.no == "A1"': True,
        "event.no": "A1",
        '"A1"': "A1",
        'event.list.exists(one, one == "x")': True,
        "event.list": ["x", "y"],
        '"x"': "x",
    }


def test_a_macros_variable_keeps_parts_open() -> None:
    """An inner macro that uses an outer one's variable cannot be evaluated alone; the outer one can."""
    expression, tree = compiled("event.list.map(x, event.list.map(y, x + y))")
    inner = tree.root.children[1]
    assert (tree.root.is_closed, inner.is_closed) == (True, False)
    with pytest.raises(ValueError, match="macro's variable"):
        ENVIRONMENT.part(expression, inner)


def test_a_macro_tells_its_variables_and_what_the_author_wrote() -> None:
    """What CEL adds around a macro's body does not show."""
    _, tree = compiled("event.list.map(x, x > 'a', x + 'b')")
    assert tree.root.kind is Kind.MACRO
    assert tree.root.loop_variables == ("x",)
    assert [tree.text(child) for child in tree.root.children] == ["event.list", "x > 'a'", "x + 'b'"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("event.item.name", ("event", "item", "name")),
        ("has(event.item.name)", ("event", "item", "name")),
        ("event.list[0]", None),
    ],
)
def test_a_plain_path_is_reported_as_names(source: str, expected: tuple[str, ...] | None) -> None:
    """Paths are what null checks and enum checks look up in the schema."""
    assert path(compiled(source)[1].root) == expected


@pytest.mark.parametrize(
    ("source", "value"), [("null", None), ("-1", -1), ("2.5", 2.5), ("'a'", "a"), ("true", True), ("7u", 7)]
)
def test_constants_hold_their_value(source: str, value: object) -> None:
    """A constant's node has the value, whatever its type."""
    root: Node = compiled(source)[1].root
    assert (root.kind, root.value) == (Kind.CONSTANT, value)
