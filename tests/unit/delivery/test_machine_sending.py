"""How notices leave: in order, again where that helps, in time, and never too many."""

from __future__ import annotations

import pytest

from pipeline.model.notice import Notice, OnAmbiguous
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.reply import Fault, Reply
from pipeline.model.trace import TraceContext
from pipeline.model.verdict import Verdict

from .making import (
    BAD_CONTENT,
    BAD_TEMPLATE,
    CALM,
    OK,
    P0,
    P1,
    THROTTLED,
    TIMEOUT,
    UNAVAILABLE,
    Bench,
    arrival,
    notice,
    undecodable,
)

TRACE = TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1")

# The way of a notice


def test_an_accepted_notice_leaves_an_outcome_that_says_all() -> None:
    """Who, what, when, how often, and from which event."""
    bench = Bench()
    bench.offer(arrival(3, notice("a", "ann"), trace=TRACE))
    bench.later(1)
    (attempt,) = bench.attempts()
    assert (attempt.notice.id, attempt.number, attempt.trace) == ("a", 1, TRACE)
    bench.later(2)
    assert bench.delivery.replied(attempt, OK, bench.now) is Verdict.ACCEPTED
    (outcome,) = bench.collect()
    assert (outcome.id, outcome.kind, outcome.reason) == ("a", OutcomeKind.ACCEPTED, Reason.OK)
    assert (outcome.position.offset, outcome.recipient, outcome.rule) == (3, "ann", "paid")
    assert (outcome.attempts, outcome.status, outcome.code, outcome.detail) == (1, 200, 200, "")
    assert outcome.first_attempt_at == bench.now - 2
    assert outcome.finished_at == bench.now
    assert (outcome.redelivered, outcome.trace) == (False, TRACE)


def test_what_a_shadow_withholds_ends_at_once_and_is_no_attempt() -> None:
    """One outcome that reports it, nothing tried again, and the lane continues."""
    bench = Bench()
    bench.offer(arrival(0, notice("a", "ann"), notice("b", "ann")))
    for name in ("a", "b"):
        (attempt,) = bench.attempts()
        reply = Reply(fault=Fault.WITHHELD)
        assert bench.delivery.replied(attempt, reply, bench.now) is Verdict.SHADOWED
        (outcome,) = bench.collect()
        assert (outcome.id, outcome.kind, outcome.reason) == (name, OutcomeKind.SHADOWED, Reason.SHADOW)
        assert outcome.attempts == 0
        assert not outcome.kind.leaves_dead_letter


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
        (Reply(422, names_key=True), OutcomeKind.REJECTED, Reason.KEY_REUSED),
    ],
)
def test_a_refusal_ends_the_notice_and_the_lane_goes_on(reply: Reply, kind: OutcomeKind, reason: Reason) -> None:
    """The reason is reported, one attempt was made, and the recipient's next notice leaves."""
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
    bench = Bench(CALM, rng=1.0)
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
    """A rule that opts out of order waits for no one."""
    bench = Bench(CALM)
    bench.offer(arrival(0, notice("a1")), arrival(1, notice("a2", ordered=False)))
    assert bench.names() == ["a1", "a2"]


# Retries


def test_a_notice_is_given_up_after_its_attempts() -> None:
    """Then there is an outcome with the reason and the last reply, and the lane continues."""
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
    bench = Bench({**CALM, "retry": {"horizon_seconds": 10}}, rng=0.0)
    bench.offer(arrival(0, notice("a")))
    bench.round(Reply(503, None, retry_after="30"))
    bench.later(30)
    assert bench.attempts() == []
    assert bench.ends() == [("a", OutcomeKind.EXHAUSTED, Reason.HORIZON)]


def test_retry_after_is_honoured() -> None:
    """Not before it, whatever rng returns."""
    bench = Bench(CALM, rng=0.0)
    bench.offer(arrival(0, notice("a")))
    bench.round(Reply(500, None, retry_after="20"))
    assert bench.delivery.next_wakeup(bench.now) == bench.now + 20
    bench.later(19.9)
    assert bench.names() == []
    bench.later(0.1)
    assert bench.names() == ["a"]


