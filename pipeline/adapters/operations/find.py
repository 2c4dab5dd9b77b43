"""Search Kafka for what became of events: in source topics, outcomes, dead letters and marks. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from pipeline.adapters.kafka.ledger.reader import ledger_partition
from pipeline.adapters.kafka.outcome_record import OutcomeFields
from pipeline.adapters.kafka.range import Progressed, Span, TopicRange, read_record
from pipeline.adapters.kafka.record import LAST_TIMESTAMP_MS
from pipeline.adapters.operations.decoding import decoded
from pipeline.adapters.operations.group_state import described, group_commits
from pipeline.adapters.operations.records import RecordReader
from pipeline.adapters.operations.waiting_intents import WaitingIntents
from pipeline.errors import Tombstone, Undecodable, Unreachable, UserError
from pipeline.model.dead_letter import is_for_another_group
from pipeline.model.event import Event, Position, Record, TopicPartition
from pipeline.model.outcome import OutcomeKind
from pipeline.model.outcome_words import outcome_words
from pipeline.operations.find.ended import Ended, ended
from pipeline.operations.find.former import ByTopic, by_topic
from pipeline.operations.find.query import ByEvents, ByField, fields_with, has_bytes
from pipeline.operations.find.story import EventFacts, Letter, RuleLine
from pipeline.operations.redrive.letter import read_letter
from pipeline.phrases import phrase
from pipeline.ports import Decoder

CLOCK_MARGIN = timedelta(hours=1)
"""Outcomes and letters are read from this long before, because the producer's clock may differ from the broker's."""

_MARGIN_MS = CLOCK_MARGIN // timedelta(milliseconds=1)
_EARLIEST_MS, _LATEST_MS = _MARGIN_MS, LAST_TIMESTAMP_MS - _MARGIN_MS
"""Other programs may write outcomes with times that are in no calendar."""

Stage = Callable[[str], AbstractContextManager[Progressed]]
"""Shows the progress of one stage."""
ExplainRules = Callable[[Event], tuple[RuleLine, ...]]
Query = ByField | ByEvents
_Item = TypeVar("_Item")


class OutcomeStore(Protocol):
    """Where outcomes are looked up."""

    def outcomes(self, query: Query, since: datetime | None, limit: int, stage: Stage) -> Found[Ended]:
        """Return the outcomes of the newest `limit` events that match.

        Raises:
            UserError: the store does not answer.
        """
        ...


class Found(NamedTuple, Generic[_Item]):
    """What was found."""

    items: Sequence[_Item]
    left_out: int
    """Events that were found and are not among them."""


class Newest(Generic[_Item]):
    """Keeps the items of the newest events, so that memory is bounded."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: dict[Position, list[_Item]] = {}
        self._left_out = 0

    def add(self, event: Position, item: _Item) -> None:
        """Keep an item; forget the event that was found first if there are too many."""
        self._items.setdefault(event, []).append(item)
        if len(self._items) > self._limit:
            del self._items[next(iter(self._items))]
            self._left_out += 1

    def found(self) -> Found[_Item]:
        """Return what was kept, in the order of finding."""
        return Found([item for items in self._items.values() for item in items], self._left_out)


class SearchTopics(NamedTuple):
    """The topics of the group."""

    sources: Sequence[str]
    outcomes: str
    letters: str
    marks: str | None
    """Topic with the letters that were sent again; None if it does not exist."""
    intents: str | None = None
    """Topic of notices on their way; None if it does not exist."""


