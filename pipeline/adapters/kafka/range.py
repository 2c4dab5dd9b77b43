"""Read a topic's records between two bounds, or the record at a position, without joining a consumer group.

Nothing is committed and no group member is disturbed. The range ends where each partition ended when it was opened, so
reading ends on a busy topic, too. Records of open transactions are not read, as the service does not read them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import TO_THE_END, outside_group
from pipeline.adapters.kafka.former_clients import drop
from pipeline.adapters.kafka.record import record_of
from pipeline.adapters.kafka.rights import Right
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.errors import NoRecord, Unreachable, UserError
from pipeline.model.event import Position, Record
from pipeline.phrases import joined, phrase

if TYPE_CHECKING:
    from confluent_kafka import Message

Bound = int | datetime | None
"""An offset, an aware timestamp, or None: the first record, or the current end."""
Progressed = Callable[[int, int], None]
"""Called after each batch with the offsets passed and their total. Both include offsets without a record."""
PassOver = Callable[[Position], int]
"""Called at an unreadable offset; returns the offset at which to continue, or the same one if there is none."""

BATCH = 1_000
POLL_SECONDS = 0.1
ASK_SECONDS = 10.0
SILENT_SECONDS = 30.0
"""The broker counts as unavailable after this time without a record."""
FETCH_AHEAD_KBYTES = 16_384
"""Limit of librdkafka's prefetch; with the default of 64 MiB memory use depends on the machine's speed."""


class Span(NamedTuple):
    """The part of a topic to read. A timestamp means the first record whose Kafka timestamp is not older."""

    start: Bound = None
    """First offset or timestamp to read; records deleted by retention are skipped."""
    end: Bound = None
    """First offset or timestamp not to read; beyond the end it means the end."""
    partitions: frozenset[int] | None = None
    """Read only these; None: all."""
    after: Mapping[int, int] = MappingProxyType({})
    """First offset to read of a partition, where that is later than `start`."""
    last: int | None = None
    """Only so many offsets of each partition, the last ones; None: all."""


class TopicRange:
    """An open range with fixed bounds. One thread creates, reads and closes it."""

    def __init__(self, properties: Mapping[str, Any], topic: str, span: Span = Span()) -> None:  # noqa: B008 - frozen
        """`properties` are librdkafka's; a `group.id` among them is used only for its access rights.

        Raises:
            Unreachable: no broker answers, or there is no such topic.
            RightsMissing: this Kafka user may not read the topic.
            UserError: no such partition or offset; the message names the available ones.
            ConfigurationError: librdkafka refuses its settings.
        """
        check = TopicCheck(properties, ASK_SECONDS)
        check.prove([Right("READ", "topic", topic)])
        check.require([topic])
        self.topic = topic
        self._span = span
        self._heard: deque[KafkaError] = deque(maxlen=20)
        self._clients = [kafka_errors.configured(lambda: Consumer(_settings(properties, self._heard.append)))]
        try:
            with kafka_errors.reading(topic):
                self.available = self._query_available(check.partitions()[topic])
                """The offsets available in each partition of the span."""
                self.offsets = self._bounded(self.available)
                """Those of them that are in the range."""
        except BaseException:
            self.close()
            raise
        self.total = sum(len(offsets) for offsets in self.offsets.values())
        """Offsets in the range; an upper bound of its records."""

    @property
    def _consumer(self) -> Consumer:
        return self._clients[0]

    def __enter__(self) -> Self:
        """Already open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        drop(self._clients)

    def records(
        self,
        progressed: Progressed = lambda _read, _total: None,
        pass_over: PassOver = lambda position: position.offset,
    ) -> Iterator[Record]:
        """Yield the records, in order within each partition; each call starts from the beginning.

        Raises:
            Unreachable: the broker no longer answers, or refuses access.
            UserError: a batch cannot be decoded, and `pass_over` returns no offset after it.
        """
        with kafka_errors.reading(self.topic):
            yield from self._read(progressed, pass_over)

    def at(self, position: Position) -> Record:
        """Return the record at a position of the span's partitions, also beyond its bounds.

        Raises:
            Unreachable: the broker no longer answers, or refuses access.
            NoRecord: there is no record at that offset; the hint names the available offsets.
            UserError: there is no such partition.
        """
        topic, partition, offset = position
        if partition not in self.available:
            raise _no_partition(topic, partition, len(self.available))
        if offset not in self.available[partition]:
            available = _available_offsets({partition: self.available[partition]})
            raise NoRecord(
                phrase("{where} has no offset {offset}", where=f"{topic}/{partition}", offset=offset), hint=available
            )
        bounds, self.offsets = self.offsets, {partition: range(offset, offset + 1)}
        try:
            record = next(self.records(), None)
        finally:
            self.offsets = bounds
        if record is None:
            raise NoRecord(
                phrase("there is no record at {position}", position=position),
                hint=phrase("it was compacted away, belongs to an aborted transaction, or is a transaction's marker"),
            )
        return record

    def first_at(self, timestamp: datetime) -> Mapping[int, int]:
        """Return the offset of each partition's first record that is not older; the partition's end without one.

        Raises:
            Unreachable: the broker does not answer.
        """
        with kafka_errors.reading(self.topic):
            return self._found(timestamp, self.available)

    def _query_available(self, count: int) -> Mapping[int, range]:
        """Return the offsets available in each partition of the span."""
        partitions = range(count) if self._span.partitions is None else sorted(self._span.partitions)
        missing = [partition for partition in partitions if not 0 <= partition < count]
        if missing:
            raise _no_partition(self.topic, missing[0], count)
        return {partition: range(*self._watermarks(partition)) for partition in partitions}

    def _watermarks(self, partition: int) -> tuple[int, int]:
        """Return first and next offset; retry while a new topic has no leader yet."""
        deadline = time.monotonic() + ASK_SECONDS
        where = KafkaPartition(self.topic, partition)
        while True:
            try:
                low, high = self._consumer.get_watermark_offsets(where, timeout=ASK_SECONDS)
            except KafkaException as error:
                if not kafka_errors.is_election(kafka_errors.cause(error)) or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return low, high

    def _bounded(self, available: Mapping[int, range]) -> Mapping[int, range]:
        start = self._span.start
        if isinstance(start, int) and start and all(start >= offsets.stop for offsets in available.values()):
            raise UserError(f"{self.topic} has no offset {start}", hint=_available_offsets(available))
        starts, ends = self._found(start, available), self._found(self._span.end, available)
        bounded: dict[int, range] = {}
        for partition, offsets in available.items():
            first = max(offsets.start, starts.get(partition, offsets.start), self._span.after.get(partition, 0))
            stop = min(offsets.stop, ends.get(partition, offsets.stop))
            if self._span.last is not None:
                first = max(first, stop - self._span.last)
            bounded[partition] = range(first, stop)
        return bounded

    def _found(self, bound: Bound, available: Mapping[int, range]) -> Mapping[int, int]:
        """Return the offset of the bound in each partition."""
        if bound is None:
            return {}
        if isinstance(bound, int):
            return dict.fromkeys(available, bound)
        if bound.tzinfo is None:
            raise ValueError("a timestamp without a time zone")
        # Kafka accepts no timestamp before the epoch; no record is older.
        timestamp = max(0, int(bound.timestamp() * 1000))
        queries = [KafkaPartition(self.topic, partition, timestamp) for partition in available]
        answered = self._consumer.offsets_for_times(queries, timeout=ASK_SECONDS)
        for one in answered:
            if one.error is not None:
                raise KafkaException(one.error)
        # If no record is that new, Kafka answers -1, which means the end.
        return {one.partition: one.offset if one.offset >= 0 else available[one.partition].stop for one in answered}

    def _read(self, progressed: Progressed, pass_over: PassOver) -> Iterator[Record]:
        locations = {partition: offsets.start for partition, offsets in self.offsets.items() if offsets}
        begins = sum(locations.values())
        finished = 0
        self._consumer.assign([KafkaPartition(self.topic, partition, at) for partition, at in locations.items()])
        silence = 0.0
        while locations:
            polled_at = time.monotonic()
            messages = self._consumer.consume(BATCH, POLL_SECONDS)
            # Only time spent waiting counts: the consumer of the records may be slow.
            silence = 0.0 if messages else silence + time.monotonic() - polled_at
            moved: set[int] = set()
            for message in messages:
                partition = message.partition() or 0
                unreadable = _is_unreadable(message)
                if not (unreadable or _counts(message)) or partition not in locations or partition in moved:
                    continue
                stop = self.offsets[partition].stop
                if unreadable:
                    locations[partition] = self._passed_over(message, locations[partition], pass_over)
                    moved.add(partition)
                else:
                    locations[partition] = _next_offset(message, stop)
                if message.error() is None and (message.offset() or 0) < stop:
                    yield record_of(message)
                if locations[partition] >= stop:
                    # Offsets without a record count as passed.
                    finished += stop
                    del locations[partition]
                    self._consumer.incremental_unassign([KafkaPartition(self.topic, partition)])
                elif partition in moved:
                    self._consumer.incremental_unassign([KafkaPartition(self.topic, partition)])
                    self._consumer.incremental_assign([KafkaPartition(self.topic, partition, locations[partition])])
            progressed(finished + sum(locations.values()) - begins, self.total)
            if silence > SILENT_SECONDS:
                raise self._silent()

    def _passed_over(self, message: Message, location: int, pass_over: PassOver) -> int:
        """Return the offset at which to continue after a batch that cannot be decoded.

        Raises:
            UserError: there is none.
        """
        position = Position(self.topic, message.partition() or 0, max(location, message.offset() or 0))
        stop = self.offsets[position.partition].stop
        found = pass_over(position) if position.offset < stop else stop
        if position.offset < stop and found <= position.offset:
            error = message.error()
            raise UserError(
                f"the batch at {position} cannot be read: {error.str() if error else ''}",
                hint=f"`notice-pipeline skip {position}` moves the group past it (runbook: NoticePartitionStuck)",
            )
        return found

    def _silent(self) -> Unreachable:
        """Return the error for a broker that no longer answers, with a hint from the client's last errors."""
        text = f"Kafka returned no record of {self.topic} for {SILENT_SECONDS:.0f} s"
        return Unreachable(text, hint=kafka_errors.hint({error.code() for error in self._heard}))


