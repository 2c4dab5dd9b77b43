"""Records of a topic between two bounds, or the one at a position: read without joining a group, and at an end.

Nothing is committed and no member of any group is disturbed. The end is where each partition ended when the range was
opened, so reading ends on a busy topic too. What an open transaction holds back is not read, as the service would not.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.record import record_of
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.errors import Unreachable, UserError
from pipeline.model.event import Position, Record

if TYPE_CHECKING:
    from confluent_kafka import Message

Bound = int | datetime | None
"""An offset, a moment (aware), or None: the very first, or the end as of now."""
Progressed = Callable[[int, int], None]
"""Called after each batch: offsets passed, of how many. Both count gaps: there need not be a record at each offset."""

BATCH = 1_000
POLL_SECONDS = 0.1
ASK_SECONDS = 10.0
SILENT_SECONDS = 30.0
"""Without a single record for so long, the broker counts as gone."""
FETCH_AHEAD_KBYTES = 16_384
"""What librdkafka may hold for us; with its default of 64 MiB the memory of a range depends on the machine's speed."""


class Span(NamedTuple):
    """What of a topic is wanted. Moments are Kafka's own timestamps: the first record not older than the moment."""

    start: Bound = None
    """First offset or moment wanted; what retention took away already is passed over."""
    end: Bound = None
    """First offset or moment no longer wanted; beyond the end it means the end."""
    partitions: frozenset[int] | None = None
    """Only these; None: all."""


