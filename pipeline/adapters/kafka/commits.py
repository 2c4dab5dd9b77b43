"""Commits of frontier and ledger pointer: sent from the source's thread, tried again until Kafka has them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import CommitPoint

COMMIT_SECONDS = 0.25
"""Between two commits that are sent: also the pace at which a refused one is tried again."""

LAST_SECONDS = 10.0
"""How long a commit that is waited for is tried again while the group's coordinator moves or comes up."""
OVERTAKE_SECONDS = 0.3
"""Longer than librdkafka waits before it sends a commit again (retry.backoff.ms is 100 by default)."""
PASSING = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError._WAIT_COORD,  # noqa: SLF001 - librdkafka's own codes begin so
        KafkaError._TRANSPORT,  # noqa: SLF001 - the same
        KafkaError._TIMED_OUT,  # noqa: SLF001 - the same
    }
)

log = structlog.get_logger("commits")


class Commits:
    """The newest point of each partition that is ours, until it is committed."""

    def __init__(self, count: Callable[[str, int], None], alive: Callable[[], None] = lambda: None) -> None:
        """`count` is called with `ok` or `error` and the number of partitions; `alive` is called between waits."""
        self._count = count
        self._alive = alive
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

    @property
    def unanswered(self) -> bool:
        """Whether a commit is under way."""
        return bool(self._sent)

    def last(self, consumer: Consumer, points: Sequence[CommitPoint]) -> None:
        """Commit and wait for it: the partitions are about to be given up, or have just become ours.

        A failure is no loss: the next owner begins at an older frontier and finds in the ledger what is done.
        """
        deadline = time.monotonic() + LAST_SECONDS
        offsets = [self._offset(point) for point in points]
        overtakable = [offset for offset in offsets if TopicPartition(offset.topic, offset.partition) in self._sent]
        self._commit(consumer, offsets, deadline)
        while overtakable and time.monotonic() < deadline:
            # An earlier commit that has no answer yet may be sent again by librdkafka, and land after this one.
            time.sleep(OVERTAKE_SECONDS)
            overtakable = self._overtaken(consumer, overtakable)
            self._commit(consumer, overtakable, deadline)

    def _overtaken(self, consumer: Consumer, offsets: Sequence[KafkaPartition]) -> list[KafkaPartition]:
        try:
            found = consumer.committed([KafkaPartition(one.topic, one.partition) for one in offsets], timeout=1.0)
        except KafkaException:
            return list(offsets)
        stand = {(one.topic, one.partition): one.offset for one in found if one.error is None}
        return [one for one in offsets if stand.get((one.topic, one.partition)) != one.offset]

    def _commit(self, consumer: Consumer, offsets: list[KafkaPartition], deadline: float) -> None:
        while offsets:
            again: list[KafkaPartition] = []
            for offset, error in self._wait_for(consumer, offsets):
                if error.code() in PASSING and time.monotonic() < deadline:
                    again.append(offset)
                    continue
                self._count("error", 1)
                log.warning("last_commit_failed", topic=offset.topic, partition=offset.partition, error=error.str())
            offsets = again
            if again:
                time.sleep(0.1)

    def _wait_for(
        self, consumer: Consumer, offsets: Sequence[KafkaPartition]
    ) -> Sequence[tuple[KafkaPartition, KafkaError]]:
        """Commit once and tell what was refused, and why."""
        self._alive()
        try:
            results = consumer.commit(offsets=list(offsets), asynchronous=False) or []
        except KafkaException as error:
            return [(offset, kafka_errors.cause(error)) for offset in offsets]
        errors = {(one.topic, one.partition): one.error for one in results if one.error is not None}
        self._count("ok", len(results) - len(errors))
        return [
            (offset, errors[offset.topic, offset.partition])
            for offset in offsets
            if (offset.topic, offset.partition) in errors
        ]

    def _refused(self, error: KafkaError, partitions: Sequence[TopicPartition]) -> None:
        """Want it again, unless something newer is wanted already."""
        self._count("error", len(partitions))
        log.warning("commit_failed", error=error.str(), partitions=len(partitions))
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
