"""Read the ledger: which outcomes of a partition are already acknowledged."""

from __future__ import annotations

import binascii
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import structlog
from confluent_kafka import Consumer, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import TO_THE_END, outside_group
from pipeline.adapters.kafka.ledger.found import FoundOutcomes
from pipeline.adapters.kafka.outcome_record import LedgerEntry, is_unreleased
from pipeline.delivery import pointer
from pipeline.delivery.pointer import Unusable
from pipeline.errors import UserError
from pipeline.model.event import UNKNOWN_ORIGIN, Origin, TopicPartition
from pipeline.model.ledger import Assigned, CommitPoint, LedgerPosition

if TYPE_CHECKING:
    from pipeline.adapters.kafka.care.reader import CareReader

BATCH = 2_000
POLL_SECONDS = 0.05
"""How long an incomplete batch waits for more records; the last batch always waits."""
ASK_SECONDS = 10.0
SILENT_SECONDS = 20.0
"""The ledger's broker counts as unavailable after this time without a record."""
POLL_INTERVAL = ("max.poll.interval.ms", 300_000)
"""librdkafka's setting and its default: the group drops a member whose assignment takes longer."""
ASSIGNMENT_SHARE = 0.8
"""Share of the poll interval that an assignment may take."""
REPORT_SECONDS = 5.0
CLOCK_MARGIN_MS = 3_600_000
"""The ledger is read from this long before the event's timestamp, because the producer's clock may differ from ours."""
MAX_OUTCOMES = 500_000
"""Outcomes kept for one assignment, about 320 bytes each: offsets can be reset a long way back."""

log = structlog.get_logger("ledger")


class Committed(NamedTuple):
    """What the group has committed for a partition."""

    partition: TopicPartition
    offset: int | None
    metadata: str | None
    origin: Origin = UNKNOWN_ORIGIN
    """Only outcomes of this origin count."""
    line: str | None = None
    """Of a partition of events, where recipient care is on: carried on in its commits."""
    scan: tuple[int, int | None] | None = None
    """Of a partition of the intents topic: the pointer's field of this name."""


class LedgerTelemetry(Protocol):
    """Counts ledger reads."""

    def replayed(self, records: int) -> None:
        """Records of the ledger were read."""
        ...

    def pointer_unusable(self) -> None:
        """A commit's pointer could not be used, or the ledger could not be read to its end."""
        ...

    def looked_up_by_time(self) -> None:
        """A commit had no usable pointer: the ledger is read from the first event's timestamp."""
        ...


class Replay(NamedTuple):
    """The ledger's content for one partition."""

    assigned: Assigned
    pointer: str
    """Commit metadata to use from now on: no outcome above the frontier is before it."""


def uncommitted(committed: Sequence[Committed], replays: Sequence[Replay]) -> list[CommitPoint]:
    """Return commit points of partitions whose committed pointer is not the current one."""
    return [
        CommitPoint(one.partition, one.offset, replay.pointer)
        for one, replay in zip(committed, replays, strict=True)
        if one.offset is not None and one.metadata != replay.pointer
    ]


def ledger_partition(topic: str, partition: int, ledger_partitions: int) -> int:
    """Return the ledger partition of a source partition's outcomes; fixed, so that a new owner knows where to read."""
    return (binascii.crc32(topic.encode()) + partition) % ledger_partitions


def replay_timeout(properties: Mapping[str, Any]) -> float:
    """Return how many seconds an assignment may take before the group drops this member."""
    return float(properties.get(*POLL_INTERVAL)) / 1000 * ASSIGNMENT_SHARE


