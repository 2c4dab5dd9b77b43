"""Create what decides about recipients, where recipient care is on: its terms, its records, their topic."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.adapters.kafka.care.reader import CareReader, CareSettings
from pipeline.adapters.kafka.care.tail import CareTail
from pipeline.adapters.kafka.care.writer import CareWriter
from pipeline.adapters.kafka.topics import CARE_CONFIG, TopicCheck, TopicToMake
from pipeline.bootstrap.kafka_rights import needed_with_care
from pipeline.bootstrap.outcomes import identify_recipients
from pipeline.care.recipients import CareTerms
from pipeline.care.record import about
from pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from pipeline.adapters.kafka.intents.log import IntentsTopic
    from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
    from pipeline.bootstrap.kafka import KafkaClient
    from pipeline.ports import Clock
    from pipeline.rules.ruleset import RuleSet
    from pipeline.settings import Settings


class CareState(NamedTuple):
    """What decides about recipients."""

    terms: CareTerms
    reader: CareReader
    writer: CareWriter
    tail: CareTail

    @property
    def clients(self) -> tuple[KafkaClient, ...]:
        """What uses Kafka's credentials."""
        return self.reader, self.writer, self.tail


def _ensure_topic(settings: Settings, topics: TopicCheck, intents: IntentsTopic) -> None:
    """Create the topic of recipients' records if it does not exist, and prove the rights to it.

    Raises:
        Unreachable: it does not exist and cannot be created, or this user may not see it.
        RightsMissing: this user may not read and write it.
        ConfigurationError: it has another number of partitions than the intents topic.
    """
    care = settings.recipient_care
    made = TopicToMake(care.care_topic, intents.partitions, care.replication_factor, care.create)
    partitions = topics.ensure(made, CARE_CONFIG)
    if partitions != intents.partitions:
        raise ConfigurationError(
            f"`recipient_care.care_topic`: {care.care_topic} has {partitions} partitions and {intents.name} "
            f"{intents.partitions}; both must have as many",
            hint="create the smaller one again while nothing is in it, or name another topic",
        )
    topics.prove([right for right in needed_with_care("run", settings) if right.name != care.intents_topic])


def make_care_state(
    settings: Settings,
    topics: TopicCheck,
    intents: IntentsTopic,
    properties: Mapping[str, Any],
    rules: RuleSet,
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> CareState:
    """Create the terms by which the machine decides, and the clients of the topic.

    Recipients are identified by the key of their hash as it is at start: with another key all would be strangers.

    Raises:
        ConfigurationError: the key cannot be read, librdkafka refuses its settings, or the topic has another number of
            partitions than the intents topic.
        Unreachable: the topic does not exist and cannot be created, or this user may not see it.
        RightsMissing: this user may not read and write it.
    """
    _ensure_topic(settings, topics, intents)
    care, group = settings.recipient_care, settings.kafka.group_id
    terms = CareTerms(rules.care, identify_recipients(settings))
    counts = _Counting(rules, clock)
    process = os.urandom(4)
    given = CareSettings(
        care.care_topic, care.intents_topic, about(group, terms.identify, intents.partitions), care.accept_loss
    )
    reading = {**properties, "group.id": f"{group}.care"}
    reader = CareReader(reading, given, lambda: terms.care, counts.since, telemetry, counts.now)
    return CareState(
        terms,
        reader,
        CareWriter(properties, care.care_topic, process),
        CareTail(reading, care.care_topic, process),
    )


class _Counting:
    """From when on messages count, by the rules at start: a reload changes it for the next start only."""

    def __init__(self, rules: RuleSet, clock: Clock) -> None:
        self._seconds = rules.remembers
        self._clock = clock

    def now(self) -> float:
        """Return the time, seconds since the epoch."""
        return self._clock.now() + self._clock.correction()

    def since(self) -> float:
        """Return seconds since the epoch."""
        return self.now() - self._seconds