def read_record(properties: Mapping[str, Any], position: Position) -> Record:
    """Return the record at a position.

    Raises:
        Unreachable: no broker answers, or there is no such topic.
        NoRecord: there is no record at that offset; the hint names the available offsets.
        UserError: no such partition.
    """
    with TopicRange(properties, position.topic, Span(partitions=frozenset({position.partition}))) as one:
        return one.at(position)


def _no_partition(topic: str, partition: int, count: int) -> UserError:
    return UserError(f"{topic} has no partition {partition}", hint=f"it has {count}, counted from 0")


def _settings(properties: Mapping[str, Any], heard: Callable[[KafkaError], None]) -> dict[str, Any]:
    return {
        "group.id": "notice-pipeline.reader",
        "queued.max.messages.kbytes": FETCH_AHEAD_KBYTES,
        **outside_group(properties),
        **TO_THE_END,  # if retention deletes records during the read, it continues with the remaining ones
        "error_cb": heard,
        "log_level": 0,
    }


def _next_offset(message: Message, stop: int) -> int:
    """Return the partition's next offset after this message."""
    return stop if message.error() is not None else min(stop, (message.offset() or 0) + 1)


def _counts(message: Message) -> bool:
    """Whether the message gives its partition's progress: a record, or the partition's end.

    Raises:
        KafkaException: nothing more can be read.
    """
    error = message.error()
    if error is None or error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
        return True
    if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return False  # librdkafka always looks up the group's coordinator; reading does not need it
    gone = error.code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001 - as above
    if gone or kafka_errors.is_fatal(error) or kafka_errors.is_refused(error):
        raise KafkaException(error)
    return False  # librdkafka retries; if that fails, the timeout reports it


def _is_unreadable(message: Message) -> bool:
    """Whether a batch cannot be decoded."""
    error = message.error()
    return error is not None and error.code() in kafka_errors.UNREADABLE


def _available_offsets(available: Mapping[int, range]) -> str:
    """Describe the available offsets of the first few partitions."""
    texts = [
        phrase("partition {partition} is empty, its next offset is {next}", partition=partition, next=offsets.stop)
        if not offsets
        else phrase(
            "partition {partition} has {first} to {last}",
            partition=partition,
            first=offsets.start,
            last=offsets.stop - 1,
        )
        for partition, offsets in sorted(available.items())
    ]
    return joined("; ", [*texts[:6], "…"] if len(texts) > 6 else texts)  # noqa: PLR2004 - enough for one line
