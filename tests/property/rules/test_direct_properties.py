"""Expressions that are evaluated without CEL: never another value than CEL's, whatever the expression and the event."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.cel import CompileError, Environment, Expression, ExpressionFailed
from pipeline.rules.functions import FUNCTIONS, Example

ENVIRONMENT = Environment()
NAMES = ("a", "b", "c")

_texts = st.text("aA1 é中😀.-\n\x01\x00", max_size=4) | st.sampled_from(
    ["", "A", "CNY", "Asia/Shanghai", "12.50", "YYYY-MM-DD", "a\x00b"]
)
_numbers = st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1) | st.floats()
_moments = st.builds(
    lambda seconds, nanos: Timestamp(seconds=seconds, nanos=nanos),
    st.integers(-62_135_596_800, 253_402_300_799),
    st.integers(0, 999_999_999),
)
_scalars = _texts | _numbers | st.booleans() | st.none() | _moments
_values = st.recursive(
    _scalars,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from(NAMES), below, max_size=3),
    max_leaves=6,
)
_too_large = st.integers(-(2**65), 2**65)
"""Alone only: decoders refuse them, and beside one CEL refuses every other part of the same record, too."""
_events = st.dictionaries(st.sampled_from(NAMES), _values, max_size=3) | st.dictionaries(
    st.sampled_from(NAMES), _too_large, min_size=1, max_size=1
)

_paths = st.recursive(
    st.sampled_from([f"event.{name}" for name in NAMES]),
    lambda below: (
        st.builds("{}.{}".format, below, st.sampled_from(NAMES))
        | st.builds("{}[{}]".format, below, st.sampled_from(["0", "1", "-1", '"a"']))
    ),
    max_leaves=3,
)
_constants = st.sampled_from(['"A"', '"CNY"', '""', '"HH:mm"', "0", "1", "-2", "0.5", "2.0", "true", "false", "null"])
_binary = st.sampled_from(["&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "in"])


def _larger(below: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.builds("({} {} {})".format, below, _binary, below)
        | st.builds("({} ? {} : {})".format, below, below, below)
        | st.builds("!{}".format, below)
        | st.builds("has({}.a)".format, _paths)
        | st.builds('{} in ["A", {}]'.format, below, _constants)
        | st.builds("{}({})".format, st.sampled_from(["string", "size", "upper", "mask"]), below)
        | st.builds("{}.{}({})".format, below, st.sampled_from(["startsWith", "endsWith", "contains"]), below)
        | st.builds("{}({}, {})".format, st.sampled_from(["money", "money_of_cents", "decimal"]), below, below)
        | st.builds("{}({}, {})".format, st.sampled_from(["local_time", "local_date", "truncate"]), below, below)
        | st.builds('label({}, {{"A": "x", "*": {}}})'.format, below, below)
    )


_sources = st.recursive(_paths | _constants, _larger, max_leaves=5)


def _outcome(evaluate: Callable[[], object]) -> tuple[str, object]:
    try:
        value = evaluate()
    except ExpressionFailed as failed:
        return "failed", str(failed)
    return type(value).__name__, "nan" if isinstance(value, float) and math.isnan(value) else value


def _agree(expression: Expression, event: dict[str, object]) -> None:
    activation = ENVIRONMENT.bind(event)
    assert _outcome(lambda: expression.evaluate(activation)) == _outcome(lambda: expression.by_cel(activation))


@given(_sources, _events)
@settings(max_examples=400)
def test_what_is_evaluated_directly_is_what_cel_says(source: str, event: dict[str, object]) -> None:
    """Value, type and failure are the same, for any expression of these forms over any event."""
    try:
        expression = ENVIRONMENT.compile(source)
    except CompileError:
        return
    _agree(expression, event)


@given(_events)
@pytest.mark.parametrize(
    "source",
    [
        "event.a",
        "event.a.b",
        "event.a[0].b",
        "has(event.a.b)",
        'event.a == "A" && event.b > 0.0',
        "event.a in ['A', 'CNY']",
        'event.a == null ? "none" : "some"',
        'event.a > 1 ? "共" + string(event.a) + "件" : event.b',
        "money(event.a, event.b)",
        'money_of_cents(event.a, "CNY")',
        'local_time(event.a, "YYYY年M月D日 HH:mm")',
        'local_time(event.a, "HH:mm", event.b)',
        'label(event.a, {"A": "甲", "*": "乙"})',
        "size(event.a)",
    ],
)
def test_the_forms_that_rules_are_made_of_agree_with_cel(source: str, event: dict[str, object]) -> None:
    """Each is evaluated directly, and gives CEL's value."""
    expression = ENVIRONMENT.compile(source)
    assert expression.direct is not None
    _agree(expression, event)


@pytest.mark.parametrize("example", [example for function in FUNCTIONS for example in function.examples], ids=str)
def test_documented_examples_agree_with_cel(example: Example) -> None:
    """Every documented example of a function, both ways."""
    _agree(ENVIRONMENT.compile(example.expression), dict(example.event))


@pytest.mark.parametrize(
    "source",
    ["event", "size(event)", "event.a.map(x, x)", "event.a + 1 - 2", "-event.a", "[event.a]", "event[event.a]"],
)
def test_what_is_of_no_plain_form_is_left_to_cel(source: str) -> None:
    """Arithmetic, macros and the event as a whole are CEL's alone."""
    assert ENVIRONMENT.compile(source).direct is None


def test_a_moment_reaches_functions_as_the_binding_gives_it() -> None:
    """Parts of a microsecond are dropped, before 1970 as after it."""
    for seconds, nanos in ((-1, 999_999_999), (0, 0), (1_795_400_000, 1_500)):
        activation = ENVIRONMENT.bind({"a": Timestamp(seconds=seconds, nanos=nanos)})
        expression = ENVIRONMENT.compile('local_time(event.a, "YYYY-MM-DD HH:mm:ss", "UTC")')
        moment = datetime.fromtimestamp(seconds, UTC)
        assert expression.evaluate(activation) == f"{moment:%Y-%m-%d %H:%M:%S}"
