"""What the runtime may rely on of an event source and an outcome log: the same for Kafka and for memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from pipeline.delivery import pointer
from pipeline.model.event import Position, TopicPartition
from pipeline.model.ledger import Assigned, CommitPoint, LedgerPosition
from pipeline.model.outcome import OutcomeKind
from pipeline.ports import EventSource, OutcomeLog
from tests.fakes.listener import TIMEOUT, RecordingListener
from tests.fakes.memory_kafka import MemoryEventSource, MemoryKafka, MemoryOutcomeLog
from tests.fakes.outcomes import a_record, an_outcome
from tests.fakes.real_kafka import Names, RealKafka

SLACK = 500
"""The most that may come beyond `demand` while a batch is on its way (`kafka_source.BATCH`)."""


class World(Protocol):
    """Kafka, real or not, as one test sees it."""

    partition: TopicPartition

    def produce(self, count: int) -> None: ...

    def source(self) -> EventSource: ...

    def outcomes(self) -> OutcomeLog: ...

    def dead_letters(self) -> list[tuple[bytes | None, bytes | None]]: ...


class MemoryWorld:
    def __init__(self) -> None:
        self.partition = TopicPartition("events", 0)
        self.kafka = MemoryKafka()

    def produce(self, count: int) -> None:
        for number in range(count):
            self.kafka.append(self.partition, b"key-%d" % number, b"%d" % number)

    def source(self) -> EventSource:
        return MemoryEventSource(self.kafka)

    def outcomes(self) -> OutcomeLog:
        return MemoryOutcomeLog(self.kafka)

    def dead_letters(self) -> list[tuple[bytes | None, bytes | None]]:
        return [(record.key, record.value) for _, record in self.kafka.dead_letters]


class KafkaWorld:
    def __init__(self, kafka: RealKafka) -> None:
        self.kafka = kafka
        self.partition = kafka.partition
        self.produce = kafka.produce
        self.source = kafka.source
        self.outcomes = kafka.outcomes

    def dead_letters(self) -> list[tuple[bytes | None, bytes | None]]:
        return [(message.key(), message.value()) for message in self.kafka.read(self.kafka.names.dead_letters)]


@pytest.fixture(params=["memory", "kafka"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield MemoryWorld()
        return
    make_topic: Callable[..., str] = request.getfixturevalue("topic")
    broker = request.getfixturevalue("kafka_broker")
    names = Names(make_topic("events"), make_topic("outcomes"), make_topic("dead"), make_topic("group"))
    kafka = RealKafka(broker.bootstrap_servers, names)
    yield KafkaWorld(kafka)
    kafka.close()


@pytest.fixture
def listener() -> RecordingListener:
    return RecordingListener()


def _reading(world: World, listener: RecordingListener, records: int) -> EventSource:
    """A source that has handed so many records to the listener."""
    source = world.source()
    source.start(listener)
    source.demand(10)
    listener.wait(lambda: len(listener.records) == records)
    return source


def _reported_to_the_next_owner(world: World) -> Assigned:
    after = RecordingListener()
    source = world.source()
    source.start(after)
    after.wait(lambda: after.assigned)
    reported = after.assigned[world.partition]
    source.stop(TIMEOUT)
    return reported


def _publish(world: World, log: OutcomeLog, offset: int, kind: OutcomeKind = OutcomeKind.ACCEPTED) -> LedgerPosition:
    """Publish the outcome of one event and wait for its acknowledgement."""
    positions: list[LedgerPosition] = []
    position = Position(*world.partition, offset)
    log.publish(an_outcome(position, kind), a_record(position), lambda *at: positions.append(LedgerPosition(*at)))
    assert log.flush(TIMEOUT) == 0
    return positions[0]


def test_a_new_group_begins_at_the_first_event_and_knows_of_nothing_done(
    world: World, listener: RecordingListener
) -> None:
    """A partition that was never committed is reported as ours before its first record, which is offset 0."""
    world.produce(3)
    source = world.source()
    source.demand(10)
    source.start(listener)
    listener.wait(lambda: len(listener.records) == 3)
    source.stop(TIMEOUT)
    assert listener.calls[0] == "assigned"
    assert listener.offsets() == [0, 1, 2]
    assert listener.records[1].key == b"key-1"
    assert listener.records[1].value == b"1"
    assert listener.records[1].timestamp_ms > 0


def test_no_more_comes_than_is_requested(world: World, listener: RecordingListener) -> None:
    """Demand is kept to exactly while it does not change, and what was not wanted comes later, in order."""
    world.produce(50)
    source = world.source()
    source.start(listener)
    listener.wait(lambda: listener.assigned)
    source.demand(7)
    listener.wait(lambda: len(listener.records) == 7)
    with pytest.raises(AssertionError, match="in vain"):
        listener.wait(lambda: len(listener.records) > 7, seconds=0.3)
    source.demand(100)
    listener.wait(lambda: len(listener.records) == 50)
    source.stop(TIMEOUT)
    assert listener.offsets() == list(range(50))


def test_demand_replaces_what_was_said_before(world: World, listener: RecordingListener) -> None:
    """Said again with every batch, demand never lets more through than the batch on its way."""
    world.produce(2_000)
    source = world.source()
    source.start(listener)
    listener.before_records = lambda: source.demand(10)
    source.demand(10)
    listener.wait(lambda: len(listener.records) >= 200)
    source.stop(TIMEOUT)
    assert max(listener.batches) <= SLACK
    assert listener.offsets() == list(range(len(listener.records)))


def test_a_held_partition_gives_nothing_and_the_others_do(world: World, listener: RecordingListener) -> None:
    """What arrives while a partition is held comes only once it is let go."""
    world.produce(1)
    source = world.source()
    source.start(listener)
    source.demand(10)
    listener.wait(lambda: listener.records)
    source.hold(frozenset({world.partition}))
    timeout, said_at = threading.Event(), source.last_poll_at()
    assert any(source.last_poll_at() > said_at + 0.2 for _ in range(1_000) if not timeout.wait(0.02))
    world.produce(4)
    with pytest.raises(AssertionError, match="in vain"):
        listener.wait(lambda: len(listener.records) > 1, seconds=0.3)
    source.hold(frozenset())
    listener.wait(lambda: len(listener.records) == 5)
    source.stop(TIMEOUT)
    assert listener.offsets() == [0, 1, 2, 3, 4]


def test_every_call_comes_from_one_thread_that_is_not_the_callers(world: World, listener: RecordingListener) -> None:
    """A listener need not lock against the source itself."""
    world.produce(3)
    source = world.source()
    source.start(listener)
    source.demand(10)
    listener.wait(lambda: len(listener.records) == 3)
    source.stop(TIMEOUT)
    assert listener.calls[-1] == "revoked"
    assert len(listener.threads) == 1
    assert threading.get_ident() not in listener.threads


def test_what_is_committed_when_partitions_are_given_up_is_where_the_next_owner_begins(
    world: World, listener: RecordingListener
) -> None:
    """The points that `on_revoked` gives are committed before the partition is let go."""
    world.produce(5)
    first = _reading(world, listener, 5)
    listener.points = lambda partitions: [CommitPoint(partition, 3, "") for partition in partitions]
    first.stop(TIMEOUT)
    after = RecordingListener()
    second = world.source()
    second.start(after)
    second.demand(10)
    after.wait(lambda: len(after.records) == 2)
    second.stop(TIMEOUT)
    assert after.offsets() == [3, 4]


def test_a_point_committed_on_the_way_is_where_the_next_owner_begins(world: World, listener: RecordingListener) -> None:
    """`commit` arrives without waiting for the end; nothing more is committed by a listener that gives no points."""
    world.produce(5)
    first = _reading(world, listener, 5)
    first.commit([CommitPoint(world.partition, 2, "")])
    first.commit([CommitPoint(TopicPartition("of-another-group", 0), 2, "")])
    world.produce(1)  # a record that comes after the commit shows that the source has been active
    listener.wait(lambda: len(listener.records) == 6)
    first.stop(TIMEOUT)
    reported = _reported_to_the_next_owner(world)
    assert reported.frontier == 2


def test_the_next_owner_knows_what_the_ledger_holds_above_the_frontier(
    world: World, listener: RecordingListener
) -> None:
    """Outcomes acknowledged after the last commit are reported as done, and those below it are not."""
    world.produce(6)
    first = _reading(world, listener, 6)
    log = world.outcomes()
    below = _publish(world, log, 0)
    above = [_publish(world, log, offset) for offset in (2, 4)]
    listener.points = lambda _: [CommitPoint(world.partition, 1, pointer.write(below))]
    first.stop(TIMEOUT)
    reported = _reported_to_the_next_owner(world)
    assert reported.frontier == 1
    assert list(reported.done.values()) == above
    assert set(reported.done) == {(offset, an_outcome(Position(*world.partition, offset)).id) for offset in (2, 4)}
    assert reported.reached == 4
    assert reported.ledger_end == LedgerPosition(above[-1].partition, above[-1].offset + 1)


def test_an_owner_that_died_before_its_first_commit_hides_nothing(world: World, listener: RecordingListener) -> None:
    """Even then the next owner learns of every outcome that was acknowledged."""
    world.produce(3)
    first = _reading(world, listener, 3)
    _publish(world, world.outcomes(), 1)
    first.stop(TIMEOUT)  # its listener gives no points: as if it had been killed
    reported = _reported_to_the_next_owner(world)
    assert reported.frontier == 0
    assert set(reported.done) == {(1, an_outcome(Position(*world.partition, 1)).id)}


def test_lag_falls_to_zero_and_the_poll_is_recent(world: World, listener: RecordingListener) -> None:
    """Once all is handed over nothing lags behind, and the thread has just been active."""
    world.produce(4)
    source = world.source()
    started = source.last_poll_at()
    source.start(listener)
    source.demand(10)
    listener.wait(lambda: len(listener.records) == 4)
    # No one tells of a measurement: look until there is one.
    timeout = threading.Event()
    looks = (source.lag().get(world.partition) for _ in range(1_000) if not timeout.wait(0.05))
    assert 0 in looks
    source.stop(TIMEOUT)
    assert source.last_poll_at() > started


def test_an_outcome_is_acknowledged_inside_poll_or_flush_and_never_before(world: World) -> None:
    """Publishing calls nothing back; the acknowledgement tells where the outcome stands, in order."""
    log = world.outcomes()
    positions: list[LedgerPosition] = []
    for offset in range(20):
        position = Position(*world.partition, offset)
        log.publish(an_outcome(position), a_record(position), lambda *at: positions.append(LedgerPosition(*at)))
    assert positions == []
    assert log.flush(TIMEOUT) == 0
    assert [position.offset for position in positions] == list(range(20))
    assert log.poll() == 0


def test_only_a_failure_leaves_a_dead_letter_and_it_carries_the_original(world: World) -> None:
    """The dead letter has the record's key and value; an accepted notice leaves none."""
    log = world.outcomes()
    _publish(world, log, 0, OutcomeKind.ACCEPTED)
    _publish(world, log, 1, OutcomeKind.REJECTED)
    assert world.dead_letters() == [(b"key", b"v")]


def test_a_source_that_was_never_started_can_be_stopped(world: World) -> None:
    """An error between making and starting the parts must not hide behind another."""
    world.source().stop(TIMEOUT)
