"""Reads the outcomes topic into the history, in a group of its own.

The database has the positions; what is committed to Kafka only shows the lag to Kafka's own tools. Two threads: one
reads and decodes a batch while the other stores the batch before it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import structlog
from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.history.database_thread import DatabaseTelemetry, DatabaseThread, finished
from pipeline.adapters.history.outcome_values import OutcomeValues
from pipeline.adapters.history.rows import FIELDS, Row, day_of, make_row
from pipeline.adapters.history.store import Batch, History, Overtaken, Stored
from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import WATCH_INTERVAL_MS, outside_group
from pipeline.adapters.kafka.former_clients import drop, leave
from pipeline.adapters.kafka.range import ASK_SECONDS
from pipeline.adapters.kafka.record import record_of
from pipeline.adapters.kafka.statistics import KnownBrokers, report_lost

if TYPE_CHECKING:
    from concurrent.futures import Future

    from confluent_kafka import Message

POLL_SECONDS = 0.5
KEEP_MS = 600_000
"""Interval of retention."""
SESSION_MS = 10_000
"""After so long without a heartbeat a killed reader's partitions get another owner, not after librdkafka's 45 s. A
broker's least session is 6 s by default (group.min.session.timeout.ms)."""
LEAVE_SECONDS = 10.0
"""To leave the group at the end."""

log = structlog.get_logger("history")


class HistoryTelemetry(DatabaseTelemetry, Protocol):
    """Counts what the reader does. Called on its threads."""

    def stored(self, records: int, rows: int) -> None:
        """A batch was stored."""
        ...

    def lag(self, records: int) -> None:
        """So many records of the assigned partitions are not stored."""
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


class _Storing(NamedTuple):
    """What is being stored."""

    batches: Sequence[Batch]
    work: Future[bool]


