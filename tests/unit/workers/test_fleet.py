"""When worker processes are started, ended and started again."""

from __future__ import annotations

import signal

import pytest

from pipeline.model.worker import RIGHTS_MISSING, WorkerPhase
from pipeline.workers.fleet import LONGEST_PAUSE_SECONDS, SILENT_SECONDS, STEADY_SECONDS, Fleet, Limits

LIMITS = Limits(start=30, end=40)


def a_fleet(count: int = 3, rng: float = 1.0) -> Fleet:
    return Fleet(count, LIMITS, lambda: rng, 0.0)


def a_running_fleet(count: int = 3, rng: float = 1.0) -> Fleet:
    fleet = a_fleet(count, rng)
    for _ in range(2):
        for number in fleet.to_start(0.0):
            fleet.started(number, 0.0)
            fleet.answered(number, 0.0)
    return fleet


def test_the_first_worker_starts_alone_and_the_others_once_it_runs() -> None:
    """What is wrong at start is then found out, and reported, by one."""
    fleet = a_fleet()
    assert fleet.to_start(0.0) == [1]
    fleet.started(1, 0.0)
    assert fleet.to_start(5.0) == []
    assert fleet.answered(1, 6.0)
    assert fleet.to_start(6.0) == [2, 3]
    assert not fleet.answered(1, 7.0)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_first_worker_that_does_not_start_ends_all_with_its_code(code: int) -> None:
    """Misconfiguration is reported once, never tried again."""
    fleet = a_fleet()
    fleet.started(1, 0.0)
    assert fleet.ended(1, code, 1.0).restart_in is None
    assert fleet.to_start(1e6) == []
    assert fleet.exit_code() == code


def test_a_first_worker_that_is_killed_in_its_start_is_started_again() -> None:
    """A signal says nothing about the configuration."""
    fleet = a_fleet()
    fleet.started(1, 0.0)
    assert fleet.ended(1, -9, 1.0).restart_in == 1.0
    assert fleet.exit_code() is None
    assert fleet.to_start(2.0) == [1]


def test_a_missing_right_at_the_first_start_ends_all_with_misuse() -> None:
    """The worker's own code is not one of the command's."""
    fleet = a_fleet()
    fleet.started(1, 0.0)
    assert fleet.ended(1, RIGHTS_MISSING, 1.0).restart_in is None
    assert fleet.exit_code() == 2


def test_a_missing_right_at_a_restart_ends_all() -> None:
    """The right was taken away while the service ran: a worker that is started again and again would send each time."""
    fleet = a_running_fleet()
    fleet.ended(2, 1, 10.0)
    fleet.started(2, 12.0)
    assert fleet.ended(2, RIGHTS_MISSING, 13.0).restart_in is None
    assert not fleet.to_start(1e6)
    assert fleet.to_end(13.0) == [1, 3]
    assert fleet.exit_code() is None
    fleet.ended(1, 0, 14.0)
    fleet.ended(3, 1, 14.0)
    assert fleet.exit_code() == 2


@pytest.mark.parametrize("code", [0, 1, 2, -9])
def test_a_worker_that_ends_once_the_service_runs_is_started_again(code: int) -> None:
    """Whatever its code: a broker that is away at its restart must not end the others."""
    fleet = a_running_fleet()
    assert fleet.ended(2, code, 10.0).restart_in == 1.0
    assert fleet.to_start(10.9) == []
    assert fleet.to_start(11.0) == [2]
    fleet.started(2, 11.0)
    assert fleet.ended(2, 2, 12.0).restart_in == 2.0
    assert fleet.exit_code() is None
    assert fleet.workers[2].restarts == 2


