"""While nothing may leave: outages, refusals, quotas, what expires meanwhile, and recovery without an operator."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.delivery.machine import PROBE_RECORDS
from pipeline.delivery.verdicts import VerdictSettings
from pipeline.model.halt import Halt
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
    UNKNOWN,
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
    assert outcome.detail == "more than expires_after (5 s) after the event's time (Kafka timestamp)"
    assert bench.delivery.snapshot(bench.now).lanes == 0


def test_an_events_own_limit_is_named() -> None:
    """The outcome's detail says which limit has passed."""
    bench = Bench()
    given = arrival(0, notice("a", expires_at=bench.now + 5))
    assert given.event is not None
    given.event.expires_at_ms = int((bench.now + 5) * 1_000)
    bench.offer(given)
    bench.later(5)
    bench.attempts()
    (outcome,) = bench.collect()
    assert outcome.detail == "after the event's expirytime"


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


def test_an_outage_costs_no_notice() -> None:
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


def test_what_shows_an_outage_counts_against_no_notice() -> None:
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
    assert bench.delivery.demand() == PROBE_RECORDS
    bench.offer(arrival(0, notice("p0"), epoch=2))
    assert bench.delivery.demand() == 0
    assert bench.attempts() == []
    bench.later(5)
    bench.round()
    bench.offer(arrival(1, notice("p1"), epoch=2))
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
    assert bench.delivery.token_needed()
    assert bench.attempts() == []
    assert bench.delivery.next_wakeup(bench.now) == bench.now + 1  # only to see what has expired
    bench.delivery.token_failed(bench.now)
    assert bench.attempts() == []
    bench.delivery.token_arrived(bench.now)
    assert not bench.delivery.token_needed()
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
    assert not bench.delivery.token_needed()
    assert sorted(bench.names()) == ["a", "b"]
    assert bench.delivery.halted() is None


def test_a_new_token_that_is_refused_too_stops_sending() -> None:
    """The API refuses this service: nothing is dropped, and from the second probe on each has a new token."""
    bench = Bench({"authorisation": {"probe_seconds": 30}})
    bench.offer(arrival(0, notice("a")))
    bench.round(TOKEN_EXPIRED)
    bench.delivery.token_arrived(bench.now)
    (attempt,) = bench.attempts()
    assert bench.delivery.replied(attempt, TOKEN_EXPIRED, bench.now) is Verdict.UNAUTHORISED
    assert bench.delivery.halted() is Halt.UNAUTHORISED
    bench.later(0.9)
    assert bench.attempts() == []
    bench.later(0.1)
    bench.round(TOKEN_EXPIRED)
    bench.later(2)
    assert bench.attempts() == []
    assert bench.delivery.token_needed()
    bench.delivery.token_arrived(bench.now)
    bench.round()
    assert bench.delivery.halted() is None
    assert bench.ends() == [("a", OutcomeKind.ACCEPTED, Reason.OK)]


def test_a_refused_probe_is_followed_by_another_recipients() -> None:
    """403 halts; probes come from notices that have not been refused, also those that arrive later."""
    bench = Bench({"authorisation": {"probe_seconds": 30}})
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(3)))
    first, *stragglers = bench.attempts()
    bench.reply(first, UNAUTHORISED)
    for straggler in stragglers:
        bench.reply(straggler)
    assert bench.delivery.halted() is Halt.UNAUTHORISED
    assert bench.delivery.demand() == PROBE_RECORDS
    bench.offer(arrival(3, notice("n3", "user-3")))
    assert bench.delivery.demand() == 0
    bench.later(1)
    (probe,) = bench.attempts()
    assert probe.notice.id == "n3"
    assert bench.attempts() == []
    bench.reply(probe)
    assert bench.delivery.halted() is None
    assert bench.names() == ["n0"]