class LedgerReader:
    """Reads the outcomes topic from the commits' pointers to its current end."""

    def __init__(  # noqa: PLR0913 - one argument for each thing it works with
        self,
        properties: Mapping[str, Any],
        topic: str,
        decode: Callable[[bytes | None], LedgerEntry | None],
        telemetry: LedgerTelemetry,
        ledger_id: Callable[[], str | None] = lambda: None,
        *,
        care: CareReader | None = None,
        without_outcomes: str | None = None,
        intents: str | None = None,
    ) -> None:
        """`properties` are librdkafka's; `ledger_id` queries the topic's id.

        `care` restores the recipients of those partitions that have some. `intents` is the intents topic, where
        recipient care is on; `decode` then gives the position of intents, too. For the topic `without_outcomes` nothing
        is looked up by time: it may be old, and its records become intents that are the same when written again.
        """
        self._properties = {
            **outside_group(properties),
            **TO_THE_END,
        }
        self._read_seconds = replay_timeout(properties)
        self._topic = topic
        self._decode = decode
        self._telemetry = telemetry
        self._ledger_id = ledger_id
        self._care = care
        self._intents = intents
        self._without_outcomes = without_outcomes
        self._is_checked = False
        self._is_sharing_reported = False

    def use_password(self, user: str, password: str) -> None:
        """Authenticate with this user and password from the next reading on."""
        self.reconnect({"sasl.username": user, "sasl.password": password})

    def reconnect(self, properties: Mapping[str, Any]) -> None:
        """Use these properties from the next reading on."""
        self._properties = {**self._properties, **outside_group(properties)}

    def read(
        self, committed: Sequence[Committed], epoch: int, alive: Callable[[], None] = lambda: None
    ) -> list[Replay]:
        """Return the outcomes already acknowledged for newly assigned partitions.

        Blocks; calls `alive` after each batch.

        Raises:
            KafkaException: the ledger cannot be read; the partitions must not be processed without it.
            UserError: the topic or a commit was written by 0.1.0.
        """
        ledger_id = self._ledger_id()
        if self._care is not None:
            self._care.begin(committed, alive)
        consumer = Consumer(self._properties)  # not closed: see former_clients.py
        ranges = self._ranges(consumer)
        found = FoundOutcomes(committed, self._intents)
        self._check_newest(consumer, ranges, found)
        homes = {one.partition: ledger_partition(*one.partition, len(ranges)) for one in committed}
        own = {key: LedgerPosition(home, ranges[home][1]) for key, home in homes.items()}
        begins: dict[int, int] = {}
        pointers: dict[TopicPartition, str] = {}
        starts = {one.partition: self._begin(one, ranges, ledger_id) for one in committed}
        lost = [one for one in committed if starts[one.partition] is None]
        starts |= self._by_time(consumer, lost, own, ranges, begins)
        if self._care is not None:
            starts |= self._reaching_back(consumer, self._care, lost, starts, own)
        for one in committed:
            at = starts[one.partition]
            position = at or own[one.partition]
            pointers[one.partition] = pointer.write(
                position, one.origin.topic_id, ledger_id, line=one.line, scan=one.scan
            )
            if at is not None:
                begins[at.partition] = min(at.offset, begins.get(at.partition, at.offset))
        ends = {partition: ranges[partition][1] for partition in begins}
        self._read(consumer, begins, ends, found, alive)
        self._report_sharing(found)
        replays = [
            Replay(found.assigned(one, epoch, own[one.partition], ledger_id), pointers[one.partition])
            for one in committed
        ]
        return replays if self._care is None else self._with_care(self._care, replays)

    def _reaching_back(
        self,
        consumer: Consumer,
        care: CareReader,
        lost: Sequence[Committed],
        starts: Mapping[TopicPartition, LedgerPosition | None],
        own: Mapping[TopicPartition, LedgerPosition],
    ) -> Mapping[TopicPartition, LedgerPosition]:
        """Return where to begin for partitions whose recipients the ledger alone knows: as far back as counts."""
        wanted = {*care.incomplete, *[one.partition for one in lost if care.has(one.partition)]}
        earlier: dict[TopicPartition, LedgerPosition] = {}
        for partition in wanted:
            home = own[partition].partition
            query = KafkaPartition(self._topic, home, max(0, int(care.counts_since() * 1_000)))
            (answer,) = consumer.offsets_for_times([query], timeout=ASK_SECONDS)
            if answer.error is not None:
                raise KafkaException(answer.error)
            at = starts.get(partition)
            if answer.offset >= 0 and (at is None or answer.offset < at.offset):
                earlier[partition] = LedgerPosition(home, answer.offset)
        return earlier

    def _with_care(self, care: CareReader, replays: Sequence[Replay]) -> list[Replay]:
        restored = [
            replay._replace(assigned=replay.assigned._replace(care=care.restored(replay.assigned.partition)))
            for replay in replays
        ]
        care.finished()
        return restored

    def _ranges(self, consumer: Consumer) -> Mapping[int, tuple[int, int]]:
        """Return the first and next offset of each ledger partition."""
        topic = consumer.list_topics(self._topic, timeout=ASK_SECONDS).topics[self._topic]
        if topic.error is not None:
            raise KafkaException(topic.error)
        ranges: dict[int, tuple[int, int]] = {}
        for partition in topic.partitions:
            where = KafkaPartition(self._topic, partition)
            ranges[partition] = consumer.get_watermark_offsets(where, timeout=ASK_SECONDS)
        return ranges

    def _begin(
        self, one: Committed, ranges: Mapping[int, tuple[int, int]], ledger_id: str | None
    ) -> LedgerPosition | None:
        """Return the position in the commit's pointer; None without a usable pointer."""
        found = pointer.read(one.metadata)
        if found is None:
            return None
        if found is Unusable.UNRELEASED:
            raise _unreleased(f"the commit of {one.partition.topic}/{one.partition.partition} was")
        if isinstance(found, Unusable):
            self._report_unusable(one, found.value)
            return None
        position = found.ledger
        low, high = ranges.get(position.partition, (0, -1))
        if found.ledger_id != ledger_id and found.ledger_id is not None and ledger_id is not None:
            self._report_unusable(one, "of_another_ledger")
            return None
        if position.offset > high:
            self._report_unusable(one, "beyond_the_ledger's_end")
            return None
        if position.offset < low:
            self._report_unusable(one, "below_the_ledger's_start")
            return LedgerPosition(position.partition, low)
        return position

    def _by_time(
        self,
        consumer: Consumer,
        committed: Sequence[Committed],
        own: Mapping[TopicPartition, LedgerPosition],
        ranges: Mapping[int, tuple[int, int]],
        begins: dict[int, int],
    ) -> Mapping[TopicPartition, LedgerPosition]:
        """Return where to begin without a pointer, by timestamp: an outcome is younger than its event.

        Where recipient care is on, an event's outcomes may be in any partition of the ledger: all are read, and
        `begins` gets where.

        A commit has no pointer after `kafka-consumer-groups --reset-offsets`, after the group's offsets expired, or
        after another tool copied them to another cluster.
        """
        if self._intents is None:
            unread = [one for one in committed if ranges[own[one.partition].partition][0] < own[one.partition].offset]
        else:
            unread = [*committed] if any(low < high for low, high in ranges.values()) else []
        starts: dict[TopicPartition, LedgerPosition] = {}
        unread = [one for one in unread if one.partition.topic != self._without_outcomes]
        for partition, timestamp_ms in self._first_timestamps(consumer, unread).items():
            home = own[partition].partition
            searched = [home] if self._intents in {None, partition.topic} else list(ranges)
            since = max(0, timestamp_ms - CLOCK_MARGIN_MS)
            queries = [KafkaPartition(self._topic, number, since) for number in searched]
            answers = {one.partition: one for one in consumer.offsets_for_times(queries, timeout=ASK_SECONDS)}
            for one in answers.values():
                if one.error is not None:
                    raise KafkaException(one.error)
                if one.offset >= 0:
                    begins[one.partition] = min(one.offset, begins.get(one.partition, one.offset))
            answer = answers[home]
            if answer.offset >= 0:
                starts[partition] = LedgerPosition(home, answer.offset)
            self._telemetry.looked_up_by_time()
            log.warning(
                "ledger_looked_up_by_time",
                topic=partition.topic,
                partition=partition.partition,
                from_offset=answer.offset if answer.offset >= 0 else None,
            )
        return starts

    def _first_timestamps(self, consumer: Consumer, committed: Sequence[Committed]) -> Mapping[TopicPartition, int]:
        """Return Kafka's timestamp of the first record at or after each commit, for partitions that have one."""
        left = {one.partition for one in committed if one.offset is not None}
        found: dict[TopicPartition, int] = {}
        if not left:
            return found
        consumer.assign([KafkaPartition(*one.partition, one.offset or 0) for one in committed if one.partition in left])
        deadline = time.monotonic() + SILENT_SECONDS
        while left:
            if time.monotonic() > deadline:
                raise kafka_errors.silent("the first records after the commits could not be read")
            for message in consumer.consume(len(left), timeout=POLL_SECONDS):
                partition = TopicPartition(message.topic() or "", message.partition() or 0)
                error = message.error()
                if (error is not None and not kafka_errors.is_end(error)) or partition not in left:
                    continue
                left.discard(partition)
                if error is None:
                    found[partition] = message.timestamp()[1]
                consumer.incremental_unassign([KafkaPartition(*partition)])
        consumer.unassign()
        return found

    def _check_newest(self, consumer: Consumer, ranges: Mapping[int, tuple[int, int]], found: FoundOutcomes) -> None:
        """Check format and group of the newest record of each partition; later calls do nothing.

        Raises:
            UserError: 0.1.0 wrote it.
        """
        left = {} if self._is_checked else {key: high for key, (low, high) in ranges.items() if low < high}
        if left:
            consumer.assign([KafkaPartition(self._topic, key, high - 1) for key, high in left.items()])
        deadline = time.monotonic() + SILENT_SECONDS
        while left:
            if time.monotonic() > deadline:
                raise kafka_errors.silent(f"the ledger returned no record for {SILENT_SECONDS:.0f} s")
            for message in consumer.consume(len(left), timeout=POLL_SECONDS):
                error = message.error()
                if error is None and is_unreleased(message.value()):
                    raise _unreleased(f"the outcomes on {self._topic} were")
                entry = self._decode(message.value()) if error is None else None
                if entry is not None:
                    found.is_own(entry)
                if error is None or kafka_errors.is_end(error):
                    left.pop(message.partition() or 0, None)
        self._is_checked = True

    def _report_sharing(self, found: FoundOutcomes) -> None:
        """Warn once that another group writes to this topic, too: safe, but each replay reads its outcomes as well."""
        if found.other_group and not self._is_sharing_reported:
            self._is_sharing_reported = True
            log.warning(
                "outcomes_topic_shared",
                topic=self._topic,
                group=found.group,
                other_group=found.other_group,
                hint="outcomes count for their own group alone; an `outcomes.topic` for each group is read faster",
            )

    def _report_unusable(self, one: Committed, error: str) -> None:
        self._telemetry.pointer_unusable()
        log.warning(
            "ledger_pointer_unusable", topic=one.partition.topic, partition=one.partition.partition, error=error
        )

    def _read(
        self,
        consumer: Consumer,
        begins: Mapping[int, int],
        ends: Mapping[int, int],
        found: FoundOutcomes,
        alive: Callable[[], None],
    ) -> None:
        left = {partition: end for partition, end in ends.items() if begins[partition] < end}
        total = sum(end - begins[partition] for partition, end in left.items())
        consumer.assign([KafkaPartition(self._topic, partition, begins[partition]) for partition in left])
        started = reported = heard = time.monotonic()
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
                raise kafka_errors.silent(f"the ledger returned no record for {SILENT_SECONDS:.0f} s")
            if now - reported > REPORT_SECONDS:
                reported = now
                log.info("ledger_replay", read=read, of=total, seconds=round(now - started, 1))
            if left and read and (now - started > self._read_seconds or found.count > MAX_OUTCOMES):
                # Sending some notices twice is better than never completing the assignment.
                self._telemetry.pointer_unusable()
                log.error(
                    "ledger_replay_cut_short",
                    read=read,
                    of=total,
                    seconds=round(now - started, 1),
                    hint=f"what was not read may be sent twice; a higher {POLL_INTERVAL[0]} gives more time"
                    if found.count <= MAX_OUTCOMES
                    else f"what was not read may be sent twice; at most {MAX_OUTCOMES} outcomes are remembered",
                )
                break
        self._telemetry.replayed(read)
        if read:
            log.info("ledger_read", records=read, seconds=round(time.monotonic() - started, 3))

    def _take(self, message: Message, left: dict[int, int], found: FoundOutcomes) -> int:
        """Add one record to `found`; return 1 for a record, 0 for an error or an end-of-partition."""
        partition, offset = message.partition() or 0, message.offset() or 0
        error = message.error()
        if error is not None:
            if kafka_errors.is_end(error):
                left.pop(partition, None)
            return 0
        if offset >= left.get(partition, 0) - 1:
            left.pop(partition, None)
        entry = self._decode(message.value())
        if entry is not None:
            found.add(entry, LedgerPosition(partition, offset))
            if self._care is not None and found.is_own(entry):
                self._care.outcome(self._read_from(entry), message.value(), offset)
        return 1

    def _read_from(self, entry: LedgerEntry) -> tuple[str, int]:
        """Return the partition in which the notice was delivered: that of its intent, or of its event."""
        intent, position = entry.intent, entry.position
        return position[:2] if self._intents is None or intent is None else (self._intents, intent.partition)


def _unreleased(what: str) -> UserError:
    return UserError(
        f"{what} written by 0.1.0, which was never released and whose format is not read",
        hint="give the group another name (kafka.group_id), and outcomes and dead letters new topics",
    )
