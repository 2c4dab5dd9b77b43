"""The delivery machine as a whole, one situation at a time."""

from __future__ import annotations

import pytest

from pipeline.delivery import pointer
from pipeline.delivery.halt import Halt
from pipeline.delivery.machine import PROBE_RECORDS
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import LedgerPosition
from pipeline.model.notice import Notice, OnAmbiguous
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.reply import Fault, Reply
from pipeline.model.verdict import Verdict

from .making import (
    BAD_CONTENT,
    BAD_TEMPLATE,
    OK,
    P0,
    P1,
    QUOTA,
    THROTTLED,
    TIMEOUT,
    TOKEN_EXPIRED,
    UNAUTHORISED,
    UNAVAILABLE,
    Bench,
    arrival,
    notice,
    undecodable,
)

CALM = {"breaker": {"minimum_attempts": 1_000}}
"""A breaker that does not interfere."""


def ends(bench: Bench) -> list[tuple[str, OutcomeKind, Reason]]:
    """The outcomes decided since last asked, in short."""
    return [(outcome.id, outcome.kind, outcome.reason) for outcome in bench.collect()]


def opened_breaker(bench: Bench) -> None:
    """Fail until the breaker opens; `bench` must have been made with `EAGER`."""
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(4)))
    bench.round(UNAVAILABLE)
    assert bench.delivery.halted() is Halt.BREAKER_OPEN


EAGER = {"breaker": {"minimum_attempts": 4, "open_seconds": 5, "probes": 2}}


# The way of a notice


def test_an_accepted_notice_leaves_an_outcome_that_says_all() -> None:
    """Who, what, when, how often, and from which event."""
    bench = Bench()
    bench.offer(arrival(3, notice("a", "ann"), traceparent="00-ab-cd-01"))
    bench.later(1)
    (attempt,) = bench.attempts()
    assert (attempt.notice.id, attempt.number, attempt.traceparent) == ("a", 1, "00-ab-cd-01")
    bench.later(2)
    assert bench.delivery.replied(attempt, OK, bench.now) is Verdict.ACCEPTED
    (outcome,) = bench.collect()
    assert (outcome.id, outcome.kind, outcome.reason) == ("a", OutcomeKind.ACCEPTED, Reason.OK)
    assert (outcome.position.offset, outcome.recipient, outcome.rule) == (3, "ann", "paid")
    assert (outcome.attempts, outcome.status, outcome.code, outcome.detail) == (1, 200, 200, "")
    assert outcome.first_attempt_at == bench.now - 2
    assert outcome.finished_at == bench.now
    assert (outcome.redelivered, outcome.traceparent) == (False, "00-ab-cd-01")


def test_nothing_may_be_committed_before_kafka_has_acknowledged() -> None:
    """Accepted by the API is not done; written and acknowledged is."""
    bench = Bench()
    bench.offer(arrival(0, notice("a")))
    bench.round()
    bench.collect()
    assert bench.committed() == {P0: 0}
    assert bench.delivery.snapshot(bench.now).buffered == 1
    bench.acknowledge()
    assert bench.committed() == {P0: 1}
    assert bench.delivery.snapshot(bench.now).buffered == 0


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (BAD_CONTENT, OutcomeKind.REJECTED, Reason.CONTENT),
        (BAD_TEMPLATE, OutcomeKind.REJECTED, Reason.CONFIG),
        (Reply(200, 43004), OutcomeKind.REJECTED, Reason.RECIPIENT),
        (Reply(422), OutcomeKind.REJECTED, Reason.KEY_REUSED),
    ],
)
def test_a_refusal_ends_the_notice_and_the_lane_goes_on(reply: Reply, kind: OutcomeKind, reason: Reason) -> None:
    """The reason is told, one attempt was made, and the recipient's next notice leaves."""
    bench = Bench()
    bench.offer(arrival(0, notice("a", rule="other")), arrival(1, notice("b")))
    bench.round(reply)
    (outcome,) = bench.collect()
    assert (outcome.kind, outcome.reason, outcome.attempts) == (kind, reason, 1)
    assert outcome.detail == reply.detail
    assert bench.names() == ["b"]