def test_one_message_that_a_firewall_blocks_never_stops_the_others() -> None:
    """403 for one recipient: one halt of a second, then only that lane waits, and its notice ends as rejected."""
    bench = Bench({**CALM, "retry": {"max_attempts": 4}}, rng=1.0)
    accepted, offset = 0, 0
    bench.offer(arrival(offset, notice("blocked", "eve")))
    for _ in range(400):
        if bench.delivery.demand():
            offset += 1
            bench.offer(arrival(offset, notice(f"n{offset}", f"user-{offset}")))
        for attempt in bench.attempts():
            bench.reply(attempt, UNAUTHORISED if attempt.notice.recipient == "eve" else OK)
        accepted += sum(kind is OutcomeKind.ACCEPTED for _, kind, _ in bench.ends())
        bench.acknowledge()
        bench.later(0.1)
    assert accepted >= 380
    rejected = [outcome for outcome in bench.outcomes if outcome.kind is not OutcomeKind.ACCEPTED]
    assert [(one.id, one.kind, one.reason) for one in rejected] == [("blocked", OutcomeKind.REJECTED, Reason.CONTENT)]
    assert (rejected[0].attempts, rejected[0].status) == (4, 403)
    assert bench.delivery.halted() is None


def test_many_messages_that_a_firewall_blocks_do_not_stop_the_others() -> None:
    """After one false alarm a single refusal between accepted notices starts no halt."""
    bench = Bench({**CALM, "retry": {"max_attempts": 2}}, rng=1.0)
    halted = 0
    for offset in range(600):
        bench.offer(arrival(offset, notice(f"n{offset}", f"user-{offset}")))
        for attempt in bench.attempts():
            bench.reply(attempt, UNAUTHORISED if int(attempt.notice.id[1:]) % 10 == 0 else OK)
        halted += bench.delivery.halted() is not None
        bench.acknowledge()
        bench.later(0.1)
    assert halted < 30
    for _ in range(100):
        bench.round(UNAUTHORISED)
        bench.later(1)
    ends = Counter((outcome.kind, outcome.reason) for outcome in (*bench.outcomes, *bench.collect()))
    assert ends[OutcomeKind.ACCEPTED, Reason.OK] == 540


def test_two_refusals_in_a_row_halt_also_after_a_false_alarm() -> None:
    """Access that is really withdrawn costs no notice."""
    bench = Bench(CALM, rng=1.0)
    bench.offer(arrival(0, notice("a", "ann")), arrival(1, notice("b", "bob")))
    (first, _) = bench.attempts()
    bench.reply(first, UNAUTHORISED)
    bench.offer(arrival(2, notice("c", "cid")))
    bench.later(1)
    bench.round()
    assert bench.delivery.halted() is None
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(3, 9)))
    bench.round(UNAUTHORISED)
    assert bench.delivery.halted() is Halt.UNAUTHORISED
    for _ in range(200):
        bench.later(30)
        bench.round(UNAUTHORISED)
        if bench.delivery.token_needed():
            bench.delivery.token_arrived(bench.now)
    assert {kind for _, kind, _ in bench.ends()} == {OutcomeKind.ACCEPTED}


@pytest.mark.parametrize("reply", [TOKEN_EXPIRED, UNAVAILABLE, TIMEOUT, UNAUTHORISED, THROTTLED, QUOTA, UNKNOWN])
@pytest.mark.parametrize("halt", [UNAUTHORISED, QUOTA])
def test_however_a_probe_ends_sending_recovers_by_itself(reply: Reply, halt: Reply) -> None:
    """A probe that meets another fault does not block the next one."""
    bench = Bench(CALM, rng=0.0)
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "bob")))
    first, second = bench.attempts()
    bench.reply(first, halt)
    bench.reply(second, TIMEOUT)
    bench.later(30)
    (probe,) = bench.attempts()
    bench.reply(probe, reply)
    for _ in range(100):
        bench.later(1_000)
        bench.round()
        if bench.delivery.token_needed():
            bench.delivery.token_arrived(bench.now)
    assert {outcome.id for outcome in bench.collect()} == {"a", "b"}
    if reply is not UNKNOWN:
        assert {outcome.kind for outcome in bench.outcomes} == {OutcomeKind.ACCEPTED}
    assert bench.delivery.halted() is None


