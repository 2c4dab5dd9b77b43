"""Expressions evaluated part by part: values, what is passed over, and what decided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.authoring.evaluation import Evaluation, Probe, Result
from pipeline.rules.cel.engine import Environment, ExpressionFailed
from pipeline.rules.cel.tree import walk

ENVIRONMENT = Environment()
EVENT = {"a": 1, "no": "A1", "list": ["x", "y"], "item": {"name": "bean"}, "ok": True, "none": None}
ABSENT = "there is no such field or key in this event"


def evaluated(source: str) -> Evaluation:
    return Probe(ENVIRONMENT, ENVIRONMENT.compile(source)).evaluate(ENVIRONMENT.bind(EVENT))


def values(evaluation: Evaluation) -> dict[str, object]:
    """Each part's source and value; a failed one as its words."""
    tree = evaluation.tree
    found = ((tree.text(node), evaluation.of(node)) for node in walk(tree.root))
    return {text: one.failed or one.value for text, one in found if one is not None}


def deciding(source: str) -> list[str]:
    evaluation = evaluated(source)
    return [evaluation.tree.text(node) for node in evaluation.deciding()]


def test_every_evaluated_part_has_its_value() -> None:
    """Fields, constants, comparisons and calls; a macro counts as one."""
    assert values(evaluated('size(event.no) > 1 && event.list.exists(one, one == "x")')) == {
        'size(event.no) > 1 && event.list.exists(one, one == "x")': True,
        "size(event.no) > 1": True,
        "size(event.no)": 2,
        "event.no": "A1",
        "1": 1,
        'event.list.exists(one, one == "x")': True,
        "event.list": ["x", "y"],
    }


@pytest.mark.parametrize(
    ("source", "seen", "passed_over"),
    [
        ("event.a > 5 && event.ok", "event.a > 5", "event.ok"),
        ("event.ok || event.a > 5", "event.ok", "event.a > 5"),
        ("event.ok ? event.no : event.item.name", "event.no", "event.item.name"),
        ("!event.ok ? event.no : event.item.name", "event.item.name", "event.no"),
        ("event.nope ? event.no : event.item.name", "event.nope", "event.item.name"),
        ("event.no ? event.no : event.item.name", "event.no", "event.item.name"),
    ],
)
def test_skipped_parts_have_no_value(source: str, seen: str, passed_over: str) -> None:
    """The second operand of a decided `&&` or `||`, and the other branch."""
    found = values(evaluated(source))
    assert seen in found
    assert passed_over not in found


def test_a_failure_does_not_end_the_search() -> None:
    """CEL looks at the second side where the first has failed: it may settle the whole."""
    evaluation = evaluated("event.nope > 1 && event.a > 5")
    assert evaluation.result == Result(value=False)
    assert values(evaluation)["event.nope > 1"] == ABSENT
    assert deciding("event.nope > 1 && event.a > 5") == ["event.a > 5"]


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("event.a > 1", ["event.a > 1"]),
        ("event.ok", ["event.ok"]),
        ("true", ["true"]),
        ("event.a > 5 && event.ok", ["event.a > 5"]),
        ("event.ok && event.a > 5", ["event.a > 5"]),
        ("event.ok && event.a > 0", ["event.ok", "event.a > 0"]),
        ("event.ok || event.a > 5", ["event.ok"]),
        ("event.a > 5 || event.a > 6", ["event.a > 5", "event.a > 6"]),
        ("event.a > 5 || event.ok && event.a == 2", ["event.a > 5", "event.a == 2"]),
        ("!(event.a > 0 || event.a > 5)", ["event.a > 0"]),
        ("event.ok ? event.a == 2 : true", ["event.ok", "event.a == 2"]),
        ("event.ok ? false : event.a == 2", ["event.ok"]),
        ('event.list.exists(x, x == "z") || has(event.nope)', ['event.list.exists(x, x == "z")', "has(event.nope)"]),
        ("size(event.nope.name) + 1 > 2", ["event.nope"]),
        ("event.ok && event.nope", ["event.nope"]),
        ("event.nope || event.gone", ["event.nope"]),
        ("event.a / 0 > 1", ["event.a / 0"]),
        ("event.list[7] == 'x'", ["event.list[7]"]),
        ("event.nope ? 1 : 2", ["event.nope"]),
        ("event.nope.map(x, x)", ["event.nope"]),
        ("event.list.all(x, x.nope)", ["event.list.all(x, x.nope)"]),
        ("event.ok && event.no", ["event.ok && event.no"]),
        ("event.ok ? event.no : ''", ["event.ok", "event.no"]),
        ("event", ["event"]),
    ],
)
def test_the_parts_that_decided_are_the_smallest(source: str, parts: list[str]) -> None:
    """Only the parts that explain the result."""
    assert deciding(source) == parts


