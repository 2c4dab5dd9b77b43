"""Create the service from its configuration and run it until it is asked to stop."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pipeline import __version__
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.kafka.client_log import forwarding_logger
from pipeline.adapters.kafka.control import ControlReader
from pipeline.adapters.kafka.identities import Identities
from pipeline.adapters.kafka.intents.reader import IntentsReader
from pipeline.adapters.kafka.ledger.reader import LedgerReader
from pipeline.adapters.kafka.outcome_record import CareLedgerDecoder, LedgerDecoder
from pipeline.adapters.kafka.outcomes import KafkaOutcomeLog, Topics
from pipeline.adapters.kafka.rights import Right
from pipeline.adapters.kafka.source import KafkaSource
from pipeline.adapters.kafka.topics import DEAD_LETTER_CONFIG, LEDGER_CONFIG, TopicCheck, TopicToMake
from pipeline.adapters.notices_api.shared_token import SharedToken
from pipeline.adapters.rule_watch import RuleWatch
from pipeline.adapters.telemetry.log_writer import LogWriter
from pipeline.adapters.telemetry.logging import configure_logging
from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
from pipeline.bootstrap.access import page_password
from pipeline.bootstrap.apis import apis_of, key_of
from pipeline.bootstrap.day import restore_days
from pipeline.bootstrap.events import (
    Schemas,
    compacted_topics,
    find_decoder,
    find_rules,
    report_untyped,
    service_schemas,
)
from pipeline.bootstrap.kafka import ensure_control_topic, kafka_properties, reread_kafka_credentials
from pipeline.bootstrap.kafka_rights import needed as rights_needed
from pipeline.bootstrap.kafka_rights import needed_with_care
from pipeline.bootstrap.notices import make_apis
from pipeline.bootstrap.outcomes import outcome_encoder
from pipeline.bootstrap.recipient_care.hop import (
    ending,
    ensure_intents_topic,
    intents_left,
    is_care_on,
    make_hop,
    make_intent_log,
)
from pipeline.bootstrap.recipient_care.state import CareState, make_care_state
from pipeline.bootstrap.registry_wait import RegistryWait
from pipeline.bootstrap.rule_loader import RuleLoader
from pipeline.bootstrap.status import make_status_watch, status_counters
from pipeline.bootstrap.tokens import token_source
from pipeline.bootstrap.tracing import traced
from pipeline.delivery.machine import Delivery
from pipeline.delivery.machine_with_care import DeliveryWithCare
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.route import Route
from pipeline.delivery.verdicts import VerdictTable
from pipeline.errors import UserError
from pipeline.model.event import Record
from pipeline.rules.ruleset import RuleSet
from pipeline.runtime.credentials import Credentials
from pipeline.runtime.gauges import read_gauges
from pipeline.runtime.reload import Reload, ReloadOptions
from pipeline.runtime.service import CareParts, Parts, Service
from pipeline.runtime.signals import EndDeadline, Signals, Stopped
from pipeline.settings import Settings
from pipeline.settings.kafka_cautions import cautions
from pipeline.settings.model import DeadLetterSettings, NoticesSettings, OutcomeSettings
from pipeline.web.listener import listen
from pipeline.web.tally import Tally

if TYPE_CHECKING:
    from types import ModuleType

    from pipeline.ports import Clock, TokenSource
    from pipeline.runtime.hop import Hop


HALF_KBYTES = 512
"""Half a MiB, in librdkafka's unit."""
QUARTER_KBYTES = 256
MIN_FETCH_BYTES = 1_048_576
MIN_WRITE_KBYTES = 20_480
"""More than `message.max.bytes` of our producer: a message larger than the queue would wait without end."""

log = structlog.get_logger("start")


class Member(NamedTuple):
    """One of several workers of a service."""

    number: int
    listener: socket.socket
    """The listener of its endpoint, instead of the configured address."""
    when_alone: Callable[[Callable[[], None]], None]
    """Registers a function to call once the supervisor has ended."""
    tokens: Mapping[str, socket.socket] = MappingProxyType({})
    """By API: the connection over which the supervisor gives the token of all workers. Others have a source each."""


