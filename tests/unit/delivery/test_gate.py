"""Whether anything may leave: each condition, their order, and the account of halted time."""

from __future__ import annotations

import pytest

from pipeline.delivery.condition import NEVER, Condition
from pipeline.delivery.gate import Gate
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.probed_halt import ProbedHalt
from pipeline.model.halt import Halt

from .making import T0


def refused(now: float = 100.0) -> ProbedHalt:
    subject = ProbedHalt(Halt.QUOTA, probe_seconds=30)
    subject.refuse(1, now)
    return subject


def gate(**changes: object) -> Gate:
    return Gate(DeliverySettings.model_validate(changes), T0)


class TestProbedHalt:
    def test_a_refusal_stops_everything_until_the_probe(self) -> None:
        """Nothing leaves for a second; then one attempt, and nothing while it is in flight."""
        subject = refused()
        assert subject.halt(100.0) is Halt.QUOTA
        assert subject.blocked_until(100.9) == 101.0
        assert subject.blocked_until(101.0) is None
        subject.sent(7)
        assert subject.blocked_until(101.0) == NEVER

    def test_refused_probes_leave_at_growing_intervals(self) -> None:
        """The interval doubles from a second to the configured one."""
        subject, now, intervals = refused(), 100.0, []
        for ticket in range(2, 9):
            due = subject.blocked_until(now)
            assert due is not None
            intervals.append(due - now)
            now = due
            subject.sent(ticket)
            subject.refuse(ticket, now)
        assert intervals == [1, 2, 4, 8, 16, 30, 30]

    def test_an_attempt_from_before_the_halt_does_not_change_it(self) -> None:
        """A late refusal neither prolongs the halt nor replaces its probe."""
        subject = refused()
        subject.refuse(2, 100.5)
        assert subject.blocked_until(100.5) == 101.0
        subject.sent(7)
        subject.refuse(3, 101.0)
        assert subject.probe == 7

    def test_a_probe_that_shows_nothing_is_repeated(self) -> None:
        """After the same interval, or at once where only its token had expired."""
        subject = refused()
        subject.sent(7)
        subject.postpone(101.0)
        assert subject.blocked_until(101.0) == 102.0
        subject.sent(8)
        subject.repeat()
        assert subject.blocked_until(102.0) is None

    def test_an_accepted_probe_ends_it(self) -> None:
        """The next refusal starts with the shortest interval again."""
        subject = refused()
        subject.sent(7)
        subject.end()
        assert not subject.in_force(101.0)
        assert subject.halt(101.0) is None
        subject.refuse(9, 200.0)
        assert subject.blocked_until(200.0) == 201.0

    def test_a_short_interval_holds_for_the_first_probe_too(self) -> None:
        """A configured interval below a second is used from the start."""
        subject = ProbedHalt(Halt.QUOTA, probe_seconds=0.1)
        subject.refuse(1, 100.0)
        assert subject.blocked_until(100.0) == 100.1


def test_an_open_gate_is_clear() -> None:
    """No condition is in force: attempts leave without asking for each."""
    subject = gate()
    assert subject.clear(T0)
    assert subject.blocked_until(T0) is None
    assert subject.halted(T0) is None


def test_a_gate_with_a_rate_is_evaluated_for_each_attempt() -> None:
    """Attempts use up a rate, so many at once cannot be let through."""
    assert not gate(rate={"per_second": 100}).clear(T0)
    assert not gate(rate={"per_day": 100}).clear(T0)


def test_each_condition_closes_the_gate() -> None:
    """Token, pause, quota, unknown code and authorisation, each alone, while it is in force."""
    subject = gate()
    subject.token.needed = True
    assert (subject.clear(T0), subject.blocked_until(T0), subject.halted(T0)) == (False, NEVER, None)
    subject.token.failed()
    assert subject.halted(T0) is Halt.TOKEN_UNAVAILABLE
    subject.token.arrived()
    assert subject.clear(T0)
    assert subject.token.generation == 1

    subject.retry_after.extend(T0 + 5)
    subject.retry_after.extend(T0 + 3)
    assert (subject.clear(T0 + 4), subject.blocked_until(T0 + 4)) == (False, T0 + 5)
    assert subject.halted(T0) is None
    assert subject.clear(T0 + 5)

    for condition, reason in (
        (subject.quota, Halt.QUOTA),
        (subject.unknown_code, Halt.UNKNOWN_CODE),
        (subject.authorisation, Halt.UNAUTHORISED),
    ):
        condition.refuse(1, T0 + 5)
        assert (subject.clear(T0 + 5), subject.halted(T0 + 5)) == (False, reason)
        assert subject.blocked_until(T0 + 5) == T0 + 6
        condition.end()
        assert subject.clear(T0 + 5)


class _Holiday(Condition):
    """A reason not to send that the product does not have."""

    def in_force(self, now: float) -> bool:
        return now < T0 + 60

    def halt(self, now: float) -> Halt | None:
        return Halt.QUOTA if self.in_force(now) else None

    def blocked_until(self, now: float) -> float | None:
        return T0 + 60 if self.in_force(now) else None


def test_a_new_reason_not_to_send_is_one_condition() -> None:
    """Once it is in the tuple it blocks, is reported, and its time counts as halted."""
    subject = gate()
    subject.conditions += (_Holiday(),)
    assert (subject.clear(T0), subject.blocked_until(T0), subject.halted(T0)) == (False, T0 + 60, Halt.QUOTA)
    assert (subject.clear(T0 + 60), subject.blocked_until(T0 + 60)) == (True, None)
    assert subject.halted_seconds(T0 + 100) == 60


def test_the_second_probe_waits_for_a_new_token() -> None:
    """The first leaves with the present token, as the message may be the cause; later ones need another."""
    subject = gate()
    subject.authorisation.refuse(1, T0)
    assert (subject.blocked_until(T0 + 1), subject.token.needed) == (None, False)
    subject.sent(2)
    subject.authorisation.refuse(2, T0 + 1)
    assert (subject.blocked_until(T0 + 2), subject.token.needed) == (T0 + 3, False)
    assert (subject.blocked_until(T0 + 3), subject.token.needed) == (NEVER, True)
    subject.token.arrived()
    assert (subject.blocked_until(T0 + 3), subject.token.needed) == (None, False)


@pytest.mark.parametrize("seconds", [40, 4_000])
def test_halted_time_is_counted_once(seconds: float) -> None:
    """Two overlapping halts are one period."""
    subject = gate()
    subject.authorisation.refuse(1, T0 + 10)
    subject.mark(T0 + 10)
    subject.quota.refuse(2, T0 + 20)
    subject.mark(T0 + 20)
    subject.authorisation.end()
    subject.mark(T0 + 30)
    assert subject.halted_seconds(T0 + seconds) == seconds - 10
    assert subject.halted_seconds(T0 + seconds) == seconds - 10


def test_the_time_of_a_halt_is_that_of_its_beginning() -> None:
    """However often it is requested; a halt for another reason has its own."""
    subject = gate()
    subject.authorisation.refuse(1, T0 + 10)
    for seconds in (10, 20, 30):
        subject.mark(T0 + seconds)
    assert subject.halt_began == T0 + 10
    subject.authorisation.end()
    subject.mark(T0 + 40)
    subject.quota.refuse(2, T0 + 50)
    subject.mark(T0 + 50)
    subject.mark(T0 + 60)
    assert subject.halt_began == T0 + 50
