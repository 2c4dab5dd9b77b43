"""Reads the outcomes topic into the history, in a group of its own.

The database has the positions; what is committed to Kafka only shows the lag to Kafka's own tools.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import structlog
from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.history.outcome_values import OutcomeValues
from pipeline.adapters.history.rows import FIELDS, Row, day_of, make_row
from pipeline.adapters.history.store import Batch, History, Overtaken, Stored
from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import outside_group
from pipeline.adapters.kafka.former_clients import drop, leave
from pipeline.adapters.kafka.range import ASK_SECONDS
from pipeline.adapters.kafka.record import record_of
from pipeline.adapters.kafka.statistics import WATCH_INTERVAL_MS, KnownBrokers, report_lost
from pipeline.errors import Unreachable

if TYPE_CHECKING:
    from confluent_kafka import Message

POLL_SECONDS = 0.5
PAUSE_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses while the database does not answer."""
KEEP_MS = 600_000
"""Interval of retention."""
SESSION_MS = 10_000
"""After so long without a heartbeat a killed reader's partitions get another owner, not after librdkafka's 45 s. A
broker's least session is 6 s by default (group.min.session.timeout.ms)."""
LEAVE_SECONDS = 10.0
"""To leave the group at the end."""
REPORT_SECONDS = 60.0
"""A database that does not answer is logged at this interval."""

log = structlog.get_logger("history")


class HistoryTelemetry(Protocol):
    """Counts what the reader does. Called on its thread."""

    def stored(self, records: int, rows: int) -> None:
        """A batch was stored."""
        ...

    def lag(self, records: int) -> None:
        """So many records of the assigned partitions are not stored."""
        ...

    def answering(self, error: str | None) -> None:
        """Whether the database answers; else why it does not."""
        ...


class ReaderOptions(NamedTuple):
    """How the topic is read."""

    group: str
    """The service's group, whose outcomes are stored."""
    own_group: str
    """The history's own."""
    topic_id: Callable[[], str | None]
    """Returns the topic's id, which a topic of the same name that is created later does not have."""
    batch: int
    days: int