class KafkaOutcomes:
    """Outcomes on their topic."""

    def __init__(self, properties: Mapping[str, Any], topic: str, group: str, intents: str | None = None) -> None:
        """`properties` are librdkafka's; `intents` is the intents topic, if there is one."""
        self._properties = properties
        self._topic = topic
        self._group = group
        self._intents = intents

    def _has_care(self) -> bool:
        return self._intents is not None and WaitingIntents(self._properties, self._group, self._intents).is_used

    def outcomes(self, query: Query, since: datetime | None, limit: int, stage: Stage) -> Found[Ended]:
        """Read the topic from `since` to its end."""
        return self.newer(query, since, {}, limit, stage)

    def newer(
        self, query: Query, since: datetime | None, after: Mapping[int, int], limit: int, stage: Stage
    ) -> Found[Ended]:
        """Read the topic from `since` on, and each partition from the offset that `after` has for it."""
        decode, newest = OutcomeFields(), Newest[Ended](limit)
        with (
            TopicRange(self._properties, self._topic, Span(since, after=after)) as ledger,
            stage(self._topic) as progressed,
        ):
            for record in ledger.records(progressed):
                one = self._ended(decode, record)
                if one is not None and query.matches(one):
                    newest.add(one.event, one)
        return newest.found()

    def of_record(self, position: Position, since: datetime | None, stage: Stage) -> Sequence[Ended]:
        """Return the outcomes of one record, from the only partition that can hold them: all with recipient care."""
        decode, query, found = OutcomeFields(), ByEvents(frozenset({position})), list[Ended]()
        span = Span(since)
        if not self._has_care():
            with TopicRange(self._properties, self._topic) as whole:
                home = ledger_partition(position.topic, position.partition, len(whole.available))
            span = Span(since, partitions=frozenset({home}))
        with TopicRange(self._properties, self._topic, span) as ledger, stage(self._topic) as progressed:
            for record in ledger.records(progressed):
                one = self._ended(decode, record)
                if one is not None and query.matches(one):
                    found.append(one)
        return found

    def _ended(self, decode: OutcomeFields, record: Record) -> Ended | None:
        """Return the record's outcome; None if it is none, or one of another group."""
        values = decode(record.value)
        if values is None or values["group"] not in {None, self._group}:
            return None
        return ended(values, record.position)


