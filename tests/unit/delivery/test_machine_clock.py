"""Expiry by the wall clock, while every duration runs on."""

from __future__ import annotations

import pytest

from pipeline.model.outcome import OutcomeKind, Reason
from tests.unit.delivery.making import T0, UNAVAILABLE, Bench, arrival, notice

TWO_DAYS = 172_800.0


def test_a_clock_that_was_ahead_at_the_start_stops_expiring_once_it_is_corrected() -> None:
    """Else every event of the next two days would end unsent."""
    bench = Bench()
    # The machine's times began two days ahead of what is now known to be the time.
    bench.delivery.correct_clock(-TWO_DAYS)
    bench.offer(arrival(0, notice("fresh", expires_at=T0 - TWO_DAYS + 60)))
    assert bench.names() == ["fresh"]


def test_a_clock_that_was_behind_expires_what_is_too_late() -> None:
    """Also what was buffered before the correction."""
    bench = Bench()
    bench.offer(arrival(0, notice("late", expires_at=T0 + 60)))
    bench.delivery.correct_clock(TWO_DAYS)
    assert bench.names() == []
    (outcome,) = bench.collect()
    assert (outcome.kind, outcome.reason) == (OutcomeKind.EXPIRED, Reason.EXPIRED)


@pytest.mark.parametrize("step", [TWO_DAYS, -TWO_DAYS])
def test_a_step_changes_no_retry(step: float) -> None:
    """The wait between two attempts is a duration."""
    bench = Bench()
    bench.offer(arrival(0, notice("n")))
    bench.round(UNAVAILABLE)
    bench.delivery.correct_clock(step)
    assert bench.names() == []
    bench.later(60)
    assert bench.names() == ["n"]


def test_the_age_of_an_event_is_reported_by_the_wall_clock() -> None:
    """It is compared with the event's own time."""
    bench = Bench()
    bench.offer(arrival(0, notice("n")))
    bench.delivery.correct_clock(TWO_DAYS)
    assert set(bench.delivery.snapshot(T0).oldest.values()) == {TWO_DAYS}
