"""Read what an audit compares from Kafka: commits first, then events, outcomes and dead letters.

This order makes the proof valid on a topic in use: an event committed when the audit began had its outcome acknowledged
before, so the ledger, which is read later, must hold it; and its dead letter was acknowledged before the outcome.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka import rights
from pipeline.adapters.kafka.identities import Identities
from pipeline.adapters.kafka.ledger import ledger_partition
from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.kafka.range import ASK_SECONDS, Progressed, Span, TopicRange
from pipeline.adapters.operations.skip import skipped_offsets
from pipeline.adapters.operations.sorted_rows import SortedRows
from pipeline.delivery import pointer
from pipeline.errors import SchemaUnavailable, Tombstone, Undecodable, Unreachable, UserError
from pipeline.model.dead_letter import is_for_another_group
from pipeline.model.event import Origin, Position, Record, TopicPartition
from pipeline.operations.audit.audit import Audit
from pipeline.operations.audit.expected import UNDECODABLE, UNMATCHED
from pipeline.operations.audit.findings import Report
from pipeline.operations.audit.partition import PartitionRange
from pipeline.operations.redrive.letter import read_letter
from pipeline.ports import Decoder
from pipeline.rules.ruleset import RuleSet

CLOCK_MARGIN = timedelta(hours=1)
"""Outcomes are read from this long before the first event, because the producer's clock may differ from ours."""
REGISTRY_SECONDS = 30.0
SLICE_SECONDS = 1.0
"""Timeout of one query for commits. Without the right, librdkafka repeats it until the timeout, and reports the missing
right as an event of the consumer."""

Stage = Callable[[str], AbstractContextManager[Progressed]]
"""Shows the progress of one stage."""


class Subject(NamedTuple):
    """What is audited."""

    topics: Sequence[str]
    group_id: str
    outcomes_topic: str
    dead_letters_topic: str
    start: datetime | None
    end: datetime | None


class Expectation:
    """Computes the outcomes that a record must have: decodes and matches it as the service does."""

    def __init__(self, decoder: Decoder, rules: RuleSet, group: str, *, unmatched_too: bool) -> None:
        """Set `unmatched_too` if the service publishes outcomes for events that match no rule."""
        self._group = group
        self.rules = rules
        self._decoder = decoder
        self._unmatched_too = unmatched_too

    def of(self, record: Record) -> tuple[Sequence[str], bool]:
        """Return the outcomes, and whether the record was redriven.

        Raises:
            Unreachable: the registry does not answer.
        """
        if is_for_another_group(record.headers, self._group):
            return (), False
        try:
            event = self._decoder.decode(record)
        except SchemaUnavailable:
            self._prepare(record)
            return self.of(record)
        except Tombstone:
            return (), False
        except Undecodable:
            return (UNDECODABLE,), False
        redriven = event.redrive is not None
        expected = self.rules.expected(event)
        if not expected and (self._unmatched_too or redriven):
            return (UNMATCHED,), redriven
        return expected, redriven

    def _prepare(self, record: Record) -> None:
        async def within_time() -> None:
            await asyncio.wait_for(self._decoder.prepare(record), REGISTRY_SECONDS)

        try:
            asyncio.run(within_time())
        except TimeoutError:
            raise Unreachable(
                f"the schema registry returned no schema for {record.position} within {REGISTRY_SECONDS:.0f} s"
            ) from None


