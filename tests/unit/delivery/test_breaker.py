"""The circuit breaker."""

from __future__ import annotations

from pipeline.delivery.breaker import Breaker, BreakerState
from pipeline.delivery.policy import BreakerSettings

SETTINGS = BreakerSettings(
    window_seconds=10, minimum_attempts=10, failure_ratio=0.5, open_seconds=5, open_cap_seconds=15, probes=2
)
OTHER = 999
"""A request that is not the probe."""


def opened(now: float = 100.0) -> Breaker:
    breaker = Breaker(SETTINGS)
    for _ in range(10):
        breaker.replied(OTHER, now, ok=False)
    assert breaker.state is BreakerState.OPEN
    return breaker


def is_closed(breaker: Breaker) -> bool:
    return breaker.state is BreakerState.CLOSED


def probe(breaker: Breaker, now: float, *, ok: bool, ticket: int = 1) -> None:
    assert breaker.blocked_until(now) is None
    breaker.sent(ticket)
    breaker.replied(ticket, now, ok=ok)


def test_it_opens_at_its_ratio() -> None:
    """Half of the attempts failing opens it, fewer do not."""
    breaker = Breaker(SETTINGS)
    for _ in range(60):
        breaker.replied(OTHER, 0.0, ok=True)
        breaker.replied(OTHER, 0.0, ok=True)
        breaker.replied(OTHER, 0.0, ok=False)
    assert is_closed(breaker)
    for _ in range(59):
        breaker.replied(OTHER, 0.0, ok=False)
    assert is_closed(breaker)
    breaker.replied(OTHER, 0.0, ok=False)
    assert not is_closed(breaker)


def test_too_few_attempts_never_open_it() -> None:
    """Nine failures of nine are no outage yet."""
    breaker = Breaker(SETTINGS)
    for _ in range(9):
        breaker.replied(OTHER, 0.0, ok=False)
    assert is_closed(breaker)


def test_what_left_the_window_is_forgotten() -> None:
    """Failures of long ago do not add up with those of now, nor do successes of long ago hide them."""
    breaker = Breaker(SETTINGS)
    for _ in range(9):
        breaker.replied(OTHER, 0.0, ok=False)
    breaker.replied(OTHER, 11.0, ok=False)
    assert is_closed(breaker)
    for _ in range(1_000):
        breaker.replied(OTHER, 12.0, ok=True)
    for _ in range(10):
        breaker.replied(OTHER, 23.5, ok=False)
    assert not is_closed(breaker)


def test_open_lets_nothing_leave_until_its_pause_is_over() -> None:
    """Then one probe at a time."""
    breaker = opened()
    assert breaker.blocked_until(104.9) == 105.0
    assert breaker.blocked_until(105.0) is None
    breaker.sent(1)
    assert breaker.blocked_until(105.0) == float("inf")


def test_enough_good_probes_in_a_row_close_it() -> None:
    """Two of two, and it counts from the beginning again."""
    breaker = opened()
    probe(breaker, 105.0, ok=True)
    assert not is_closed(breaker)
    probe(breaker, 105.0, ok=True)
    assert is_closed(breaker)
    assert breaker.blocked_until(105.0) is None
    breaker.replied(OTHER, 105.0, ok=False)
    assert is_closed(breaker)


def test_a_bad_probe_opens_it_for_twice_as_long_up_to_the_cap() -> None:
    """5, 10, 15, 15 seconds; and 5 again after it had closed."""
    breaker, now = opened(), 105.0
    for pause in (10, 15, 15):
        probe(breaker, now, ok=True)
        probe(breaker, now, ok=False)
        assert breaker.blocked_until(now) == now + pause
        now += pause
    probe(breaker, now, ok=True)
    probe(breaker, now, ok=True)
    for _ in range(10):
        breaker.replied(OTHER, now, ok=False)
    assert breaker.blocked_until(now) == now + 5


def test_stragglers_say_nothing_while_it_is_not_closed() -> None:
    """Replies to what was sent before neither close nor reopen it, nor do they pass for the probe."""
    breaker = opened()
    for _ in range(50):
        breaker.replied(OTHER, 101.0, ok=True)
    assert breaker.blocked_until(101.0) == 105.0
    assert breaker.blocked_until(105.0) is None
    breaker.sent(1)
    breaker.replied(OTHER, 105.0, ok=True)
    breaker.replied(OTHER, 105.0, ok=False)
    assert breaker.blocked_until(105.0) == float("inf")
    breaker.replied(1, 105.0, ok=True)
    assert breaker.blocked_until(105.0) is None
