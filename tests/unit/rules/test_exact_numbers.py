"""Numbers in expressions: every decimal and integer exact, in generated Python and in CEL."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from pipeline.errors import RenderRefused
from pipeline.model.outcome import Reason
from pipeline.rules import numbers
from pipeline.rules.cel.engine import Environment, ExpressionFailed
from pipeline.rules.message import as_text
from tests.unit.rules.shop import RULE, body, event, findings, one_rule

ENVIRONMENT = Environment()
WIDE = Decimal("12345678901234567.89")
ID = Decimal(1234567890123456789)
EVENT: dict[str, object] = {
    "amount": 128.1,
    "id": 1234567.0,
    "wide": WIDE,
    "wide_id": ID,
    "long": 1234567890123456789,
    "cents": 12345678901234567,
    "small": 1e-7,
    "large": 1e22,
    "negative_zero": -0.0,
    "items": [{"price": 0.1, "id": ID}, {"price": 0.2, "id": WIDE}],
}


def both(source: str) -> object:
    """The value of the expression, which CEL must give as well."""
    expression = ENVIRONMENT.compile(source)
    activation = ENVIRONMENT.bind(EVENT)
    value, by_cel = expression.evaluate(activation), expression.by_cel(activation)
    assert (type(value), value) == (type(by_cel), by_cel)
    return value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("event.amount", "128.1"),
        ("event.id", "1234567"),
        ("string(event.id)", "1234567"),
        ('"No. " + string(event.id)', "No. 1234567"),
        ("event.wide", "12345678901234567.89"),
        ("string(event.wide)", "12345678901234567.89"),
        ("string(event.wide_id)", "1234567890123456789"),
        ("string(event.long)", "1234567890123456789"),
        ("event.small", "0.0000001"),
        ("string(event.small)", "0.0000001"),
        ("event.large", "10000000000000000000000"),
        ("string(event.large)", "10000000000000000000000"),
        ("event.negative_zero", "0"),
        ("string(event.negative_zero)", "0"),
        ("event.amount * 3.0", "384.3"),
        ("string(event.amount * 3.0)", "384.3"),
        ("0.1 + 0.2", "0.3"),
        ("event.amount + 0.2 - 0.1", "128.2"),
        ("-event.wide", "-12345678901234567.89"),
        ("event.wide * 3.0", "37037036703703703.67"),
        ("event.wide + event.wide_id", "1246913569024691356.89"),
        ("event.wide_id - 1.0", "1234567890123456788"),
        ("event.wide_id / 4.0", "308641972530864197.25"),
        ("event.wide / 3.0", "4115226300411522.63"),
        ("event.amount / 4.0", "32.025"),
        ("double(event.cents) / 100.0", "123456789012345.67"),
        ("double('12345678901234567.89')", "12345678901234567.89"),
        ("double(event.long)", "1234567890123456789"),
        ("string(int(event.wide_id))", "1234567890123456789"),
        ("string(int(event.wide))", "12345678901234567"),
        ("string(uint(event.wide))", "12345678901234567"),
        ("string(double(event.wide))", "12345678901234567.89"),
        ("decimal(event.amount * 3.0, 2)", "384.30"),
        ("money(event.amount * 3.0, 'CNY')", "¥384.30"),
        ("decimal(event.wide - 12345678901234000.0, 2)", "567.89"),
        ("money(event.wide - 12345678901234000.0, 'CNY')", "¥567.89"),
        ("default(event.wide, 0.0)", "12345678901234567.89"),
        ("join(event.items.map(i, string(i.id)), ' ')", "1234567890123456789 12345678901234567.89"),
        ("join(event.items.map(i, string(i.price * 3.0)), ' ')", "0.3 0.6"),
        ("event.items.map(i, i.id)[0] - 1.0", "1234567890123456788"),
        ("event.amount > 0.0 ? event.wide : 0.0", "12345678901234567.89"),
    ],
)
def test_a_number_keeps_all_its_digits(source: str, text: str) -> None:
    """As a text, in arithmetic, in conversions, in functions and in macros; without an exponent."""
    assert as_text(both(source), "field") == text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("event.wide > 0.0", True),
        ("event.wide > 12345678901234568.0", False),
        ("event.wide < event.wide_id", True),
        ("event.wide >= event.wide", True),
        ("event.wide == event.wide", True),
        ("event.wide != event.wide_id", True),
        ("event.wide == 12345678901234568.0", False),
        ("event.wide in [event.wide_id, event.wide]", True),
        ("event.wide in [1.0]", False),
        ("event.amount * 3.0 == 384.3", True),
        ("event.amount + 0.2 == 128.3", True),
        ("0.1 + 0.2 == 0.3", True),
        ("event.items.exists(i, i.price * 3.0 == 0.3)", True),
        ("event.items.exists_one(i, i.id == event.wide)", True),
        ("event.wide_id > 1234567890123456788", True),
        ("event.wide_id - 1.0 < event.wide_id", True),
        ("has(event.wide) && event.amount > 0.0", True),
        ("event.wide == null", False),
    ],
)
def test_comparisons_are_exact(source: str, expected: bool) -> None:  # noqa: FBT001 - the expected value
    """Numbers are compared with all their digits."""
    assert both(source) is expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_has_no_text(value: float) -> None:
    """Neither alone nor in `string()`: a customer must not read `nan`."""
    with pytest.raises(RenderRefused) as refused:
        as_text(value, "thing1")
    assert (refused.value.reason, refused.value.detail) == (Reason.WRONG_TYPE, "thing1: not a finite number")
    expression = ENVIRONMENT.compile("string(event.a)")
    for evaluate in (expression.evaluate, expression.by_cel):
        with pytest.raises(ExpressionFailed, match="not a finite number"):
            evaluate(ENVIRONMENT.bind({"a": value}))


def test_a_result_of_too_many_digits_fails() -> None:
    """It is not rounded."""
    expression = ENVIRONMENT.compile("event.a + 1e-300")
    for evaluate in (expression.evaluate, expression.by_cel):
        with pytest.raises(ExpressionFailed, match="more than 100 digits"):
            evaluate(ENVIRONMENT.bind({"a": 1e300}))


@pytest.mark.parametrize("source", ["int(event.a)", "uint(event.a)", "uint(-event.a)"])
def test_an_integer_beyond_64_bits_fails(source: str) -> None:
    """As in CEL."""
    with pytest.raises(ExpressionFailed, match="out of range"):
        ENVIRONMENT.compile(source).evaluate(ENVIRONMENT.bind({"a": Decimal("123456789012345678901.5")}))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("128.10", 128.1),
        ("0.1", 0.1),
        ("1e3", 1000.0),
        ("0.30000000000000004", 0.1 + 0.2),
        ("12345678901234567.89", WIDE),
        ("0.1234567890123456789", Decimal("0.1234567890123456789")),
        ("1e400", math.inf),
    ],
)
def test_a_number_is_a_double_where_that_is_exact(text: str, value: float | Decimal) -> None:
    """A double is its shortest text; any other number is a `Decimal`."""
    found = numbers.from_json(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("units", "scale", "text"),
    [
        (12810, 2, "128.1"),
        (-5, 3, "-0.005"),
        (1234567890123456789, 2, "12345678901234567.89"),
        (10**30 + 1, 0, str(10**30 + 1)),
    ],
)
def test_avro_decimals_keep_all_their_digits(units: int, scale: int, text: str) -> None:
    """Whatever their precision."""
    assert numbers.text_of(numbers.of_units(units, scale)) == text


def test_a_number_of_a_rule_that_cel_would_round_is_refused() -> None:
    """With a hint how to write it; numbers that a double holds need none."""
    text = RULE.replace("    data:", "    when: event.amount > 12345678901234567.89\n    data:")
    (finding,) = findings(text)
    assert (finding.code, finding.hint) == ("bad-argument", 'write double("12345678901234567.89")')
    for number in ("0.1", "1e22", "-12.50", "123456789012345.0", "1e-7"):
        one_rule(when=f"event.amount > {number}")


def test_a_division_that_drops_the_remainder_is_reported() -> None:
    """`${event.count / 100}` of 1299 is 12."""
    text = 'rules: [{id: paid, on: shop.order.Paid, to: "${event.sub}", template: paid, data: {thing1: "${%s}"}}]\n'
    (finding,) = findings(text % "event.count / 100")
    assert (finding.code, finding.message) == ("integer-division", "the remainder is dropped: 1299 / 100 is 12")
    assert finding.hint == "write double(event.count) / 100.0, or money_of_cents(event.count, …) for an amount"
    assert findings(text % "double(event.count) / 100.0") == []
    (notice,) = one_rule(data='{thing1: "${double(event.count) / 100.0}"}').evaluate(event(count=1299))
    assert body(notice)["data"] == {"thing1": {"value": "12.99"}}