class HistoryReader:
    """Reads and stores until it is stopped. One thread runs it; all work in the database is done on another."""

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
        self._database = DatabaseThread(telemetry, stopped)
        self._storing: _Storing | None = None
        self._stored: dict[int, int] = {}
        """First offset that is not stored, by assigned partition."""
        self._at: dict[int, int] = {}
        """Next offset to decode, by assigned partition: what lies between is being stored."""
        self._available: dict[int, range] = {}
        """The offsets that each partition has, as the broker said last."""
        self._is_assigned = False
        self._topic_id = ""
        self._kept_ms = 0
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
        with kafka_errors.reading(self._history.topic):
            self._join()
            try:
                while not self._stopped():
                    if self._brokers.are_lost:
                        self._replace_lost()
                    self._keep()
                    messages = self._consumer.consume(self._options.batch, POLL_SECONDS)
                    self._store(self._batches(messages, day_of(int(self._now() * 1000))))
                    self._report_lag()
                self._finish()
            finally:
                self._database.close()
                leave(self._consumer, LEAVE_SECONDS)

    def _join(self) -> None:
        self._consumer.subscribe([self._history.topic], on_assign=self._assigned, on_revoke=self._revoked)

    def _replace_lost(self) -> None:
        """Join the group by another client; the database has the next offsets."""
        report_lost("history's reader")
        self._finish()
        self._brokers = KnownBrokers()
        former, self._consumer = [self._consumer], self._made()
        self._stored.clear()
        self._at.clear()
        drop(former)
        self._join()

    def _keep(self) -> None:
        now_ms = int(self._now() * 1000)
        if now_ms - self._kept_ms > KEEP_MS:
            self._do(partial(self._history.keep, self._options.days, now_ms))
            self._kept_ms = now_ms

    def _assigned(self, consumer: Consumer, partitions: Sequence[KafkaPartition]) -> None:
        """Begin where the database's positions end.

        Kafka's committed offsets serve for the lag until the database has answered.
        """
        self._finish()
        lows = {}
        for one in self._committed(consumer, partitions):
            found = range(*consumer.get_watermark_offsets(one, timeout=ASK_SECONDS))
            self._available[one.partition], lows[one.partition] = found, found.start
            self._stored[one.partition] = max(found.start, one.offset)
        self._is_assigned = True
        known: dict[int, Stored] = {}

        def look_up() -> None:
            self._topic_id = self._options.topic_id() or ""
            known.update(self._history.positions(self._topic_id))

        self._do(look_up)
        starts = []
        for partition, low in lows.items():
            self._stored[partition] = self._at[partition] = known[partition].next_offset if partition in known else low
            starts.append(KafkaPartition(self._history.topic, partition, max(low, self._at[partition])))
        consumer.assign(starts)
        log.info("history_assigned", partitions=sorted(self._at), topic_id=self._topic_id or None)

    def _committed(self, consumer: Consumer, partitions: Sequence[KafkaPartition]) -> Sequence[KafkaPartition]:
        """Return what is committed, which only shows the lag: a coordinator that does not answer ends nothing."""
        with suppress(KafkaException):
            return consumer.committed(list(partitions), ASK_SECONDS) if partitions else ()
        return partitions

    def _revoked(self, _: Consumer, partitions: Sequence[KafkaPartition]) -> None:
        self._finish()
        self._is_assigned = False
        for one in partitions:
            self._stored.pop(one.partition, None)
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
        batches = [Batch(partition, self._at[partition], end, rows[partition]) for partition, end in ends.items()]
        self._at |= {partition: end.next_offset for partition, end in ends.items()}
        return batches

    def _store(self, batches: Sequence[Batch]) -> None:
        """Begin to store the batches, once those before them are stored."""
        overtaken = self._finish()
        if overtaken:
            self._again(overtaken | {batch.partition for batch in batches})
        elif batches:
            self._storing = _Storing(batches, self._database.begin(partial(self._write, batches)))

    def _write(self, batches: Sequence[Batch]) -> None:
        rows = self._history.write(self._topic_id, batches)
        self._telemetry.stored(sum(batch.ends.next_offset - batch.begins for batch in batches), rows)

    def _finish(self) -> set[int]:
        """Wait until all that was begun is stored; return the partitions of which another process has stored more."""
        if self._storing is None:
            return set()
        (batches, work), self._storing = self._storing, None
        try:
            if not finished(work, self._while_waiting):
                return set()
        except Overtaken:
            return {batch.partition for batch in batches}
        self._stored |= {one.partition: one.ends.next_offset for one in batches}
        commits = [KafkaPartition(self._history.topic, one.partition, one.ends.next_offset) for one in batches]
        with suppress(KafkaException):  # it only shows the lag
            self._consumer.commit(offsets=commits, asynchronous=True)
        return set()

    def _do(self, work: Callable[[], None]) -> None:
        finished(self._database.begin(work), self._while_waiting)

    def _again(self, partitions: Collection[int]) -> None:
        """Continue where another process has stored these partitions up to."""
        known: dict[int, Stored] = {}
        self._do(lambda: known.update(self._history.positions(self._topic_id)))
        for partition in partitions:
            at = known.get(partition, Stored(0, 0)).next_offset
            self._stored[partition] = self._at[partition] = at
            with suppress(KafkaException):  # revoked in the meantime
                self._consumer.seek(KafkaPartition(self._history.topic, partition, at))

    def _while_waiting(self) -> None:
        """Report the lag while the database does not answer: the client fetches no more, and knows no newer ends."""
        for partition in self._stored:
            with suppress(KafkaException):
                where = KafkaPartition(self._history.topic, partition)
                self._available[partition] = range(*self._consumer.get_watermark_offsets(where, timeout=ASK_SECONDS))
        self._report_lag()

    def _report_lag(self) -> None:
        """Report the lag; between two assignments it is not known, and keeps its value."""
        if self._is_assigned:
            self._telemetry.lag(self._lag())

    def _lag(self) -> int:
        """Return the records that are not stored, by the broker's last answers. Those that are deleted do not count."""
        lag = 0
        for partition, stored in self._stored.items():
            known = self._available.get(partition, range(0))
            with suppress(KafkaException):
                where = KafkaPartition(self._history.topic, partition)
                low, high = self._consumer.get_watermark_offsets(where, cached=True)
                known = self._available[partition] = range(max(low, known.start), max(high, known.stop))
            lag += max(0, known.stop - max(stored, known.start))
        return lag
