"""Reading the ledger back: which outcomes of a partition are acknowledged already."""

from __future__ import annotations

import binascii
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.outcome_record import LedgerEntry
from pipeline.delivery import pointer
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import Assigned, LedgerPosition

BATCH = 2_000
POLL_SECONDS = 0.05
"""A batch that is not full waits so long for more: the last one always does."""
ASK_SECONDS = 10.0
SILENT_SECONDS = 20.0
"""Without a single record for so long, the ledger's broker counts as gone."""
POLL_INTERVAL = ("max.poll.interval.ms", 300_000)
"""librdkafka's setting, and its default: after that the group drops a member that is still busy with its assignment."""
IN_TIME = 0.8
"""Share of it that an assignment may take."""
TELL_SECONDS = 5.0

log = structlog.get_logger("ledger")


OF_A_MEMBER = frozenset(
    {
        "group.protocol",
        "group.remote.assignor",
        "group.instance.id",
        "partition.assignment.strategy",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "max.poll.interval.ms",
    }
)
"""Settings that say nothing to a reader without membership. Some fit one group protocol alone: a poll interval that the
newer one takes is refused beside the older one's session timeout, which is the default here."""


class Committed(NamedTuple):
    """What the group has committed for a partition."""

    partition: TopicPartition
    offset: int | None
    metadata: str | None


class Replay(NamedTuple):
    """What the ledger told of one partition."""

    assigned: Assigned
    pointer: str
    """Commit metadata that holds from now on: nothing above the frontier stands before it."""


def ledger_partition(topic: str, partition: int, ledger_partitions: int) -> int:
    """Where outcomes of a source partition stand: a fixed function, so that a new owner knows where to read."""
    return (binascii.crc32(topic.encode()) + partition) % ledger_partitions


def replay_timeout(properties: Mapping[str, Any]) -> float:
    """Seconds that finding out where to begin may take, while the group still waits for us."""
    return float(properties.get(*POLL_INTERVAL)) / 1000 * IN_TIME