def test_a_probe_with_an_expired_token_shows_nothing() -> None:
    """The halt continues: one probe with a new token leaves next, not every notice."""
    bench = Bench()
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(8)))
    bench.round(UNAUTHORISED)
    bench.later(1)
    (probe,) = bench.round(TOKEN_EXPIRED)
    assert bench.delivery.halted() is Halt.UNAUTHORISED
    bench.delivery.token_arrived(bench.now)
    (again,) = bench.round()
    assert again.notice is probe.notice
    assert bench.delivery.halted() is None


@pytest.mark.parametrize("token_failed", [False, True])
def test_no_token_to_be_had_is_a_halt(token_failed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Once its source has failed; until then a refresh is part of normal running. The horizon stands still."""
    bench = Bench({**CALM, "retry": {"horizon_seconds": 600}}, rng=0.0)
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "bob")))
    first, second = bench.attempts()
    bench.reply(first, UNAVAILABLE)
    bench.reply(second, TOKEN_EXPIRED)
    assert bench.delivery.halted() is None
    if token_failed:
        bench.delivery.token_failed(bench.now)
        assert bench.delivery.halted() is Halt.TOKEN_UNAVAILABLE
    bench.later(7_200)
    assert bench.attempts() == []
    bench.delivery.token_arrived(bench.now)
    assert bench.delivery.halted() is None
    bench.round()
    kinds = {kind for _, kind, _ in bench.ends()}
    assert kinds == ({OutcomeKind.ACCEPTED} if token_failed else {OutcomeKind.ACCEPTED, OutcomeKind.EXHAUSTED})


def test_a_token_that_expires_again_later_is_refreshed_again() -> None:
    """Only two refusals in a row are a refusal of us."""
    bench = Bench(CALM, rng=0.0)
    bench.offer(arrival(0, notice("a")))
    bench.round(TOKEN_EXPIRED)
    bench.delivery.token_arrived(bench.now)
    bench.round(UNAVAILABLE)
    bench.round(TOKEN_EXPIRED)
    assert bench.delivery.halted() is None
    assert bench.delivery.token_needed()


def test_time_without_access_is_not_held_against_a_notice() -> None:
    """Two hours of 403 leave the horizon of an hour untouched."""
    bench = Bench({**CALM, "retry": {"horizon_seconds": 3_600}}, rng=0.0)
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "bob")))
    first, second = bench.attempts()
    bench.reply(first, UNAVAILABLE)
    bench.reply(second, UNAUTHORISED)
    bench.later(7_200)
    for _ in range(4):
        bench.round()
    assert {outcome.kind for outcome in bench.collect()} == {OutcomeKind.ACCEPTED}


def test_a_standstill_before_its_first_attempt_gives_a_notice_no_longer_horizon() -> None:
    """Only halted time after the first attempt is not held against it."""
    bench = Bench({**CALM, "retry": {"horizon_seconds": 600}}, rng=0.0)
    bench.offer(arrival(0, notice("a")))
    bench.round(UNAUTHORISED)
    bench.later(7_200)
    bench.round()
    bench.collect()
    bench.offer(arrival(1, notice("b", "bob")))
    bench.round(UNAVAILABLE)
    bench.later(600)
    assert bench.attempts() == []
    assert bench.ends() == [("b", OutcomeKind.EXHAUSTED, Reason.HORIZON)]


# Quota


def test_a_used_up_quota_is_probed_like_every_other_halt() -> None:
    """Nothing is dropped or counted, and sending resumes with the first accepted probe."""
    bench = Bench()
    bench.offer(arrival(0, notice("a")))
    bench.round(QUOTA)
    assert bench.delivery.halted() is Halt.QUOTA
    assert bench.delivery.snapshot(bench.now).worst.halted is Halt.QUOTA
    assert bench.delivery.next_wakeup(bench.now) is not None
    assert bench.attempts() == []
    probes = 0
    for _ in range(100):
        bench.later(1)
        probes += len(bench.round(QUOTA))
    assert 5 <= probes <= 8
    bench.later(30)
    (attempt,) = bench.attempts()
    assert attempt.number == 1
    bench.reply(attempt)
    assert bench.delivery.halted() is None
    assert bench.ends() == [("a", OutcomeKind.ACCEPTED, Reason.OK)]


def test_a_quota_of_one_recipient_stops_only_their_lane() -> None:
    """While others are accepted, the notice is retried within its own bounds."""
    bench = Bench({**CALM, "retry": {"max_attempts": 3}}, rng=1.0)
    for offset in range(300):
        to = "eve" if offset == 0 else f"user-{offset}"
        bench.offer(arrival(offset, notice(f"n{offset}", to)))
        for attempt in bench.attempts():
            bench.reply(attempt, QUOTA if attempt.notice.recipient == "eve" else OK)
        bench.acknowledge()
        bench.later(0.1)
    ends = {outcome.id: (outcome.kind, outcome.reason) for outcome in bench.outcomes}
    assert ends.pop("n0") == (OutcomeKind.EXHAUSTED, Reason.ATTEMPTS)
    assert set(ends.values()) == {(OutcomeKind.ACCEPTED, Reason.OK)}
    assert len(ends) == 299


# Unknown codes


def test_one_unknown_code_for_several_recipients_halts() -> None:
    """It is about the account, not the message: the first few are rejected, the others wait for an accepted probe."""
    bench = Bench({**CALM, "unknown_code": {"recipients": 3}}, rng=0.0)
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(16)))
    bench.round(UNKNOWN)
    assert bench.delivery.halted() is Halt.UNKNOWN_CODE
    assert [(kind, reason) for _, kind, reason in bench.ends()] == [(OutcomeKind.REJECTED, Reason.CONTENT)] * 2
    for _ in range(20):
        bench.later(30)
        bench.round(UNKNOWN)
    assert bench.ends() == []
    for _ in range(3):
        bench.later(30)
        bench.round()
    assert bench.delivery.halted() is None
    assert [kind for _, kind, _ in bench.ends()] == [OutcomeKind.ACCEPTED] * 14


def test_unknown_codes_between_accepted_notices_are_permanent() -> None:
    """However many recipients get one, each message is rejected by itself."""
    bench = Bench({**CALM, "unknown_code": {"recipients": 3}})
    for offset in range(20):
        bench.offer(arrival(offset, notice(f"n{offset}", f"user-{offset}")))
        bench.round(OK if offset % 2 else UNKNOWN)
    assert bench.delivery.halted() is None
    assert Counter(kind for _, kind, _ in bench.ends()) == {OutcomeKind.ACCEPTED: 10, OutcomeKind.REJECTED: 10}


def test_one_recipients_unknown_codes_do_not_halt() -> None:
    """Many notices of one recipient show nothing about the others; nor do several codes once each."""
    bench = Bench({**CALM, "unknown_code": {"recipients": 3}})
    bench.offer(*(arrival(offset, notice(f"n{offset}", "ann")) for offset in range(20)))
    for _ in range(20):
        bench.round(UNKNOWN)
    bench.offer(arrival(20, notice("b", "bob")))
    bench.round(Reply(200, 99_998))
    assert bench.delivery.halted() is None


def test_an_unknown_code_that_is_configured_as_transient_is_retried() -> None:
    """The guard is for codes that would end notices."""
    bench = Bench({**CALM, "unknown_code": {"recipients": 2}}, verdicts=VerdictSettings(unknown_code=Verdict.RETRY))
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(4)))
    bench.round(UNKNOWN)
    assert bench.delivery.halted() is None
    assert bench.ends() == []


# Suspension


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