class KafkaAudit:
    """One audit. It writes nothing and joins no group."""

    def __init__(self, properties: Mapping[str, Any], subject: Subject, expectation: Expectation) -> None:
        """`properties` are librdkafka's."""
        self._properties = properties
        self._subject = subject
        self._expectation = expectation
        self._origins: Mapping[str, Origin] = {}
        """Only outcomes and letters of these origins count: this group, and the topics as they are now."""

    def run(self, *, keep: int, stage: Stage) -> Report:
        """Read, compare and report; keep `keep` examples of each finding.

        Raises:
            UserError: Kafka or the registry cannot be read, or a topic does not exist.
        """
        subject = self._subject
        span = Span(subject.start, subject.end)
        with ExitStack() as opened:
            ranges = [opened.enter_context(TopicRange(self._properties, topic, span)) for topic in subject.topics]
            locations = [TopicPartition(one.topic, number) for one in ranges for number in one.offsets]
            self._origins = self._described(subject.topics)
            committed = self._committed(locations)
            provable = self._provable(ranges)
            partitions = [
                PartitionRange(
                    TopicPartition(one.topic, number),
                    offsets,
                    committed[one.topic, number],
                    provable.get((one.topic, number), 0),
                    self._origins[one.topic],
                )
                for one in ranges
                for number, offsets in one.offsets.items()
            ]
            rules = self._expectation.rules
            unordered = {rule.id for rule in rules.rules if not rule.ordered}
            audit = Audit(
                partitions,
                rules.version,
                ordered=lambda rule: rule not in unordered,
                keep=keep,
                make_rows=lambda width: opened.enter_context(SortedRows(width)),
            )
            for one in ranges:
                with stage(one.topic) as progressed:
                    self._read_events(one, audit, progressed)
                one.close()
            with stage(subject.outcomes_topic) as progressed:
                self._read_outcomes(audit, progressed)
            with stage(subject.dead_letters_topic) as progressed:
                self._read_letters(audit, progressed)
            with stage("comparing") as progressed:
                return audit.report(progressed)

    def _read_events(self, events: TopicRange, audit: Audit, progressed: Progressed) -> None:
        skipped: dict[int, set[int]] = {}

        def pass_over(position: Position) -> int:
            """Pass over what `skip` has skipped; its outcomes are judged as any others."""
            topic, partition, offset = position
            if partition not in skipped:
                origin = self._origins[topic]
                ledger = self._subject.outcomes_topic
                skipped[partition] = skipped_offsets(self._properties, ledger, position[:2], origin)
            while offset in skipped[partition] and offset in events.offsets[partition]:
                audit.event(Position(topic, partition, offset), (UNDECODABLE,), redriven=False)
                offset += 1
            return offset

        for record in events.records(progressed, pass_over):
            expected, redriven = self._expectation.of(record)
            audit.event(record.position, expected, redriven=redriven)

    def _read_outcomes(self, audit: Audit, progressed: Progressed) -> None:
        decode = OutcomeDecoder()
        with TopicRange(self._properties, self._subject.outcomes_topic, self._since_the_first()) as ledger:
            for record in ledger.records(progressed):
                outcome = decode(record.value)
                if outcome is not None:
                    audit.outcome(outcome, record.key)

    def _read_letters(self, audit: Audit, progressed: Progressed) -> None:
        topic = self._subject.dead_letters_topic
        with TopicRange(self._properties, topic, self._since_the_first()) as letters:
            for record in letters.records(progressed):
                letter = read_letter(record)
                if letter is not None:
                    audit.letter(letter.source, letter.outcome_id, letter.origin)
        # Checked afterwards, so that letters deleted during the read do not count as missing.
        oldest, _ = self._oldest(topic)
        cut = [inf if oldest_at is None else oldest_at.timestamp() for oldest_at in oldest.values()]
        audit.letters_complete_since(max(cut, default=-inf))

    def _since_the_first(self) -> Span:
        """Return the span in which outcomes and letters of the range's events may have been written."""
        return Span(None if self._subject.start is None else self._subject.start - CLOCK_MARGIN)

    def _committed(self, locations: Sequence[TopicPartition]) -> Mapping[tuple[str, int], int | None]:
        """Return the group's committed offset of each partition; None without one."""
        settings = {**self._properties, "group.id": self._subject.group_id, "enable.auto.commit": False, "log_level": 0}
        partitions = [KafkaPartition(*location) for location in locations]
        deadline = time.monotonic() + ASK_SECONDS
        with closing(kafka_errors.configured(lambda: Consumer(settings))) as consumer:
            while True:
                try:
                    answers = consumer.committed(partitions, timeout=SLICE_SECONDS)
                except KafkaException as error:
                    refusal = _refusal(consumer)
                    if refusal is not None or time.monotonic() > deadline:
                        raise self._commits_unreadable(refusal or kafka_errors.cause(error)) from None
                else:
                    return {(one.topic, one.partition): self._offset(one) for one in answers}

    def _commits_unreadable(self, cause: KafkaError) -> UserError:
        group = self._subject.group_id
        if cause.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return rights.refused(self._properties, [rights.Right("DESCRIBE", "group", group)])
        message = f"what the group {group} has committed cannot be read: {cause.str()}"
        return Unreachable(message, hint=kafka_errors.hint({cause.code()}))

    def _offset(self, answer: KafkaPartition) -> int | None:
        """Return the committed offset; None if there is none, or if it belongs to an earlier topic of this name."""
        found = pointer.read(answer.metadata)
        topic_id = found.topic_id if isinstance(found, pointer.Pointer) else None
        is_current = topic_id in (None, self._origins[answer.topic].topic_id)
        return answer.offset if answer.offset >= 0 and is_current else None

    def _described(self, topics: Sequence[str]) -> Mapping[str, Origin]:
        try:
            return Identities(self._properties, self._subject.group_id).origins(topics)
        except KafkaException as error:
            cause = kafka_errors.cause(error)
            message = f"{', '.join(topics)} cannot be described: {cause.str()}"
            raise Unreachable(message, hint=kafka_errors.hint({cause.code()})) from None

    def _provable(self, ranges: Sequence[TopicRange]) -> Mapping[tuple[str, int], int]:
        """Return each partition's first offset whose outcome the ledger would still hold."""
        oldest, count = self._oldest(self._subject.outcomes_topic)
        provable: dict[tuple[str, int], int] = {}
        for home, oldest_at in oldest.items():
            for one in ranges:
                firsts = one.first_at(oldest_at) if oldest_at is not None else {}
                for number, offsets in one.available.items():
                    if ledger_partition(one.topic, number, count) == home:
                        provable[one.topic, number] = firsts.get(number, offsets.stop)
        return provable

    def _oldest(self, topic: str) -> tuple[Mapping[int, datetime | None], int]:
        """Return each cut partition's first timestamp (None if it is empty), and the number of partitions."""
        oldest: dict[int, datetime | None] = {}
        with TopicRange(self._properties, topic) as whole:
            available = whole.available
        for number, offsets in available.items():
            if offsets.start:
                with TopicRange(self._properties, topic, Span(partitions=frozenset({number}))) as one:
                    first = next(one.records(), None)
                oldest[number] = None if first is None else datetime.fromtimestamp(first.timestamp_ms / 1000, UTC)
        return oldest, len(available)


def _refusal(consumer: Consumer) -> KafkaError | None:
    """Return the error by which Kafka refuses the group to this user, if it does."""
    while (message := consumer.poll(0)) is not None:
        error = message.error()
        if error is not None and kafka_errors.is_refused(error):
            return error
    return None
