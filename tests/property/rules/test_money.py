"""Amounts are what decimal arithmetic makes of the shortest text of a double, however they are written."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.rules.functions.declaration import FunctionFailed
from pipeline.rules.functions.money import LARGEST, money

DECIMALS = {"CNY": 2, "SEK": 2, "JPY": 0, "KWD": 3}
SHAPES = {"CNY": "¥{}", "SEK": "{} SEK", "JPY": "¥{}", "KWD": "{} KWD"}

amounts = (
    st.integers(-(10**12), 10**12).map(lambda cents: cents / 100)
    | st.integers(-(10**6), 10**6).map(lambda cents: cents / 100)
    | st.integers(-(10**6), 10**6).map(lambda thousandths: thousandths / 1_000)
    | st.integers(999_999_999_900, 1_000_000_000_100).map(lambda cents: cents / 100)
    | st.floats(-1.1e10, 1.1e10)
    | st.floats()
)


def exact(amount: float, currency: str) -> str | None:
    """The same by decimals alone; None: it is refused."""
    if not math.isfinite(amount) or abs(Decimal(repr(amount))) > LARGEST:
        return None
    number = Decimal(repr(amount)).quantize(Decimal(1).scaleb(-DECIMALS[currency]), ROUND_HALF_UP)
    text = SHAPES[currency].format(f"{abs(number):f}")
    return f"-{text}" if number < 0 else text


@settings(max_examples=settings().max_examples * 20, deadline=None)
@example(0.0, "CNY")
@example(-0.0, "CNY")
@example(0.005, "CNY")
@example(1.005, "CNY")
@example(-0.004, "CNY")
@example(2.675, "SEK")
@example(0.5, "JPY")
@example(1e-5, "CNY")
@example(5e-324, "CNY")
@example(1e16, "CNY")
@example(9_999_999_999.99, "CNY")
@example(9_999_999_999.995, "CNY")
@example(9_999_999_999.999998, "CNY")
@example(1e10, "CNY")
@example(1.5, "KWD")
@example(math.nan, "CNY")
@example(-math.inf, "CNY")
@given(amounts, st.sampled_from(sorted(DECIMALS)))
def test_amounts_are_what_decimals_make_of_them(amount: float, currency: str) -> None:
    """Half up, negative, tiny, huge, and what is not a number."""
    expected = exact(amount, currency)
    if expected is None:
        with pytest.raises(FunctionFailed):
            money(amount, currency)
    else:
        assert money(amount, currency) == expected