@pytest.mark.parametrize("reply", [THROTTLED._replace(retry_after="20"), Reply(503, None, retry_after="20")])
def test_an_overloaded_api_gets_the_pause_that_it_requests(reply: Reply) -> None:
    """All wait, not the one notice alone."""
    bench = Bench(CALM, rng=0.0)
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "bob")))
    first, _ = bench.attempts()
    bench.reply(first, reply)
    bench.offer(arrival(2, notice("c", "cid")))
    assert bench.names() == []
    bench.later(20)
    assert bench.names() == ["c", "a"]


def test_a_throttled_recipient_waits_alone() -> None:
    """43117 is about one recipient: no other client is slowed, and the limit stays."""
    bench = Bench(CALM, rng=0.0)
    bench.offer(arrival(0, notice("a")))
    before = bench.delivery.snapshot(bench.now).limit
    bench.round(Reply(200, 43117, retry_after="20"))
    bench.offer(arrival(1, notice("b", "bob")))
    assert bench.names() == ["b"]
    assert bench.delivery.snapshot(bench.now).limit == before


def test_retries_wait_for_the_budget() -> None:
    """When the tokens are used up only first attempts leave; with time, or success, retries do."""
    bench = Bench({**CALM, "budget": {"capacity": 10, "retry_cost": 5, "refill_per_second": 1}}, rng=0.0)
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
    bench = Bench(CALM, rng=0.0)
    bench.offer(arrival(0, notice("a")))
    (first,) = bench.round(reply)
    (second,) = bench.attempts()
    assert second.notice is first.notice
    assert second.number == 2


def test_a_rule_can_rather_not_repeat_what_may_have_arrived() -> None:
    """Then the outcome is unknown, and reports it."""
    bench = Bench(CALM)
    careful = Notice("a", "paid", "template", "ann", b"{}", None, on_ambiguous=OnAmbiguous.GIVE_UP)
    bench.offer(arrival(0, careful))
    bench.round(Reply(fault=Fault.CONNECT))
    bench.later(10)
    bench.round(TIMEOUT)
    assert bench.ends() == [("a", OutcomeKind.UNKNOWN, Reason.AMBIGUOUS)]


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


def test_demand_comes_in_steps_while_notices_wait_for_a_slot() -> None:
    """A single free place is reported only when none is left that could be sent."""
    bench = Bench({"buffers": {"notices": 8}}, max_in_flight=1)
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(7)))
    assert bench.delivery.demand() == 0
    bench.round()
    bench.acknowledge()
    assert bench.delivery.demand() == 2


def test_what_waits_for_its_own_recipient_does_not_stop_reading() -> None:
    """Every free place is wanted while slots are free."""
    bench = Bench({"buffers": {"notices": 8}})
    bench.offer(*(arrival(offset, notice(f"n{offset}")) for offset in range(7)))
    bench.attempts()
    assert bench.delivery.demand() == 1


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


def test_while_kafka_acknowledges_nothing_only_so_many_are_sent() -> None:
    """Each would be sent twice if we died now; one acknowledgement lets one more leave, and no one spins for it."""
    bench = Bench({"buffers": {"unwritten": 6}}, max_in_flight=4)
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(20)))
    assert len(bench.round()) == 4
    assert len(bench.round()) == 2
    assert bench.round() == []
    assert bench.delivery.next_wakeup(bench.now) is None
    bench.collect()
    assert bench.round() == []
    bench.delivery.acknowledged(bench.unacknowledged.pop(0).ticket, 0, 0)
    assert bench.delivery.next_wakeup(bench.now) == bench.now
    assert len(bench.round()) == 1
    bench.ledger_offset = 1
    for _ in range(20):
        bench.acknowledge()
        bench.round()
    assert len(bench.outcomes) == 20


