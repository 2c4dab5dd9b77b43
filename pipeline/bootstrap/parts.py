"""Create the parts that the service consists of, and prove at the start that what they need is there."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.client_log import forwarding_logger
from pipeline.adapters.kafka.control import ControlReader
from pipeline.adapters.kafka.identities import Identities
from pipeline.adapters.kafka.intents.log import IntentsTopic
from pipeline.adapters.kafka.intents.reader import IntentsReader
from pipeline.adapters.kafka.ledger.reader import LedgerReader
from pipeline.adapters.kafka.outcome_record import CareLedgerDecoder, LedgerDecoder
from pipeline.adapters.kafka.outcomes import KafkaOutcomeLog, Topics
from pipeline.adapters.kafka.rights import Right
from pipeline.adapters.kafka.source import KafkaSource
from pipeline.adapters.kafka.topics import DEAD_LETTER_CONFIG, TopicCheck, TopicToMake
from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
from pipeline.bootstrap.day import left_today
from pipeline.bootstrap.events import Schemas, compacted_topics, find_decoder, find_rules
from pipeline.bootstrap.kafka import ensure_control_topic, kafka_properties, reread_kafka_credentials
from pipeline.bootstrap.kafka_rights import needed as rights_needed
from pipeline.bootstrap.kafka_rights import needed_with_care
from pipeline.bootstrap.notices import make_apis
from pipeline.bootstrap.outcomes import ensure_outcomes_topic, outcome_encoder
from pipeline.bootstrap.recipient_care.hop import (
    ensure_intents_topic,
    intents_left,
    is_care_on,
    make_hop,
    make_intent_log,
)
from pipeline.bootstrap.recipient_care.state import CareState, make_care_state
from pipeline.delivery.machine import Delivery
from pipeline.delivery.machine_with_care import DeliveryWithCare
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.route import Route
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.event import Record, TopicPartition
from pipeline.model.notice import DEFAULT_API
from pipeline.rules.ruleset import RuleSet
from pipeline.runtime.credentials import Credentials
from pipeline.runtime.service import CareParts, Parts
from pipeline.settings import Settings
from pipeline.settings.model import DeadLetterSettings, NoticesSettings

if TYPE_CHECKING:
    from pipeline.ports import Clock, TokenSource
    from pipeline.runtime.hop import Hop

HALF_KBYTES = 512
"""Half a MiB, in librdkafka's unit."""
QUARTER_KBYTES = 256
MIN_FETCH_BYTES = 1_048_576
MIN_WRITE_KBYTES = 20_480
"""More than `message.max.bytes` of our producer: a message larger than the queue would wait without end."""

_NONE: Mapping[str, Mapping[TopicPartition, int]] = {}

log = structlog.get_logger("start")


class _Kafka(NamedTuple):
    """What the clients of one service have in common."""

    properties: Mapping[str, Any]
    topics: TopicCheck
    has_care: bool
    intents: IntentsTopic | None
    """Where recipient care is on, or was and has left something to deliver."""

    def in_ledger_group(self, settings: Settings) -> dict[str, Any]:
        """Properties of what is read beside the group's own partitions."""
        return {**self.properties, "group.id": f"{settings.kafka.group_id}.ledger"}


