"""A replay as configured: decide on every event first, then write the selected ones at a limited rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from threading import Event
from typing import NamedTuple

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.range import Progressed
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.adapters.operations.replay import EventReader, EventResult, Subject
from pipeline.adapters.operations.rewriting import Rewrite, Rewriter
from pipeline.adapters.telemetry.logging import configure_logging
from pipeline.bootstrap.events import compacted_topics, find_decoder, find_rules, service_schemas
from pipeline.bootstrap.kafka import kafka_properties
from pipeline.bootstrap.kafka_rights import care_rights
from pipeline.bootstrap.outcomes import text_encodings
from pipeline.bootstrap.redrive import Pace, RewriteOptions, batched, counted_before_errors, find_target
from pipeline.errors import UserError
from pipeline.model.event import Position
from pipeline.model.suggestion import did_you_mean
from pipeline.operations.replay.selection import ReplayDecision
from pipeline.settings import Settings

MOST_RECIPIENTS = 1_000
"""Recipients that have a message already of whom the report keeps the form that outcomes have."""
MOST_REFUSALS = 20


class ReplayOptions(NamedTuple):
    """The command's options."""

    rule: str
    start: datetime | None = None
    end: datetime | None = None
    positions: frozenset[Position] | None = None
    twice: bool = False
    round: int = 1
    into: str | None = None
    not_compacted: bool = False


class ReplayTally:
    """Counts the decisions on events."""

    def __init__(self) -> None:
        self.fates: Counter[ReplayDecision] = Counter()
        self.twice: dict[str, int] = {}
        """Messages that recipients have, or may have, by recipient in the form of outcomes: the first so many."""
        self.twice_events = 0
        self.refused: list[tuple[str, str]] = []
        """Position and error of the first few that Kafka refused."""
        self.absent: list[Position] = []
        """Named positions at which there is no record."""


class ReplayRun:
    """One replay; it joins no group."""

    def __init__(self, settings: Settings, options: ReplayOptions, *, writes: bool) -> None:
        """Set `writes` to write the events and not only count them.

        Raises:
            UserError: the rule is unknown, a topic is missing or cannot be used for it, or Kafka does not answer.
        """
        configure_logging(form=settings.log.format, level="error", clock=SystemClock())
        rewriting = RewriteOptions("replay", options.into, options.not_compacted)
        self._target = find_target(settings, rewriting, [settings.outcomes.topic], writes=writes)
        self._properties = kafka_properties(settings)
        self._name = f"{settings.kafka.group_id}.redrive"
        self._encode, _ = text_encodings(settings)
        self._clock = SystemClock()
        self._named = options.positions or frozenset()
        schemas = service_schemas(settings)
        rules = find_rules(settings, schemas.catalogue)
        ids = [rule.id for rule in rules.rules]
        if options.rule in rules.off:
            raise UserError(
                f"the rule {options.rule} is switched off (`enabled: false`)",
                hint="switch it on, and wait until the service has loaded it: it makes the messages",
            )
        if options.rule not in ids:
            raise UserError(f"{settings.rules} has no rule {options.rule}", hint=did_you_mean(options.rule, ids))
        check = TopicCheck(self._properties, settings.kafka.start_timeout_seconds)
        check.prove(care_rights("replay", settings, rules))
        decoder = find_decoder(settings, schemas, compacted_topics=compacted_topics(settings, check))
        subject = Subject(
            options.rule,
            settings.kafka.group_id,
            settings.kafka.topics,
            settings.outcomes.topic,
            options.start,
            options.end,
            options.positions,
            options.twice,
            options.round,
            settings.recipient_care.intents_topic,
        )
        self._reader = EventReader(self._properties, subject, decoder, rules, self._target)

    def look(self, progressed: Progressed) -> ReplayTally:
        """Return the decision for every event; writes nothing.

        Raises:
            UserError: events, outcomes or marks cannot be read.
        """
        tally = ReplayTally()
        absent = set(self._named)
        for result in self._results(progressed):
            tally.fates[result.fate] += 1
            absent.discard(result.position)
            if result.recipients and result.fate in {ReplayDecision.TWICE, ReplayDecision.SEND}:
                self._note(tally, result)
        tally.absent = sorted(absent)
        return tally

    def _note(self, tally: ReplayTally, result: EventResult) -> None:
        tally.twice_events += 1
        for clear in result.recipients:
            recipient = self._encode(clear) or "(omitted)"
            if recipient in tally.twice or len(tally.twice) < MOST_RECIPIENTS:
                tally.twice[recipient] = tally.twice.get(recipient, 0) + 1

    def send(self, total: int, rate: float | None, stop: Event, progressed: Progressed) -> ReplayTally:
        """Write `total` events, at most `rate` a second. `stop` ends it between two batches.

        Raises:
            UserError: a right is missing, Kafka does not answer, or another run has begun. What was written is marked,
                and the message has the numbers.
        """
        tally = ReplayTally()
        rewriter = Rewriter(self._properties, self._name, self._target)
        pace = Pace(rate, stop)

        def counts() -> tuple[int, int]:
            return tally.fates[ReplayDecision.SEND], tally.fates[ReplayDecision.REFUSED]

        with counted_before_errors(counts, "events were replayed"):
            for batch in self._batches(pace.batch):
                if not pace.wait(sum(tally.fates.values())):
                    break
                for one, refusal in zip(batch, rewriter.write(batch), strict=True):
                    tally.fates[ReplayDecision.SEND if refusal is None else ReplayDecision.REFUSED] += 1
                    if refusal is not None and len(tally.refused) < MOST_REFUSALS:
                        tally.refused.append((str(one.source), refusal))
                progressed(sum(tally.fates.values()), total)
        return tally

    def _results(self, progressed: Progressed) -> Iterator[EventResult]:
        return self._reader.look(self._clock.now(), progressed)

    def _batches(self, most: int) -> Iterator[list[Rewrite]]:
        results = self._results(lambda _read, _total: None)
        selected = (one.rewrite for one in results if one.rewrite is not None)
        return batched(selected, most, lambda rewrite: rewrite.record.value)
