"""What is read out of librdkafka's statistics."""

from __future__ import annotations

import json

from pipeline.adapters.kafka.statistics import Statistics
from pipeline.model.kafka_health import KafkaHealth


def _broker(number: int, state: str, rtt: int) -> dict[str, object]:
    return {"nodeid": number, "state": state, "rtt": {"avg": rtt, "cnt": int(rtt > 0)}}


def test_only_brokers_with_a_connection_count() -> None:
    """Bootstrap addresses and the coordinator's alias do not count; the slowest round trip is reported."""
    brokers = {
        "b:9092/bootstrap": _broker(-1, "UP", 90_000),
        "GroupCoordinator": _broker(-1, "UP", 80_000),
        "b:9092/1": _broker(1, "UP", 2_000),
        "b:9092/2": _broker(2, "UP", 5_000),
        "b:9092/3": _broker(3, "DOWN", 70_000),
    }
    statistics = Statistics()
    assert statistics.health is None
    statistics.take(json.dumps({"brokers": brokers}))
    assert statistics.health == KafkaHealth(2, 0.005)


def test_without_any_connection_nothing_is_up() -> None:
    """Also before the cluster is known."""
    statistics = Statistics()
    statistics.take(json.dumps({"brokers": {"b:9092/bootstrap": _broker(-1, "CONNECT", 0)}}))
    assert statistics.health == KafkaHealth(0, 0.0)


def test_without_a_new_answer_the_last_round_trip_stands() -> None:
    """librdkafka says 0 for a window in which nothing was asked; that would look like the best of days."""
    statistics = Statistics()
    for rtt in (2_000, 0):
        statistics.take(json.dumps({"brokers": {"b:9092/1": _broker(1, "UP", rtt)}}))
    assert statistics.health == KafkaHealth(1, 0.002)