def test_outcomes_that_are_final_already_are_only_published() -> None:
    """An undecodable record moves the frontier like any other, once its outcome is acknowledged."""
    bench = Bench()
    bench.offer(arrival(0, outcomes=[undecodable(0)]))
    assert bench.attempts() == []
    assert bench.committed() == {P0: 0}
    bench.acknowledge()
    assert bench.committed() == {P0: 1}


def test_a_record_without_consequences_is_done_at_once() -> None:
    """No rule matched: nothing to wait for."""
    bench = Bench()
    bench.offer(arrival(0))
    assert bench.committed() == {P0: 1}


# Order


def test_a_recipients_notices_leave_one_after_the_other() -> None:
    """Others do not wait for them."""
    bench = Bench()
    bench.offer(arrival(0, notice("a1"), notice("a2")), arrival(1, notice("b1", "bob")), arrival(2, notice("a3")))
    assert bench.names() == ["a1", "b1"]
    assert bench.names() == []


def test_a_waiting_retry_keeps_its_lane() -> None:
    """The recipient's later notices wait for it; another recipient does not."""
    bench = Bench(CALM, dice=1.0)
    bench.offer(arrival(0, notice("a1")), arrival(1, notice("a2")))
    bench.round(UNAVAILABLE)
    bench.offer(arrival(2, notice("b1", "bob")))
    assert bench.names() == ["b1"]
    bench.later(1)
    (again,) = bench.attempts()
    assert (again.notice.id, again.number) == ("a1", 2)
    bench.reply(again)
    assert bench.names() == ["a2"]


def test_unordered_notices_pass() -> None:
    """A rule that opts out of order waits for nobody."""
    bench = Bench(CALM)
    bench.offer(arrival(0, notice("a1")), arrival(1, notice("a2", ordered=False)))
    assert bench.names() == ["a1", "a2"]


# Retries


def test_a_notice_is_given_up_after_its_attempts() -> None:
    """Then there is an outcome with the reason and the last reply, and the lane goes on."""
    bench = Bench({**CALM, "retry": {"max_attempts": 3}})
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b")))
    numbers = []
    for _ in range(3):
        numbers += [attempt.number for attempt in bench.round(UNAVAILABLE)]
        bench.later(100)
    assert numbers == [1, 2, 3]
    (outcome,) = bench.collect()
    assert (outcome.kind, outcome.reason) == (OutcomeKind.EXHAUSTED, Reason.ATTEMPTS)
    assert (outcome.attempts, outcome.status, outcome.detail) == (3, 500, "out of order")
    assert bench.names() == ["b"]


def test_no_attempt_is_made_after_the_horizon() -> None:
    """A retry that comes due too late is not made at all."""
    bench = Bench({**CALM, "retry": {"horizon_seconds": 10}}, dice=0.0)
    bench.offer(arrival(0, notice("a")))
    bench.round(Reply(503, None, retry_after="30"))
    bench.later(30)
    assert bench.attempts() == []
    assert ends(bench) == [("a", OutcomeKind.EXHAUSTED, Reason.HORIZON)]


def test_retry_after_is_honoured() -> None:
    """Not before it, whatever the dice say."""
    bench = Bench(CALM, dice=0.0)
    bench.offer(arrival(0, notice("a")))
    bench.round(Reply(500, None, retry_after="20"))
    assert bench.delivery.next_wakeup(bench.now) == bench.now + 20
    bench.later(19.9)
    assert bench.names() == []
    bench.later(0.1)
    assert bench.names() == ["a"]


@pytest.mark.parametrize("reply", [THROTTLED._replace(retry_after="20"), Reply(503, None, retry_after="20")])
def test_an_overloaded_api_is_left_alone_for_as_long_as_it_asks(reply: Reply) -> None:
    """All wait, not the one notice alone."""
    bench = Bench(CALM, dice=0.0)
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "bob")))
    first, _ = bench.attempts()
    bench.reply(first, reply)
    bench.offer(arrival(2, notice("c", "cid")))
    assert bench.names() == []
    bench.later(20)
    assert bench.names() == ["c", "a"]


