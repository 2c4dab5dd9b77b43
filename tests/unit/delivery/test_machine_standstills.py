"""When nothing may leave: outages, refusals, quotas, what expires meanwhile, and how it heals by itself."""

from __future__ import annotations

import pytest

from pipeline.delivery.halt import Halt
from pipeline.delivery.machine import PROBE_RECORDS
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.reply import Fault, Reply
from pipeline.model.verdict import Verdict

from .making import (
    BAD_TEMPLATE,
    CALM,
    EAGER,
    OK,
    P0,
    QUOTA,
    THROTTLED,
    TIMEOUT,
    TOKEN_EXPIRED,
    UNAUTHORISED,
    UNAVAILABLE,
    Bench,
    arrival,
    notice,
)

# Expiry


def test_what_is_too_late_is_not_sent() -> None:
    """At its time of expiry, not after it; the outcome comes without an attempt."""
    bench = Bench()
    bench.offer(arrival(0, notice("a", expires_at=bench.now + 5)))
    bench.later(5)
    assert bench.attempts() == []
    (outcome,) = bench.collect()
    assert (outcome.kind, outcome.attempts, outcome.first_attempt_at) == (OutcomeKind.EXPIRED, 0, None)
    assert bench.delivery.snapshot(bench.now).lanes == 0


def test_a_waiting_retry_expires_in_time() -> None:
    """It does not wait for its turn to find that it is too late."""
    bench = Bench(CALM, rng=1.0)
    bench.offer(arrival(0, notice("a", expires_at=bench.now + 0.25)))
    bench.round(UNAVAILABLE)
    assert bench.delivery.next_wakeup(bench.now) == bench.now + 0.25
    bench.later(0.25)
    bench.attempts()
    assert bench.ends() == [("a", OutcomeKind.EXPIRED, Reason.EXPIRED)]


def test_notices_expire_during_a_standstill() -> None:
    """Also those behind another, and those that never were tried; the others stay."""
    bench = Bench(EAGER)
    soon = bench.now + 3
    bench.open_the_breaker()
    bench.offer(
        arrival(10, notice("x1", "xen", expires_at=soon)),
        arrival(11, notice("x2", "xen")),
        arrival(12, notice("x3", "xen", expires_at=soon)),
        arrival(13, notice("y", "yan", expires_at=soon, ordered=False)),
    )
    bench.later(3)
    assert bench.attempts() == []
    assert sorted(outcome.id for outcome in bench.collect()) == ["x1", "x3", "y"]
    assert bench.delivery.snapshot(bench.now).buffered == 8


# Breaker


def test_an_outage_costs_nobody_their_notice() -> None:
    """While the breaker is open nothing leaves, is read, or is counted against a notice."""
    bench = Bench({**EAGER, "retry": {"max_attempts": 3, "horizon_seconds": 60}}, rng=0.0)
    bench.open_the_breaker()
    assert bench.delivery.demand() == 0
    sent = 0
    for _ in range(1_000):
        bench.later(5)
        sent += len(bench.round(UNAVAILABLE))
    assert 80 < sent <= 1_000 * 5 / 60 + 5
    assert bench.ends() == []
    for _ in range(200):
        bench.later(5)
        bench.round()
    assert sorted(outcome.id for outcome in bench.collect()) == ["n0", "n1", "n2", "n3"]
    assert all(outcome.kind is OutcomeKind.ACCEPTED for outcome in bench.outcomes)
    assert bench.delivery.halted() is None


def test_what_shows_an_outage_counts_against_nobody() -> None:
    """The failure that opens the breaker is the API's: the probes that follow are still within the bounds."""
    bench = Bench({**EAGER, "retry": {"max_attempts": 1}}, rng=0.0)
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(4)))
    bench.round(UNAVAILABLE)
    assert [end[1:] for end in bench.ends()] == [(OutcomeKind.EXHAUSTED, Reason.ATTEMPTS)] * 3
    bench.later(5)
    assert [(attempt.notice.id, attempt.number) for attempt in bench.attempts()] == [("n3", 1)]


