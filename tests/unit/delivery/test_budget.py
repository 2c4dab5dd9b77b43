"""The retry budget."""

from __future__ import annotations

from pipeline.delivery.budget import RetryBudget
from pipeline.delivery.policy import BudgetSettings


def budget(**changes: float) -> RetryBudget:
    settings = {"capacity": 20, "retry_cost": 5, "success_gain": 1, "refill_per_second": 1, **changes}
    return RetryBudget(BudgetSettings.model_validate(settings), 0.0)


def test_retries_are_paid_until_nothing_is_left() -> None:
    """The capacity buys so many retries and not one more."""
    tokens = budget()
    assert [tokens.take(0.0) for _ in range(5)] == [True, True, True, True, False]


def test_tokens_come_back_with_time() -> None:
    """Without any success the next retry is affordable when the refill reports it, and not before."""
    tokens = budget(capacity=5)
    assert tokens.take(0.0)
    assert tokens.available_at(0.0) == 5.0
    assert not tokens.take(4.9)
    assert tokens.take(5.0)


def test_a_successful_retry_gives_back_what_it_took() -> None:
    """As in botocore's standard mode: a retry that succeeds is free, a first attempt earns one token."""
    tokens = budget()
    tokens.take(0.0)
    tokens.take(0.0)
    tokens.accepted(2)
    assert tokens.tokens(0.0) == 15
    tokens.accepted(1)
    assert tokens.tokens(0.0) == 16


def test_the_capacity_is_never_exceeded() -> None:
    """Neither time nor success fills it over the brim."""
    tokens = budget()
    tokens.accepted(2)
    assert tokens.tokens(1_000.0) == 20
    tokens.take(1_000.0)
    tokens.accepted(2)
    tokens.accepted(1)
    assert tokens.tokens(1_000.0) == 20


def test_a_clock_that_stands_still_gives_nothing() -> None:
    """No time, no tokens; an earlier time takes none away either."""
    tokens = budget(capacity=5)
    tokens.take(10.0)
    before = tokens.tokens(10.0)
    assert tokens.tokens(10.0) == before
    assert tokens.tokens(3.0) == before