async def run_service(
    settings: Settings,
    *,
    on_started: Callable[[Service, int], None] | None = None,
    member: Member | None = None,
    owns_process: bool = False,
    clock: SystemClock | None = None,
) -> int:
    """Run one member of the group until it is stopped; return 0 for a clean end, 1 for a fatal error.

    `on_started` is given the service and the port of its endpoint. With `owns_process` the whole process is ended if
    the service does not end in time. `clock` is the real one if not given.

    Raises:
        UserError: something required at start is missing.
    """
    clock = clock or SystemClock()
    writer = LogWriter() if owns_process else None
    configure_logging(
        form=settings.log.format,
        level=settings.log.level,
        clock=clock,
        worker=member.number if member else None,
        writer=writer,
    )
    end_deadline = EndDeadline(settings.kafka.drain_seconds)
    on_end = end_deadline.arm if owns_process else _no_deadline
    signals = Signals(on_end)
    listener = member.listener if member else listen(settings.http.host, settings.http.port)
    host, port = listener.getsockname()[:2]
    credentials = Credentials(clock)
    tally = Tally()
    telemetry = PrometheusTelemetry(
        __version__,
        _read(settings),
        apis=list(apis_of(settings)),
        also_ended=tally.ended,
        rule_histograms=settings.http.rule_histograms,
    )
    if writer is not None:
        writer.on_dropped(telemetry.log_lines_dropped)
    try:
        registry = RegistryWait(signals, telemetry, listener)
        schemas = await registry.answered(lambda: service_schemas(settings, credentials))
        watch = await signals.unless_stopped(lambda: RuleWatch(settings.rules))
        tokens = token_sources(settings, member.tokens if member else {}, credentials)
        made = await registry.answered(lambda: make_parts(settings, schemas, tokens, telemetry, clock, credentials))
        parts = traced(made, settings, clock, credentials)
        password = page_password(settings.http, credentials)
    except Stopped:
        listener.close()
        log.info("stopped_before_it_had_started")
        return 0
    except UserError:
        listener.close()
        raise
    service = Service(
        parts,
        drain_seconds=settings.kafka.drain_seconds,
        publish_unmatched=settings.outcomes.unmatched,
        on_end=on_end,
    )
    _begin_telemetry(settings, telemetry, parts.rules, clock.now())
    report_untyped(parts.rules, schemas.catalogue)
    reload = _reload(settings, schemas, made, service)
    status = make_status_watch(settings, service, reload, credentials, status_counters(telemetry, tally))

    async def alongside() -> None:
        pages, endpoint = await asyncio.to_thread(_load_pages)
        telemetry.read_at_scrape(lambda: read_gauges(parts, service.intake, credentials, status))
        shown = pages.Shown(service, telemetry, reload, status, tally)
        web = pages.make_web(settings, shown, None if member else password)
        async with asyncio.TaskGroup() as group:
            served = (endpoint.serve(web.app, listener), web.keep())
            for work in (*served, status.run(), reload.run(), credentials.run(), *ending(settings, parts)):
                group.create_task(work)
            if settings.rule_options.watch:
                group.create_task(watch.run(reload.request))

    signals.serve(service.stop, _each(reload.request, credentials.request))
    if member is not None:
        member.when_alone(service.stop)
    _announce(settings, parts.rules, f"http://{host}:{port}")
    if on_started is not None:
        on_started(service, port)
    return 1 if await service.run(alongside=alongside) is not None else 0


def _reload(settings: Settings, schemas: Schemas, parts: Parts, service: Service) -> Reload:
    assert isinstance(parts.decoder, EventDecoder)  # noqa: S101 - what `make_parts` makes
    loader = RuleLoader(settings, schemas, parts.decoder, has_care=parts.hop is not None and parts.hop.maps)

    def accepted(rules: RuleSet) -> None:
        loader.accepted(rules)
        parts.limit_rules(rules)
        if parts.care is not None:
            parts.care.terms.care = rules.care

    return Reload(
        loader.load,
        service.intake,
        parts.telemetry,
        parts.clock,
        options=ReloadOptions(settings.rule_options.max_removed_share, settings.rule_options.allow_removal),
        rules_off=service.rules_off,
        accepted=accepted,
    )


def _begin_telemetry(settings: Settings, telemetry: PrometheusTelemetry, rules: RuleSet, now: float) -> None:
    telemetry.rules_loaded(rules, now)
    if settings.shadow:
        telemetry.shadow()


def token_sources(
    settings: Settings, shared: Mapping[str, socket.socket], credentials: Credentials
) -> dict[str, TokenSource]:
    """The source of each API's token: that of the supervisor where there is a connection, else one of its own.

    Raises:
        ConfigurationError: as `token_source`.
    """
    if settings.shadow:  # a token is never sent; fetching a real one may end the live service's
        return {}
    return {
        name: SharedToken(shared[name]) if name in shared else token_source(api, key_of(name), credentials)
        for name, api in apis_of(settings).items()
    }


