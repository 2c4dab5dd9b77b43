"""Partitions that cannot be read on: noticed, reported, and no reason for the others to wait."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from pipeline.adapters.kafka.range import TopicRange
from pipeline.adapters.kafka.source import KafkaSource
from pipeline.errors import UserError
from pipeline.model.event import TopicPartition
from tests.acceptance.waiting import wait_for
from tests.fakes.listener import TIMEOUT, RecordingListener
from tests.fakes.real_kafka import RealKafka

pytestmark = pytest.mark.kafka

MORE_THAN_IS_INFLATED = 150_000_000
"""librdkafka inflates a zstd batch up to `receive.message.max.bytes`, 100 MB by default."""


def write_bomb(kafka: RealKafka, partition: int) -> None:
    """A batch of zeros, 5 kB on the wire."""
    settings = {"compression.type": "zstd", "message.max.bytes": 1_000_000_000, "batch.size": 1_000_000_000}
    producer = Producer({**kafka.properties, **settings})
    producer.produce(kafka.names.events, bytes(MORE_THAN_IS_INFLATED), partition=partition)
    assert producer.flush(TIMEOUT) == 0


def started(kafka: RealKafka, **properties: object) -> tuple[KafkaSource, RecordingListener]:
    source, listener = kafka.source(**properties), RecordingListener()  # type: ignore[arg-type] # librdkafka's own
    source.start(listener)
    listener.wait(lambda: listener.assigned)
    source.demand(10_000)
    return source, listener


def test_a_batch_that_cannot_be_inflated_is_reported_and_stops_no_other_partition(
    make_kafka: Callable[..., RealKafka],
) -> None:
    """Its partition, offset and error are known, since when they are so; the others continue."""
    kafka = make_kafka(partitions=2)
    write_bomb(kafka, 0)
    kafka.produce(5, partition=1)
    source, listener = started(kafka)
    listener.wait(lambda: len(listener.records) == 5)
    wait_for(source.stuck)
    assert {key: one.offset for key, one in source.stuck().items()} == {kafka.partition: 0}
    assert "compress" in source.stuck()[kafka.partition].error


def test_a_range_with_a_batch_that_cannot_be_inflated_ends_with_its_position(kafka: RealKafka) -> None:
    """`audit` and `diff` say where it is, and do not wait forever."""
    write_bomb(kafka, 0)
    with TopicRange(kafka.properties, kafka.names.events) as whole, pytest.raises(UserError, match=r"/0/0 cannot be"):
        list(whole.records())


def delete_before(kafka: RealKafka, offset: int) -> None:
    admin = AdminClient(kafka.properties)
    deleted = admin.delete_records([KafkaPartition(kafka.names.events, 0, offset)])
    assert [future.result(15).low_watermark for future in deleted.values()] == [offset]


def test_events_that_retention_deletes_under_a_running_consumer_are_counted(kafka: RealKafka) -> None:
    """It continues at what is left."""
    kafka.produce(3)
    source, listener = started(kafka)
    listener.wait(lambda: len(listener.records) == 3)
    source.hold(frozenset({kafka.partition}))
    wait_for(lambda: kafka.partition in source._group.paused)
    kafka.produce(1_300)
    delete_before(kafka, 1_203)
    source.hold(frozenset())
    listener.wait(lambda: len(listener.records) == 3 + 100)
    assert listener.offsets()[3] == 1_203
    assert kafka.counts.gone == 1_200
    assert not source.stuck()


def test_with_auto_offset_reset_error_the_partition_is_reported_as_stuck(kafka: RealKafka) -> None:
    """The user wants to decide; until then it must not look well."""
    source, _ = started(kafka, **{"auto.offset.reset": "error"})
    wait_for(source.stuck)
    assert list(source.stuck()) == [TopicPartition(kafka.names.events, 0)]
    assert "auto.offset.reset" in source.stuck()[kafka.partition].error