@pytest.mark.parametrize("reply", [UNAVAILABLE, TIMEOUT, Reply(fault=Fault.CONNECT)])
@pytest.mark.parametrize("recipients", [1, 2])
def test_a_quiet_stream_survives_an_outage_too(recipients: int, reply: Reply) -> None:
    """An hour without the API, and one or two notices in all: they wait for it, and are accepted on its return.

    One recipient's failing replies, though, may be the fault of what is sent to them.
    """
    bench = Bench({"retry": {"max_attempts": 12}}, rng=0.9)
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(recipients)))
    for _ in range(3_600):
        bench.round(reply)
        bench.later(1.0)
    blamed = recipients == 1 and reply.fault is not Fault.CONNECT
    assert len(bench.collect()) == (1 if blamed else 0)
    for _ in range(200):
        bench.round(OK)
        bench.later(1.0)
    ends = {kind for _, kind, _ in bench.ends()}
    assert ends == (set() if blamed else {OutcomeKind.ACCEPTED})


def test_after_an_outage_the_rate_rises_from_one() -> None:
    """The API that has just come back is not met by all at once."""
    bench = Bench({**EAGER, "budget": {"capacity": 1_000}}, max_in_flight=64, rng=0.0)
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(400)))
    bench.round(UNAVAILABLE)
    bench.later(5)
    sizes = []
    for _ in range(12):
        bench.later(0.05)
        attempts = bench.attempts()
        sizes.append(len(attempts))
        bench.later(0.05)
        for attempt in attempts:
            bench.reply(attempt)
    assert sizes[:6] == [1, 1, 1, 2, 4, 8]
    assert max(sizes) == 64


def test_with_nothing_left_to_probe_with_a_little_is_read() -> None:
    """Otherwise an outage during which all notices expired, or partitions moved, would never end."""
    bench = Bench(EAGER)
    bench.open_the_breaker()
    bench.delivery.release([P0])
    bench.assign(P0, epoch=2)
    bench.attempts()
    assert bench.delivery.demand() == 0
    assert bench.delivery.next_wakeup(bench.now) == bench.now + 5
    bench.later(5)
    bench.attempts()
    assert bench.delivery.demand() == PROBE_RECORDS
    for offset in range(2):
        bench.offer(arrival(offset, notice(f"p{offset}"), epoch=2))
        bench.round()
        bench.acknowledge()
    assert bench.delivery.halted() is None


# Token and authorisation


def test_an_expired_token_is_refreshed_once_for_all_and_costs_no_attempt() -> None:
    """Nothing leaves until the fresh one is there; then the same notices do, before all others."""
    bench = Bench()
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(3)))
    for attempt in bench.attempts():
        bench.reply(attempt, TOKEN_EXPIRED)
    bench.offer(arrival(3, notice("late", "lee")))
    assert bench.delivery.token_wanted()
    assert bench.attempts() == []
    assert bench.delivery.next_wakeup(bench.now) == bench.now + 1  # only to see what has expired
    bench.delivery.token_failed(bench.now)
    assert bench.attempts() == []
    bench.delivery.token_arrived(bench.now)
    assert not bench.delivery.token_wanted()
    attempts = bench.attempts()
    assert {attempt.notice.id for attempt in attempts[:3]} == {"n0", "n1", "n2"}
    assert {attempt.number for attempt in attempts} == {1}
    for attempt in attempts:
        bench.reply(attempt)
    assert {outcome.attempts for outcome in bench.collect()} == {1}


def test_a_late_complaint_about_the_old_token_wants_no_other() -> None:
    """A reply to a request with the token before this one is only repeated."""
    bench = Bench()
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "bob")))
    first, second = bench.attempts()
    bench.reply(first, TOKEN_EXPIRED)
    bench.delivery.token_arrived(bench.now)
    bench.reply(second, TOKEN_EXPIRED)
    assert not bench.delivery.token_wanted()
    assert sorted(bench.names()) == ["a", "b"]
    assert bench.delivery.halted() is None


