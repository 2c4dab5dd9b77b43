"""Reading between two bounds without a group: on a real Kafka, whatever gaps there are, and with an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from pipeline.adapters.kafka.range import Bound, Span, TopicRange, read_record
from pipeline.adapters.operations.records import RecordReader
from pipeline.errors import Unreachable, UserError
from pipeline.model.event import EVENT_BYTES, Position, Record
from tests.broker.handle import Broker, free_ports
from tests.broker.transactions import in_transaction

pytestmark = pytest.mark.kafka
BEGIN = 1_700_000_000_000
"""Timestamps of what is written: record n is n seconds later."""


class Topic:
    """One topic to write to."""

    def __init__(self, bootstrap_servers: str, name: str) -> None:
        self.name = name
        self.properties: Mapping[str, Any] = {"bootstrap.servers": bootstrap_servers, "log_level": 0}

    def write(self, count: int, *, first: int = 0, partition: int = 0, keys: int = 1_000_000) -> None:
        producer = Producer({**self.properties, "linger.ms": 1})
        for number in range(first, first + count):
            self._one(producer, number, partition, keys)
        assert producer.flush(30) == 0

    def write_in_transaction(self, count: int, end: str) -> Producer:
        """Records, and the marker that ends their transaction."""

        def write(producer: Producer) -> None:
            for number in range(count):
                self._one(producer, number, 0, 1_000_000)

        return in_transaction(self.properties, self.name, end, write)

    def _one(self, producer: Producer, number: int, partition: int, keys: int) -> None:
        key = b"%d" % (number % keys)
        stamp = BEGIN + number * 1000
        producer.produce(self.name, b"v%d" % number, key, partition, headers=[("n", key)], timestamp=stamp)

    def read(self, start: Bound = None, end: Bound = None, partitions: frozenset[int] | None = None) -> list[Record]:
        with TopicRange(self.properties, self.name, Span(start, end, partitions)) as opened:
            return list(opened.records())

    def offsets(self, start: Bound = None, end: Bound = None) -> list[int]:
        return [record.offset for record in self.read(start, end)]


@pytest.fixture
def make(real_kafka: Broker, topic: Callable[..., str]) -> Callable[..., Topic]:
    """`make(partitions=3, **{"cleanup.policy": …})`."""
    return lambda partitions=1, **config: Topic(
        real_kafka.bootstrap_servers, topic("range", partitions=partitions, **config)
    )


def _at(second: float) -> datetime:
    return datetime.fromtimestamp(BEGIN / 1000 + second, UTC)


def test_a_whole_topic_is_read_in_each_partitions_order_with_all_that_a_record_has(make: Callable[..., Topic]) -> None:
    """And the progress ends at the total."""
    topic = make(partitions=3)
    for partition in range(3):
        topic.write(1_500, partition=partition)
    reported: list[tuple[int, int]] = []
    with TopicRange(topic.properties, topic.name) as opened:
        records = list(opened.records(lambda read, total: reported.append((read, total))))
    assert len(records) == 4_500
    for partition in range(3):
        assert [record.offset for record in records if record.partition == partition] == list(range(1_500))
    size = EVENT_BYTES + len(b"0" + b"v0" + b"n" + b"0")
    assert records[0] == Record(topic.name, records[0].partition, 0, b"0", b"v0", (("n", b"0"),), BEGIN, size)
    assert reported[-1] == (4_500, 4_500)
    assert sorted(reported) == reported


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        (3, 6, [3, 4, 5]),
        (8, None, [8, 9]),
        (None, 2, [0, 1]),
        (0, 0, []),
        (5, 2, []),
        (0, 10**15, list(range(10))),
        (_at(3), _at(6), [3, 4, 5]),
        (_at(2.5), None, [3, 4, 5, 6, 7, 8, 9]),
        (_at(500), None, []),
        (None, _at(500), list(range(10))),
        (datetime(1960, 1, 1, tzinfo=UTC), _at(1), [0]),
        (_at(8), 9, [8]),
    ],
)
def test_bounds_are_offsets_or_moments_the_end_left_out(
    make: Callable[..., Topic], start: Bound, end: Bound, wanted: list[int]
) -> None:
    """Of one record each second: bounds beyond what there is mean what there is."""
    topic = make()
    topic.write(10)
    assert topic.offsets(start, end) == wanted


def test_the_last_offsets_of_each_partition_alone(make: Callable[..., Topic]) -> None:
    """All of a partition that has fewer; counted from the end of the range."""
    topic = make(partitions=2)
    topic.write(10)
    topic.write(2, partition=1)
    with TopicRange(topic.properties, topic.name, Span(last=3)) as opened:
        found = {(record.partition, record.offset) for record in opened.records()}
    assert found == {(0, 7), (0, 8), (0, 9), (1, 0), (1, 1)}
    with TopicRange(topic.properties, topic.name, Span(None, 5, frozenset({0}), last=2)) as opened:
        assert [record.offset for record in opened.records()] == [3, 4]


def test_an_empty_topic_has_no_records(make: Callable[..., Topic]) -> None:
    """Nothing to wait for."""
    topic = make(partitions=2)
    assert topic.read() == topic.read(0) == topic.read(_at(0), _at(9)) == []


def test_an_offset_past_the_end_is_reported_with_what_there_is(make: Callable[..., Topic]) -> None:
    """For the range and for one position alike; a partition that is not there, too."""
    topic = make()
    topic.write(5)
    with pytest.raises(UserError, match="no offset 5") as caught:
        topic.read(5)
    assert caught.value.hint == "partition 0 has 0 to 4"
    with pytest.raises(UserError, match="no offset 99") as caught:
        read_record(topic.properties, Position(topic.name, 0, 99))
    assert caught.value.hint == "partition 0 has 0 to 4"
    with pytest.raises(UserError, match="no partition 7") as caught:
        read_record(topic.properties, Position(topic.name, 7, 0))
    assert "it has 1" in (caught.value.hint or "")
    empty = make()
    with pytest.raises(UserError, match="no offset 0") as caught:
        read_record(empty.properties, Position(empty.name, 0, 0))
    assert "empty" in (caught.value.hint or "")


def test_what_retention_took_is_passed_over_in_a_range_and_reported_for_a_position(make: Callable[..., Topic]) -> None:
    """Retention moves while someone types: a range begins with what is left."""
    topic = make()
    topic.write(10)
    admin = AdminClient(dict(topic.properties))
    gone = admin.delete_records([KafkaPartition(topic.name, 0, 6)])
    assert [future.result(15).low_watermark for future in gone.values()] == [6]
    assert topic.offsets(2) == [6, 7, 8, 9]
    with pytest.raises(UserError, match="no offset 2") as caught:
        read_record(topic.properties, Position(topic.name, 0, 2))
    assert caught.value.hint == "partition 0 has 6 to 9"


def test_one_position_alone(make: Callable[..., Topic]) -> None:
    """With its bytes, and no other client's."""
    topic = make(partitions=2)
    topic.write(10, partition=1)
    assert read_record(topic.properties, Position(topic.name, 1, 7)).value == b"v7"


