"""Partitions come and go: what is done is not done again, what is late changes nothing."""

from __future__ import annotations

import pytest

from pipeline.delivery import pointer
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import LedgerPosition
from pipeline.model.reply import Reply

from .making import (
    CALM,
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


def test_what_the_ledger_holds_is_not_sent_again() -> None:
    """Neither notices nor outcomes; what is sent of the events an earlier owner had is marked."""
    bench = Bench(partitions=())
    done = {(0, "a"): LedgerPosition(4, 70), (2, "undecodable-2"): LedgerPosition(4, 71)}
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


def test_one_id_at_two_offsets_is_two_notices() -> None:
    """Redriven while its first record is still above the frontier: each is done only where the ledger reports it."""
    bench = Bench(partitions=())
    bench.assign(P0, frontier=0, done={(0, "a"): LedgerPosition(4, 70)}, reached=3)
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "cid")), arrival(2, notice("a")))
    assert [attempt.notice.id for attempt in bench.round()] == ["b", "a"]
    bench.assign(P1, frontier=0, done={(2, "a"): LedgerPosition(4, 71)}, reached=3)
    bench.offer(arrival(0, notice("a"), partition=P1), arrival(2, notice("a"), partition=P1))
    assert [attempt.notice.id for attempt in bench.round()] == ["a"]


def test_the_replayed_part_of_the_ledger_stays_pointed_to_until_it_is_below_the_frontier() -> None:
    """A second crash must not forget what the first one's ledger reported."""
    bench = Bench(partitions=())
    bench.assign(P0, frontier=0, done={(1, "b"): LedgerPosition(4, 70)}, reached=1, ledger_end=LedgerPosition(4, 90))
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b")), arrival(2, notice("c", "cid")))
    (point,) = bench.delivery.commit_points()
    assert (point.offset, point.metadata) == (0, pointer.write(LedgerPosition(4, 70)))
    a, c = bench.attempts()
    bench.reply(a)
    (publication,) = bench.delivery.publications()
    bench.delivery.acknowledged(publication.ticket, 4, 91)
    (point,) = bench.delivery.commit_points()
    assert (point.offset, point.metadata) == (2, pointer.write(LedgerPosition(4, 92)))
    bench.reply(c)


def test_done_ids_without_an_offset_are_a_fault_of_the_caller() -> None:
    """Without it they could be forgotten too early."""
    bench = Bench(partitions=())
    with pytest.raises(ValueError, match="up to which"):
        bench.assign(P0, done={(0, "a"): LedgerPosition(0, 0)})


def test_ids_of_rules_that_are_no_more_are_forgotten() -> None:
    """They never come; memory is not kept for them."""
    bench = Bench(partitions=())
    bench.assign(P0, done={(0, "gone"): LedgerPosition(0, 0)}, reached=5)
    bench.offer(arrival(5))
    bench.offer(arrival(6))
    assert not bench.delivery._partitions[P0].done


def test_a_revoked_partition_drains() -> None:
    """Nothing new of it leaves, what is in flight ends and is acknowledged, and all of that is committed."""
    bench = Bench(CALM, partitions=(P0, P1), rng=0.0)
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
    bench = Bench(CALM, rng=0.0)
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
    bench = Bench(CALM, rng=0.0)
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


def test_a_partition_assigned_again_begins_again() -> None:
    """Even where its release was never reported."""
    bench = Bench()
    bench.offer(arrival(0, notice("a")))
    bench.assign(P0, epoch=2, frontier=0)
    assert bench.names() == []
    bench.offer(arrival(0, notice("a"), epoch=2))
    assert bench.names() == ["a"]
    assert bench.delivery.snapshot(bench.now).buffered == 1


def test_retries_of_a_revoked_partition_are_forgotten() -> None:
    """They neither wake anybody nor leave."""
    bench = Bench(CALM, rng=1.0)
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
    bench = Bench(CALM, partitions=(P0, P1), rng=1.0)
    bench.offer(arrival(0, notice("a")), arrival(1, notice("b", "bob")), arrival(2, notice("a2")))
    first, _ = bench.attempts()
    bench.reply(first, UNAVAILABLE)
    bench.later(0.5)
    state = bench.delivery.snapshot(bench.now)
    assert (state.in_flight, state.lanes, state.lanes_waiting, state.buffered) == (1, 2, 1, 3)
    assert state.oldest == {P0: 0.5, P1: 0.0}
    assert state.spans == {P0: 3, P1: 0}
    assert state.worst.halted is None


def test_a_partition_held_by_its_span_is_reported_since_when() -> None:
    """One recipient's failing notice holds the frontier while everything after it ends."""
    bench = Bench({"buffers": {"span": 100}})
    bench.offer(arrival(0, notice("a")), arrival(99, notice("b", "bob")))
    assert bench.delivery.held() == {P0}
    since = bench.now
    first, _ = bench.attempts()
    bench.later(20)
    assert bench.delivery.held() == {P0}
    assert bench.delivery.snapshot(bench.now).backpressured == {P0: since}
    assert bench.delivery.backpressured() == {P0: since}
    bench.reply(first, OK)
    bench.collect()
    bench.acknowledge()
    bench.delivery.held()
    assert bench.delivery.snapshot(bench.now).backpressured == {}