def test_a_fresh_token_that_is_refused_too_stops_sending() -> None:
    """It is the API that refuses us: nothing is dropped, and it is tried again now and then with a fresh token."""
    bench = Bench({"authorisation": {"probe_seconds": 30}})
    bench.offer(arrival(0, notice("a")))
    bench.round(TOKEN_EXPIRED)
    bench.delivery.token_arrived(bench.now)
    (attempt,) = bench.attempts()
    assert bench.delivery.replied(attempt, TOKEN_EXPIRED, bench.now) is Verdict.UNAUTHORISED
    assert bench.delivery.halted() is Halt.UNAUTHORISED
    assert bench.delivery.demand() == 0
    bench.later(29)
    assert bench.attempts() == []
    assert not bench.delivery.token_wanted()
    bench.later(1)
    assert bench.attempts() == []
    assert bench.delivery.token_wanted()
    bench.delivery.token_arrived(bench.now)
    bench.round()
    assert bench.delivery.halted() is None
    assert bench.ends() == [("a", OutcomeKind.ACCEPTED, Reason.OK)]


def test_refused_as_such_one_probe_at_a_time_finds_out() -> None:
    """403 stops everybody; the probe is another notice than the one refused, in case it is that one's fault."""
    bench = Bench({"authorisation": {"probe_seconds": 30}})
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(3)))
    attempts = bench.attempts()
    bench.offer(arrival(3, notice("n3", "user-3")))
    bench.reply(attempts[0], UNAUTHORISED)
    for straggler in attempts[1:]:
        bench.reply(straggler)
    assert bench.delivery.halted() is Halt.UNAUTHORISED
    bench.later(30)
    bench.attempts()
    bench.delivery.token_arrived(bench.now)
    (probe,) = bench.attempts()
    assert probe.notice.id == "n3"
    assert bench.attempts() == []
    bench.reply(probe)
    assert bench.delivery.halted() is None
    assert bench.names() == ["n0"]


@pytest.mark.parametrize("reply", [TOKEN_EXPIRED, UNAVAILABLE, TIMEOUT, UNAUTHORISED, THROTTLED, QUOTA])
def test_however_a_probe_ends_sending_heals_by_itself(reply: Reply) -> None:
    """A probe that meets another trouble does not block the next one for ever."""
    bench = Bench({**CALM, "authorisation": {"probe_seconds": 30}}, rng=0.0)
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "bob")))
    first, second = bench.attempts()
    bench.reply(first, UNAUTHORISED)
    bench.reply(second, TIMEOUT)
    bench.later(30)
    bench.attempts()
    bench.delivery.token_arrived(bench.now)
    (probe,) = bench.attempts()
    bench.reply(probe, reply)
    for _ in range(100):
        bench.later(1_000)
        bench.round()
        if bench.delivery.token_wanted():
            bench.delivery.token_arrived(bench.now)
    assert {outcome.id for outcome in bench.collect()} == {"a", "b"}
    assert {outcome.kind for outcome in bench.outcomes} == {OutcomeKind.ACCEPTED}
    assert bench.delivery.halted() is None


def test_a_probe_with_an_expired_token_shows_nothing() -> None:
    """Access is not granted by it: one probe with a fresh token leaves next, not everybody."""
    bench = Bench({"authorisation": {"probe_seconds": 30}})
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(8)))
    bench.round(UNAUTHORISED)
    bench.later(30)
    bench.attempts()
    bench.delivery.token_arrived(bench.now)
    (probe,) = bench.round(TOKEN_EXPIRED)
    assert bench.delivery.halted() is Halt.UNAUTHORISED
    bench.delivery.token_arrived(bench.now)
    (again,) = bench.round()
    assert again.notice is probe.notice
    assert bench.delivery.halted() is None


