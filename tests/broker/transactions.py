"""Transactions on a topic: what they leave there is records, and a marker that takes an offset of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as KafkaPartition

SECONDS = 30


def in_transaction(properties: Mapping[str, Any], topic: str, end: str, write: Callable[[Producer], None]) -> Producer:
    """Have `write` produce to `topic` in a transaction; `end` is `commit` or `abort`, anything else leaves it open."""
    producer = Producer({**properties, "transactional.id": f"{topic}-{end}"})
    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    write(producer)
    producer.flush(SECONDS)
    if end == "commit":
        producer.commit_transaction(SECONDS)
    elif end == "abort":
        producer.abort_transaction(SECONDS)
    if end in {"commit", "abort"}:
        _wait_for_markers(properties, topic)
    return producer


def _wait_for_markers(properties: Mapping[str, Any], topic: str) -> None:
    """Wait until readers see the transaction's end.

    The coordinator answers once the decision is in its own log, and writes the markers into the topic afterwards.
    """
    deadline = time.monotonic() + SECONDS
    while _ends(properties, topic, "read_committed") != _ends(properties, topic, "read_uncommitted"):
        if time.monotonic() > deadline:
            raise AssertionError(f"{topic}: a transaction's markers do not come")
        time.sleep(0.05)


def _ends(properties: Mapping[str, Any], topic: str, isolation: str) -> list[int]:
    settings = {**properties, "group.id": f"{topic}.ends", "isolation.level": isolation}
    with closing(Consumer(settings)) as consumer:
        partitions = sorted(consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions)
        return [consumer.get_watermark_offsets(KafkaPartition(topic, one), timeout=SECONDS)[1] for one in partitions]
