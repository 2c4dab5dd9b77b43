"""How Kafka looks from a member, as librdkafka tells it on a real broker."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.model.kafka_health import KafkaHealth
from tests.broker.handle import Broker
from tests.fakes.listener import TIMEOUT, RecordingListener
from tests.fakes.real_kafka import RealKafka


def test_a_broker_that_is_gone_is_seen_and_its_return_too(kafka: RealKafka, stoppable_kafka: Broker) -> None:
    """The alert on unreachable brokers rests on this."""
    source = kafka.source("consumer", None, **{"statistics.interval.ms": 500})
    listener = RecordingListener()

    def wait_for(seen: Callable[[KafkaHealth], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while (health := source.health()) is None or not seen(health):
            assert listener.fatal is None
            assert time.monotonic() < deadline, (health, listener.calls)
            time.sleep(0.1)

    source.start(listener)
    # While an assignment reads the ledger nothing else is heard.
    listener.wait(lambda: listener.assigned)
    wait_for(lambda health: health.brokers == 1 and 0 < health.round_trip_seconds < TIMEOUT)
    stoppable_kafka.stop()
    wait_for(lambda health: health.brokers == 0)
    stoppable_kafka.start()
    wait_for(lambda health: health.brokers == 1)