def test_operands_are_fields_and_calls() -> None:
    """Whole paths, and calls with their arguments; constants are left out."""
    evaluation = evaluated('size(event.list) + event.a > 2 && event.list[0] == event.item.name + "!"')
    tree = evaluation.tree
    one, other = tree.root.children
    assert [tree.text(node) for node in evaluation.operands(one)] == [
        "size(event.list) + event.a",
        "size(event.list)",
        "event.list",
        "event.a",
    ]
    assert [tree.text(node) for node in evaluation.operands(other)] == [
        "event.list[0]",
        'event.item.name + "!"',
        "event.item.name",
    ]


def test_one_probe_serves_many_events() -> None:
    """No value of an event is kept for the next."""
    probe = Probe(ENVIRONMENT, ENVIRONMENT.compile("event.a > 1 && event.ok"))
    results = [probe.evaluate(ENVIRONMENT.bind({"a": a, "ok": True})).result.value for a in (1, 2, 1)]
    assert results == [False, True, False]


def test_parts_are_bounded_as_the_whole_is() -> None:
    """A list too long for `map` is refused in a part as well, at once, whatever other list has no length here."""
    source = "has(event.nope) && event.nope.map(x, x) == [] || event.big.map(x, x).map(y, y) == []"
    expression = ENVIRONMENT.compile(source)
    activation = ENVIRONMENT.bind({"big": list(range(20_000))})
    with pytest.raises(ExpressionFailed, match="more than 1000 items"):
        expression.evaluate(activation)
    evaluation = Probe(ENVIRONMENT, expression).evaluate(activation)
    message = {evaluation.tree.text(node): evaluation.of(node) for node in evaluation.deciding()}
    assert message == {"event.big.map(x, x)": Result(failed="a list of more than 1000 items")}


_LEAVES = st.sampled_from(["event.ok", "!event.ok", "event.a > 1", "event.nope", "event.no", "true", "has(event.x)"])
_CONDITIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda one: f"({one[0]} {one[1]} {one[2]})"),
        st.tuples(inner, inner, inner).map(lambda one: f"({one[0]} ? {one[1]} : {one[2]})"),
        inner.map(lambda one: f"!({one})"),
    ),
    max_leaves=6,
)


@given(_CONDITIONS)
def test_parts_and_whole_agree(source: str) -> None:
    """The value of the whole follows from the evaluated parts by the three operators."""
    evaluation = evaluated(source)
    for node in walk(evaluation.tree.root):
        one = evaluation.of(node)
        if one is None or one.failed is not None or node.name not in {"_&&_", "_||_", "_?_:_", "!_"}:
            continue
        below = [found.value for child in node.children if (found := evaluation.of(child)) and found.failed is None]
        match node.name:
            case "_&&_":
                expected: object = False not in below
            case "_||_":
                expected = True in below
            case "_?_:_":
                expected = below[1]
            case _:
                expected = not below[0]
        assert one.value == expected
    assert all(evaluation.of(node) is not None for node in evaluation.deciding())