class LedgerReader:
    """Reads the outcomes topic from the commits' pointers to its end as of now."""

    def __init__(
        self,
        properties: Mapping[str, Any],
        topic: str,
        decode: Callable[[bytes | None], LedgerEntry | None],
        *,
        replayed: Callable[[int], None],
        unusable: Callable[[], None],
    ) -> None:
        """`replayed` counts the records read; `unusable` a pointer that could not be used."""
        self._properties = {
            **{name: value for name, value in properties.items() if name not in OF_A_MEMBER},
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            # An end that is only transaction markers or compacted away gives no record, but it gives this.
            "enable.partition.eof": True,
        }
        self._read_seconds = replay_timeout(properties)
        self._topic = topic
        self._decode = decode
        self._replayed = replayed
        self._unusable = unusable

    def read(
        self, committed: Sequence[Committed], epoch: int, alive: Callable[[], None] = lambda: None
    ) -> list[Replay]:
        """What is ours from now on, with what is done already. Blocks; `alive` is called whenever it gets on.

        Raises:
            KafkaException: the ledger cannot be read; the partitions must not be worked on without it.
        """
        consumer = Consumer(self._properties)
        try:
            ranges = self._ranges(consumer)
            homes = {one.partition: ledger_partition(*one.partition, len(ranges)) for one in committed}
            own = {key: LedgerPosition(home, ranges[home][1]) for key, home in homes.items()}
            begins: dict[int, int] = {}
            pointers: dict[TopicPartition, str] = {}
            for one in committed:
                at = self._begin(one, ranges)
                pointers[one.partition] = pointer.write(at or own[one.partition])
                if at is not None:
                    begins[at.partition] = min(at.offset, begins.get(at.partition, at.offset))
            found = _Found(committed)
            ends = {partition: ranges[partition][1] for partition in begins}
            self._read(consumer, begins, ends, found, alive)
        finally:
            consumer.close()
        return [Replay(found.assigned(one, epoch, own[one.partition]), pointers[one.partition]) for one in committed]

    def _ranges(self, consumer: Consumer) -> Mapping[int, tuple[int, int]]:
        """First and next offset of each of the ledger's partitions."""
        topic = consumer.list_topics(self._topic, timeout=ASK_SECONDS).topics[self._topic]
        if topic.error is not None:
            raise KafkaException(topic.error)
        ranges: dict[int, tuple[int, int]] = {}
        for partition in topic.partitions:
            where = KafkaPartition(self._topic, partition)
            ranges[partition] = consumer.get_watermark_offsets(where, timeout=ASK_SECONDS)
        return ranges

    def _begin(self, one: Committed, ranges: Mapping[int, tuple[int, int]]) -> LedgerPosition | None:
        """Where to begin to read for this partition; None: nowhere, its pointer says nothing."""
        position = pointer.read(one.metadata)
        if position is None:
            return None
        if isinstance(position, pointer.Unusable):
            self._complain(one, position.value)
            return None
        low, high = ranges.get(position.partition, (0, -1))
        if position.offset > high:
            self._complain(one, "beyond_the_ledger's_end")
            return None
        if position.offset < low:
            self._complain(one, "below_the_ledger's_start")
            return LedgerPosition(position.partition, low)
        return position

    def _complain(self, one: Committed, why: str) -> None:
        self._unusable()
        log.warning("ledger_pointer_unusable", topic=one.partition.topic, partition=one.partition.partition, error=why)

    def _read(
        self,
        consumer: Consumer,
        begins: Mapping[int, int],
        ends: Mapping[int, int],
        found: _Found,
        alive: Callable[[], None],
    ) -> None:
        left = {partition: end for partition, end in ends.items() if begins[partition] < end}
        total = sum(end - begins[partition] for partition, end in left.items())
        consumer.assign([KafkaPartition(self._topic, partition, begins[partition]) for partition in left])
        started = told = heard = time.monotonic()
        read = 0
        while left:
            messages = consumer.consume(BATCH, timeout=POLL_SECONDS)
            alive()
            now = time.monotonic()
            for message in messages:
                read += self._take(message, left, found)
            if messages:
                heard = now
            elif now - heard > SILENT_SECONDS:
                raise _silent(f"the ledger gave nothing for {SILENT_SECONDS:.0f} s")
            if now - told > TELL_SECONDS:
                told = now
                log.info("ledger_replay", read=read, of=total, seconds=round(now - started, 1))
            if left and now - started > self._read_seconds:
                # Better some notices twice than none at all, for ever.
                self._unusable()
                log.error(
                    "ledger_replay_cut_short",
                    read=read,
                    of=total,
                    seconds=round(now - started, 1),
                    hint=f"what was not read may be sent twice; a higher {POLL_INTERVAL[0]} gives more time",
                )
                break
        self._replayed(read)
        if read:
            log.info("ledger_read", records=read, seconds=round(time.monotonic() - started, 3))

    def _take(self, message: Message, left: dict[int, int], found: _Found) -> int:
        """Note one record; tells 1 where it was one."""
        partition, offset = message.partition() or 0, message.offset() or 0
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
                left.pop(partition, None)
            elif error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                pass  # librdkafka looks for the coordinator whether it is needed or not; reading needs none
            elif kafka_errors.is_fatal(error) or kafka_errors.is_refused(error):
                raise KafkaException(error)
            return 0
        if offset >= left.get(partition, 0) - 1:
            left.pop(partition, None)
        entry = self._decode(message.value())
        if entry is not None:
            found.note(entry, LedgerPosition(partition, offset))
        return 1


class _Found:
    """What is done at or above each partition's frontier."""

    def __init__(self, committed: Sequence[Committed]) -> None:
        self._frontiers: dict[tuple[str, int], int] = {one.partition: one.offset or 0 for one in committed}
        self._done: dict[tuple[str, int], dict[tuple[int, str], LedgerPosition]] = {
            one.partition: {} for one in committed
        }
        self._reached: dict[tuple[str, int], int] = {}

    def note(self, entry: LedgerEntry, position: LedgerPosition) -> None:
        """The ledger holds this entry; the first of several with one key counts, for it stands lowest."""
        topic, partition, offset = entry.position
        source = (topic, partition)
        if offset >= self._frontiers.get(source, offset + 1):
            self._done[source].setdefault((offset, entry.id), position)
            self._reached[source] = max(self._reached.get(source, -1), offset)

    def assigned(self, one: Committed, epoch: int, ledger_end: LedgerPosition) -> Assigned:
        """The partition as its new owner is to know it."""
        key = one.partition
        return Assigned(key, epoch, one.offset, self._done[key], self._reached.get(key, -1), ledger_end)


def _silent(text: str) -> KafkaException:
    return KafkaException(KafkaError(KafkaError._TIMED_OUT, text))  # noqa: SLF001 - librdkafka's own codes begin so
