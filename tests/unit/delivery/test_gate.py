"""Whether anything may leave: token, authorisation, breaker, quota, pauses, and the books of halted time."""

from __future__ import annotations

from pipeline.delivery.authorisation import NEVER, Authorisation
from pipeline.delivery.gate import Gate
from pipeline.delivery.halt import Halt
from pipeline.delivery.policy import AuthorisationSettings, DeliverySettings

from .making import T0


def refused() -> Authorisation:
    subject = Authorisation(AuthorisationSettings(probe_seconds=30))
    subject.refuse(100.0)
    return subject


def test_a_refusal_stops_everything_until_the_probe() -> None:
    """Nothing leaves for the interval; then one, and nothing while it is under way."""
    subject = refused()
    assert subject.blocked_until(129.9) == 130.0
    assert subject.blocked_until(130.0) is None
    subject.sent(7)
    assert subject.blocked_until(130.0) == NEVER


def test_only_the_probes_end_is_the_probes_end() -> None:
    """A straggler that ends meanwhile frees nothing."""
    subject = refused()
    subject.sent(7)
    assert not subject.ended(6)
    assert subject.blocked_until(130.0) == NEVER
    assert subject.ended(7)
    assert not subject.ended(7)
    assert subject.blocked_until(130.0) is None


def test_a_probe_wants_a_fresh_token_first() -> None:
    """The old token may be what is refused; once a fresh one is there, it is not asked for again."""
    subject = refused()
    wanted = [subject.wants_token]
    subject.token_arrived()
    wanted.append(subject.wants_token)
    subject.postpone(130.0)
    wanted.append(subject.wants_token)
    subject.refuse(160.0)
    wanted.append(subject.wants_token)
    subject.grant()
    wanted.append(subject.wants_token)
    assert wanted == [True, False, False, True, False]
    assert not subject.refused


def gate(**changes: object) -> Gate:
    return Gate(DeliverySettings.model_validate(changes), T0)


def test_an_open_gate_is_clear() -> None:
    """Nothing in the way: no questions for each attempt."""
    subject = gate()
    assert subject.clear(T0)
    assert subject.blocked_until(T0) is None
    assert subject.halted(T0) is None


def test_a_gate_with_a_rate_is_asked_for_each_attempt() -> None:
    """A rate is spent by attempts, so it cannot be clear for many."""
    assert not gate(rate={"per_second": 100}).clear(T0)
    assert not gate(rate={"per_day": 100}).clear(T0)


def test_each_obstacle_closes_the_gate() -> None:
    """Token, refusal, pause, quota: each alone, for as long as it lasts."""
    subject = gate()
    subject.token_wanted = True
    assert (subject.clear(T0), subject.blocked_until(T0)) == (False, NEVER)
    subject.token_arrived()
    assert subject.clear(T0)
    assert subject.token == 1

    subject.pause(T0 + 5)
    subject.pause(T0 + 3)
    assert (subject.clear(T0 + 4), subject.blocked_until(T0 + 4)) == (False, T0 + 5)
    assert subject.halted(T0) is None
    assert subject.clear(T0 + 5)

    subject.rate.spent(T0 + 5)
    assert not subject.clear(T0 + 5)
    assert subject.halted(T0 + 5) is Halt.QUOTA

    subject.authorisation.refuse(T0 + 5)
    assert not subject.clear(T0 + 5)
    assert subject.halted(T0 + 5) is Halt.UNAUTHORISED


def test_a_due_probe_asks_for_its_token() -> None:
    """When the interval is over the gate wants a token, and lets the probe out when it has come."""
    subject = gate()
    subject.authorisation.refuse(T0)
    assert (subject.blocked_until(T0 + 29), subject.token_wanted) == (T0 + 30, False)
    assert (subject.blocked_until(T0 + 30), subject.token_wanted) == (NEVER, True)
    subject.token_arrived()
    assert subject.blocked_until(T0 + 30) is None


def test_halted_time_is_counted_once_whatever_halts() -> None:
    """Two overlapping halts are one standstill."""
    subject = gate()
    subject.authorisation.refuse(T0 + 10)
    subject.mark(T0 + 10)
    subject.rate.spent(T0 + 20)
    subject.mark(T0 + 20)
    subject.authorisation.grant()
    subject.mark(T0 + 30)
    assert subject.halted_seconds(T0 + 40) == 30
    assert subject.halted_seconds(T0 + 40) == 30


def test_a_halt_is_told_since_it_began() -> None:
    """However often it is asked about; one reason after another counts as a halt of its own."""
    subject = gate()
    subject.authorisation.refuse(T0 + 10)
    for seconds in (10, 20, 30):
        subject.mark(T0 + seconds)
    assert subject.halt_began == T0 + 10
    subject.authorisation.grant()
    subject.mark(T0 + 40)
    subject.authorisation.refuse(T0 + 50)
    subject.mark(T0 + 50)
    subject.mark(T0 + 60)
    assert subject.halt_began == T0 + 50
