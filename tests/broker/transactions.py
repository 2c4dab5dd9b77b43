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
    begun = _ends(properties, topic, "read_uncommitted")
    write(producer)
    producer.flush(SECONDS)
    written = _ends(properties, topic, "read_uncommitted")
    if end == "commit":
        producer.commit_transaction(SECONDS)
    elif end == "abort":
        producer.abort_transaction(SECONDS)
    if end in {"commit", "abort"} and written != begun:
        _wait_for_markers(properties, topic, written)
    return producer


def _wait_for_markers(properties: Mapping[str, Any], topic: str, written: list[int]) -> None:
    """Wait until readers see the transaction's end, above what was `written`.

    The coordinator answers once the decision is in its own log, and writes the markers into the topic afterwards. A
    marker ends the transaction before it counts as replicated: then both ends are equal and below it.
    """
    deadline = time.monotonic() + SECONDS
    while not (_ends(properties, topic, "read_committed") == _ends(properties, topic, "read_uncommitted") > written):
        if time.monotonic() > deadline:
            raise AssertionError(f"{topic}: a transaction's markers do not come")
        time.sleep(0.05)


def _ends(properties: Mapping[str, Any], topic: str, isolation: str) -> list[int]:
    settings = {**properties, "group.id": f"{topic}.ends", "isolation.level": isolation}
    with closing(Consumer(settings)) as consumer:
        partitions = sorted(consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions)
        return [consumer.get_watermark_offsets(KafkaPartition(topic, one), timeout=SECONDS)[1] for one in partitions]