def _announce(settings: Settings, rules: RuleSet, endpoint: str) -> None:
    """Log what the service will do, and settings that may not be meant."""
    log.info(
        "starting",
        reads=list(settings.kafka.topics),
        broker=settings.kafka.bootstrap_servers,
        group=settings.kafka.group_id,
        sends_to="no API: this is a shadow" if settings.shadow else str(settings.notices.url).partition("?")[0],
        **_further_apis(settings),
        environment=settings.environment,
        rules=len(rules.rules),
        rules_version=rules.version,
        endpoint=endpoint,
    )
    for caution in cautions(settings.kafka.properties, settings.kafka.drain_seconds):
        log.warning("configuration_caution", key=caution.key, error=caution.message, hint=caution.hint)


def _each(*requests: Callable[[], None]) -> Callable[[], None]:
    def request() -> None:
        for one in requests:
            one()

    return request


def _further_apis(settings: Settings) -> dict[str, dict[str, str]]:
    """A field of the log: the URL of each further API by name, if there is any that gets something."""
    if settings.shadow or not settings.apis:
        return {}
    return {"apis": {name: str(api.url).partition("?")[0] for name, api in settings.apis.items()}}


def _no_deadline() -> None:
    """Do nothing: the process continues after the service."""


def _load_pages() -> tuple[ModuleType, ModuleType]:
    """Import the endpoint's modules, which take as long to load as all others; no notice has to wait for them."""
    from pipeline.bootstrap import pages  # noqa: PLC0415 - see above
    from pipeline.web import endpoint  # noqa: PLC0415 - see above

    return pages, endpoint


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
    rights = [
        *rights_needed("run", settings),
        *needed_with_care("run", settings, only="recipient_care.preferences_topic"),
    ]
    topics.prove(rights)
    topics.require(_read(settings))
    ledger_partitions = topics.ensure(_to_make(settings.outcomes), LEDGER_CONFIG)
    topics.ensure(_to_make(settings.dead_letters), DEAD_LETTER_CONFIG)
    ensure_control_topic(settings, topics)
    if topics.made:
        topics.prove(rights)
    rules = find_rules(settings, schemas.catalogue)
    has_care = is_care_on(settings, rules)
    left = 0 if has_care else intents_left(settings, topics, properties)
    intents_topic = ensure_intents_topic(settings, topics) if has_care or left else None
    if left:
        log.warning(
            "recipient_care_ends",
            topic=settings.recipient_care.intents_topic,
            left=left,
            hint="what is left in it is delivered first; events are read after that",
        )
    encode = outcome_encoder(settings, schemas, credentials, is_fixed=has_care)
    care = None
    if has_care and intents_topic is not None:
        care = make_care_state(settings, topics, intents_topic, properties, rules, clock, telemetry)
    identities = Identities(properties, settings.kafka.group_id)
    ledger = LedgerReader(
        {**properties, "group.id": f"{settings.kafka.group_id}.ledger"},
        settings.outcomes.topic,
        LedgerDecoder() if intents_topic is None else CareLedgerDecoder(),
        telemetry=telemetry,
        ledger_id=lambda: identities.origins([settings.outcomes.topic])[settings.outcomes.topic].topic_id,
        intents=None if intents_topic is None else intents_topic.name,
        without_outcomes=settings.recipient_care.preferences_topic,
        care=None if care is None else care.reader,
    )
    intents_reader = None
    read_topics: Sequence[str] = settings.kafka.topics
    if intents_topic is not None:
        intents_reader = IntentsReader(
            {**properties, "group.id": f"{settings.kafka.group_id}.ledger"},
            intents_topic.name,
            settings.kafka.group_id,
            telemetry,
        )
        read_topics = [*_read(settings), intents_topic.name] if has_care else [intents_topic.name]
    source = KafkaSource(
        {**_read_ahead(settings), **properties, "group.id": settings.kafka.group_id},
        read_topics,
        ledger,
        clock,
        next_generation=_next_generation(settings, topics),
        fall_back=settings.kafka.group_protocol == "auto",
        committed=telemetry.committed,
        events_gone=telemetry.events_gone,
        identities=identities,
        recreated=telemetry.topic_recreated,
        intents=intents_reader,
    )
    outcomes = KafkaOutcomeLog(
        {"queue.buffering.max.kbytes": _to_write(settings), **properties},
        Topics(
            settings.outcomes.topic,
            ledger_partitions,
            settings.dead_letters.topic,
            topics.batch_bytes([settings.outcomes.topic, settings.dead_letters.topic]),
            "" if intents_topic is None else intents_topic.name,
        ),
        encode,
        encode.reference,
    )
    delivery, hop, intents = make_delivery(settings, clock.now()), None, None
    if intents_topic is None:
        restore_days(settings, properties, rules, delivery, clock.now())
    else:
        delivery, hop = make_sending_with_care(settings, clock, care)
        hop.maps = has_care
        writing = {"queue.buffering.max.kbytes": _to_write(settings), **properties}
        intents = make_intent_log(settings, intents_topic, writing, schemas.registry)
    count = sum(map(topics.partitions().__getitem__, [intents_topic.name] if intents_topic else settings.kafka.topics))

    def limits_of(rules: RuleSet) -> Mapping[str, int]:
        return {} if settings.shadow else rules.limits(settings.rule_options.max_per_minute)

    def limit_rules(rules: RuleSet) -> None:
        delivery.limit_rules(limits_of(rules), count)

    if limits_of(rules):
        topics.prove([Right("WRITE", "topic", settings.control.topic)])
    limit_rules(rules)
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