@pytest.mark.parametrize(("rng", "share"), [(0.0, 0.5), (1.0, 1.0)])
def test_pauses_double_up_to_a_bound_and_are_never_short(rng: float, share: float) -> None:
    """No storm of restarts, however long it continues."""
    fleet = a_running_fleet(rng=rng)
    now, pauses = 0.0, []
    for _ in range(200):
        pause = fleet.ended(2, 1, now).restart_in
        assert pause is not None
        pauses.append(pause)
        now += pause
        assert fleet.to_start(now) == [2]
        fleet.started(2, now)
    assert pauses[:4] == [share * 1, share * 2, share * 4, share * 8]
    assert max(pauses) == pauses[-1] == share * LONGEST_PAUSE_SECONDS


def test_two_workers_that_end_together_do_not_start_together() -> None:
    """Random pauses keep them apart."""
    rolls = iter([0.1, 0.9])
    fleet = Fleet(2, LIMITS, lambda: next(rolls), 0.0)
    for number in (1, 2):
        fleet.started(number, 0.0)
        fleet.answered(number, 0.0)
    assert fleet.ended(1, 1, 5.0).restart_in != fleet.ended(2, 1, 5.0).restart_in


def test_a_steady_run_makes_the_next_end_a_first_one() -> None:
    """A worker that ends once a day is not punished for last week's."""
    fleet = a_running_fleet()
    fleet.ended(2, 1, 0.0)
    fleet.started(2, 1.0)
    fleet.ended(2, 1, 2.0)
    fleet.started(2, 4.0)
    fleet.answered(2, 5.0)
    assert fleet.ended(2, 1, 5.0 + STEADY_SECONDS).restart_in == 1.0


def test_a_worker_that_is_silent_is_ended_and_killed_when_it_does_not_end() -> None:
    """Stuck: gets a signal to end once, killed once after the deadline, then started again."""
    fleet = a_running_fleet()
    fleet.answered(1, 29.0)
    fleet.answered(3, 29.0)
    stuck_at = SILENT_SECONDS + 0.1
    assert fleet.to_end(stuck_at - 1) == []
    assert fleet.to_end(stuck_at) == [2]
    assert fleet.to_end(stuck_at) == []
    assert fleet.to_kill(stuck_at + LIMITS.end) == []
    assert fleet.to_kill(stuck_at + LIMITS.end + 0.1) == [2]
    assert fleet.to_kill(stuck_at + LIMITS.end + 0.1) == []
    assert fleet.ended(2, -9, 80.0).restart_in is not None


def test_a_start_that_takes_too_long_is_ended() -> None:
    """A process that never answers is no worker."""
    fleet = a_fleet()
    fleet.started(1, 0.0)
    assert fleet.to_end(LIMITS.start) == []
    assert fleet.to_end(LIMITS.start + 0.1) == [1]
    assert fleet.ended(1, -15, 31.0).restart_in is not None


def test_stop_ends_all_and_starts_none() -> None:
    """Those that wait for their restart are done at once, the others drain; all well makes 0."""
    fleet = a_running_fleet()
    fleet.ended(3, 1, 1.0)
    fleet.stop(1.5)
    assert not fleet.to_start(1e6)
    assert fleet.to_end(1.5) == [1, 2]
    assert fleet.ended(1, 0, 3.0).restart_in is None
    assert fleet.exit_code() is None
    fleet.ended(2, 0, 4.0)
    assert fleet.exit_code() == 0
    assert fleet.count(WorkerPhase.ENDED) == 3


@pytest.mark.parametrize("code", [1, -9])
def test_a_drain_that_failed_shows_in_the_exit_code(code: int) -> None:
    """1: something was not ended in good order."""
    fleet = a_running_fleet(2)
    fleet.stop(1.0)
    fleet.to_end(1.0)
    fleet.ended(1, 0, 2.0)
    fleet.ended(2, code, 2.0)
    assert fleet.exit_code() == 1


def test_stop_in_the_middle_of_a_start_is_no_failure() -> None:
    """A process that SIGTERM ended before it began had nothing to drain."""
    fleet = a_fleet(2)
    fleet.started(1, 0.0)
    fleet.stop(0.5)
    assert fleet.to_end(0.5) == [1]
    fleet.ended(1, -signal.SIGTERM, 0.6)
    assert fleet.exit_code() == 0