def test_a_throttled_recipient_waits_alone() -> None:
    """43117 is about one recipient: nobody else is slowed, and the limit stays."""
    bench = Bench(CALM, dice=0.0)
    bench.offer(arrival(0, notice("a")))
    before = bench.delivery.snapshot(bench.now).limit
    bench.round(Reply(200, 43117, retry_after="20"))
    bench.offer(arrival(1, notice("b", "bob")))
    assert bench.names() == ["b"]
    assert bench.delivery.snapshot(bench.now).limit == before


def test_retries_wait_for_the_budget() -> None:
    """When the tokens are used up only first attempts leave; with time, or success, retries do."""
    bench = Bench({**CALM, "budget": {"capacity": 10, "retry_cost": 5, "refill_per_second": 1}}, dice=0.0)
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(4)))
    bench.round(UNAVAILABLE)
    assert len(bench.attempts()) == 2
    bench.offer(arrival(4, notice("fresh", "fay")))
    assert bench.names() == ["fresh"]
    assert bench.delivery.next_wakeup(bench.now) == bench.now + 5
    bench.later(5)
    assert bench.names() == ["n2"]


@pytest.mark.parametrize("reply", [TIMEOUT, Reply(fault=Fault.RESET), Reply(200, None, Fault.BODY_CUT_SHORT)])
def test_an_ambiguous_attempt_is_repeated_byte_for_byte(reply: Reply) -> None:
    """The same id and the same body: only so can the API know it again."""
    bench = Bench(CALM, dice=0.0)
    bench.offer(arrival(0, notice("a")))
    (first,) = bench.round(reply)
    (second,) = bench.attempts()
    assert second.notice is first.notice
    assert second.number == 2


def test_a_rule_can_rather_not_repeat_what_may_have_arrived() -> None:
    """Then the outcome is unknown, and says so."""
    bench = Bench(CALM)
    careful = Notice("a", "paid", "template", "ann", b"{}", None, on_ambiguous=OnAmbiguous.GIVE_UP)
    bench.offer(arrival(0, careful))
    bench.round(Reply(fault=Fault.CONNECT))
    bench.later(10)
    bench.round(TIMEOUT)
    assert ends(bench) == [("a", OutcomeKind.UNKNOWN, Reason.AMBIGUOUS)]


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
    bench = Bench(CALM, dice=1.0)
    bench.offer(arrival(0, notice("a", expires_at=bench.now + 0.25)))
    bench.round(UNAVAILABLE)
    assert bench.delivery.next_wakeup(bench.now) == bench.now + 0.25
    bench.later(0.25)
    bench.attempts()
    assert ends(bench) == [("a", OutcomeKind.EXPIRED, Reason.EXPIRED)]


def test_notices_expire_during_a_standstill() -> None:
    """Also those behind another, and those that never were tried; the others stay."""
    bench = Bench(EAGER)
    soon = bench.now + 3
    opened_breaker(bench)
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


# Limits


def test_no_more_are_in_flight_than_allowed() -> None:
    """A reply makes room for one."""
    bench = Bench(max_in_flight=3)
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(10)))
    attempts = bench.attempts()
    assert len(attempts) == 3
    assert bench.delivery.next_wakeup(bench.now) is None
    bench.reply(attempts[0])
    assert len(bench.attempts()) == 1


def test_demand_falls_with_what_is_buffered() -> None:
    """Until nothing more is wanted; acknowledged is what frees it."""
    bench = Bench({"buffers": {"notices": 3}})
    seen = [bench.delivery.demand()]
    for offset in range(4):
        bench.offer(arrival(offset, notice(f"n{offset}", f"user-{offset}")))
        seen.append(bench.delivery.demand())
    assert seen == [3, 2, 1, 0, 0]
    bench.round()
    assert bench.delivery.demand() == 0
    bench.acknowledge()
    assert bench.delivery.demand() == 3