def make_delivery(settings: Settings, now: float) -> Delivery:
    """The machine with a route for each API, which differ in their limits and verdicts."""
    return Delivery(settings.delivery, *_routes(settings, now))


def make_sending_with_care(settings: Settings, clock: Clock, care: CareState | None) -> tuple[DeliveryWithCare, Hop]:
    """The same where recipient care is on, with its two roles; `care` decides about notices, if anything does."""
    terms = None if care is None else care.terms
    delivery = DeliveryWithCare(settings.delivery, *_routes(settings, clock.now()), terms)
    return delivery, make_hop(settings, delivery, clock, None if terms is None else terms.identify)


def _routes(settings: Settings, now: float) -> tuple[Route, float, Mapping[str, Route]]:
    """Return the route of `notices`, the time, and the other APIs' routes: arguments of `Delivery`."""
    rng = random.SystemRandom().random

    def route(api: NoticesSettings, policy: DeliverySettings) -> Route:
        return Route(policy, VerdictTable(api.verdicts), max_in_flight=api.max_in_flight, rng=rng, now=now)

    further = {
        name: route(api, settings.delivery.model_copy(update={"rate": api.rate})) for name, api in settings.apis.items()
    }
    return route(settings.notices, settings.delivery), now, further


def unreadable_time_report(telemetry: PrometheusTelemetry) -> Callable[[Record, str], None]:
    """Count every time that cannot be read, and log the first of each attribute and topic."""
    seen: set[tuple[str, str]] = set()

    def report(record: Record, attribute: str) -> None:
        telemetry.time_unreadable(record.topic, attribute)
        if (record.topic, attribute) not in seen:
            seen.add((record.topic, attribute))
            log.warning("event_time_unreadable", attribute=attribute, position=str(record.position))

    return report


def _read(settings: Settings) -> list[str]:
    """The topics that are read: events, and preferences of recipients."""
    preferences = settings.recipient_care.preferences_topic
    return [*settings.kafka.topics, *([] if preferences is None else [preferences])]


def _read_ahead(settings: Settings) -> dict[str, int]:
    """Limit librdkafka's prefetch to a quarter of our buffers, in fetches of at most an eighth of that."""
    kbytes = settings.delivery.buffers.megabytes * QUARTER_KBYTES
    return {"queued.max.messages.kbytes": kbytes, "fetch.max.bytes": max(MIN_FETCH_BYTES, kbytes * 1_024 // 8)}


def _to_write(settings: Settings) -> int:
    """Return the size of librdkafka's write queue in KiB: half of our buffers, at least the largest dead letter."""
    return max(MIN_WRITE_KBYTES, settings.delivery.buffers.megabytes * HALF_KBYTES)


def _to_make(topic: OutcomeSettings | DeadLetterSettings) -> TopicToMake:
    return TopicToMake(topic.topic, topic.partitions, topic.replication_factor, topic.create)


def _next_generation(settings: Settings, topics: TopicCheck) -> bool:
    if settings.kafka.group_protocol == "auto":
        return topics.has_next_generation_groups()
    return settings.kafka.group_protocol == "consumer"
