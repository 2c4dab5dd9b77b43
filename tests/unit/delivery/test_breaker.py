"""The circuit breaker."""

from __future__ import annotations

from pipeline.delivery.breaker import SLICES, Breaker, BreakerState
from pipeline.delivery.policy import BreakerSettings

SETTINGS = BreakerSettings(
    window_seconds=10, minimum_attempts=10, failure_ratio=0.5, open_seconds=5, open_cap_seconds=15, probes=2
)
ANN, BOB = "ann", "bob"
OTHER = 999
"""A request that is not the probe."""


def opened(now: float = 100.0) -> Breaker:
    breaker = Breaker(SETTINGS)
    for _ in range(10):
        breaker.failed(OTHER, now, ANN)
    assert breaker.state is BreakerState.OPEN
    return breaker


def is_closed(breaker: Breaker) -> bool:
    return breaker.state is BreakerState.CLOSED


def probe(breaker: Breaker, now: float, *, ok: bool, ticket: int = 1) -> None:
    assert breaker.blocked_until(now) is None
    breaker.sent(ticket)
    if ok:
        breaker.succeeded(ticket, now)
    else:
        breaker.failed(ticket, now, ANN)


def test_it_opens_at_its_ratio() -> None:
    """Half of the attempts failing opens it, fewer do not."""
    breaker = Breaker(SETTINGS)
    for _ in range(60):
        breaker.succeeded(OTHER, 0.0)
        breaker.succeeded(OTHER, 0.0)
        breaker.failed(OTHER, 0.0, ANN)
    assert is_closed(breaker)
    for _ in range(59):
        breaker.failed(OTHER, 0.0, ANN)
    assert is_closed(breaker)
    breaker.failed(OTHER, 0.0, ANN)
    assert not is_closed(breaker)


def test_too_few_attempts_never_open_it() -> None:
    """Nine failures of nine are not an outage yet."""
    breaker = Breaker(SETTINGS)
    for _ in range(9):
        breaker.failed(OTHER, 0.0, ANN)
    assert is_closed(breaker)


def test_what_left_the_window_is_forgotten() -> None:
    """Failures of long ago do not add up with those of now, nor do successes of long ago hide them."""
    breaker = Breaker(SETTINGS)
    for _ in range(9):
        breaker.failed(OTHER, 0.0, ANN)
    breaker.failed(OTHER, 11.0, ANN)
    assert is_closed(breaker)
    for _ in range(1_000):
        breaker.succeeded(OTHER, 12.0)
    for _ in range(10):
        breaker.failed(OTHER, 23.5, ANN)
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
    breaker.failed(OTHER, 105.0, ANN)
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
        breaker.failed(OTHER, now, ANN)
    assert breaker.blocked_until(now) == now + 5


def test_stragglers_say_nothing_while_it_is_not_closed() -> None:
    """Replies to what was sent before neither close nor reopen it, nor do they pass for the probe."""
    breaker = opened()
    for _ in range(50):
        breaker.succeeded(OTHER, 101.0)
    assert breaker.blocked_until(101.0) == 105.0
    assert breaker.blocked_until(105.0) is None
    breaker.sent(1)
    breaker.succeeded(OTHER, 105.0)
    breaker.failed(OTHER, 105.0, ANN)
    assert breaker.blocked_until(105.0) == float("inf")
    breaker.succeeded(1, 105.0)
    assert breaker.blocked_until(105.0) is None


def fail(breaker: Breaker, suspects: list[str | None], every: float = 30.0) -> None:
    """A quiet stream: one failure now and then."""
    for number, suspect in enumerate(suspects):
        breaker.failed(OTHER, number * every, suspect)


def test_a_quiet_stream_shows_an_outage_by_failures_in_a_row() -> None:
    """Of several recipients, however long they took."""
    breaker = Breaker(SETTINGS)
    fail(breaker, [ANN, ANN, BOB, ANN])
    assert is_closed(breaker)
    breaker.failed(OTHER, 200.0, BOB)
    assert not is_closed(breaker)
    assert breaker.blocked_until(200.0) == 205.0


def test_one_recipient_alone_is_no_outage() -> None:
    """It may be their message that the API stumbles over, and that must end as a dead letter."""
    breaker = Breaker(SETTINGS)
    fail(breaker, [ANN] * 50)
    assert is_closed(breaker)


def test_a_request_that_never_left_is_nobodys_fault() -> None:
    """Connections refused show an outage, also where only one recipient is being sent to."""
    breaker = Breaker(SETTINGS)
    fail(breaker, [ANN, ANN, ANN, ANN, None])
    assert not is_closed(breaker)


def test_a_success_ends_the_row() -> None:
    """Single failures among successes are not an outage."""
    breaker = Breaker(SETTINGS)
    for number in range(100):
        if number % 5 == 0:
            breaker.succeeded(OTHER, number * 30.0)
        else:
            breaker.failed(OTHER, number * 30.0, None)
    assert is_closed(breaker)


def test_a_busy_stream_is_judged_by_its_share_alone() -> None:
    """Ten failures in a row among many successes of the same window stay below the ratio."""
    breaker = Breaker(SETTINGS)
    for _ in range(40):
        breaker.succeeded(OTHER, 0.0)
    fail(breaker, [ANN, BOB] * 5, every=0.0)
    assert is_closed(breaker)


def test_several_recipients_are_seen_wherever_in_the_row_they_stand() -> None:
    """The first of the row is not forgotten over those that follow."""
    breaker = Breaker(SETTINGS)
    fail(breaker, [ANN, BOB, BOB, BOB, BOB])
    assert not is_closed(breaker)


def test_a_window_that_just_holds_enough_is_judged_by_its_share() -> None:
    """Exactly the least number of attempts is not a quiet stream."""
    breaker = Breaker(SETTINGS.model_copy(update={"failure_ratio": 0.6}))
    for _ in range(5):
        breaker.succeeded(OTHER, 0.0)
    fail(breaker, [ANN, BOB, ANN, BOB, ANN], every=0.0)
    assert is_closed(breaker)


def test_what_is_exactly_as_old_as_the_window_is_forgotten() -> None:
    """Nine failures then and one now are one failure."""
    breaker = Breaker(SETTINGS)
    for _ in range(9):
        breaker.failed(OTHER, 0.0, ANN)
    breaker.failed(OTHER, 10.0, ANN)
    assert is_closed(breaker)


def test_the_window_takes_no_memory_for_each_attempt() -> None:
    """Ten slices, whatever the rate."""
    breaker = Breaker(SETTINGS)
    for number in range(10_000):
        breaker.succeeded(OTHER, 100.0 + number * 0.002)
    assert len(breaker._window) <= SLICES + 1


def test_the_row_begins_again_with_each_outage() -> None:
    """Failures of before the breaker opened count no more after it closed."""
    breaker = Breaker(SETTINGS)
    fail(breaker, [None] * 5)
    now = 1_000.0
    for ticket in range(SETTINGS.probes):
        probe(breaker, now, ok=True, ticket=ticket)
    assert is_closed(breaker)
    fail(breaker, [None] * 4)
    assert is_closed(breaker)