def test_a_recipient_who_cannot_be_served_does_not_stop_another_partition() -> None:
    """Their partition is held, and the other is read on."""
    bench = Bench({**CALM, "buffers": {"notices": 10}}, partitions=(P0, P1))
    bench.offer(*(arrival(offset, notice(f"a{offset}")) for offset in range(10)))
    bench.round(Reply(200, 43117, retry_after="600"))
    bench.attempts()
    assert bench.delivery.held() == {P0}
    assert bench.delivery.demand() == 5
    bench.offer(arrival(0, notice("b", "bob"), partition=P1))
    assert bench.names() == ["b"]


def test_a_fixed_rate_spaces_attempts_out() -> None:
    """And the machine says when the next may leave."""
    bench = Bench({"rate": {"per_second": 10}})
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(3)))
    assert len(bench.attempts()) == 1
    assert bench.delivery.next_wakeup(bench.now) == pytest.approx(bench.now + 0.1)
    bench.later(0.1)
    assert len(bench.attempts()) == 1


# Breaker


def test_an_outage_costs_nobody_their_notice() -> None:
    """While the breaker is open nothing leaves, is read, or is counted against a notice."""
    bench = Bench({**EAGER, "retry": {"max_attempts": 3, "horizon_seconds": 60}}, dice=0.0)
    opened_breaker(bench)
    assert bench.delivery.demand() == 0
    sent = 0
    for _ in range(1_000):
        bench.later(5)
        sent += len(bench.round(UNAVAILABLE))
    assert 80 < sent <= 1_000 * 5 / 60 + 5
    assert ends(bench) == []
    for _ in range(200):
        bench.later(5)
        bench.round()
    assert sorted(outcome.id for outcome in bench.collect()) == ["n0", "n1", "n2", "n3"]
    assert all(outcome.kind is OutcomeKind.ACCEPTED for outcome in bench.outcomes)
    assert bench.delivery.halted() is None


def test_what_shows_an_outage_counts_against_nobody() -> None:
    """The failure that opens the breaker is the API's: the probes that follow are still within the bounds."""
    bench = Bench({**EAGER, "retry": {"max_attempts": 1}}, dice=0.0)
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(4)))
    bench.round(UNAVAILABLE)
    assert [end[1:] for end in ends(bench)] == [(OutcomeKind.EXHAUSTED, Reason.ATTEMPTS)] * 3
    bench.later(5)
    assert [(attempt.notice.id, attempt.number) for attempt in bench.attempts()] == [("n3", 1)]


def test_after_an_outage_the_rate_rises_from_one() -> None:
    """The API that has just come back is not met by all at once."""
    bench = Bench({**EAGER, "budget": {"capacity": 1_000}}, max_in_flight=64, dice=0.0)
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
    opened_breaker(bench)
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
    assert ends(bench) == [("a", OutcomeKind.ACCEPTED, Reason.OK)]


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
    bench = Bench({**CALM, "authorisation": {"probe_seconds": 30}}, dice=0.0)
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


def test_time_without_access_is_not_held_against_a_notice() -> None:
    """Two hours of 403 leave the horizon of an hour untouched."""
    bench = Bench({**CALM, "retry": {"horizon_seconds": 3_600}}, dice=0.0)
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
    assert ends(bench) == [("a", OutcomeKind.ACCEPTED, Reason.OK)]


