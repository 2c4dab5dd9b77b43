"""The clock: durations stay true, and steps of the wall clock are followed."""

from __future__ import annotations

import pytest

from pipeline.adapters.clock import SystemClock

TWO_DAYS = 172_800.0


class Script:
    """A wall clock and a monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.monotonic = 50.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.wall, lambda: self.monotonic)


@pytest.mark.parametrize("step", [TWO_DAYS, -TWO_DAYS, -5.0])
def test_a_step_changes_the_correction_and_no_duration(step: float) -> None:
    """Timers run on; what is compared with a time from outside is corrected."""
    script = Script()
    clock = script.clock()
    before = clock.now()
    assert clock.correction() == 0
    script.wall += step
    script.pass_by(10)
    assert clock.now() - before == 10
    assert clock.now() + clock.correction() == pytest.approx(script.wall)


def test_a_clock_that_was_wrong_at_the_start_is_corrected() -> None:
    """Two days ahead, then set right: the time is that of the wall."""
    script = Script()
    right = script.wall
    script.wall += TWO_DAYS
    clock = script.clock()
    script.wall = right
    assert clock.now() + clock.correction() == pytest.approx(right)


def test_small_differences_are_left_alone() -> None:
    """The wall clock is slewed all the time."""
    script = Script()
    clock = script.clock()
    script.wall += 0.2
    assert clock.correction() == 0
