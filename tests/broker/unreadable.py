"""A batch that no client can read, as a partition gets stuck at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import Message, Producer

RECORDS = 3
SECONDS = 60


def write_bomb(properties: Mapping[str, Any], topic: str, partition: int) -> range:
    """Write one batch of three records, 5 kB on the wire; return its offsets.

    It is larger than `receive.message.max.bytes` (100 MB by default) when it is inflated.
    """
    settings = {
        "compression.type": "zstd",
        "message.max.bytes": 1_000_000_000,
        "batch.size": 1_000_000_000,
        "linger.ms": 5_000,
    }
    producer = Producer({**properties, **settings})
    offsets: list[int] = []

    def delivered(_: object, message: Message) -> None:
        offsets.append(message.offset() or 0)

    for _ in range(RECORDS):
        producer.produce(topic, bytes(50_000_000), partition=partition, on_delivery=delivered)
    assert producer.flush(SECONDS) == 0
    return range(min(offsets), max(offsets) + 1)