def test_a_refused_template_suspends_its_rule_alone() -> None:
    """Its next notices become dead letters untried, but for a probe; an accepted probe lifts it."""
    bench = Bench({"suspension": {"probe_seconds": 60}})
    bench.offer(arrival(0, notice("a", rule="bad")))
    bench.round(BAD_TEMPLATE)
    bench.offer(arrival(1, notice("b", rule="bad")), arrival(2, notice("c", rule="good")))
    assert bench.names() == ["c"]
    assert ends(bench) == [
        ("a", OutcomeKind.REJECTED, Reason.CONFIG),
        ("b", OutcomeKind.REJECTED, Reason.RULE_SUSPENDED),
    ]
    assert bench.delivery.snapshot(bench.now).suspended == ("bad",)
    bench.later(60)
    bench.offer(arrival(3, notice("d", "dan", rule="bad")), arrival(4, notice("e", "eve", rule="bad")))
    (probe,) = bench.attempts()
    bench.reply(probe, OK)
    bench.offer(arrival(5, notice("f", "fay", rule="bad")))
    assert bench.names() == ["f"]
    assert ends(bench) == [
        ("e", OutcomeKind.REJECTED, Reason.RULE_SUSPENDED),
        ("d", OutcomeKind.ACCEPTED, Reason.OK),
    ]


# Partitions


def test_what_the_ledger_holds_is_not_sent_again() -> None:
    """Neither notices nor outcomes; what is sent of the events an earlier owner had is marked."""
    bench = Bench(partitions=())
    done = {"a": LedgerPosition(4, 70), "undecodable-2": LedgerPosition(4, 71)}
    bench.assign(P0, frontier=0, done=done, reached=2)
    bench.offer(
        arrival(0, notice("a"), notice("b")),
        arrival(1, outcomes=[undecodable(1)]),
        arrival(2, outcomes=[undecodable(2)]),
        arrival(3, notice("c", "cid")),
    )
    assert [attempt.notice.id for attempt in bench.round()] == ["b", "c"]
    redelivered = {outcome.id: outcome.redelivered for outcome in bench.collect()}
    assert redelivered == {"undecodable-1": True, "b": True, "c": False}


def test_the_replayed_part_of_the_ledger_stays_pointed_to_until_it_is_below_the_frontier() -> None:
    """A second crash must not forget what the first one's ledger told."""
    bench = Bench(partitions=())
    bench.assign(P0, frontier=0, done={"b": LedgerPosition(4, 70)}, reached=1, ledger_end=LedgerPosition(4, 90))
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b")), arrival(2, notice("c", "cid")))
    (point,) = bench.delivery.commit_points()
    assert (point.offset, pointer.read(point.metadata)) == (0, LedgerPosition(4, 70))
    a, c = bench.attempts()
    bench.reply(a)
    (publication,) = bench.delivery.publications()
    bench.delivery.acknowledged(publication.ticket, 4, 91)
    (point,) = bench.delivery.commit_points()
    assert (point.offset, pointer.read(point.metadata)) == (2, LedgerPosition(4, 92))
    bench.reply(c)


def test_done_ids_without_an_offset_are_a_fault_of_the_caller() -> None:
    """Without it they could be forgotten too early."""
    bench = Bench(partitions=())
    with pytest.raises(ValueError, match="up to which"):
        bench.assign(P0, done={"a": LedgerPosition(0, 0)})


def test_ids_of_rules_that_are_no_more_are_forgotten() -> None:
    """They never come; memory is not kept for them."""
    bench = Bench(partitions=())
    bench.assign(P0, done={"gone": LedgerPosition(0, 0)}, reached=5)
    bench.offer(arrival(5))
    bench.offer(arrival(6))
    assert not bench.delivery._partitions[P0].done


def test_a_revoked_partition_drains() -> None:
    """Nothing new of it leaves, what is in flight ends and is acknowledged, and all of that is committed."""
    bench = Bench(CALM, partitions=(P0, P1), dice=0.0)
    bench.offer(arrival(0, notice("a1")), arrival(1, notice("a2")), arrival(0, notice("b1", "bob"), partition=P1))
    a1, b1 = bench.attempts()
    bench.delivery.begin_revoke([P0])
    bench.offer(arrival(2, notice("late", "lee")))
    assert not bench.delivery.drained([P0])
    bench.reply(a1)
    bench.reply(b1)
    assert bench.names() == []
    assert not bench.delivery.drained([P0])
    bench.acknowledge()
    assert bench.delivery.drained([P0])
    (point,) = bench.delivery.release([P0])
    assert (point.partition, point.offset) == (P0, 1)
    assert bench.delivery.snapshot(bench.now).buffered == 0
    assert bench.delivery.snapshot(bench.now).lanes == 0


