"""How Kafka looks from a member, as librdkafka tells it on a real broker."""

from __future__ import annotations

import time

from pipeline.adapters.kafka_source import KafkaSource
from tests.broker.handle import Broker
from tests.fakes.listener import PATIENCE, RecordingListener
from tests.fakes.real_kafka import RealKafka


def test_a_broker_that_is_gone_is_seen_and_its_return_too(kafka: RealKafka, stoppable_kafka: Broker) -> None:
    """The alert on unreachable brokers rests on this."""
    source = kafka.source("consumer", None, **{"statistics.interval.ms": 500})
    source.start(RecordingListener())
    _wait_for_brokers(source, 1)
    health = source.health()
    assert health is not None
    assert 0 < health.round_trip_seconds < PATIENCE
    stoppable_kafka.stop()
    _wait_for_brokers(source, 0)
    stoppable_kafka.start()
    _wait_for_brokers(source, 1)


def _wait_for_brokers(source: KafkaSource, brokers: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while (health := source.health()) is None or health.brokers != brokers:
        assert time.monotonic() < deadline, health
        time.sleep(0.1)
