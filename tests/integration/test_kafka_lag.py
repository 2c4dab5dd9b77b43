"""The lag is the partition's end less what was handed over, on every kind of topic: on a real Kafka."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from pipeline.adapters.kafka import source as kafka_source
from pipeline.adapters.kafka.source import KafkaSource
from pipeline.model.event import TopicPartition
from tests.broker.topics import ends
from tests.broker.transactions import in_transaction
from tests.fakes.listener import TIMEOUT, RecordingListener
from tests.fakes.real_kafka import RealKafka

pytestmark = pytest.mark.kafka
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.bytes": "1048576",
    "min.cleanable.dirty.ratio": "0.01",
    "segment.ms": "200",
    "max.compaction.lag.ms": "300",
}
MakeReading = Callable[[RealKafka], "Reading"]


class Reading:
    """A member that reads only what it is asked to."""

    def __init__(self, kafka: RealKafka) -> None:
        self.kafka = kafka
        self.listener = RecordingListener()
        self.source: KafkaSource = kafka.source()
        self.source.start(self.listener)
        self.listener.wait(lambda: self.listener.assigned)

    def read(self, count: int) -> None:
        """Have so many more records handed over."""
        there = len(self.listener.records)
        self.source.demand(count)
        self.listener.wait(lambda: len(self.listener.records) >= there + count)
        self.source.demand(0)

    def come_to_rest_at(self, lag: int, partition: int = 0) -> None:
        """Until the lag is so, and then for as long as three measurements take."""
        key = TopicPartition(self.kafka.names.events, partition)
        reported: dict[TopicPartition, int] = {}
        timeout, deadline = threading.Event(), time.monotonic() + TIMEOUT
        steady = 0
        while steady < 30:
            reported = dict(self.source.lag())
            steady = steady + 1 if reported.get(key) == lag else 0
            assert time.monotonic() < deadline, (reported, lag)
            timeout.wait(0.1)

    def ahead(self) -> int:
        """End less the last record handed over: what the lag must be while there are only records before the end."""
        end = ends(self.kafka.bootstrap_servers, self.kafka.names.events)[0]
        return end - (self.listener.offsets()[-1] + 1)


@pytest.fixture
def reading() -> Iterator[MakeReading]:
    made: list[Reading] = []

    def make(kafka: RealKafka) -> Reading:
        made.append(Reading(kafka))
        return made[-1]

    yield make
    for one in made:
        one.source.stop(TIMEOUT)


def test_what_was_never_read_lags_by_what_is_there(make_kafka: Callable[..., RealKafka], reading: MakeReading) -> None:
    """A new group whose sending is halted from the start; what retention took does not count; nothing is 0."""
    kafka = make_kafka(partitions=2)
    kafka.produce(10)
    admin = AdminClient(kafka.properties)
    (gone,) = admin.delete_records([KafkaPartition(kafka.names.events, 0, 4)]).values()
    gone.result(15)
    one = reading(kafka)
    one.come_to_rest_at(6)
    one.come_to_rest_at(0, partition=1)


def test_what_is_left_lags_though_it_is_paused(
    kafka: RealKafka, reading: MakeReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is read from, while nothing is wanted, and when what is paused continues growing; and after a commit."""
    monkeypatch.setattr(kafka_source, "PAUSE_AFTER_SECONDS", 1.0)
    kafka.produce(10)
    one = reading(kafka)
    one.read(3)
    assert one.ahead() == 7
    one.come_to_rest_at(7)
    kafka.produce(5)
    one.come_to_rest_at(12)
    one.source.hold(frozenset({kafka.partition}))
    kafka.produce(1)
    one.come_to_rest_at(13)
    one.source.hold(frozenset())
    one.read(13)
    one.come_to_rest_at(0)


def test_transactions_markers_are_no_lag(kafka: RealKafka, reading: MakeReading) -> None:
    """Nor what was aborted: they take offsets, and no one is ever handed them. What an open one holds back does."""
    kafka.produce(2)
    for end in ("commit", "abort"):
        _in_transaction(kafka, 3, end)
    one = reading(kafka)
    one.read(5)
    one.source.demand(100)
    one.come_to_rest_at(0)
    opened = _in_transaction(kafka, 4, "later")
    one.come_to_rest_at(4)
    opened.commit_transaction(30)
    one.listener.wait(lambda: len(one.listener.records) == 9)
    one.come_to_rest_at(0)


def test_a_compacted_topic_lags_by_offsets_and_by_nothing_at_its_end(
    make_kafka: Callable[..., RealKafka], reading: MakeReading
) -> None:
    """Gaps before the end count until they are passed: the cleaner has really run."""
    kafka = make_kafka(events=COMPACTED)
    _write(kafka, 60)
    deadline = time.monotonic() + 60
    while len(kafka.read(kafka.names.events)) > 40:
        time.sleep(1)
        _write(kafka, 1)  # a segment in use is not compacted: give it a successor
        if time.monotonic() > deadline:
            pytest.skip("this broker compacts too seldom for a test to wait for it")
    there = len(kafka.read(kafka.names.events))
    one = reading(kafka)
    one.read(1)
    end = ends(kafka.bootstrap_servers, kafka.names.events)[0]
    assert end > there
    one.come_to_rest_at(one.ahead())
    one.source.demand(1_000)
    one.listener.wait(lambda: one.listener.offsets()[-1] == end - 1)
    one.come_to_rest_at(0)


def _write(kafka: RealKafka, count: int) -> None:
    """Of three keys."""
    producer = Producer({**kafka.properties, "linger.ms": 1})
    for number in range(count):
        producer.produce(kafka.names.events, b"v", b"%d" % (number % 3), 0)
    assert producer.flush(30) == 0


def _in_transaction(kafka: RealKafka, count: int, end: str) -> Producer:
    def write(producer: Producer) -> None:
        for _ in range(count):
            producer.produce(kafka.names.events, b"v", b"k", 0)

    return in_transaction(kafka.properties, kafka.names.events, end, write)