def make_parts(
    settings: Settings,
    schemas: Schemas,
    tokens: Mapping[str, TokenSource],
    telemetry: PrometheusTelemetry,
    clock: SystemClock,
    credentials: Credentials,
) -> Parts:
    """Create and check everything that a service needs; `credentials` reads its secrets again when they change.

    Raises:
        UserError: something is missing.
    """
    reread_for = reread_kafka_credentials(settings, credentials)
    properties = {**kafka_properties(settings), "logger": forwarding_logger()}
    topics = TopicCheck(properties, settings.kafka.start_timeout_seconds)
    rules = find_rules(settings, schemas.catalogue)
    ledger_partitions = _ensure_topics(settings, topics, rules)
    kafka = _with_intents(settings, properties, topics, rules)
    encode = outcome_encoder(settings, schemas, credentials, is_fixed=kafka.has_care)
    care = None
    if kafka.has_care and kafka.intents is not None:
        care = make_care_state(settings, topics, kafka.intents, properties, rules, clock, telemetry)
    identities = Identities(properties, settings.kafka.group_id)
    ledger = _make_ledger_reader(settings, kafka, identities, care, telemetry)
    intents_reader = _make_intents_reader(settings, kafka, telemetry)
    source = _make_source(settings, kafka, (ledger, identities, intents_reader), clock, telemetry)
    outcomes = KafkaOutcomeLog(
        {"queue.buffering.max.kbytes": _to_write(settings), **properties},
        Topics(
            settings.outcomes.topic,
            ledger_partitions,
            settings.dead_letters.topic,
            topics.batch_bytes([settings.outcomes.topic, settings.dead_letters.topic]),
            "" if kafka.intents is None else kafka.intents.name,
        ),
        encode,
        encode.reference,
    )
    delivery: Delivery
    hop, intents = None, None
    sent_from = None if kafka.intents is None else kafka.intents.name
    left = left_today(settings, kafka.in_ledger_group(settings), rules, clock.now(), sent_from)
    if kafka.intents is None:
        delivery = make_delivery(settings, clock.now(), left)
    else:
        delivery, hop = make_sending_with_care(settings, clock, care, left)
        hop.maps = kafka.has_care
        writing = {"queue.buffering.max.kbytes": _to_write(settings), **properties}
        intents = make_intent_log(settings, kafka.intents, writing)
    limit_rules = _rule_limits(settings, kafka, delivery, rules)
    controls = ControlReader(properties, settings.control.topic, settings.kafka.group_id)
    of_hop = [client for client in (intents_reader, intents) if client is not None]
    of_care = () if care is None else care.clients
    reread_for([source, ledger, identities, outcomes, controls, *of_hop, *of_care], source.is_refused)
    return Parts(
        decoder=find_decoder(
            settings,
            schemas,
            compacted_topics=compacted_topics(settings, topics),
            unreadable_time=unreadable_time_report(telemetry),
        ),
        rules=rules,
        delivery=delivery,
        apis=make_apis(settings, tokens, credentials, clock),
        source=source,
        outcomes=outcomes,
        clock=clock,
        telemetry=telemetry,
        controls=controls,
        limit_rules=limit_rules,
        hop=hop,
        intents=intents,
        care=None if care is None else CareParts(care.writer, care.tail, telemetry.care_overwritten, care.terms),
    )


def topics_read(settings: Settings) -> list[str]:
    """Return the topics that are read: events, and preferences of recipients."""
    preferences = settings.recipient_care.preferences_topic
    return [*settings.kafka.topics, *([] if preferences is None else [preferences])]


def _ensure_topics(settings: Settings, topics: TopicCheck, rules: RuleSet) -> int:
    """Prove the rights, find what is read, create what is written; return the number of the ledger's partitions."""
    rights = [
        *rights_needed("run", settings),
        *needed_with_care("run", settings, only="recipient_care.preferences_topic"),
    ]
    topics.prove(rights)
    topics.require(topics_read(settings))
    ledger_partitions = ensure_outcomes_topic(settings.outcomes, topics, _most_partitions(settings, topics, rules))
    topics.ensure(_to_make(settings.dead_letters), DEAD_LETTER_CONFIG)
    ensure_control_topic(settings, topics)
    if topics.made:
        topics.prove(rights)
    return ledger_partitions


def _most_partitions(settings: Settings, topics: TopicCheck, rules: RuleSet) -> int:
    """Return how many partitions the topic with most has, of those from which notices are sent."""
    care, partitions = settings.recipient_care, topics.partitions()
    if is_care_on(settings, rules):
        return partitions.get(care.intents_topic, care.partitions)
    return max(map(partitions.__getitem__, settings.kafka.topics))


def _with_intents(settings: Settings, properties: Mapping[str, Any], topics: TopicCheck, rules: RuleSet) -> _Kafka:
    has_care = is_care_on(settings, rules)
    left = 0 if has_care else intents_left(settings, topics, properties)
    intents = ensure_intents_topic(settings, topics) if has_care or left else None
    if left:
        log.warning(
            "recipient_care_ends",
            topic=settings.recipient_care.intents_topic,
            left=left,
            hint="what is left in it is delivered first; events are read after that",
        )
    return _Kafka(properties, topics, has_care, intents)


def _make_ledger_reader(
    settings: Settings, kafka: _Kafka, identities: Identities, care: CareState | None, telemetry: PrometheusTelemetry
) -> LedgerReader:
    topic = settings.outcomes.topic
    return LedgerReader(
        kafka.in_ledger_group(settings),
        topic,
        LedgerDecoder() if kafka.intents is None else CareLedgerDecoder(),
        telemetry=telemetry,
        ledger_id=lambda: identities.origins([topic])[topic].topic_id,
        intents=None if kafka.intents is None else kafka.intents.name,
        without_outcomes=settings.recipient_care.preferences_topic,
        care=None if care is None else care.reader,
    )


def _make_intents_reader(settings: Settings, kafka: _Kafka, telemetry: PrometheusTelemetry) -> IntentsReader | None:
    if kafka.intents is None:
        return None
    return IntentsReader(kafka.in_ledger_group(settings), kafka.intents.name, settings.kafka.group_id, telemetry)


