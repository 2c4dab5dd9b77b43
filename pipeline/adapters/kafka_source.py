"""Kafka as a stream of records: one consumer in a thread of its own, read by batches, only as fast as is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka_ledger import Committed, LedgerReader
from pipeline.errors import Unreachable
from pipeline.model.event import Record, TopicPartition
from pipeline.model.ledger import CommitPoint

if TYPE_CHECKING:
    from confluent_kafka import Message

    from pipeline.ports import Clock, SourceListener

BATCH = 500
"""Records handed over at once: 500 conversions take about a millisecond."""
POLL_SECONDS = 0.1
IDLE_POLL_SECONDS = 1.0
"""Between two looks at the group while nothing is wanted; each may bring one record, which is kept."""
PAUSE_AFTER_SECONDS = 5.0
"""A stop longer than this pauses the partitions: librdkafka drops what it has fetched then, so it is for long stops."""
LAG_SECONDS = 1.0
"""Between two looks at how far behind we are."""

CONSUMER_DEFAULTS: Mapping[str, Any] = {
    "auto.offset.reset": "earliest",
    "queued.max.messages.kbytes": 16_384,
    "fetch.message.max.bytes": 4_194_304,
    "fetch.wait.max.ms": 50,
}

log = structlog.get_logger("source")


class KafkaSource:
    """Implements `pipeline.ports.EventSource`."""

    def __init__(
        self,
        properties: Mapping[str, Any],
        topics: Sequence[str],
        ledger: LedgerReader,
        clock: Clock,
        *,
        next_generation: bool,
        committed: Callable[[str, int], None],
    ) -> None:
        """`next_generation` picks KIP-848's group protocol; `committed` counts partitions, with `ok` or `error`."""
        protocol = (
            {"group.protocol": "consumer"}
            if next_generation
            else {"group.protocol": "classic", "partition.assignment.strategy": "cooperative-sticky"}
        )
        self._consumer = Consumer(
            {
                **CONSUMER_DEFAULTS,
                **protocol,
                **properties,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "error_cb": self._trouble,
                "on_commit": self._committed,
            }
        )
        self._topics = list(topics)
        self._ledger = ledger
        self._clock = clock
        self._count_commits = committed
        self._listener: SourceListener | None = None
        self._thread = threading.Thread(target=self._run, name="kafka-source", daemon=True)
        self._changed = threading.Condition()
        self._wanted = 0
        self._hold: frozenset[TopicPartition] = frozenset()
        self._to_commit: dict[TopicPartition, CommitPoint] = {}
        self._stopping = False
        # Below: touched by the source's own thread alone.
        self._epoch = 0
        self._owned: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._kept: list[Record] = []
        self._idle_since: float | None = None
        self._polled_at = clock.now()
        self._lag_due = 0.0
        self._lags: Mapping[TopicPartition, int] = {}

    def start(self, listener: SourceListener) -> None:
        """Join the group and begin."""
        self._listener = listener
        self._thread.start()

    def demand(self, records: int) -> None:
        """How many more records are wanted from now on."""
        with self._changed:
            wake = not self._wanted and records
            self._wanted = records
            if wake:
                self._changed.notify()

    def hold(self, partitions: frozenset[TopicPartition]) -> None:
        """Read nothing of these until told otherwise."""
        with self._changed:
            self._hold = partitions

    def commit(self, points: Sequence[CommitPoint]) -> None:
        """Commit soon, from the source's thread."""
        with self._changed:
            self._to_commit.update((point.partition, point) for point in points)

    def stop(self, timeout: float) -> None:
        """Leave the group after `on_revoked` for all partitions, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def lag(self) -> Mapping[TopicPartition, int]:
        """Records between what was handed over and the partition's end, as of the last second."""
        return self._lags

    def last_poll_at(self) -> float:
        """When the thread last came round."""
        return self._polled_at

    @property
    def _told(self) -> SourceListener:
        if self._listener is None:
            raise RuntimeError("start() comes first")
        return self._listener

    def _run(self) -> None:
        try:
            self._consumer.subscribe(self._topics, on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose)
            while not self._stopping:
                self._polled_at = self._clock.now()
                self._turn()
        except KafkaException as error:
            self._told.on_fatal(Unreachable(f"the consumer cannot go on: {_words(error)}"))
        except Exception as error:  # noqa: BLE001 - the thread's outermost loop: its end must end the process
            self._told.on_fatal(error)
        finally:
            self._close()

    def _turn(self) -> None:
        """One round: commits, pauses, and as many records as are wanted."""
        self._commit_now()
        self._look_at_lag()
        with self._changed:
            wanted, hold = self._wanted, self._hold
        self._pause(hold if wanted else self._pauses_while_idle(hold))
        if wanted:
            self._idle_since = None
            self._fetch(min(wanted, BATCH))
            return
        if self._idle_since is None:
            self._idle_since = self._clock.now()
        with self._changed:
            if not self._wanted and not self._stopping:
                self._changed.wait(IDLE_POLL_SECONDS if not self._to_commit else POLL_SECONDS)
            if self._wanted:
                return
        self._keep([self._consumer.poll(0)])

    def _look_at_lag(self) -> None:
        """From this thread alone: asked from another one, the binding waits for librdkafka with the interpreter's lock.

        Seen as a deadlock between a scrape and a fetch.
        """
        if self._polled_at < self._lag_due:
            return
        self._lag_due = self._polled_at + LAG_SECONDS
        lags: dict[TopicPartition, int] = {}
        for partition, next_offset in self._owned.items():
            _, high = self._consumer.get_watermark_offsets(KafkaPartition(*partition), cached=True)
            if high >= 0 and next_offset >= 0:
                lags[partition] = max(0, high - next_offset)
        self._lags = lags

    def _pauses_while_idle(self, hold: frozenset[TopicPartition]) -> frozenset[TopicPartition]:
        idle = self._idle_since is not None and self._clock.now() - self._idle_since > PAUSE_AFTER_SECONDS
        return frozenset(self._owned) if idle else hold

    def _fetch(self, wanted: int) -> None:
        """Wait for the first record, then take what is there: no batch waits to be full."""
        if not self._kept:
            first = self._consumer.poll(POLL_SECONDS)
            if first is None:
                return
            self._keep([first])
        if len(self._kept) < wanted:
            self._keep(self._consumer.consume(wanted - len(self._kept), 0))
        records, self._kept = self._kept[:wanted], self._kept[wanted:]
        if records:
            with self._changed:
                self._wanted = max(0, self._wanted - len(records))
            self._told.on_records(records)

    def _keep(self, messages: Sequence[Message | None]) -> None:
        for message in messages:
            if message is None:
                continue
            error = message.error()
            if error is not None:
                self._message_error(error)
                continue
            record = _record(message)
            partition = TopicPartition(record.topic, record.partition)
            if partition in self._owned:
                self._owned[partition] = record.offset + 1
                self._kept.append(record)

    def _message_error(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
            log.warning("consumer_trouble", problem=error.str())

    def _pause(self, wanted: frozenset[TopicPartition]) -> None:
        pause = [partition for partition in wanted if partition in self._owned and partition not in self._paused]
        resume = [partition for partition in self._paused if partition not in wanted and partition in self._owned]
        if pause:
            self._consumer.pause([KafkaPartition(*partition) for partition in pause])
            self._paused.update(pause)
        if resume:
            self._consumer.resume([KafkaPartition(*partition) for partition in resume])
            self._paused.difference_update(resume)

    # Rebalances: called inside poll, consume and close.

    def _assign(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        self._epoch += 1
        committed = [
            Committed(
                TopicPartition(one.topic, one.partition),
                one.offset if one.offset >= 0 else None,
                one.metadata,
            )
            for one in consumer.committed(partitions, timeout=15)
        ]
        assigned = self._ledger.assign(committed, self._epoch)
        for one in committed:
            self._owned[one.partition] = one.offset if one.offset is not None else OFFSET_INVALID
        self._told.on_assigned(assigned)
        consumer.incremental_assign(
            [
                KafkaPartition(*one.partition, one.offset if one.offset is not None else OFFSET_INVALID)
                for one in committed
            ]
        )

    def _revoke(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        keys = self._forget(partitions)
        points = self._told.on_revoked(keys)
        if points:
            try:
                consumer.commit(offsets=[_offset(point) for point in points], asynchronous=False)
                self._count_commits("ok", len(points))
            except KafkaException as error:
                # Not lost: the next owner reads the ledger from an older pointer.
                self._count_commits("error", len(points))
                log.warning("last_commit_failed", problem=_words(error))
        consumer.incremental_unassign(partitions)

    def _lose(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        keys = self._forget(partitions)
        self._told.on_lost(keys)
        consumer.incremental_unassign(partitions)

    def _forget(self, partitions: list[KafkaPartition]) -> list[TopicPartition]:
        keys = [TopicPartition(one.topic, one.partition) for one in partitions]
        for key in keys:
            self._owned.pop(key, None)
            self._paused.discard(key)
        with self._changed:
            for key in keys:
                self._to_commit.pop(key, None)
        self._kept = [record for record in self._kept if TopicPartition(record.topic, record.partition) in self._owned]
        return keys

    # Commits

    def _commit_now(self) -> None:
        with self._changed:
            points, self._to_commit = self._to_commit, {}
        offsets = [_offset(point) for key, point in points.items() if key in self._owned]
        if offsets:
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def _committed(self, error: KafkaError | None, partitions: list[KafkaPartition]) -> None:
        self._count_commits("error" if error else "ok", len(partitions))
        if error is not None:
            log.warning("commit_failed", problem=error.str())

    def _trouble(self, error: KafkaError) -> None:
        log.warning("consumer_trouble", problem=error.str())

    def _close(self) -> None:
        try:
            self._consumer.close()
        except (KafkaException, RuntimeError) as error:
            log.warning("close_failed", problem=str(error))


def _record(message: Message) -> Record:
    headers = message.headers()
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        tuple(headers) if headers else (),  # type: ignore[arg-type]  # pairs of text and bytes
        max(0, message.timestamp()[1]),
    )


def _offset(point: CommitPoint) -> KafkaPartition:
    return KafkaPartition(*point.partition, point.offset, point.metadata)


def _words(error: KafkaException) -> str:
    cause = error.args[0] if error.args else error
    return str(cause.str()) if isinstance(cause, KafkaError) else str(cause)
