"""Read what an audit compares from Kafka: commits first, then events, outcomes and dead letters.

This order makes the proof valid on a topic in use: an event committed when the audit began had its outcome acknowledged
before, so the ledger, which is read later, must hold it; and its dead letter was acknowledged before the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, NamedTuple

from pipeline.adapters.kafka.ledger.reader import ledger_partition
from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.kafka.range import Progressed, Span, TopicRange
from pipeline.adapters.operations.decoding import decoded
from pipeline.adapters.operations.group_state import described, group_commits
from pipeline.adapters.operations.recipient_choices import RecipientChoices
from pipeline.adapters.operations.skip import skipped_offsets
from pipeline.adapters.operations.sorted_rows import SortedRows
from pipeline.adapters.operations.waiting_intents import WaitingIntents
from pipeline.care.words import CareWords
from pipeline.errors import Tombstone, Undecodable
from pipeline.model.dead_letter import is_for_another_group
from pipeline.model.event import Origin, Position, Record, TopicPartition
from pipeline.operations.audit.audit import Audit
from pipeline.operations.audit.care import CareJudge
from pipeline.operations.audit.expected import UNDECODABLE, UNMATCHED
from pipeline.operations.audit.findings import Report
from pipeline.operations.audit.partition import PartitionRange
from pipeline.operations.audit.rows import MakeRows
from pipeline.operations.redrive.letter import read_letter
from pipeline.ports import Decoder
from pipeline.rules.ruleset import RuleSet

CLOCK_MARGIN = timedelta(hours=1)
"""Outcomes are read from this long before the first event, because the producer's clock may differ from ours."""

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
    intents_topic: str | None = None
    """Where notices may wait for their delivery."""
    care_topic: str = ""
    """What is known of recipients."""


class Expectation:
    """Computes the outcomes that a record must have: decodes and matches it as the service does."""

    def __init__(
        self,
        decoder: Decoder,
        rules: RuleSet,
        group: str,
        *,
        unmatched_too: bool,
        identify: Callable[[str], str] = lambda recipient: recipient,
    ) -> None:
        """Set `unmatched_too` if the service publishes outcomes for events that match no rule.

        `identify` returns a recipient as outcomes have it.
        """
        self._group = group
        self.rules = rules
        self.identify = identify
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
            event = decoded(self._decoder, record)
        except Tombstone:
            return (), False
        except Undecodable:
            return (UNDECODABLE,), False
        redriven = event.redrive is not None
        expected = self.rules.expected(event)
        if not expected and (self._unmatched_too or redriven):
            return (UNMATCHED,), redriven
        return expected, redriven


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
            self._origins = described(self._properties, subject.group_id, subject.topics)
            committed = group_commits(self._properties, subject.group_id, locations, self._origins)
            waiting = None
            if subject.intents_topic is not None:
                waiting = WaitingIntents(self._properties, subject.group_id, subject.intents_topic)
            has_care = waiting is not None and waiting.is_used
            provable = self._provable(ranges, in_any_partition=has_care)
            partitions = [
                PartitionRange(
                    TopicPartition(one.topic, number),
                    offsets,
                    committed[one.topic, number].offset,
                    provable.get((one.topic, number), 0),
                    self._origins[one.topic],
                    start=one.available[number].start,
                    gone=committed[one.topic, number].gone,
                )
                for one in ranges
                for number, offsets in one.offsets.items()
            ]
            rules = self._expectation.rules
            unordered = {rule.id for rule in rules.rules if not rule.ordered}

            def make_rows(width: int) -> SortedRows:
                return opened.enter_context(SortedRows(width))

            care = self._judge(make_rows) if has_care else None
            audit = Audit(
                partitions,
                rules.version,
                ordered=lambda rule: rule not in unordered,
                keep=keep,
                make_rows=make_rows,
                care=care,
            )
            for one in ranges:
                with stage(one.topic) as progressed:
                    self._read_events(one, audit, progressed)
                one.close()
            for intent in waiting.read() if waiting is not None else ():
                audit.waiting(intent)
            with stage(subject.outcomes_topic) as progressed:
                self._read_outcomes(audit, progressed)
            with stage(subject.dead_letters_topic) as progressed:
                self._read_letters(audit, progressed)
            with stage("comparing") as progressed:
                return audit.report(progressed)

    def _judge(self, make_rows: MakeRows) -> CareJudge | None:
        """Return what judges recipient care, with the choices of recipients; None if the rules have none."""
        subject, expectation = self._subject, self._expectation
        rules, intents = expectation.rules, subject.intents_topic
        if intents is None or (not rules.remembers and not rules.care.categories):
            return None
        words = CareWords(rules.care.zone, names_zone=rules.care.zone_of_preferences)
        judge = CareJudge(rules.care, words, rules.version, subject.group_id, intents, make_rows)
        choices = RecipientChoices(
            self._properties, subject.group_id, intents, subject.care_topic, expectation.identify
        )
        for choice in choices.read(self._since_the_first()):
            judge.choice(*choice)
        return judge

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
        span = self._since_the_first(timedelta(seconds=self._expectation.rules.remembers))
        with TopicRange(self._properties, self._subject.outcomes_topic, span) as ledger:
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

    def _since_the_first(self, earlier: timedelta = timedelta()) -> Span:
        """Return the span in which outcomes and letters of the range's events may have been written.

        It begins `earlier` by what recipient care counts.
        """
        return Span(None if self._subject.start is None else self._subject.start - CLOCK_MARGIN - earlier)

    def _provable(self, ranges: Sequence[TopicRange], *, in_any_partition: bool) -> Mapping[tuple[str, int], int]:
        """Return each partition's first offset whose outcome the ledger would still hold.

        With recipient care an event's outcomes are `in_any_partition` of the ledger.
        """
        oldest, count = self._oldest(self._subject.outcomes_topic)
        provable: dict[tuple[str, int], int] = {}
        for home, oldest_at in oldest.items():
            for one in ranges:
                firsts = one.first_at(oldest_at) if oldest_at is not None else {}
                for number, offsets in one.available.items():
                    key = (one.topic, number)
                    if in_any_partition or ledger_partition(*key, count) == home:
                        provable[key] = max(provable.get(key, 0), firsts.get(number, offsets.stop))
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
