"""Commit frontiers and ledger pointers from the source's thread, and retry until Kafka accepts them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.delivery import pointer
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import CommitPoint

COMMIT_SECONDS = 0.25
"""Interval between two commits; a refused commit is retried at the same interval."""

LAST_SECONDS = 10.0
"""How long a synchronous commit is retried while the group's coordinator moves or starts."""
ANSWER_SECONDS = 2.0
"""For the coordinator's answer to a question before a synchronous commit, which librdkafka does not limit in time."""
OVERTAKE_SECONDS = 0.3
"""Longer than librdkafka waits before it sends a commit again (retry.backoff.ms is 100 by default)."""
TRANSIENT = frozenset(
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
    """Keeps the newest commit point of each assigned partition until it is committed."""

    def __init__(self, count: Callable[[str, int], None], alive: Callable[[], None] = lambda: None) -> None:
        """`count` is called with `ok` or `error` and the number of partitions; `alive` is called between waits."""
        self._count = count
        self._alive = alive
        self._lock = threading.Lock()
        self._pending: dict[TopicPartition, CommitPoint] = {}
        # Below: accessed only by the source's own thread.
        self._sent: dict[TopicPartition, CommitPoint] = {}
        self._pointers: dict[TopicPartition, str] = {}
        self._acknowledged: dict[TopicPartition, int] = {}
        self._gone: dict[TopicPartition, pointer.Gone] = {}
        self._next_at = 0.0
        self._may_ask = True

    def closing(self) -> None:
        """The consumer is about to be closed: librdkafka answers no question any more, and commits still."""
        self._may_ask = False

    def enqueue(self, points: Iterable[CommitPoint]) -> None:
        """Commit these points soon; thread-safe."""
        with self._lock:
            self._pending.update((point.partition, point) for point in points)

    def adopt(self, partition: TopicPartition, metadata: str, offset: int | None = None) -> None:
        """Start committing for an assigned partition; `metadata` is used until a commit point brings a newer one.

        `offset` is the frontier, which is committed, or will be before anything of the partition is processed.

        A point without a pointer keeps the previous one: every outcome above the frontier is still at or after it,
        whereas an empty pointer would hide the outcomes acknowledged between this commit and a crash.
        """
        self._pointers[partition] = metadata
        self._acknowledged[partition] = offset or 0

    def acknowledged(self, partition: TopicPartition) -> int:
        """Return the last offset that Kafka has acknowledged as committed by this assignment; thread-safe."""
        return self._acknowledged.get(partition, 0)

    def keep_gone(self, partition: TopicPartition, gone: pointer.Gone) -> None:
        """Carry on what the last commit of an assigned partition notes."""
        self._gone.setdefault(partition, gone)

    def add_gone(self, partition: TopicPartition, gone: pointer.Gone) -> None:
        """Note events that retention deleted unread in every further commit of the partition: an audit reads them."""
        known = self._gone.get(partition)
        self._gone[partition] = gone if known is None else known.followed_by(gone)

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """Drop the pending commits of partitions that are no longer assigned."""
        with self._lock:
            for partition in partitions:
                self._pending.pop(partition, None)
        for partition in partitions:
            self._pointers.pop(partition, None)
            self._sent.pop(partition, None)
            self._gone.pop(partition, None)
            self._acknowledged.pop(partition, None)

    def send(self, consumer: Consumer, now: float) -> None:
        """Send pending commits, at most once in `COMMIT_SECONDS`."""
        if now < self._next_at or not self._pending:
            return
        self._next_at = now + COMMIT_SECONDS
        with self._lock:
            pending, self._pending = self._pending, {}
        points = {key: point for key, point in pending.items() if key in self._pointers}
        if not points:
            return
        self._sent.update(points)
        try:
            consumer.commit(offsets=[self._offset(point) for point in points.values()], asynchronous=True)
        except KafkaException as error:
            self._refused(kafka_errors.cause(error), list(points))

    def answered(self, error: KafkaError | None, partitions: Sequence[KafkaPartition] | None) -> None:
        """Handle librdkafka's `on_commit`: each partition has its own result."""
        for one in partitions or ():
            key = TopicPartition(one.topic, one.partition)
            fault = one.error or error
            if fault is not None:
                self._refused(fault, [key])
            else:
                self._sent.pop(key, None)
                self._count("ok", 1)
                if key in self._acknowledged and one.offset > self._acknowledged[key]:
                    self._acknowledged[key] = one.offset

    @property
    def unanswered(self) -> bool:
        """Whether a commit is in flight."""
        return bool(self._sent)

    def last(self, consumer: Consumer, points: Sequence[CommitPoint]) -> None:
        """Commit and wait for the result: the partitions are about to be revoked, or have just been assigned.

        A failure loses nothing: the next owner begins at an older frontier and finds in the ledger what is done.
        """
        deadline = time.monotonic() + LAST_SECONDS
        offsets = [self._offset(point) for point in points]
        unanswered = [offset for offset in offsets if TopicPartition(offset.topic, offset.partition) in self._sent]
        self._commit(consumer, offsets, deadline)
        while unanswered and time.monotonic() < deadline:
            # librdkafka may resend an earlier commit that has no answer yet, and it may arrive after this one.
            time.sleep(OVERTAKE_SECONDS)
            unanswered = self._overtaken(consumer, unanswered)
            self._commit(consumer, unanswered, deadline)

    def _overtaken(self, consumer: Consumer, offsets: Sequence[KafkaPartition]) -> list[KafkaPartition]:
        try:
            found = consumer.committed([KafkaPartition(one.topic, one.partition) for one in offsets], timeout=1.0)
        except KafkaException:
            return list(offsets)
        committed = {(one.topic, one.partition): one.offset for one in found if one.error is None}
        return [one for one in offsets if committed.get((one.topic, one.partition)) != one.offset]

    def _commit(self, consumer: Consumer, offsets: list[KafkaPartition], deadline: float) -> None:
        while offsets:
            again: list[KafkaPartition] = []
            for offset, error in self._wait_for(consumer, offsets):
                if error.code() in TRANSIENT and time.monotonic() < deadline:
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
        """Commit once; return the refused offsets with their errors."""
        self._alive()
        try:
            if self._may_ask:
                require_answer(consumer, offsets[0])
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
        """Enqueue the refused points again, unless a newer point is pending."""
        self._count("error", len(partitions))
        log.warning("commit_failed", error=error.str(), partitions=len(partitions))
        with self._lock:
            for key in partitions:
                point = self._sent.pop(key, None)
                if point is not None and key in self._pointers:
                    self._pending.setdefault(key, point)

    def _offset(self, point: CommitPoint) -> KafkaPartition:
        metadata = point.metadata or self._pointers.get(point.partition, "")
        if point.partition in self._pointers:
            self._pointers[point.partition] = metadata
        gone = self._gone.get(point.partition)
        if gone is not None:
            metadata = pointer.with_gone(metadata, gone)
        return KafkaPartition(point.partition.topic, point.partition.partition, point.offset, metadata)


def require_answer(consumer: Consumer, offset: KafkaPartition) -> None:
    """Ask the group's coordinator something before a synchronous commit.

    While a broker was frozen, such a commit did not return within 90 s, and the source's thread with it. Another thread
    cannot make it either: confluent-kafka lets one thread at a time use a consumer, callbacks included.

    Raises:
        KafkaException: the coordinator does not answer.
    """
    try:
        consumer.committed([KafkaPartition(offset.topic, offset.partition)], timeout=ANSWER_SECONDS)
    except KafkaException as error:
        if kafka_errors.cause(error).code() in TRANSIENT:
            raise
