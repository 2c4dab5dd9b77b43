"""What a group has published for one record, for `explain`."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.adapters.operations.find import CLOCK_MARGIN, KafkaOutcomes, Stage, by_present_topics
from pipeline.bootstrap.kafka import kafka_properties
from pipeline.care.words import CareWords
from pipeline.model.event import Position
from pipeline.operations.find.story import NO_WORDS, EventFacts, Story, tell
from pipeline.settings import Settings


def actual_outcomes(
    settings: Settings, position: Position, record_ms: int, stage: Stage, care: CareWords = NO_WORDS
) -> Story:
    """Return what the group has published for one record, without dead letters and without what is missing.

    `care` explains what recipient care decided.

    Raises:
        UserError: the outcomes cannot be read.
    """
    since = datetime.fromtimestamp(record_ms / 1000, UTC) - CLOCK_MARGIN if record_ms else None
    intents = settings.recipient_care.intents_topic
    properties = kafka_properties(settings)
    outcomes = KafkaOutcomes(properties, settings.outcomes.topic, settings.kafka.group_id, intents)
    found = outcomes.of_record(position, since, stage)
    present = by_present_topics(found, properties, settings.kafka.group_id, [position.topic]).present
    return tell(EventFacts(position), present, {}, None, care)