class KafkaEvents:
    """Events, dead letters and commits of one group."""

    def __init__(
        self, properties: Mapping[str, Any], topics: SearchTopics, group: str, decoder: Decoder, explain: ExplainRules
    ) -> None:
        """`properties` are librdkafka's; `explain` gives what today's rules make of an event."""
        self._properties = properties
        self._topics = topics
        self._group = group
        self._decoder = decoder
        self._explain = explain

    def with_text(self, text: str, span: Span, limit: int, stage: Stage) -> Found[EventFacts]:
        """Decode all events of the span and return those that contain the text, each with its copies.

        Raises:
            UserError: Kafka or the registry does not answer.
        """
        newest = Newest[tuple[Record, Event | Undecodable, tuple[str, ...]]](limit)
        for topic in self._topics.sources:
            with TopicRange(self._properties, topic, span) as events, stage(topic) as progressed:
                for record in events.records(progressed):
                    seen = self._seen(record, text)
                    if seen is not None:
                        first = _first_position(seen[0])
                        newest.add(first or record.position, (record, *seen))
        found = newest.found()
        facts: dict[Position, EventFacts] = {}
        for record, event, fields in found.items:
            first = _first_position(event) or record.position
            if first in facts:
                facts[first] = facts[first]._replace(copies=(*facts[first].copies, record.position))
            else:
                copies = (record.position,) if first != record.position else ()
                facts[first] = self._facts(record, event, fields)._replace(position=first, copies=copies)
        return Found(list(facts.values()), found.left_out)

    def event(self, position: Position) -> tuple[Record, Event | Undecodable]:
        """Return the record at a position, and its event or why it is none.

        Raises:
            UserError: Kafka or the registry does not answer, or the topic or partition does not exist.
        """
        record = read_record(self._properties, position)
        return record, self._event_of(record)

    def at_or_gone(self, positions: Iterable[Position]) -> list[EventFacts]:
        """Return the events at these positions, also of records that are gone from their topic.

        Raises:
            Unreachable: Kafka or the registry does not answer.
        """
        with RecordReader(self._properties) as reader:
            return [self._at_or_gone(position, reader) for position in positions]

    def _at_or_gone(self, position: Position, reader: RecordReader) -> EventFacts:
        try:
            record = reader.read(position)
            return self._facts(record, self._event_of(record), ())
        except Unreachable:
            raise
        except UserError as gone:
            return EventFacts(position, unreadable=phrase("the event cannot be read any more: {why}", why=gone.message))

    def _event_of(self, record: Record) -> Event | Undecodable:
        try:
            return decoded(self._decoder, record)
        except Undecodable as fault:
            return fault

    def by_topic(self, outcomes: Sequence[Ended]) -> ByTopic:
        """Return which of them are about events of the present topics.

        Raises:
            Unreachable: the topics cannot be described.
        """
        return by_present_topics(outcomes, self._properties, self._group, self._topics.sources)

    def letters(self, outcomes: Collection[Ended], stage: Stage) -> Mapping[str, Sequence[Letter]]:
        """Return the dead letters of these outcomes, by outcome id.

        Raises:
            UserError: Kafka does not answer.
        """
        buried = [one for one in outcomes if one.leaves_dead_letter]
        if not buried:
            return {}
        ids = {one.id for one in buried}
        times = [min(max(_EARLIEST_MS, one.finished_ms), _LATEST_MS) for one in buried]
        span = Span(_time(min(times)) - CLOCK_MARGIN, _time(max(times)) + CLOCK_MARGIN)
        found: dict[str, list[tuple[Letter, str]]] = {}
        topic = self._topics.letters
        with TopicRange(self._properties, topic, span) as letters, stage(topic) as progressed:
            for record in letters.records(progressed):
                letter = read_letter(record)
                if letter is None or letter.outcome_id not in ids or letter.origin.group not in {"", self._group}:
                    continue
                kept = Letter(record.position, record.timestamp_ms, None, letter.redrives, letter.outcome_id)
                found.setdefault(letter.outcome_id, []).append((kept, letter.name))
        marks = self._marks({name for letters in found.values() for _, name in letters})
        return {
            outcome_id: [letter._replace(redriven_ms=marks.get(name)) for letter, name in letters]
            for outcome_id, letters in found.items()
        }

    def _marks(self, names: Collection[str]) -> Mapping[str, int]:
        """Return when the letters of these names were sent again."""
        if self._topics.marks is None or not names:
            return {}
        with TopicRange(self._properties, self._topics.marks) as marks:
            return {
                name: mark.timestamp_ms
                for mark in marks.records()
                if (name := (mark.key or b"").decode("utf-8", "replace")) in names
            }

    def committed(self, positions: Collection[Position]) -> Mapping[tuple[str, int], int | None]:
        """Return the group's committed offset of each partition of these positions; None without one.

        Raises:
            UserError: the coordinator does not answer or refuses this user.
        """
        locations = sorted({TopicPartition(*one[:2]) for one in positions})
        if not locations:
            return {}
        origins = described(self._properties, self._group, sorted({one.topic for one in locations}))
        commits = group_commits(self._properties, self._group, locations, origins)
        return {partition: commit.offset for partition, commit in commits.items()}

    def waiting(self, positions: Collection[Position]) -> Mapping[Position, set[str]]:
        """Return the rules whose messages of these events are made and have not ended, by event.

        Raises:
            UserError: Kafka does not answer.
        """
        found: dict[Position, set[str]] = {}
        if self._topics.intents is None or not positions:
            return found
        for intent in WaitingIntents(self._properties, self._group, self._topics.intents).read():
            position = intent.event.record.position
            if position in positions:
                found.setdefault(position, set()).add(intent.notice.rule)
        return found

    def _seen(self, record: Record, text: str) -> tuple[Event | Undecodable, tuple[str, ...]] | None:
        """Return the record's event and the fields that contain the text; None if there is none."""
        if is_for_another_group(record.headers, self._group):
            return None
        try:
            event = decoded(self._decoder, record)
        except Tombstone:
            return None
        except Undecodable as fault:
            return (fault, (phrase("the bytes of the record"),)) if has_bytes(record, text) else None
        fields = fields_with(event, text)
        return (event, tuple(fields)) if fields else None

    def _facts(self, record: Record, event: Event | Undecodable, fields: tuple[str, ...]) -> EventFacts:
        if isinstance(event, Undecodable):
            words = outcome_words(OutcomeKind.UNDECODABLE, event.reason, None)
            return EventFacts(
                record.position,
                record_ms=record.timestamp_ms,
                unreadable=phrase("{words}: {detail}", words=words, detail=event.detail),
                found_in=fields,
            )
        return EventFacts(
            record.position,
            event.type,
            event.id,
            record.timestamp_ms,
            event.time_ms,
            found_in=fields,
            rules=self._explain(event),
        )


def by_present_topics(
    outcomes: Sequence[Ended], properties: Mapping[str, Any], group: str, topics: Collection[str]
) -> ByTopic:
    """Return which of the outcomes are about events that these topics have now.

    Raises:
        Unreachable: the topics cannot be described.
    """
    if not outcomes:
        return ByTopic([], [])
    origins = described(properties, group, sorted(topics))
    return by_topic(outcomes, {topic: origin.topic_id for topic, origin in origins.items()})


def _first_position(event: Event | Undecodable) -> Position | None:
    return event.redrive.first if isinstance(event, Event) and event.redrive is not None else None


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
