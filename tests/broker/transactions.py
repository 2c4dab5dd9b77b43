"""Transactions on a topic: what they leave there is records, and a marker that takes an offset of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Producer

SECONDS = 30


def in_transaction(properties: Mapping[str, Any], name: str, end: str, write: Callable[[Producer], None]) -> Producer:
    """Have `write` produce in a transaction of `name`; `end` is `commit` or `abort`, anything else leaves it open."""
    producer = Producer({**properties, "transactional.id": f"{name}-{end}"})
    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    write(producer)
    producer.flush(SECONDS)
    if end == "commit":
        producer.commit_transaction(SECONDS)
    elif end == "abort":
        producer.abort_transaction(SECONDS)
    return producer
