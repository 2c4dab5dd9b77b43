"""Reads from Kafka what an audit holds against each other: commits first, then events, then outcomes.

The order is what makes it a proof on a topic in use: whatever was committed when we began had its outcome acknowledged
before, so the ledger, which is read last, must hold it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters import kafka_errors
from pipeline.adapters.kafka_ledger import ledger_partition
from pipeline.adapters.kafka_range import ASK_SECONDS, Progressed, Span, TopicRange
from pipeline.adapters.outcome_record import OutcomeDecoder
from pipeline.audit.audit import UNDECODABLE, UNMATCHED, Audit
from pipeline.audit.findings import Report
from pipeline.audit.partition import PartitionEvents
from pipeline.errors import SchemaUnavailable, Undecodable, Unreachable
from pipeline.model.event import Record, TopicPartition
from pipeline.ports import Decoder
from pipeline.rules.ruleset import RuleSet

EARLIER = timedelta(hours=1)
"""Outcomes are read from so long before the first event on: an event's time is its producer's clock, theirs is ours."""
REGISTRY_SECONDS = 30.0

Stage = Callable[[str], AbstractContextManager[Progressed]]
"""Shows how far a stage of the work is."""


class Subject(NamedTuple):
    """What is audited."""

    topics: Sequence[str]
    group_id: str
    outcomes_topic: str
    start: datetime | None
    end: datetime | None


class Expectation:
    """Which outcomes a record must have: decoded and matched as the service does it, by the rules given."""

    def __init__(self, decoder: Decoder, rules: RuleSet, *, unmatched_too: bool) -> None:
        """`unmatched_too`: the service publishes an outcome for events that match no rule."""
        self.rules = rules
        self._decoder = decoder
        self._unmatched_too = unmatched_too

    def of(self, record: Record) -> tuple[Sequence[str], bool]:
        """The outcomes, and whether the record was sent again from the dead letters.

        Raises:
            Unreachable: the registry does not answer.
        """
        try:
            event = self._decoder.decode(record)
        except SchemaUnavailable:
            self._prepare(record)
            return self.of(record)
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
                f"the schema registry gave no schema for {record.position} within {REGISTRY_SECONDS:.0f} s"
            ) from None


class KafkaAudit:
    """One audit. Nothing is written, and no group is joined."""

    def __init__(self, properties: Mapping[str, Any], subject: Subject, expectation: Expectation) -> None:
        """`properties` are librdkafka's."""
        self._properties = properties
        self._subject = subject
        self._expectation = expectation

    def run(self, *, keep: int, stage: Stage) -> Report:
        """Read, compare and tell; `keep` examples of each finding.

        Raises:
            UserError: Kafka or the registry can not be read, or a topic is not there.
        """
        subject = self._subject
        span = Span(subject.start, subject.end)
        with ExitStack() as opened:
            ranges = [opened.enter_context(TopicRange(self._properties, topic, span)) for topic in subject.topics]
            places = [TopicPartition(one.topic, number) for one in ranges for number in one.offsets]
            committed = self._committed(places)
            provable = self._provable(ranges)
            partitions = [
                PartitionEvents(
                    TopicPartition(one.topic, number),
                    offsets,
                    committed[one.topic, number],
                    provable.get((one.topic, number), 0),
                )
                for one in ranges
                for number, offsets in one.offsets.items()
            ]
            rules = self._expectation.rules
            unordered = {rule.id for rule in rules.rules if not rule.ordered}
            audit = Audit(partitions, rules.version, ordered=lambda rule: rule not in unordered, keep=keep)
            for one in ranges:
                with stage(one.topic) as progressed:
                    self._read_events(one, audit, progressed)
        with stage(subject.outcomes_topic) as progressed:
            self._read_outcomes(audit, progressed)
        return audit.report()

    def _read_events(self, events: TopicRange, audit: Audit, progressed: Progressed) -> None:
        for record in events.records(progressed):
            expected, redriven = self._expectation.of(record)
            audit.event(record.position, expected, redriven=redriven)

    def _read_outcomes(self, audit: Audit, progressed: Progressed) -> None:
        start = None if self._subject.start is None else self._subject.start - EARLIER
        decode = OutcomeDecoder()
        with TopicRange(self._properties, self._subject.outcomes_topic, Span(start)) as ledger:
            for record in ledger.records(progressed):
                outcome = decode(record.value)
                if outcome is not None:
                    audit.outcome(outcome, record.key)

    def _committed(self, places: Sequence[TopicPartition]) -> Mapping[tuple[str, int], int | None]:
        """What the group has committed of each partition; None where nothing."""
        settings = {**self._properties, "group.id": self._subject.group_id, "enable.auto.commit": False, "log_level": 0}
        with closing(kafka_errors.configured(lambda: Consumer(settings))) as consumer:
            try:
                answers = consumer.committed([KafkaPartition(*place) for place in places], timeout=ASK_SECONDS)
            except KafkaException as error:
                cause = kafka_errors.cause(error)
                words = f"what the group {self._subject.group_id} has committed cannot be read: {cause.str()}"
                raise Unreachable(words, hint=kafka_errors.hint({cause.code()})) from None
        return {(one.topic, one.partition): one.offset if one.offset >= 0 else None for one in answers}

    def _provable(self, ranges: Sequence[TopicRange]) -> Mapping[tuple[str, int], int]:
        """The first offset of each partition whose outcome the ledger would still hold."""
        oldest, count = self._oldest_outcomes()
        provable: dict[tuple[str, int], int] = {}
        for home, moment in oldest.items():
            for one in ranges:
                firsts = one.first_at(moment) if moment is not None else {}
                for number, offsets in one.there.items():
                    if ledger_partition(one.topic, number, count) == home:
                        provable[one.topic, number] = firsts.get(number, offsets.stop)
        return provable

    def _oldest_outcomes(self) -> tuple[Mapping[int, datetime | None], int]:
        """When the ledger's partitions begin, of those that retention cut (None: nothing is left); and the count."""
        topic = self._subject.outcomes_topic
        oldest: dict[int, datetime | None] = {}
        with TopicRange(self._properties, topic) as whole:
            there = whole.there
        for number, offsets in there.items():
            if offsets.start:
                with TopicRange(self._properties, topic, Span(partitions=frozenset({number}))) as one:
                    first = next(one.records(), None)
                oldest[number] = None if first is None else datetime.fromtimestamp(first.timestamp_ms / 1000, UTC)
        return oldest, len(there)
