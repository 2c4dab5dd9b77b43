"""Finds where batches that Kafka's client cannot read begin and end.

A fetch at any offset within such a batch fails, and librdkafka reports the batch's first offset: its last one is
found by bisection.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.errors import Unreachable
from pipeline.model.event import Position

SILENT_SECONDS = 30.0
POLL_SECONDS = 0.1
MOST_OFFSETS = 100_000
"""Skipped by one call: each has an outcome and a dead letter of its own."""


class Unread(NamedTuple):
    """A batch that cannot be read."""

    first: int
    """Its first offset."""
    error: str


class UnreadableBatches:
    """Looks at one partition at a time."""

    def __init__(self, consumer: Consumer) -> None:
        """`consumer` reports the end of a partition; its assignment is changed."""
        self._consumer = consumer

    def end(self, position: Position, unread: Unread, high: int) -> tuple[int, str | None]:
        """The offset after all unreadable batches in a row; and why that cannot be read, where we stop before."""
        stop = self._end_of_batch(position, unread, high)
        most = position.offset + MOST_OFFSETS
        while stop < min(high, most):
            found = self.probe(Position(position.topic, position.partition, stop))
            if not isinstance(found, Unread):
                return stop, None
            unread = found
            inside = position._replace(offset=max(stop, found.first))
            stop = self._end_of_batch(inside, found, high)
        return (most, unread.error) if stop > most else (stop, None)

    def _end_of_batch(self, inside: Position, unread: Unread, high: int) -> int:
        """Search for the first offset after the batch: a fetch within it fails with its first offset."""
        within, after = inside.offset, high
        while after - within > 1:
            middle = (within + after) // 2
            found = self.probe(inside._replace(offset=middle))
            if isinstance(found, Unread) and found.first <= unread.first:
                within = middle
            else:
                after = middle
        return after

    def probe(self, position: Position) -> Unread | int | None:
        """What comes first at or after an offset: an unreadable batch, a record's offset, or the partition's end.

        Raises:
            Unreachable: the broker has gone silent.
            KafkaException: it cannot be read for another reason.
        """
        self._consumer.assign([KafkaPartition(*position)])
        deadline = time.monotonic() + SILENT_SECONDS
        while time.monotonic() < deadline:
            message = self._consumer.poll(POLL_SECONDS)
            if message is None or (message.topic(), message.partition()) != position[:2]:
                continue
            error = message.error()
            if error is None:
                return message.offset()
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
                return None
            if error.code() in kafka_errors.UNREADABLE:
                return Unread(message.offset() or 0, error.str())
            if kafka_errors.is_fatal(error) or kafka_errors.is_refused(error):
                raise KafkaException(error)
        raise Unreachable(f"Kafka returned no record at {position} for {SILENT_SECONDS:.0f} s")
