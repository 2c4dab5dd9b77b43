"""Read back what a partition of the intents topic has seen, when it is assigned."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from confluent_kafka import Consumer, Message
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.clients import TO_THE_END, outside_group
from pipeline.adapters.kafka.intents.record import IntentDecoder, IntentRecord
from pipeline.adapters.kafka.ledger.reader import (
    ASK_SECONDS,
    BATCH,
    POLL_SECONDS,
    SILENT_SECONDS,
    Committed,
    LedgerTelemetry,
    Replay,
)
from pipeline.model.event import TopicPartition
from pipeline.model.intent import Checkpoint, Intent, RestoredIntents, Seen

log = structlog.get_logger("intents")


_END = 2**63 - 1
"""Beyond every offset."""


class _Range(NamedTuple):
    """Offsets of one partition to read: from `begin` to before `end`."""

    begin: int
    end: int


class IntentsReader:
    """Reads checkpoints, and the intents between them and the frontiers."""

    def __init__(self, properties: Mapping[str, Any], topic: str, group: str, telemetry: LedgerTelemetry) -> None:
        """`properties` are librdkafka's; `group` is the group whose intents count."""
        self.topic = topic
        self._properties = {
            **outside_group(properties),
            **TO_THE_END,
        }
        self._group = group
        self._telemetry = telemetry
        self._decode = IntentDecoder()

    def use_password(self, user: str, password: str) -> None:
        """Authenticate with this user and password from the next reading on."""
        self.reconnect({"sasl.username": user, "sasl.password": password})

    def reconnect(self, properties: Mapping[str, Any]) -> None:
        """Use these properties from the next reading on."""
        self._properties = {**self._properties, **outside_group(properties)}

    def restored(
        self, committed: Sequence[Committed], replays: Sequence[Replay], alive: Callable[[], None]
    ) -> list[Replay]:
        """Return `replays` with what was seen of each partition of the intents topic. Blocks; calls `alive` at times.

        Partitions of events that are read again get the notices that wait in the intents topic: these have no outcome.

        Raises:
            KafkaException: the topic cannot be read; its partitions must not be processed without it.
        """
        own = [one for one in committed if one.partition.topic == self.topic]
        again = {one.partition: one for one in committed if one.line is not None and one.metadata is None}
        waiting = self._waiting(again, alive) if again else {}
        states = self._read(own, alive) if own else {}
        found: list[Replay] = []
        for one, replay in zip(committed, replays, strict=True):
            assigned = replay.assigned
            if one.partition.topic == self.topic:
                assigned = assigned._replace(intents=states[one.partition.partition])
            elif one.partition in waiting:
                assigned = assigned._replace(ended={*assigned.ended, *waiting[one.partition]})
            found.append(replay._replace(assigned=assigned))
        return found

    def _waiting(
        self, again: Mapping[TopicPartition, Committed], alive: Callable[[], None]
    ) -> Mapping[TopicPartition, set[tuple[int, str]]]:
        """Return the undelivered notices of these partitions of events, each by its event's offset and its id."""
        consumer = Consumer({**self._properties, "group.id": self._group})  # not closed: see former_clients.py
        numbers = consumer.list_topics(self.topic, timeout=ASK_SECONDS).topics[self.topic].partitions
        commits = consumer.committed([KafkaPartition(self.topic, number) for number in numbers], timeout=ASK_SECONDS)
        found: dict[TopicPartition, set[tuple[int, str]]] = {}
        if all(one.offset < 0 for one in commits):
            return found  # this group has never written any

        def take(_: int, message: Message) -> None:
            record = self._decode(message.value())
            if record is None or record.group != self._group or not isinstance(record.content, Intent):
                return
            intent = record.content
            event = intent.event.record
            partition = TopicPartition(event.topic, event.partition)
            one = again.get(partition)
            if one is not None and intent.origin.topic_id == one.origin.topic_id and event.offset >= (one.offset or 0):
                found.setdefault(partition, set()).add((event.offset, intent.notice.id))

        self._each(consumer, {one.partition: _Range(max(0, one.offset), _END) for one in commits}, alive, take)
        return found

    def _read(self, committed: Sequence[Committed], alive: Callable[[], None]) -> Mapping[int, RestoredIntents]:
        consumer = Consumer(self._properties)  # not closed: see former_clients.py
        scans = {one.partition.partition: one.scan for one in committed if one.scan is not None}
        records = {number: scan[1] for number, scan in scans.items() if scan[1] is not None}
        checkpoints = self._checkpoints(consumer, records, alive)
        ranges: dict[int, _Range] = {}
        states: dict[int, RestoredIntents] = {}
        for one in committed:
            number = one.partition.partition
            known = checkpoints.get(number)
            if known is None and one.scan is not None:
                known = Checkpoint(one.scan[0], {})
            position = records.get(number) if number in checkpoints else None
            states[number] = RestoredIntents(known, position, ())
            if known is not None and one.offset is not None and known.at < one.offset:
                ranges[number] = _Range(known.at, one.offset)
        seen: dict[int, list[Seen]] = {number: [] for number in ranges}
        self._each(consumer, ranges, alive, lambda number, message: self._take(seen[number], message))
        return {number: state._replace(since=seen.get(number, ())) for number, state in states.items()}

    def _take(self, seen: list[Seen], message: Message) -> None:
        record = self._decode(message.value())
        if record is not None and record.group == self._group:
            one = seen_of(record, message.timestamp()[1])
            if one is not None:
                seen.append(one)

    def _checkpoints(
        self, consumer: Consumer, records: Mapping[int, int], alive: Callable[[], None]
    ) -> Mapping[int, Checkpoint]:
        """Return the checkpoints that commits name, by partition. One that retention has deleted is reported."""
        found: dict[int, Checkpoint] = {}

        def take(number: int, message: Message) -> None:
            record = self._decode(message.value()) if message.offset() == records[number] else None
            if record is not None and isinstance(record.content, Checkpoint):
                found[number] = record.content

        self._each(consumer, {number: _Range(at, at + 1) for number, at in records.items()}, alive, take)
        for number in records.keys() - found.keys():
            self._telemetry.pointer_unusable()
            log.warning(
                "intents_checkpoint_missing",
                topic=self.topic,
                partition=number,
                offset=records[number],
                hint="retention has deleted it: an intent that a dead process writes late may be delivered again",
            )
        return found

    def _each(
        self,
        consumer: Consumer,
        ranges: Mapping[int, _Range],
        alive: Callable[[], None],
        take: Callable[[int, Message], None],
    ) -> None:
        """Call `take` with every record of the ranges that there still is."""
        left: dict[int, int] = {}
        begins: list[KafkaPartition] = []
        for number, wanted in ranges.items():
            where = KafkaPartition(self.topic, number)
            low, high = consumer.get_watermark_offsets(where, timeout=ASK_SECONDS)
            begin, end = max(low, wanted.begin), min(high, wanted.end)
            if begin < end:
                left[number] = end
                begins.append(KafkaPartition(self.topic, number, begin))
        if not left:
            return
        consumer.assign(begins)
        heard = time.monotonic()
        while left:
            messages = consumer.consume(BATCH, timeout=POLL_SECONDS)
            alive()
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENT_SECONDS:
                raise kafka_errors.silent(f"the intents topic returned no record for {SILENT_SECONDS:.0f} s")
            for message in messages:
                _take_within(message, left, take)
        consumer.unassign()


def _take_within(message: Message, left: dict[int, int], take: Callable[[int, Message], None]) -> None:
    number, offset = message.partition() or 0, message.offset() or 0
    error = message.error()
    if error is not None:
        if kafka_errors.is_end(error):
            left.pop(number, None)
        return
    end = left.get(number)
    if end is None:
        return
    if offset < end:
        take(number, message)
    if offset >= end - 1:
        del left[number]


def seen_of(record: IntentRecord, timestamp_ms: int) -> Seen | None:
    """Return what is remembered of a record to recognise its repetition; None for a checkpoint."""
    content = record.content
    if isinstance(content, Checkpoint):
        return None
    if isinstance(content, Intent):
        offset, key = content.event.record.offset, content.notice.id
        return Seen(content.stream, offset, key, content.committed, timestamp_ms)
    offset = -1 if record.position is None else record.position.offset
    return Seen(record.stream, offset, content.recipient, record.committed, timestamp_ms)