@pytest.mark.parametrize("reply", [UNAVAILABLE, TIMEOUT, TOKEN_EXPIRED, UNAUTHORISED, THROTTLED, QUOTA])
def test_what_would_be_repeated_is_left_to_the_next_owner(reply: Reply) -> None:
    """A revoked partition's notice that did not end stays undone here."""
    bench = Bench(CALM, dice=0.0)
    bench.offer(arrival(0, notice("a")))
    (attempt,) = bench.attempts()
    bench.delivery.begin_revoke([P0])
    bench.reply(attempt, reply)
    assert bench.delivery.drained([P0])
    (point,) = bench.delivery.release([P0])
    assert point.offset == 0
    assert bench.collect() == []


def test_after_release_late_results_change_nothing() -> None:
    """A reply and an acknowledgement of the old epoch neither publish nor move the new one's frontier."""
    bench = Bench(CALM, dice=0.0)
    bench.offer(arrival(0, notice("a1")), arrival(1, notice("b1", "bob")))
    a1, b1 = bench.attempts()
    bench.reply(b1)
    bench.collect()
    bench.delivery.release([P0])
    bench.assign(P0, epoch=2)
    bench.offer(arrival(0, notice("stale"), epoch=1))
    bench.offer(arrival(0, notice("a1"), epoch=2), arrival(1, notice("b1", "bob"), epoch=2))
    assert bench.names() == ["b1"]
    bench.acknowledge()
    assert bench.committed() == {P0: 0}
    bench.reply(a1)
    assert bench.collect() == []
    assert bench.names() == ["a1"]
    assert bench.delivery.snapshot(bench.now).buffered == 2


def test_what_was_decided_but_not_handed_out_is_dropped_at_release() -> None:
    """It is not ours to write any more."""
    bench = Bench()
    bench.offer(arrival(0, notice("a")))
    bench.round()
    bench.delivery.release([P0])
    assert bench.collect() == []


def test_a_partition_assigned_anew_begins_anew() -> None:
    """Even where its release was never told."""
    bench = Bench()
    bench.offer(arrival(0, notice("a")))
    bench.assign(P0, epoch=2, frontier=0)
    assert bench.names() == []
    bench.offer(arrival(0, notice("a"), epoch=2))
    assert bench.names() == ["a"]
    assert bench.delivery.snapshot(bench.now).buffered == 1


def test_retries_of_a_revoked_partition_are_forgotten() -> None:
    """They neither wake anybody nor leave."""
    bench = Bench(CALM, dice=1.0)
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "bob", ordered=False)))
    bench.round(UNAVAILABLE)
    bench.delivery.begin_revoke([P0])
    assert bench.delivery.next_wakeup(bench.now) is None
    bench.later(100)
    assert bench.attempts() == []
    assert bench.delivery.snapshot(bench.now).lanes_waiting == 0


def test_unknown_partitions_are_nobodys() -> None:
    """Events, revocations and releases of partitions that are not ours are ignored."""
    bench = Bench()
    strange = TopicPartition("other", 9)
    bench.offer(arrival(0, notice("a"), partition=strange))
    bench.delivery.begin_revoke([strange])
    assert bench.delivery.drained([strange])
    assert bench.delivery.release([strange]) == []
    assert bench.attempts() == []


def test_the_snapshot_tells_how_things_stand() -> None:
    """Counts, and the age of the oldest unfinished event."""
    bench = Bench(CALM, partitions=(P0, P1), dice=1.0)
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "bob")), arrival(2, notice("a2")))
    first, _ = bench.attempts()
    bench.reply(first, UNAVAILABLE)
    bench.later(0.5)
    state = bench.delivery.snapshot(bench.now)
    assert (state.in_flight, state.lanes, state.lanes_waiting, state.buffered) == (1, 2, 1, 3)
    assert state.oldest == {P0: 0.5, P1: 0.0}
    assert state.spans == {P0: 3, P1: 0}
    assert state.halted is None