def test_requests_in_flight_count_as_unwritten() -> None:
    """Their replies will want to be written, too."""
    bench = Bench({"buffers": {"unwritten": 3}}, max_in_flight=8)
    bench.offer(*(arrival(offset, notice(f"n{offset}", f"user-{offset}")) for offset in range(8)))
    first, *_ = attempts = bench.attempts()
    assert len(attempts) == 3
    bench.reply(first)
    assert bench.attempts() == []
    bench.acknowledge()
    assert len(bench.attempts()) == 1


# Rules that a reload takes out of use


def test_buffered_notices_of_a_rule_that_is_off_are_not_sent() -> None:
    """They end as cancelled wherever they wait: behind another, ready, for a retry; other rules continue."""
    bench = Bench({**CALM, "retry": {"base_seconds": 10}}, max_in_flight=16)
    bench.offer(
        arrival(0, notice("flies", "ann", rule="off"), notice("behind", "ann", rule="off"), notice("kept", "ann")),
        arrival(1, notice("retried", "bob", rule="off"), notice("after", "bob")),
        arrival(2, notice("loose", "cid", rule="off", ordered=False)),
    )
    attempts = {attempt.notice.id: attempt for attempt in bench.attempts()}
    bench.reply(attempts["retried"], UNAVAILABLE)
    bench.reply(attempts["loose"], UNAVAILABLE)
    bench.offer(arrival(3, notice("ready", "dan", rule="off"), notice("ready too", "eve", rule="off", ordered=False)))
    assert bench.delivery.rules_off(frozenset({"off"}), bench.now) == 5
    cancelled = {name for name, *end in bench.ends() if end == [OutcomeKind.CANCELLED, Reason.RULE_OFF]}
    assert cancelled == {"behind", "retried", "loose", "ready", "ready too"}
    assert bench.names() == ["after"]
    bench.reply(attempts["flies"])
    assert bench.ends() == [("flies", OutcomeKind.ACCEPTED, Reason.OK)]
    bench.later(3_600)
    assert bench.names() == ["kept"]


def test_a_cancelled_notice_leaves_a_dead_letter_and_says_why() -> None:
    """Nothing is lost: it can be sent again once the rule is back."""
    bench = Bench()
    bench.offer(arrival(0, notice("a")))
    bench.delivery.rules_off(frozenset({"paid"}), bench.now)
    (outcome,) = bench.collect()
    assert outcome.kind.leaves_dead_letter
    assert outcome.detail == "a reload removed or switched off the rule"
    bench.acknowledge()
    assert bench.committed() == {P0: 1}


@pytest.mark.parametrize(
    ("reply", "end"),
    [
        (OK, (OutcomeKind.ACCEPTED, Reason.OK)),
        (BAD_CONTENT, (OutcomeKind.REJECTED, Reason.CONTENT)),
        (UNAVAILABLE, (OutcomeKind.CANCELLED, Reason.RULE_OFF)),
        (TIMEOUT, (OutcomeKind.CANCELLED, Reason.RULE_OFF)),
        (THROTTLED, (OutcomeKind.CANCELLED, Reason.RULE_OFF)),
    ],
)
def test_a_notice_in_flight_whose_rule_is_off_is_not_tried_again(reply: Reply, end: tuple[OutcomeKind, Reason]) -> None:
    """A final reply decides; any other ends it."""
    bench = Bench(CALM)
    bench.offer(arrival(0, notice("a")))
    (attempt,) = bench.attempts()
    assert bench.delivery.rules_off(frozenset({"paid"}), bench.now) == 0
    bench.reply(attempt, reply)
    assert bench.ends() == [("a", *end)]
    bench.later(3_600)
    assert bench.names() == []


def test_a_rule_that_is_on_again_is_retried() -> None:
    """The last call decides."""
    bench = Bench(CALM)
    bench.offer(arrival(0, notice("a")))
    (attempt,) = bench.attempts()
    bench.delivery.rules_off(frozenset({"paid"}), bench.now)
    bench.delivery.rules_off(frozenset(), bench.now)
    bench.reply(attempt, UNAVAILABLE)
    bench.later(60)
    assert bench.names() == ["a"]
