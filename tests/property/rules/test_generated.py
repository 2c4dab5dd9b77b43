"""Generated Python and CEL: the same value for any expression and any event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from pipeline.rules.cel.compiling import CompileError
from pipeline.rules.cel.engine import Environment, Expression, ExpressionFailed
from pipeline.rules.functions import FUNCTIONS, Example
from pipeline.rules.timestamp import Timestamp
from tests.property.rules.expressions import EVENTS, SOURCES

ENVIRONMENT = Environment()


def _outcome(evaluate: Callable[[], object]) -> tuple[str, object]:
    try:
        value = evaluate()
    except ExpressionFailed as failed:
        return "failed", str(failed)
    return type(value).__name__, repr(value)  # NaN is NaN, and -0.0 is not 0.0


def _agree(expression: Expression, event: dict[str, object]) -> None:
    activation = ENVIRONMENT.bind(event)
    assert _outcome(lambda: expression.evaluate(activation)) == _outcome(lambda: expression.by_cel(activation))


@given(SOURCES, EVENTS)
@settings(max_examples=settings().max_examples * 4)
def test_generated_python_gives_what_cel_gives(source: str, event: dict[str, object]) -> None:
    """Value, type and failure are the same, for any expression of these forms over any event."""
    try:
        expression = ENVIRONMENT.compile(source)
    except CompileError:
        return
    _agree(expression, event)


@given(EVENTS)
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
        'event.a["b"] == event.b.c',
        'event.a[0] == "A"',
        "(has(event.a) ? true : event.b) == 1",
        'plural(has(event.a) ? "1" : event.b, "#", "#s")',
        "event.a < event.b",
        "'A' == event.a",
        '!(event.a >= "A") || event.b != true',
        '"a" + (event.a == 1 ? "b" : event.b) + string(event.c)',
        '(event.a ? event.b : event.c) in ["A", ""]',
        'event.a.startsWith("A") && event.a.endsWith(event.b) || event.a.contains("")',
        "(event.a ? event.b : event.c) > 0.5",
        'default(event.a, "顾客")',
        "default(event.a, 0)",
        "default(event.a, event.b)",
        'money(default(event.a, 0.0), "CNY")',
        'money(event.a, "CNY", "zh-CN")',
        'plural(event.a, "# item", event.b)',
        "mask(event.a, 1, 0)",
        "upper(trim(event.a))",
        'items(event.a ? event.b : "咖啡", event.c, 14)',
        "local_time(event.a ? event.b : event.c, 'HH:mm:ss')",
        "event.a * 3.0",
        "event.a + event.b - event.c / 4.0",
        "-event.a + 1",
        "string(event.a * event.b)",
        "event.a + event.b == event.c",
        'decimal(event.a / 100.0, 2) + " " + event.b',
        "default(event.a, 0.0) > event.b",
    ],
)
def test_the_forms_that_rules_are_made_of_agree_with_cel(source: str, event: dict[str, object]) -> None:
    """Each is generated, and gives CEL's value."""
    expression = ENVIRONMENT.compile(source)
    assert expression.generated is not None
    _agree(expression, event)


@pytest.mark.parametrize("example", [example for function in FUNCTIONS for example in function.examples], ids=str)
def test_documented_examples_agree_with_cel(example: Example) -> None:
    """Every documented example of a function, both ways."""
    _agree(ENVIRONMENT.compile(example.expression), dict(example.event))


@pytest.mark.parametrize(
    "source",
    [
        "event",
        "size(event)",
        "event.a.map(x, x)",
        "event.a % 2",
        "double(event.a)",
        "event.a == 1u",
        "[event.a]",
        "event[event.a]",
        "event.a[-1]",
        "event.a in [event.b]",
        "label(event.a, event.b)",
        'label(event.a, {"A": event.b})',
        "event.a == b'x'",
    ],
)
def test_other_forms_are_left_to_cel(source: str) -> None:
    """Macros, lists, unsigned integers and the event as a whole are evaluated by CEL alone."""
    assert ENVIRONMENT.compile(source).generated is None


def test_a_timestamp_reaches_functions_as_the_binding_gives_it() -> None:
    """Parts of a microsecond are dropped, before 1970 as after it."""
    for seconds, nanos in ((-2, 999_999_999), (1, 0), (1_795_400_000, 1_500)):
        activation = ENVIRONMENT.bind({"a": Timestamp(seconds, nanos)})
        expression = ENVIRONMENT.compile('local_time(event.a, "YYYY-MM-DD HH:mm:ss", "UTC")')
        moment = datetime.fromtimestamp(seconds, UTC)
        assert expression.evaluate(activation) == f"{moment:%Y-%m-%d %H:%M:%S}"