def test_many_positions_by_one_client(make: Callable[..., Topic]) -> None:
    """Of several topics and partitions, backwards too; one that is missing does not end it."""
    one, other = make(partitions=2), make()
    one.write(10, partition=1)
    one.write(3, partition=0)
    other.write(5)
    with RecordReader(one.properties) as reader:
        for name, partition, offset in [
            (one.name, 1, 9),
            (other.name, 0, 4),
            (one.name, 1, 0),
            (one.name, 0, 2),
            (other.name, 0, 0),
        ]:
            record = reader.read(Position(name, partition, offset))
            assert (record.position, record.value) == (Position(name, partition, offset), f"v{offset}".encode())
            with pytest.raises(UserError, match="has no offset 99"):
                reader.read(Position(name, partition, 99))
            with pytest.raises(UserError, match="has no partition 7"):
                reader.read(Position(name, 7, 0))


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_a_transactions_marker_at_the_end_ends_the_range(make: Callable[..., Topic], end: str) -> None:
    """The marker has an offset but no record; what was aborted is not read."""
    topic = make()
    topic.write(2)
    topic.write_in_transaction(3, end)
    assert topic.offsets() == ([0, 1, 2, 3, 4] if end == "commit" else [0, 1])
    with pytest.raises(UserError, match="no record at") as caught:
        read_record(topic.properties, Position(topic.name, 0, 5))
    assert "transaction" in (caught.value.hint or "")


def test_an_open_transaction_is_not_waited_for(make: Callable[..., Topic]) -> None:
    """The range ends before it, as the service's own reading would: it fails where it waits."""
    topic = make()
    topic.write(2)
    producer = topic.write_in_transaction(3, "later")
    assert topic.offsets() == [0, 1]
    producer.abort_transaction(30)


def test_gaps_of_a_compacted_topic_are_no_obstacle(make: Callable[..., Topic]) -> None:
    """A range and its progress come to their end though most of its offsets, the last of the bound too, are gone."""
    config = {
        "cleanup.policy": "compact",
        "segment.bytes": "1048576",
        "min.cleanable.dirty.ratio": "0.01",
        "segment.ms": "200",
        "max.compaction.lag.ms": "300",
    }
    topic = make(**config)
    topic.write(60, keys=3)
    deadline = time.monotonic() + 60
    while len(topic.read(None, 60)) > 40:
        time.sleep(1)
        topic.write(1, first=999_999)  # a segment in use is not compacted: give it a successor
        if time.monotonic() > deadline:
            pytest.skip("this broker compacts too seldom for a test to wait for it")
    reported: list[tuple[int, int]] = []
    with TopicRange(topic.properties, topic.name, Span(0, 60)) as opened:
        offsets = [record.offset for record in opened.records(lambda *both: reported.append(both))]
    assert offsets == sorted(set(offsets))
    assert set(offsets) <= set(range(60))
    assert reported[-1] == (60, 60)
    missing = next(offset for offset in range(60) if offset not in offsets)
    with pytest.raises(UserError, match="no record at") as caught:
        read_record(topic.properties, Position(topic.name, 0, missing))
    assert "compacted" in (caught.value.hint or "")


def test_what_is_written_while_we_read_is_not_waited_for(make: Callable[..., Topic]) -> None:
    """The end is where the topic ended when the range was opened."""
    topic = make()
    topic.write(10)
    with TopicRange(topic.properties, topic.name) as opened:
        topic.write(10, first=10)
        assert [record.offset for record in opened.records()] == list(range(10))


def test_reading_may_stop_early(make: Callable[..., Topic]) -> None:
    """Anyone who wants only the first few closes it then."""
    topic = make()
    topic.write(5_000)
    with TopicRange(topic.properties, topic.name) as opened:
        assert next(opened.records()).offset == 0


def test_a_topic_that_is_not_there_is_reported_with_a_near_name(make: Callable[..., Topic]) -> None:
    """And is not made by our asking."""
    topic = make()
    wrong = topic.name.replace("range", "rnage")
    for _ in range(2):
        with pytest.raises(Unreachable, match="there is no topic") as caught:
            TopicRange(topic.properties, wrong)
        assert topic.name in (caught.value.hint or "")


def test_a_broker_that_is_not_there_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its address."""
    monkeypatch.setattr("pipeline.adapters.kafka.range.ASK_SECONDS", 1.5)
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(Unreachable, match=address):
        TopicRange({"bootstrap.servers": address}, "events")
