"""What Kafka itself does with commits, metadata and rebalances, as far as nothing-lost rests on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pipeline.adapters.kafka.ledger.reader import Replay
from pipeline.delivery import pointer
from pipeline.errors import RightsMissing
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import CommitPoint, LedgerPosition
from tests.acceptance.waiting import wait_for
from tests.broker import topics
from tests.broker.maven import MavenBroker
from tests.fakes.listener import TIMEOUT, RecordingListener
from tests.fakes.real_kafka import Names, RealKafka

pytestmark = pytest.mark.kafka

PROTOCOLS = pytest.mark.parametrize("protocol", ["consumer", "classic"])


@pytest.mark.parametrize(("length", "taken"), [(4_095, True), (4_096, False)])
def test_commit_metadata_is_bounded_by_the_broker(kafka: RealKafka, length: int, *, taken: bool) -> None:
    """The broker's limit (offset.metadata.max.bytes, 4,096 by default) is far above what a pointer needs."""
    consumer = Consumer({**kafka.properties, "group.id": kafka.names.group})
    commit = [KafkaPartition(kafka.names.events, 0, 0, "x" * length)]
    try:
        results = consumer.commit(offsets=commit, asynchronous=False) or []
        error = results[0].error
    except KafkaException as refused:
        error = refused.args[0]
    consumer.close()
    assert (None if error is None else error.code()) == (None if taken else KafkaError.OFFSET_METADATA_TOO_LARGE)
    assert len(pointer.write(LedgerPosition(2**31 - 1, 2**63 - 1))) <= pointer.MAX_LENGTH


@PROTOCOLS
def test_the_pointer_reaches_the_next_owner(kafka: RealKafka, protocol: str) -> None:
    """Offset and metadata that one member commits are what the next is given, under both group protocols."""
    kafka.produce(3)
    source, listener = kafka.source(protocol), RecordingListener()
    text = pointer.write(LedgerPosition(0, 0))
    listener.points = lambda _: [CommitPoint(kafka.partition, 2, text)]
    source.start(listener)
    listener.wait(lambda: listener.assigned)
    source.stop(TIMEOUT)
    committed = kafka.committed()
    assert (committed.offset, committed.metadata) == (2, text)


class SlowLedger:
    """A ledger whose reading back takes forever."""

    def __init__(self) -> None:
        self.started = threading.Event()

    def read(self, _committed: object, _epoch: int, alive: Callable[[], None]) -> list[Replay]:
        while True:
            self.started.set()
            alive()
            time.sleep(0.01)


@PROTOCOLS
def test_stopped_while_the_ledger_is_read_it_leaves_at_once(kafka: RealKafka, protocol: str) -> None:
    """No partition is reported, nothing is committed, the group is left, and the next member gets everything."""
    kafka.produce(3)
    ledger, listener = SlowLedger(), RecordingListener()
    source = kafka.source(protocol, ledger=ledger)
    source.start(listener)
    assert ledger.started.wait(TIMEOUT)
    source.stop(TIMEOUT)
    assert not source._thread.is_alive()
    assert not listener.assigned
    assert not listener.fatal
    successor, next_listener = kafka.source(protocol), RecordingListener()
    successor.start(next_listener)
    next_listener.wait(lambda: next_listener.assigned)
    assert kafka.committed().offset == 0


@PROTOCOLS
def test_a_second_member_takes_over_half_and_the_first_keeps_the_rest_running(
    make_kafka: Callable[..., RealKafka], protocol: str
) -> None:
    """Rebalances are incremental: what stays is never revoked, what goes begins at the other where it was committed."""
    kafka = make_kafka(partitions=4)
    for partition in range(4):
        kafka.produce(10, partition=partition)
    first, one = kafka.source(protocol), RecordingListener()
    one.points = lambda partitions: [CommitPoint(partition, 10, "") for partition in partitions]
    first.start(one)
    first.demand(100)
    one.wait(lambda: len(one.records) == 40)
    second, other = kafka.source(protocol), RecordingListener()
    second.start(other)
    second.demand(100)
    first.demand(100)
    other.wait(lambda: len(other.assigned) == 2)
    one.wait(lambda: len(one.assigned) == 2)
    assert set(one.revoked) == set(other.assigned)
    assert not one.lost
    assert [reported.frontier for reported in other.assigned.values()] == [10, 10]
    for partition in range(4):
        kafka.produce(1, partition=partition)
    one.wait(lambda: len(one.records) == 42)
    other.wait(lambda: len(other.records) == 2)
    assert {record.offset for record in other.records} == {10}
    second.stop(TIMEOUT)
    one.wait(lambda: len(one.assigned) == 4)