class TopicRange:
    """A range, opened: where it begins and ends is settled. One thread makes, reads and closes it."""

    def __init__(self, properties: Mapping[str, Any], topic: str, span: Span = Span()) -> None:  # noqa: B008 - frozen
        """`properties` are librdkafka's; a `group.id` among them is used for its rights alone.

        Raises:
            Unreachable: no broker answers, or there is no such topic.
            UserError: no such partition or offset; the words tell what there is.
            ConfigurationError: librdkafka refuses its settings.
        """
        check = TopicCheck(properties, ASK_SECONDS)
        check.require([topic])
        self.topic = topic
        self._span = span
        self._heard: deque[KafkaError] = deque(maxlen=20)
        self._consumer = kafka_errors.configured(lambda: Consumer(_settings(properties, self._heard.append)))
        try:
            with _in_words(topic):
                self.there = self._there(check.partitions()[topic])
                """Offsets that each wanted partition holds."""
                self.offsets = self._settled(self.there)
                """Of them, those in the range."""
        except BaseException:
            self.close()
            raise
        self.total = sum(len(offsets) for offsets in self.offsets.values())
        """Offsets in the range; an upper bound of its records."""

    def __enter__(self) -> Self:
        """Already open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()

    def records(self, progressed: Progressed = lambda _read, _total: None) -> Iterator[Record]:
        """The records, those of one partition in their order, those of several mixed; from the start at each call.

        Raises:
            Unreachable: the broker has gone silent, or does not let us read.
        """
        with _in_words(self.topic):
            yield from self._read(progressed)

    def first_at(self, moment: datetime) -> Mapping[int, int]:
        """The offset of each wanted partition's first record that is not older; its end, where there is none.

        Raises:
            Unreachable: the broker does not answer.
        """
        with _in_words(self.topic):
            return self._found(moment, self.there)

    def _there(self, count: int) -> Mapping[int, range]:
        """The offsets that each wanted partition holds now."""
        wanted = range(count) if self._span.partitions is None else sorted(self._span.partitions)
        missing = [partition for partition in wanted if not 0 <= partition < count]
        if missing:
            raise UserError(f"{self.topic} has no partition {missing[0]}", hint=f"it has {count}, counted from 0")
        return {partition: range(*self._watermarks(partition)) for partition in wanted}

    def _watermarks(self, partition: int) -> tuple[int, int]:
        """First and next offset; a topic that was only just made has no leader to ask for a moment."""
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

    def _settled(self, there: Mapping[int, range]) -> Mapping[int, range]:
        start = self._span.start
        if isinstance(start, int) and start and all(start >= offsets.stop for offsets in there.values()):
            raise UserError(f"{self.topic} has no offset {start}", hint=_tell(there))
        starts, ends = self._found(start, there), self._found(self._span.end, there)
        settled: dict[int, range] = {}
        for partition, offsets in there.items():
            first = max(offsets.start, starts.get(partition, offsets.start))
            settled[partition] = range(first, min(offsets.stop, ends.get(partition, offsets.stop)))
        return settled

    def _found(self, bound: Bound, there: Mapping[int, range]) -> Mapping[int, int]:
        """The offset of the bound in each partition."""
        if bound is None:
            return {}
        if isinstance(bound, int):
            return dict.fromkeys(there, bound)
        if bound.tzinfo is None:
            raise ValueError("a moment without a zone")
        # Kafka takes no moment before the epoch; nothing is older.
        moment = max(0, int(bound.timestamp() * 1000))
        asked = [KafkaPartition(self.topic, partition, moment) for partition in there]
        answered = self._consumer.offsets_for_times(asked, timeout=ASK_SECONDS)
        for one in answered:
            if one.error is not None:
                raise KafkaException(one.error)
        # Where no record is so young Kafka answers -1: the end.
        return {one.partition: one.offset if one.offset >= 0 else there[one.partition].stop for one in answered}

    def _read(self, progressed: Progressed) -> Iterator[Record]:
        locations = {partition: offsets.start for partition, offsets in self.offsets.items() if offsets}
        begins = sum(locations.values())
        finished = 0
        self._consumer.assign([KafkaPartition(self.topic, partition, at) for partition, at in locations.items()])
        silence = 0.0
        while locations:
            asked = time.monotonic()
            messages = self._consumer.consume(BATCH, POLL_SECONDS)
            # Only time spent waiting counts: the consumer of the records may be slow.
            silence = 0.0 if messages else silence + time.monotonic() - asked
            for message in messages:
                partition = message.partition() or 0
                if not _counts(message) or partition not in locations:
                    continue
                stop = self.offsets[partition].stop
                locations[partition] = self._place(message, stop)
                if message.error() is None and (message.offset() or 0) < stop:
                    yield record_of(message)
                if locations[partition] >= stop:
                    # What an end-of-partition or a gap leaves unread counts as passed.
                    finished += stop
                    del locations[partition]
                    self._consumer.incremental_unassign([KafkaPartition(self.topic, partition)])
            progressed(finished + sum(locations.values()) - begins, self.total)
            if silence > SILENT_SECONDS:
                raise self._silent()

    def _place(self, message: Message, stop: int) -> int:
        """Where the partition stands after this message."""
        return stop if message.error() is not None else min(stop, (message.offset() or 0) + 1)

    def _silent(self) -> Unreachable:
        """The broker says nothing: what it last said of itself is the reason."""
        text = f"Kafka gave nothing of {self.topic} for {SILENT_SECONDS:.0f} s"
        return Unreachable(text, hint=kafka_errors.hint({error.code() for error in self._heard}))


def read_record(properties: Mapping[str, Any], position: Position) -> Record:
    """The record at a position.

    Raises:
        Unreachable: no broker answers, or there is no such topic.
        UserError: no such partition, or no record at that offset; the words tell what there is.
    """
    topic, partition, offset = position
    with TopicRange(properties, topic, Span(offset, offset + 1, frozenset({partition}))) as one:
        if offset not in one.there[partition]:
            raise UserError(f"{topic}/{partition} has no offset {offset}", hint=_tell(one.there))
        record = next(one.records(), None)
    if record is None:
        raise UserError(
            f"there is no record at {position}",
            hint="it was compacted away, belongs to an aborted transaction, or is a transaction's marker",
        )
    return record


def _settings(properties: Mapping[str, Any], heard: Callable[[KafkaError], None]) -> dict[str, Any]:
    return {
        "group.id": "notice-pipeline.reader",
        "queued.max.messages.kbytes": FETCH_AHEAD_KBYTES,
        **properties,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Should retention overtake us, go on with what is left rather than stop.
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
        "error_cb": heard,
        "log_level": 0,
    }


@contextmanager
def _in_words(topic: str) -> Iterator[None]:
    """Kafka's errors in our words."""
    try:
        yield
    except KafkaException as error:
        cause = kafka_errors.cause(error)
        hint = kafka_errors.hint({cause.code()})
        raise Unreachable(f"{topic} cannot be read: {cause.str()}", hint=hint) from None


def _counts(message: Message) -> bool:
    """Whether the message says where its partition stands: a record, or the partition's end.

    Raises:
        KafkaException: nothing more can be read.
        UserError: a batch cannot be taken apart.
    """
    error = message.error()
    if error is None or error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
        return True
    if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return False  # librdkafka looks for the coordinator whether it is needed or not; reading needs none
    gone = error.code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001 - as above
    if error.code() in kafka_errors.UNREADABLE:
        where = Position(message.topic() or "", message.partition() or 0, message.offset() or 0)
        raise UserError(
            f"the batch at {where} cannot be read: {error.str()}",
            hint="read the ranges before and after it; the runbook has it under NoticePartitionStuck",
        )
    if gone or kafka_errors.is_fatal(error) or kafka_errors.is_refused(error):
        raise KafkaException(error)
    return False  # librdkafka tries again by itself; if that fails, the silence is reported


def _tell(there: Mapping[int, range]) -> str:
    """What offsets there are, of the first few partitions."""
    texts = [
        f"partition {partition} is empty, its next offset is {offsets.stop}"
        if not offsets
        else f"partition {partition} has {offsets.start} to {offsets.stop - 1}"
        for partition, offsets in sorted(there.items())
    ]
    return "; ".join(texts[:6]) + ("; …" if len(texts) > 6 else "")  # noqa: PLR2004 - enough for one line
