"""Read what a replay decides from: commits first, then the events of a range, then the ledger, as an audit does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.kafka.range import Progressed, Span, TopicRange
from pipeline.adapters.operations.decoding import decoded
from pipeline.adapters.operations.group_state import described, group_commits
from pipeline.adapters.operations.rewriting import Rewrite, Target, marked
from pipeline.adapters.operations.waiting_intents import WaitingIntents
from pipeline.errors import Tombstone, Undecodable
from pipeline.model import dead_letter
from pipeline.model.event import Event, Origin, Position, Record, TopicPartition
from pipeline.model.outcome import RECIPIENT_CARE, OutcomeKind
from pipeline.operations.redrive.record import replayed
from pipeline.operations.replay.selection import Notices, Replay, ReplayDecision
from pipeline.ports import Decoder
from pipeline.rules.ruleset import RuleSet

CLOCK_MARGIN = timedelta(hours=1)
"""Outcomes are read from this long before the first event, because the producer's clock may differ from ours."""


class Subject(NamedTuple):
    """Which events are replayed, for which rule."""

    rule: str
    group: str
    topics: Sequence[str]
    outcomes_topic: str
    start: datetime | None = None
    end: datetime | None = None
    positions: frozenset[Position] | None = None
    """Only these; None: all of the range."""
    twice: bool = False
    """Also those whose recipients have the message."""
    round: int = 1
    intents_topic: str | None = None
    """Where notices may wait for their delivery."""


class EventResult(NamedTuple):
    """The decision for one record, or for one item of its list where the items ended differently."""

    position: Position
    fate: ReplayDecision
    rewrite: Rewrite | None = None
    """What to write; only of those to send."""
    recipients: Sequence[str] = ()
    """Those who have the rule's message of this event, or may have it."""


class EventReader:
    """Decides what to do with each event of a range."""

    def __init__(
        self, properties: Mapping[str, Any], subject: Subject, decoder: Decoder, rules: RuleSet, target: Target
    ) -> None:
        """`properties` are librdkafka's; `rules` must be those of the service.

        Raises:
            UserError: a topic, its identity or the group's commits cannot be read.
        """
        self._properties = properties
        self._subject = subject
        self._decoder = decoder
        self._rules = rules
        self._target = target
        self._origins: Mapping[str, Origin] = described(properties, subject.group, subject.topics)
        with ExitStack() as opened:
            ranges = [opened.enter_context(self._range(topic)) for topic in subject.topics]
            locations = [TopicPartition(one.topic, number) for one in ranges for number in one.offsets]
        self._committed = group_commits(properties, subject.group, locations, self._origins)
        self._waiting: set[tuple[Position, Origin]] = set()
        if subject.intents_topic is not None:
            waiting = WaitingIntents(properties, subject.group, subject.intents_topic)
            self._waiting = {
                (intent.event.record.position, intent.origin)
                for intent in waiting.read()
                if intent.notice.rule == subject.rule
            }

    def _range(self, topic: str) -> TopicRange:
        positions = self._subject.positions
        span = Span(self._subject.start, self._subject.end)
        if positions is not None:
            span = span._replace(partitions=frozenset(one.partition for one in positions if one.topic == topic))
        return TopicRange(self._properties, topic, span)

    def look(self, now: float, progressed: Progressed) -> Iterator[EventResult]:
        """Yield every record of the range with its decision, or decisions, at `now`, in order within each partition.

        The ledger is read first, after the commits: an event that was committed then has its outcomes there. Create
        the `Rewriter` before calling this.

        Raises:
            UserError: events, outcomes or marks cannot be read.
        """
        subject = self._subject
        done = marked(self._properties, self._target)
        outcomes, held_back = self._outcomes()
        named = subject.positions is not None
        replay = Replay(subject.rule, subject.round, subject.twice, now, outcomes, done, held_back, named)
        for topic in subject.topics:
            if subject.positions is not None and not any(one.topic == topic for one in subject.positions):
                continue
            with self._range(topic) as events:
                for record in events.records(progressed):
                    yield from self._results(record, replay)

    def _results(self, record: Record, replay: Replay) -> Iterator[EventResult]:
        found = self._found(record)
        if isinstance(found, ReplayDecision):
            yield EventResult(record.position, found)
            return
        for part in replay.parts(found):
            yield self._result(record, part, replay)

    def _found(self, record: Record) -> Notices | ReplayDecision:
        """Return what the rule makes of a record, or why nothing is to be decided on."""
        positions, position = self._subject.positions, record.position
        if positions is not None and position not in positions:
            return ReplayDecision.NOT_ASKED_FOR
        if dead_letter.REDRIVES in dict(record.headers):
            return ReplayDecision.COPY
        committed = self._committed[position.topic, position.partition].offset
        if committed is None or position.offset >= committed:
            return ReplayDecision.AHEAD
        if (position, self._origins[position.topic]) in self._waiting:
            return ReplayDecision.AHEAD
        try:
            event = decoded(self._decoder, record)
        except (Tombstone, Undecodable):
            return ReplayDecision.NOT_AN_EVENT
        return self._notices(event, self._origins[position.topic]) or ReplayDecision.NOT_MATCHED

    def _result(self, record: Record, notices: Notices, replay: Replay) -> EventResult:
        position, fate = record.position, replay.fate(notices)
        have = [item.recipient or "" for item in notices.items if item.id in replay.outcomes]
        if fate is not ReplayDecision.SEND:
            return EventResult(position, fate, recipients=have)
        origin = self._origins[position.topic]
        written = replayed(record, origin, replay.rule, replay.round, new_key=bool(have), item=notices.item)
        rewrite = Rewrite(replay.mark(notices), position, written, replay.round)
        return EventResult(position, fate, rewrite, have)

    def _notices(self, event: Event, origin: Origin) -> Notices | None:
        """Return what the rule makes of the event, under the identity that the service gives it."""
        event.identify(origin)
        items = [one for one in self._rules.evaluate(event) if one.rule == self._subject.rule]
        return Notices(event, items) if items else None

    def _outcomes(self) -> tuple[Mapping[str, OutcomeKind], set[str]]:
        """Return the last outcome of each notice of the rule, by its id, and those that recipient care held back."""
        start = self._subject.start
        decode = OutcomeDecoder()
        found: dict[str, OutcomeKind] = {}
        held_back: set[str] = set()
        span = Span(None if start is None else start - CLOCK_MARGIN)
        with TopicRange(self._properties, self._subject.outcomes_topic, span) as ledger:
            for record in ledger.records():
                outcome = decode(record.value)
                if outcome is None or outcome.rule != self._subject.rule:
                    continue
                # An accepted notice stays accepted, whatever came of a later copy.
                if found.get(outcome.id) is not OutcomeKind.ACCEPTED:
                    found[outcome.id] = outcome.kind
                    (held_back.add if outcome.reason in RECIPIENT_CARE else held_back.discard)(outcome.id)
        return found, held_back