def test_a_rebalance_is_served_while_nothing_is_requested(make_kafka: Callable[..., RealKafka]) -> None:
    """A member with a full queue and no demand still gives partitions up, and paused ones flow again elsewhere."""
    kafka = make_kafka(partitions=2)
    for partition in range(2):
        kafka.produce(3_000, partition=partition)
    first, one = kafka.source(), RecordingListener()
    first.start(one)
    first.demand(10)
    one.wait(lambda: len(one.records) == 10)
    second, other = kafka.source(), RecordingListener()
    second.start(other)
    second.demand(10_000)
    other.wait(lambda: len(other.records) == 3_000)
    assert len(one.records) == 10
    assert len(one.assigned) == 1


def test_a_long_stop_loses_nothing_and_changes_no_order(kafka: RealKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paused because nothing was wanted for long, and resumed: every record once, in order."""
    monkeypatch.setattr("pipeline.adapters.kafka.source.PAUSE_AFTER_SECONDS", 0.2)
    monkeypatch.setattr("pipeline.adapters.kafka.source.IDLE_POLL_SECONDS", 0.05)
    kafka.produce(5_000)
    source, listener = kafka.source(), RecordingListener()
    source.start(listener)
    for wanted in (1, 700, 1_500, 5_000):
        source.demand(wanted - len(listener.records))
        listener.wait(lambda wanted=wanted: len(listener.records) == wanted)  # type: ignore[misc]
        assert not threading.Event().wait(0.5)
        assert len(listener.records) == wanted
    assert listener.offsets() == list(range(5_000))


@PROTOCOLS
def test_a_member_that_stalls_beyond_its_poll_interval_loses_and_commits_nothing(
    kafka: RealKafka, protocol: str
) -> None:
    """What is lost is another's: reported as lost, never as revoked, and no point of ours is committed."""
    kafka.produce(5)
    stalled, go_on = threading.Event(), threading.Event()
    source, listener = kafka.source(protocol, **_impatient(protocol)), RecordingListener()

    def stall() -> None:
        if not stalled.is_set():
            stalled.set()
            go_on.wait(TIMEOUT)

    listener.before_records = stall
    listener.points = lambda partitions: [CommitPoint(partition, 5, "") for partition in partitions]
    source.start(listener)
    source.demand(5)
    assert stalled.wait(TIMEOUT)
    after, other = kafka.source(protocol), RecordingListener()
    after.start(other)
    after.demand(10)
    other.wait(lambda: len(other.records) == 5)
    source.commit([CommitPoint(kafka.partition, 4, "")])
    go_on.set()
    listener.wait(lambda: listener.lost)
    source.stop(TIMEOUT)
    assert not listener.revoked
    assert kafka.committed().offset == 0


def _impatient(protocol: str) -> dict[str, object]:
    return {"max.poll.interval.ms": 6_000, **({"session.timeout.ms": 6_000} if protocol == "classic" else {})}


@PROTOCOLS
def test_a_refused_commit_is_tried_again(kafka: RealKafka, protocol: str) -> None:
    """A commit that Kafka refuses is counted, stays wanted, and does not end the member."""
    source, listener = kafka.source(protocol), RecordingListener()
    source.start(listener)
    listener.wait(lambda: listener.assigned)
    source.commit([CommitPoint(kafka.partition, 0, "x" * 5_000)])
    kafka.produce(1)
    source.demand(1)
    listener.wait(lambda: listener.records)
    wait_for(lambda: kafka.counts.commits["error"] >= 2)
    good = pointer.write(LedgerPosition(0, 0))
    source.commit([CommitPoint(kafka.partition, 1, good)])
    wait_for(lambda: kafka.committed().offset == 1)
    assert listener.fatal is None


def test_gaps_of_compaction_and_transactions_are_no_obstacle(make_kafka: Callable[..., RealKafka]) -> None:
    """Transaction markers take offsets, aborted records are never seen, and the order stays."""
    kafka = make_kafka()
    from confluent_kafka import Producer  # noqa: PLC0415 - a transactional one, here only

    producer = Producer({**kafka.properties, "transactional.id": kafka.names.group})
    producer.init_transactions(30)
    for number, abort in enumerate([False, True, False]):
        producer.begin_transaction()
        producer.produce(kafka.names.events, b"%d" % number, partition=0)
        producer.flush(30)
        if abort:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
    source, listener = kafka.source(), RecordingListener()
    source.start(listener)
    source.demand(10)
    listener.wait(lambda: len(listener.records) == 2)
    assert [(record.offset, record.value) for record in listener.records] == [(0, b"0"), (4, b"2")]


def test_events_that_retention_took_are_skipped_and_said_so(
    kafka: RealKafka, capsys: pytest.CaptureFixture[str]
) -> None:
    """A frontier below the topic's start begins at the start; the loss is logged with its size."""
    kafka.produce(10)
    source, listener = kafka.source(), RecordingListener()
    listener.points = lambda _: [CommitPoint(kafka.partition, 2, "")]
    source.start(listener)
    listener.wait(lambda: listener.assigned)
    source.stop(TIMEOUT)
    admin = AdminClient(kafka.properties)
    gone = admin.delete_records([KafkaPartition(kafka.names.events, 0, 6)])
    assert [future.result(15).low_watermark for future in gone.values()] == [6]
    after, later = kafka.source(), RecordingListener()
    after.start(later)
    after.demand(10)
    later.wait(lambda: len(later.records) == 4)
    assert later.offsets() == [6, 7, 8, 9]
    assert "events_gone_unread" in capsys.readouterr().out
    later.points = lambda _: [CommitPoint(kafka.partition, 7, "")]
    after.stop(TIMEOUT)
    assert _gone(kafka) == pointer.Gone(2, 5, 4)
    last, third = kafka.source(), RecordingListener()
    third.points = lambda _: [CommitPoint(kafka.partition, 8, "")]
    last.start(third)
    third.wait(lambda: third.assigned)
    last.stop(TIMEOUT)
    assert _gone(kafka) == pointer.Gone(2, 5, 4), "the next owner keeps it"


def _gone(kafka: RealKafka) -> pointer.Gone | None:
    """What the group's commit says of events that retention deleted unread."""
    found = pointer.read(topics.committed(kafka.bootstrap_servers, kafka.names.group, kafka.names.events)[0].metadata)
    return found.gone if isinstance(found, pointer.Pointer) else None


def test_a_topic_created_again_is_read_from_its_start(kafka: RealKafka, capsys: pytest.CaptureFixture[str]) -> None:
    """A committed offset beyond the topic's end belongs to another topic of that name: nothing new may be skipped."""
    kafka.produce(2)
    consumer = Consumer({**kafka.properties, "group.id": kafka.names.group})
    consumer.commit(offsets=[KafkaPartition(kafka.names.events, 0, 50)], asynchronous=False)
    consumer.close()
    source, listener = kafka.source(), RecordingListener()
    source.start(listener)
    source.demand(10)
    listener.wait(lambda: len(listener.records) == 2)
    assert listener.assigned[kafka.partition].frontier == 0
    assert "committed_offset_beyond_end" in capsys.readouterr().out


def test_a_member_without_the_right_to_the_group_ends_with_a_clear_message(
    real_kafka: object, kafka: RealKafka
) -> None:
    """A missing right is reported at once with a message that names what to do."""
    secure = getattr(real_kafka, "secure", None)
    if secure is None:
        pytest.skip("needs a Kafka with users")
    source, listener = kafka.source(**secure), RecordingListener()
    source.start(listener)
    with pytest.raises(AssertionError, match=f"needs READ on the group {kafka.names.group}"):
        listener.wait(lambda: listener.assigned)
    assert isinstance(listener.fatal, RightsMissing)
    assert listener.fatal.hint is not None
    assert "kafka-acls" in listener.fatal.hint


def test_a_broker_without_the_new_protocol_gets_a_classic_member() -> None:
    """The source finds out by trying, and continues; no record is lost over it."""
    broker = MavenBroker(group_coordinator_rebalance_protocols="classic")
    try:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
        names = Names("events", "outcomes", "dead-letters", "group")
        made = admin.create_topics([NewTopic(name, 1, 1) for name in names[:3]])
        for future in made.values():
            future.result(15)
        kafka = RealKafka(broker.bootstrap_servers, names)
        kafka.produce(3)
        source, listener = kafka.source("consumer"), RecordingListener()
        source.start(listener)
        source.demand(5)
        listener.wait(lambda: len(listener.records) == 3)
        listener.points = lambda partitions: [CommitPoint(partition, 3, "") for partition in partitions]
        source.stop(TIMEOUT)
        assert kafka.committed().offset == 3
        assert listener.revoked == [TopicPartition("events", 0)]
    finally:
        broker.close()