def test_a_token_that_expires_again_later_is_refreshed_again() -> None:
    """Only two refusals in a row are a refusal of us."""
    bench = Bench(CALM, rng=0.0)
    bench.offer(arrival(0, notice("a")))
    bench.round(TOKEN_EXPIRED)
    bench.delivery.token_arrived(bench.now)
    bench.round(UNAVAILABLE)
    bench.round(TOKEN_EXPIRED)
    assert bench.delivery.halted() is None
    assert bench.delivery.token_wanted()


def test_time_without_access_is_not_held_against_a_notice() -> None:
    """Two hours of 403 leave the horizon of an hour untouched."""
    bench = Bench({**CALM, "retry": {"horizon_seconds": 3_600}}, rng=0.0)
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "bob")))
    first, second = bench.attempts()
    bench.reply(first, UNAVAILABLE)
    bench.reply(second, UNAUTHORISED)
    bench.later(7_200)
    bench.attempts()
    bench.delivery.token_arrived(bench.now)
    for _ in range(4):
        bench.round()
    assert {outcome.kind for outcome in bench.collect()} == {OutcomeKind.ACCEPTED}


def test_a_standstill_before_its_first_attempt_gives_a_notice_no_longer_horizon() -> None:
    """Only halted time after the first attempt is not held against it."""
    bench = Bench({**CALM, "retry": {"horizon_seconds": 600}}, rng=0.0)
    bench.offer(arrival(0, notice("a")))
    bench.round(UNAUTHORISED)
    bench.later(7_200)
    bench.attempts()
    bench.delivery.token_arrived(bench.now)
    bench.round()
    bench.collect()
    bench.offer(arrival(1, notice("b", "bob")))
    bench.round(UNAVAILABLE)
    bench.later(600)
    assert bench.attempts() == []
    assert bench.ends() == [("b", OutcomeKind.EXHAUSTED, Reason.HORIZON)]


# Quota and suspension


def test_a_spent_quota_stops_sending_until_the_next_day() -> None:
    """Nothing is dropped, nothing is counted, and it resumes by itself."""
    bench = Bench()
    bench.offer(arrival(0, notice("a")))
    bench.round(QUOTA)
    assert bench.delivery.halted() is Halt.QUOTA
    assert bench.delivery.demand() == 0
    reset = bench.delivery.next_wakeup(bench.now)
    assert reset is not None
    bench.later(1)
    assert bench.attempts() == []
    midnight = 1_700_064_000.0 - 0  # 2023-11-16 00:00 in Shanghai
    assert bench.delivery.snapshot(bench.now).halted is Halt.QUOTA
    bench.now = midnight
    (attempt,) = bench.attempts()
    assert attempt.number == 1
    bench.reply(attempt)
    assert bench.ends() == [("a", OutcomeKind.ACCEPTED, Reason.OK)]


def test_a_refused_template_suspends_its_rule_alone() -> None:
    """Its next notices become dead letters untried, but for a probe; an accepted probe lifts it."""
    bench = Bench({"suspension": {"probe_seconds": 60}})
    bench.offer(arrival(0, notice("a", rule="bad")))
    bench.round(BAD_TEMPLATE)
    bench.offer(arrival(1, notice("b", rule="bad")), arrival(2, notice("c", rule="good")))
    assert bench.names() == ["c"]
    assert bench.ends() == [
        ("a", OutcomeKind.REJECTED, Reason.CONFIG),
        ("b", OutcomeKind.REJECTED, Reason.RULE_SUSPENDED),
    ]
    assert bench.delivery.snapshot(bench.now).suspended == {"bad": bench.now}
    bench.later(60)
    bench.offer(arrival(3, notice("d", "dan", rule="bad")), arrival(4, notice("e", "eve", rule="bad")))
    (probe,) = bench.attempts()
    bench.reply(probe, OK)
    bench.offer(arrival(5, notice("f", "fay", rule="bad")))
    assert bench.names() == ["f"]
    assert bench.ends() == [
        ("e", OutcomeKind.REJECTED, Reason.RULE_SUSPENDED),
        ("d", OutcomeKind.ACCEPTED, Reason.OK),
    ]