class HistoryReader:
    """Reads and stores until it is stopped. One thread runs it."""

    def __init__(
        self,
        properties: Mapping[str, Any],
        history: History,
        options: ReaderOptions,
        telemetry: HistoryTelemetry,
        stopped: Callable[[], bool],
        now: Callable[[], float],
    ) -> None:
        """`properties` are librdkafka's; `now` is in seconds since the epoch.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
        """
        self._history = history
        self._options = options
        self._telemetry = telemetry
        self._stopped = stopped
        self._now = now
        self._decode = OutcomeValues(("group", *FIELDS))
        self._at: dict[int, int] = {}
        """Next offset to store, by assigned partition."""
        self._topic_id = ""
        self._kept_ms = 0
        self._reported_at = 0.0
        self._properties = properties
        self._brokers = KnownBrokers()
        self._consumer = self._made()

    def _made(self) -> Consumer:
        settings = {
            **outside_group(self._properties),
            "group.id": self._options.own_group,
            "partition.assignment.strategy": "range",
            "session.timeout.ms": SESSION_MS,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "statistics.interval.ms": WATCH_INTERVAL_MS,
            "stats_cb": self._brokers.take,
            "log_level": 0,
        }
        return kafka_errors.configured(lambda: Consumer(settings))

    def run(self) -> None:
        """Read and store until stopped.

        Raises:
            Unreachable: Kafka refuses access to the topic or the group.
        """
        topic = self._history.topic
        with kafka_errors.reading(topic):
            self._join()
            try:
                while not self._stopped():
                    if self._brokers.are_lost:
                        self._replace_lost()
                    now_ms = int(self._now() * 1000)
                    if now_ms - self._kept_ms > KEEP_MS:
                        self._patiently(partial(self._history.keep, self._options.days, now_ms))
                        self._kept_ms = now_ms
                    messages = self._consumer.consume(self._options.batch, POLL_SECONDS)
                    batches = self._batches(messages, day_of(now_ms))
                    if batches:
                        self._patiently(partial(self._store, batches))
                    self._telemetry.lag(self._lag())
            finally:
                leave(self._consumer, LEAVE_SECONDS)

    def _join(self) -> None:
        self._consumer.subscribe([self._history.topic], on_assign=self._assigned, on_revoke=self._revoked)

    def _replace_lost(self) -> None:
        """Join the group by another client; the database has the next offsets."""
        report_lost("history's reader")
        self._brokers = KnownBrokers()
        former, self._consumer = [self._consumer], self._made()
        self._at.clear()
        drop(former)
        self._join()

    def _assigned(self, consumer: Consumer, partitions: Sequence[KafkaPartition]) -> None:
        known: dict[int, Stored] = {}

        def look_up() -> None:
            self._topic_id = self._options.topic_id() or ""
            known.update(self._history.positions(self._topic_id))

        self._patiently(look_up)
        starts = []
        for one in partitions:
            where = KafkaPartition(one.topic, one.partition)
            low, _ = consumer.get_watermark_offsets(where, timeout=ASK_SECONDS)
            self._at[one.partition] = known[one.partition].next_offset if one.partition in known else low
            starts.append(KafkaPartition(one.topic, one.partition, max(low, self._at[one.partition])))
        consumer.assign(starts)
        log.info("history_assigned", partitions=sorted(self._at), topic_id=self._topic_id or None)

    def _revoked(self, _: Consumer, partitions: Sequence[KafkaPartition]) -> None:
        for one in partitions:
            self._at.pop(one.partition, None)

    def _batches(self, messages: Sequence[Message], today: int) -> list[Batch]:
        """Return the messages' rows, by partition.

        A timestamp of the future counts as tomorrow's: it must not make a partition of the table.
        """
        oldest, tomorrow = today - self._options.days, today + 1
        groups = (None, self._options.group)
        rows: dict[int, list[Row]] = {}
        ends: dict[int, Stored] = {}
        for message in messages:
            error = message.error()
            if error is not None:
                if kafka_errors.is_fatal(error) or kafka_errors.is_refused(error):
                    raise KafkaException(error)
                continue
            record = record_of(message)
            partition, offset, timestamp_ms = record.partition, record.offset, record.timestamp_ms
            if partition not in self._at or offset < self._at[partition]:
                continue
            ends[partition] = Stored(offset + 1, timestamp_ms)
            kept = rows.setdefault(partition, [])
            day = day_of(timestamp_ms)
            if day < oldest:
                continue
            values = self._decode(record.value)
            if values is not None and values[0] in groups:
                kept.append(make_row(min(day, tomorrow), partition, offset, values[1:]))
        return [Batch(partition, self._at[partition], end, rows[partition]) for partition, end in ends.items()]

    def _store(self, batches: Sequence[Batch]) -> None:
        try:
            rows = self._history.write(self._topic_id, batches)
        except Overtaken:
            self._again([batch.partition for batch in batches])
            return
        for batch in batches:
            self._at[batch.partition] = batch.ends.next_offset
        self._telemetry.stored(sum(batch.ends.next_offset - batch.begins for batch in batches), rows)
        commits = [KafkaPartition(self._history.topic, one.partition, one.ends.next_offset) for one in batches]
        with suppress(KafkaException):  # it only shows the lag
            self._consumer.commit(offsets=commits, asynchronous=True)

    def _again(self, partitions: Sequence[int]) -> None:
        """Continue where another process has stored these partitions up to."""
        known = self._history.positions(self._topic_id)
        for partition in partitions:
            stored = known.get(partition, Stored(0, 0))
            self._at[partition] = stored.next_offset
            with suppress(KafkaException):  # revoked in the meantime
                self._consumer.seek(KafkaPartition(self._history.topic, partition, stored.next_offset))

    def _patiently(self, work: Callable[[], None]) -> None:
        """Do it again and again while the database does not answer; the consumer stays in its group."""
        tries = 0
        while not self._stopped():
            try:
                work()
            except Unreachable as error:
                self._telemetry.answering(error.message)
                self._report(error)
                deadline = time.monotonic() + PAUSE_SECONDS[min(tries, len(PAUSE_SECONDS) - 1)]
                tries += 1
                while time.monotonic() < deadline and not self._stopped():
                    time.sleep(min(0.2, max(0.0, deadline - time.monotonic())))
            else:
                self._telemetry.answering(None)
                return

    def _report(self, error: Unreachable) -> None:
        if time.monotonic() - self._reported_at > REPORT_SECONDS:
            self._reported_at = time.monotonic()
            log.error("history_unreachable", error=error.message)

    def _lag(self) -> int:
        """Return the records that are not stored, by the broker's last answers."""
        lag = 0
        for partition, at in self._at.items():
            try:
                _, high = self._consumer.get_watermark_offsets(
                    KafkaPartition(self._history.topic, partition), cached=True
                )
            except KafkaException:
                continue
            lag += max(0, high - at)
        return lag