def _make_source(
    settings: Settings,
    kafka: _Kafka,
    readers: tuple[LedgerReader, Identities, IntentsReader | None],
    clock: SystemClock,
    telemetry: PrometheusTelemetry,
) -> KafkaSource:
    ledger, identities, intents = readers
    read: Sequence[str] = settings.kafka.topics
    if kafka.intents is not None:
        read = [*(topics_read(settings) if kafka.has_care else ()), kafka.intents.name]
    return KafkaSource(
        {**_read_ahead(settings), **kafka.properties, "group.id": settings.kafka.group_id},
        read,
        ledger,
        clock,
        next_generation=_next_generation(settings, kafka.topics),
        fall_back=settings.kafka.group_protocol == "auto",
        committed=telemetry.committed,
        events_gone=telemetry.events_gone,
        identities=identities,
        recreated=telemetry.topic_recreated,
        intents=intents,
    )


def _rule_limits(settings: Settings, kafka: _Kafka, delivery: Delivery, rules: RuleSet) -> Callable[[RuleSet], None]:
    """Set the limits per minute of these rules, and return what sets those of later ones."""
    sending = settings.kafka.topics if kafka.intents is None else [kafka.intents.name]
    count = sum(map(kafka.topics.partitions().__getitem__, sending))

    def limits_of(rules: RuleSet) -> Mapping[str, int]:
        return {} if settings.shadow else rules.limits(settings.rule_options.max_per_minute)

    def limit_rules(rules: RuleSet) -> None:
        delivery.limit_rules(limits_of(rules), count)

    if limits_of(rules):
        kafka.topics.prove([Right("WRITE", "topic", settings.control.topic)])
    limit_rules(rules)
    return limit_rules


def make_delivery(settings: Settings, now: float, left: Mapping[str, Mapping[TopicPartition, int]] = _NONE) -> Delivery:
    """The machine with a route for each API, which differ in their limits and verdicts.

    `left` is what left today through each API before this process began, by partition.
    """
    return Delivery(settings.delivery, *_routes(settings, now, left))


def make_sending_with_care(
    settings: Settings, clock: Clock, care: CareState | None, left: Mapping[str, Mapping[TopicPartition, int]] = _NONE
) -> tuple[DeliveryWithCare, Hop]:
    """The same where recipient care is on, with its two roles; `care` decides about notices, if anything does."""
    terms = None if care is None else care.terms
    delivery = DeliveryWithCare(settings.delivery, *_routes(settings, clock.now(), left), terms)
    return delivery, make_hop(settings, delivery, clock, None if terms is None else terms.identify)


def _routes(
    settings: Settings, now: float, left: Mapping[str, Mapping[TopicPartition, int]] = _NONE
) -> tuple[Route, float, Mapping[str, Route]]:
    """Return the route of `notices`, the time, and the other APIs' routes: arguments of `Delivery`."""
    rng = random.SystemRandom().random

    def route(name: str, api: NoticesSettings, policy: DeliverySettings) -> Route:
        made = Route(policy, VerdictTable(api.verdicts), max_in_flight=api.max_in_flight, rng=rng, now=now)
        made.gate.rate.restore(left.get(name, {}))
        return made

    further = {
        name: route(name, api, settings.delivery.model_copy(update={"rate": api.rate}))
        for name, api in settings.apis.items()
    }
    return route(DEFAULT_API, settings.notices, settings.delivery), now, further


def unreadable_time_report(telemetry: PrometheusTelemetry) -> Callable[[Record, str], None]:
    """Count every time that cannot be read, and log the first of each attribute and topic."""
    seen: set[tuple[str, str]] = set()

    def report(record: Record, attribute: str) -> None:
        telemetry.time_unreadable(record.topic, attribute)
        if (record.topic, attribute) not in seen:
            seen.add((record.topic, attribute))
            log.warning("event_time_unreadable", attribute=attribute, position=str(record.position))

    return report


def _read_ahead(settings: Settings) -> dict[str, int]:
    """Limit librdkafka's prefetch to a quarter of our buffers, in fetches of at most an eighth of that."""
    kbytes = settings.delivery.buffers.megabytes * QUARTER_KBYTES
    return {"queued.max.messages.kbytes": kbytes, "fetch.max.bytes": max(MIN_FETCH_BYTES, kbytes * 1_024 // 8)}


def _to_write(settings: Settings) -> int:
    """Return the size of librdkafka's write queue in KiB: half of our buffers, at least the largest dead letter."""
    return max(MIN_WRITE_KBYTES, settings.delivery.buffers.megabytes * HALF_KBYTES)


def _to_make(topic: DeadLetterSettings) -> TopicToMake:
    return TopicToMake(topic.topic, topic.partitions, topic.replication_factor, topic.create)


def _next_generation(settings: Settings, topics: TopicCheck) -> bool:
    if settings.kafka.group_protocol == "auto":
        return topics.has_next_generation_groups()
    return settings.kafka.group_protocol == "consumer"
