"""Pauses: nothing that is paused leaves, what is paused by rule or template ends at once, the rest continues."""

from __future__ import annotations

import pytest

from pipeline.delivery.condition import NEVER
from pipeline.model.halt import Halt
from pipeline.model.outcome import Because, Outcome, OutcomeKind, Reason
from pipeline.model.pause import EVERYTHING, Pause, Scope, ScopeKind

from .making import CALM, P0, UNAVAILABLE, Bench, arrival, notice

COUPON = Scope(ScopeKind.RULE, "coupon")
TEMPLATE = Scope(ScopeKind.TEMPLATE, "template")
PAUSED = (OutcomeKind.SUPPRESSED, Reason.PAUSED)


def pause(bench: Bench, *pauses: Pause) -> None:
    """Put these pauses in force, and no other."""
    bench.delivery.pause(pauses, bench.now)


def paused(bench: Bench) -> list[Outcome]:
    """The outcomes decided since the last call, all of which must be those of a pause."""
    outcomes = bench.collect()
    assert {(outcome.kind, outcome.reason) for outcome in outcomes} <= {PAUSED}
    return outcomes


def test_a_pause_of_everything_halts_sending_and_reading() -> None:
    """Nothing leaves and nothing is read until it is resumed; then everything leaves."""
    bench = Bench()
    bench.offer(arrival(0, notice("a")))
    pause(bench, Pause(EVERYTHING, bench.now))
    assert bench.names() == []
    assert (bench.delivery.halted(), bench.delivery.demand()) == (Halt.PAUSED, 0)
    assert bench.collect() == []
    bench.later(90_000)
    assert bench.names() == []
    assert bench.delivery.next_wakeup(bench.now) not in {None, NEVER}, "what expires meanwhile must end"
    pause(bench)
    assert (bench.delivery.halted(), bench.names()) == (None, ["a"])


def test_a_pause_of_everything_ends_by_itself_at_its_time() -> None:
    """`--for 1h`: by the wall clock, also after it was set."""
    bench = Bench()
    bench.offer(arrival(0, notice("a")))
    pause(bench, Pause(EVERYTHING, bench.now, bench.now + 3_600))
    bench.later(3_599)
    assert (bench.names(), bench.delivery.halted()) == ([], Halt.PAUSED)
    bench.delivery.correct_clock(2.0)
    assert (bench.names(), bench.delivery.halted()) == (["a"], None)


def test_the_retry_horizon_stands_still_during_a_pause_of_everything() -> None:
    """A notice that was tried before the pause is tried after it, however long that lasted."""
    bench = Bench({**CALM, "retry": {"horizon_seconds": 60}})
    bench.offer(arrival(0, notice("a")))
    bench.round(UNAVAILABLE)
    pause(bench, Pause(EVERYTHING, bench.now))
    bench.later(10_000)
    assert bench.names() == []
    pause(bench)
    assert bench.names() == ["a"]


def test_what_expires_during_a_pause_of_everything_ends_expired() -> None:
    """`expires_after` runs on."""
    bench = Bench()
    bench.offer(arrival(0, notice("a", expires_at=bench.now + 10)))
    pause(bench, Pause(EVERYTHING, bench.now))
    bench.later(11)
    bench.attempts()
    assert bench.ends() == [("a", OutcomeKind.EXPIRED, Reason.EXPIRED)]


def test_a_paused_rules_buffered_notices_end_at_once_wherever_they_wait() -> None:
    """Ready, behind another in a lane, waiting for a retry, and unordered; all others leave."""
    bench = Bench(CALM)
    bench.offer(
        arrival(0, notice("retried", "ann", rule="coupon")),
        arrival(1, notice("retried-unordered", "bob", rule="coupon", ordered=False)),
    )
    bench.round(UNAVAILABLE)
    bench.offer(
        arrival(2, notice("ready", "cid", rule="coupon")),
        arrival(3, notice("behind", "ann", rule="coupon")),
        arrival(4, notice("unordered", "dan", rule="coupon", ordered=False)),
        arrival(5, notice("other", "ann")),
        arrival(6, notice("another", "cid")),
    )
    pause(bench, Pause(COUPON, bench.now))
    ended = {outcome.id for outcome in paused(bench)}
    assert ended == {"retried", "retried-unordered", "ready", "behind", "unordered"}
    assert sorted(bench.names()) == ["another", "other"]
    bench.later(3_600)
    assert bench.names() == [], "a notice that ended was tried again"


def test_a_paused_rules_attempt_in_flight_ends_as_its_reply_says_and_is_not_repeated() -> None:
    """An accepted one was sent; a failed one ends because of the pause."""
    bench = Bench(CALM)
    bench.offer(arrival(0, notice("a", "ann", rule="coupon")), arrival(1, notice("b", "bob", rule="coupon")))
    first, second = bench.attempts()
    pause(bench, Pause(COUPON, bench.now))
    assert bench.collect() == []
    bench.reply(first)
    bench.reply(second, UNAVAILABLE)
    bench.later(60)
    assert bench.names() == []
    assert bench.ends() == [("a", OutcomeKind.ACCEPTED, Reason.OK), ("b", *PAUSED)]


@pytest.mark.parametrize("scope", [COUPON, TEMPLATE])
def test_notices_that_arrive_during_a_pause_end_and_the_frontier_moves(scope: Scope) -> None:
    """The partition is not backpressured by what is paused."""
    bench = Bench()
    pause(bench, Pause(scope, bench.now))
    bench.offer(arrival(0, notice("a", rule="coupon")), arrival(1, notice("b", rule="coupon")))
    assert bench.names() == []
    assert [outcome.id for outcome in paused(bench)] == ["a", "b"]
    bench.acknowledge()
    assert bench.committed() == {P0: 2}


def test_the_outcome_names_the_pause_and_says_whether_a_dead_letter_is_kept() -> None:
    """With `--drop` there is none, so that nothing can send it later."""
    bench = Bench()
    until = bench.now + 60
    pause(bench, Pause(COUPON, bench.now, until), Pause(Scope(ScopeKind.RULE, "promo"), bench.now, drop=True))
    bench.offer(arrival(0, notice("a", "ann", rule="coupon")), arrival(1, notice("b", "bob", rule="promo")))
    bench.attempts()
    kept, dropped = bench.collect()
    assert kept.because == (Because("pause", "rule coupon", None, until),)
    assert dropped.because == (Because("pause", "rule promo", "dropped", None),)
    assert (kept.leaves_dead_letter, dropped.leaves_dead_letter) == (True, False)


def test_a_pause_of_a_rule_ends_by_itself_at_its_time() -> None:
    """What arrives later is sent."""
    bench = Bench()
    pause(bench, Pause(COUPON, bench.now, bench.now + 60))
    assert [one.scope for one in bench.delivery.pauses(bench.now)] == [COUPON]
    bench.later(60)
    bench.offer(arrival(0, notice("a", rule="coupon")))
    assert bench.names() == ["a"]
    assert bench.delivery.pauses(bench.now) == []


def test_a_resumed_rules_notices_are_sent_again() -> None:
    """What was suppressed stays ended; what arrives now is sent."""
    bench = Bench()
    pause(bench, Pause(COUPON, bench.now))
    bench.offer(arrival(0, notice("a", rule="coupon")))
    bench.attempts()
    pause(bench)
    bench.offer(arrival(1, notice("b", rule="coupon")))
    assert bench.names() == ["b"]
    assert [outcome.id for outcome in paused(bench)] == ["a"]
