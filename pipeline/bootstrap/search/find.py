"""A search as the service's configuration has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.control import ControlReader
from pipeline.adapters.kafka.range import Span
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.adapters.operations.find import (
    CLOCK_MARGIN,
    Found,
    KafkaEvents,
    KafkaOutcomes,
    OutcomeStore,
    SearchTopics,
    Stage,
)
from pipeline.adapters.rule_files import read_rules
from pipeline.authoring.cards.preview import Preview, previews
from pipeline.authoring.explain import Match, explain, in_brief
from pipeline.bootstrap.events import compacted_topics, find_decoder, service_schemas
from pipeline.bootstrap.kafka import kafka_properties
from pipeline.bootstrap.kafka_rights import care_rights, needed
from pipeline.bootstrap.search.history import HistoryThenKafka, forms_of, open_history, topic_id
from pipeline.errors import RulesRefused, Undecodable, UserError
from pipeline.model.event import Event, Position
from pipeline.model.notice import DEFAULT_API
from pipeline.model.outcome_words import reason_words
from pipeline.model.pause import Pause
from pipeline.operations.find.ended import Ended
from pipeline.operations.find.former import former_events
from pipeline.operations.find.query import ByEvents, ByField, Field
from pipeline.operations.find.story import EventFacts, Letter, Progress, RuleLine, RuleResult, Story, tell
from pipeline.phrases import phrase
from pipeline.rules.care_places import care_words
from pipeline.rules.compile import Compilation, compile_rules
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.adapters.history.store import History

Letters = Mapping[str, Sequence[Letter]]
"""Dead letters, by the id of their outcome."""
_RESULTS = {
    Match.NOTICE: RuleResult.NOTICE,
    Match.REFUSED: RuleResult.REFUSED,
    Match.NO_MATCH: RuleResult.NO_MATCH,
    Match.STOPPED: RuleResult.STOPPED,
}


class SearchOptions(NamedTuple):
    """What is searched for. One of the first five is given."""

    reference: str | None = None
    text: str | None = None
    recipient: str | None = None
    event_id: str | None = None
    position: Position | None = None
    since: datetime | None = None
    limit: int = 20
    """Most events that are returned."""


class Search:
    """Searches Kafka, and the history where there is one."""

    def __init__(
        self,
        settings: Settings,
        events: KafkaEvents,
        outcomes: OutcomeStore,
        pauses: Sequence[Pause],
        explainer: Explainer,
    ) -> None:
        """Use `open_search` instead."""
        self._settings = settings
        self._events = events
        self._outcomes = outcomes
        self._pauses = pauses
        self._explainer = explainer

    def event(self, position: Position) -> tuple[Sequence[RuleLine], Sequence[Preview]]:
        """Return what today's rules make of the event at a position, and the messages.

        Raises:
            UserError: there is no event, or Kafka or the registry does not answer.
        """
        _, event = self._events.event(position)
        if isinstance(event, Undecodable):
            raise UserError(
                phrase(
                    "the event cannot be decoded: {why}: {detail}", why=reason_words(event.reason), detail=event.detail
                )
            )
        return self._explainer(event), previews(self._explainer.ruleset, event)

    def run(self, options: SearchOptions, stage: Stage) -> Found[Story]:
        """Return the stories of the newest events that were found.

        Raises:
            NoRecord: there is no event at the position, and no outcome of one.
            UserError: Kafka, the registry or the history does not answer, or recipients are not in outcomes.
        """
        if options.position is not None:
            return self._at(options.position, options, stage)
        if options.text is not None:
            return self._with_text(options.text, options, stage)
        found = self._outcomes.outcomes(self._by_field(options), options.since, options.limit, stage)
        outcomes = self._events.by_topic(found.items)
        letters = self._events.letters(found.items, stage)
        facts = self._events.at_or_gone(dict.fromkeys(one.event for one in outcomes.present))
        stories = self._stories(facts, outcomes.present, letters, complete=False)
        return Found([*self._former(outcomes.former, letters), *stories], found.left_out)

    def _by_field(self, options: SearchOptions) -> ByField:
        if options.event_id is not None:
            return ByField(Field.EVENT, frozenset({options.event_id}))
        if options.reference is not None:
            return ByField(Field.REFERENCE, self._forms(options.reference, "reference"))
        return ByField(Field.RECIPIENT, self._forms(options.recipient or "", "recipient"))

    def _forms(self, value: str, what: Literal["recipient", "reference"]) -> frozenset[str]:
        """Return the forms in which outcomes may have the value.

        Raises:
            UserError: they do not have it.
        """
        if getattr(self._settings.outcomes, what) == "omit":
            raise UserError(
                phrase("outcomes do not contain it (`outcomes.{what}: omit`)", what=what),
                hint=phrase("search the events instead: --text with the recipient or an order number"),
            )
        return forms_of(self._settings, value)

    def _at(self, position: Position, options: SearchOptions, stage: Stage) -> Found[Story]:
        (facts,) = self._events.at_or_gone([position])
        since = options.since
        if facts.record_ms:
            since = datetime.fromtimestamp(facts.record_ms / 1000, UTC) - CLOCK_MARGIN
        found = self._outcomes.outcomes(ByEvents(frozenset({position})), since, options.limit, stage)
        outcomes = self._events.by_topic(found.items)
        letters = self._events.letters(found.items, stage)
        is_there = facts.type is not None or facts.record_ms is not None or outcomes.present
        if not is_there and not outcomes.former:
            self._events.event(position)  # raises, and names the available offsets
        stories = self._stories([facts], outcomes.present, letters, complete=True) if is_there else []
        return Found([*self._former(outcomes.former, letters), *stories], found.left_out)

    def _with_text(self, text: str, options: SearchOptions, stage: Stage) -> Found[Story]:
        seen = self._events.with_text(text, Span(options.since), options.limit, stage)
        if not seen.items:
            return Found([], 0)
        positions = frozenset(position for one in seen.items for position in (one.position, *one.copies))
        since = None if options.since is None else options.since - CLOCK_MARGIN
        found = self._outcomes.outcomes(ByEvents(positions), since, len(positions), stage)
        outcomes = self._events.by_topic(found.items).present
        letters = self._events.letters(outcomes, stage)
        return Found(self._stories(seen.items, outcomes, letters, complete=True), seen.left_out)

    def _former(self, outcomes: Sequence[Ended], letters: Letters) -> list[Story]:
        """Return the stories of events that are gone with their topic."""
        return [tell(facts, ends, letters, None, self._explainer.care) for facts, ends in former_events(outcomes)]

    def _stories(
        self, facts: Sequence[EventFacts], outcomes: Sequence[Ended], letters: Letters, *, complete: bool
    ) -> list[Story]:
        """Return the stories; `complete`: all outcomes of these events were read."""
        committed = self._events.committed([one.position for one in facts]) if complete else {}
        waiting = self._events.waiting([at for one in facts for at in (one.position, *one.copies)]) if complete else {}
        stories: list[Story] = []
        for one in facts:
            about = {one.position, *one.copies}
            own = [end for end in outcomes if end.source in about or end.first in about]
            progress = None
            if complete:
                rules = {rule for at in about for rule in waiting.get(at, ())}
                progress = Progress(committed.get(one.position[:2]), self._pauses, rules)
            stories.append(tell(one, own, letters, progress, self._explainer.care))
        return stories


@contextmanager
def open_search(settings: Settings) -> Iterator[Search]:
    """Open what a search reads, with the history where one is configured.

    Raises:
        UserError: Kafka, the registry, the rules, a topic or the history is not available.
    """
    with (
        open_history(settings) if settings.history.is_on else nullcontext() as history,
        search_with(settings, history) as search,
    ):
        yield search


@contextmanager
def search_with(settings: Settings, history: History | None) -> Iterator[Search]:
    """Open what a search reads, beside a history that is open already. Several threads may do so at once.

    Raises:
        UserError: Kafka, the registry, the rules or a topic is not available.
    """
    properties = kafka_properties(settings)
    check = TopicCheck(properties, settings.kafka.start_timeout_seconds)
    check.prove(needed("find", settings))
    check.require([*settings.kafka.topics, settings.outcomes.topic, settings.dead_letters.topic])
    available = check.partitions()
    marks = settings.dead_letters.redriven_topic
    topics = SearchTopics(
        settings.kafka.topics,
        settings.outcomes.topic,
        settings.dead_letters.topic,
        marks if marks in available else None,
        intents if (intents := settings.recipient_care.intents_topic) in available else None,
    )
    schemas = service_schemas(settings)
    with closing(schemas.registry) if schemas.registry is not None else nullcontext():
        decoder = find_decoder(settings, schemas, compacted_topics=compacted_topics(settings, check))
        group = settings.kafka.group_id
        explainer = Explainer(settings, schemas.catalogue)
        check.prove(care_rights("find", settings, explainer.ruleset))
        events = KafkaEvents(properties, topics, group, decoder, explainer)
        kafka = KafkaOutcomes(properties, topics.outcomes, group, topics.intents)
        pauses = _pauses(settings, properties) if settings.control.topic in available else ()
        outcomes: OutcomeStore = kafka
        if history is not None:
            outcomes = HistoryThenKafka(history, kafka, topic_id(settings, properties))
        yield Search(settings, events, outcomes, pauses, explainer)


def _pauses(settings: Settings, properties: Mapping[str, object]) -> Sequence[Pause]:
    reader = ControlReader(properties, settings.control.topic, settings.kafka.group_id)
    now = SystemClock().now()
    try:
        return [one for one in reader.pauses() if one.in_force(now)]
    finally:
        reader.close()


class Explainer:
    """Gives each rule's result for an event; rules that are switched off are tried as well."""

    def __init__(self, settings: Settings, catalogue: SchemaCatalogue) -> None:
        """Compile the configured rules.

        Raises:
            RulesRefused: with findings of level error.
            UserError: the folder cannot be read.
        """
        sources = read_rules(settings.rules)
        apis = (DEFAULT_API, *settings.apis)
        compiled = partial(
            compile_rules,
            sources,
            catalogue,
            environment=settings.environment,
            apis=apis,
            most_items=settings.rule_options.most_items,
        )
        self._used = compiled()
        if self._used.ruleset is None:
            raise RulesRefused(self._used.errors)
        self.ruleset = self._used.ruleset
        self._off = compiled(only=self.ruleset.off) if self.ruleset.off else None
        self.care = care_words(self.ruleset.care, self._used.care.document, self._used.locations)

    def __call__(self, event: Event) -> tuple[RuleLine, ...]:
        """Return the rules for events of this type."""
        found = _lines(self.ruleset, self._used, event)
        if self._off is not None and self._off.ruleset is not None:
            found += [
                line._replace(result=RuleResult.OFF, why=f"it is switched off (`enabled: false`); {line.why}")
                for line in _lines(self._off.ruleset, self._off, event)
                if line.result in {RuleResult.NOTICE, RuleResult.REFUSED}
            ]
        return tuple(found)


def _lines(rules: RuleSet, compiled: Compilation, event: Event) -> list[RuleLine]:
    templates = {rule.id: rule.template for rule in rules.rules}
    return [
        RuleLine(one.id, _RESULTS[one.match], in_brief(one), templates[one.id])
        for one in explain(rules, compiled.locations, event).rules
    ]
