"""Create what recipient care adds to the service: the intents topic and both roles (docs/decisions/intents-hop.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from pipeline.adapters.kafka.intents.log import IntentsTopic, KafkaIntentLog
from pipeline.adapters.kafka.intents.reader import seen_of
from pipeline.adapters.kafka.intents.record import IntentDecoder, IntentEncoder
from pipeline.adapters.kafka.intents.undelivered import undelivered
from pipeline.adapters.kafka.source import KafkaSource
from pipeline.adapters.kafka.topics import INTENTS_CONFIG, TopicCheck, TopicToMake
from pipeline.bootstrap.kafka import kafka_properties
from pipeline.bootstrap.kafka_rights import needed_with_care
from pipeline.bootstrap.outcomes import hash_key, remembering_hash
from pipeline.bootstrap.recipient_care.needed import needs_care
from pipeline.care.preferences import Choice, parse_preferences
from pipeline.errors import ConfigurationError, Undecodable, Unreachable
from pipeline.model.event import Record
from pipeline.model.intent import Intent, PreferencesChoice, Seen
from pipeline.model.make import make
from pipeline.rules.ruleset import RuleSet
from pipeline.runtime.hop import Hop, ReadIntent
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.delivery.machine_with_care import DeliveryWithCare
    from pipeline.ports import Clock
    from pipeline.runtime.service import Parts

LOOK_SECONDS = 1.0
"""Between two looks at what is left in the intents topic once recipient care is off."""

log = structlog.get_logger("care")


def is_care_on(settings: Settings, rules: RuleSet) -> bool:
    """Whether notices pass the intents topic, as configured and as the rules need it.

    Raises:
        ConfigurationError: the rules need it, and it is switched off.
    """
    needed = needs_care(rules)
    if settings.recipient_care.enabled is False and needed is not None:
        raise ConfigurationError(
            f"`recipient_care.enabled`: false, but the rules need recipient care: {needed}", hint="write auto, or true"
        )
    return bool(settings.recipient_care.enabled is True or needed)


def ensure_intents_topic(settings: Settings, topics: TopicCheck) -> IntentsTopic:
    """Create the intents topic if it does not exist, and prove the rights to it.

    Raises:
        Unreachable: it does not exist and cannot be created, or this user may not see it.
        RightsMissing: this user may not read and write it.
    """
    care = settings.recipient_care
    partitions = topics.ensure(
        TopicToMake(care.intents_topic, care.partitions, care.replication_factor, care.create), INTENTS_CONFIG
    )
    topics.prove(needed_with_care("run", settings, only="recipient_care.intents_topic"))
    return IntentsTopic(care.intents_topic, partitions, topics.batch_bytes([care.intents_topic]))


def intents_left(settings: Settings, topics: TopicCheck, properties: Mapping[str, Any]) -> int:
    """Return how many records of the intents topic are undelivered, although recipient care is off now.

    Raises:
        Unreachable: Kafka does not answer.
    """
    return _left(settings, properties) if settings.recipient_care.intents_topic in topics.partitions() else 0


def _left(settings: Settings, properties: Mapping[str, Any]) -> int:
    return undelivered(properties, settings.kafka.group_id, settings.recipient_care.intents_topic)


def ending(settings: Settings, parts: Parts) -> list[Coroutine[Any, Any, None]]:
    """Return what must run beside the service if recipient care was switched off; else nothing."""
    if parts.hop is None or parts.hop.maps or not isinstance(parts.source, KafkaSource):
        return []
    return [_read_events_when_delivered(settings, kafka_properties(settings), parts.source)]


async def _read_events_when_delivered(settings: Settings, properties: Mapping[str, Any], source: KafkaSource) -> None:
    """Wait until nothing is left in the intents topic, then let the source read events."""
    topic = settings.recipient_care.intents_topic
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            left = await asyncio.to_thread(_left, settings, properties)
        except Unreachable as error:
            log.warning("recipient_care_ends", topic=topic, error=error.message)
            continue
        if not left:
            log.info("recipient_care_ended", topic=topic)
            source.subscribe([*settings.kafka.topics, topic])
            return


def make_hop(
    settings: Settings, delivery: DeliveryWithCare, clock: Clock, identify: Callable[[str], str] | None
) -> Hop:
    """Create both roles; `identify` returns a recipient as outcomes have it, None where nothing is known of them."""
    decode = IntentDecoder()

    def read(record: Record) -> ReadIntent | None:
        found = decode(record.value)
        if found is None:
            return None
        content = found.content
        if type(content) is Intent:  # nearly all
            seen = (content.stream, content.event.record.offset, content.notice.id, content.committed)
            return make(ReadIntent, (found.group, content, make(Seen, (*seen, record.timestamp_ms)), None))
        choice = None
        if isinstance(content, PreferencesChoice) and identify is not None:
            choice = _choice(identify(content.recipient), content.preferences)
        return ReadIntent(found.group, None, seen_of(found, record.timestamp_ms), choice)

    care = settings.recipient_care
    return Hop(care.intents_topic, read, settings.kafka.group_id, delivery, clock, care.preferences_topic)


def _choice(recipient: str, text: str | None) -> Choice | None:
    try:
        read = parse_preferences(None if text is None else text.encode())
    except Undecodable:
        return None  # the map role has read it, so that another program wrote this
    return Choice(recipient, None if read is None else read.preferences)


def make_intent_log(settings: Settings, topic: IntentsTopic, properties: Mapping[str, Any]) -> KafkaIntentLog:
    """Create the writer. The key of the recipients' hash is the one at start: with another key the partitions change.

    Raises:
        UserError: the key cannot be read.
    """
    encoder = IntentEncoder(settings.kafka.group_id)
    return KafkaIntentLog(properties, topic, encoder, remembering_hash(hash_key(settings).encode()))
