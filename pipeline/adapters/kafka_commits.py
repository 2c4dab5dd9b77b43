"""Commits of frontier and ledger pointer: sent from the source's thread, tried again until Kafka has them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters import kafka_errors
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import CommitPoint

COMMIT_SECONDS = 0.25
"""Between two commits that are sent: also the pace at which a refused one is tried again."""

log = structlog.get_logger("commits")


class Commits:
    """The newest point of each partition that is ours, until it is committed."""

    def __init__(self, count: Callable[[str, int], None]) -> None:
        """`count` is told the result, `ok` or `error`, and of how many partitions."""
        self._count = count
        self._lock = threading.Lock()
        self._wanted: dict[TopicPartition, CommitPoint] = {}
        # Below: touched by the source's own thread alone.
        self._sent: dict[TopicPartition, CommitPoint] = {}
        self._pointers: dict[TopicPartition, str] = {}
        self._next_at = 0.0

    def want(self, points: Iterable[CommitPoint]) -> None:
        """Commit these soon; thread-safe."""
        with self._lock:
            self._wanted.update((point.partition, point) for point in points)

    def adopt(self, partition: TopicPartition, pointer: str) -> None:
        """The partition is ours. `pointer` stands until a newer one comes.

        A point without a pointer keeps the one before: every outcome above the frontier is still at or after it,
        while no pointer at all would hide what is acknowledged between this commit and a crash.
        """
        self._pointers[partition] = pointer

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """The partitions are ours no longer: nothing of them is to be committed."""
        with self._lock:
            for partition in partitions:
                self._wanted.pop(partition, None)
        for partition in partitions:
            self._pointers.pop(partition, None)
            self._sent.pop(partition, None)

    def send(self, consumer: Consumer, now: float) -> None:
        """Send what is wanted, unless something was sent a moment ago."""
        if now < self._next_at or not self._wanted:
            return
        self._next_at = now + COMMIT_SECONDS
        with self._lock:
            wanted, self._wanted = self._wanted, {}
        points = {key: point for key, point in wanted.items() if key in self._pointers}
        if not points:
            return
        self._sent.update(points)
        try:
            consumer.commit(offsets=[self._offset(point) for point in points.values()], asynchronous=True)
        except KafkaException as error:
            self._refused(kafka_errors.cause(error), list(points))

    def answered(self, error: KafkaError | None, partitions: Sequence[KafkaPartition] | None) -> None:
        """Take the answers (librdkafka's `on_commit`): each partition has a result of its own."""
        for one in partitions or ():
            key = TopicPartition(one.topic, one.partition)
            fault = one.error or error
            if fault is not None:
                self._refused(fault, [key])
            else:
                self._sent.pop(key, None)
                self._count("ok", 1)

    def last(self, consumer: Consumer, points: Sequence[CommitPoint]) -> None:
        """Commit and wait for it: the partitions are about to be given up, or have just become ours.

        A failure is no loss: the next owner begins at an older frontier and finds in the ledger what is done.
        """
        if not points:
            return
        try:
            results = consumer.commit(offsets=[self._offset(point) for point in points], asynchronous=False) or []
        except KafkaException as error:
            self._count("error", len(points))
            log.warning("commit_failed", problem=kafka_errors.words(error), waited_for=True)
            return
        for one in results:
            self._count("error" if one.error else "ok", 1)
            if one.error:
                log.warning("commit_failed", problem=one.error.str(), partition=one.partition, waited_for=True)

    def _refused(self, error: KafkaError, partitions: Sequence[TopicPartition]) -> None:
        """Want it again, unless something newer is wanted already."""
        self._count("error", len(partitions))
        log.warning("commit_failed", problem=error.str(), partitions=len(partitions))
        with self._lock:
            for key in partitions:
                point = self._sent.pop(key, None)
                if point is not None and key in self._pointers:
                    self._wanted.setdefault(key, point)

    def _offset(self, point: CommitPoint) -> KafkaPartition:
        pointer = point.metadata or self._pointers.get(point.partition, "")
        if point.partition in self._pointers:
            self._pointers[point.partition] = pointer
        return KafkaPartition(point.partition.topic, point.partition.partition, point.offset, pointer)
