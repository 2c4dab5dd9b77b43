"""Create the service from its configuration and run it until it is asked to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pipeline import __version__
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.notices_api.shared_token import SharedToken
from pipeline.adapters.rule_watch import RuleWatch
from pipeline.adapters.telemetry.log_writer import LogWriter
from pipeline.adapters.telemetry.logging import configure_logging
from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
from pipeline.bootstrap.access import page_password
from pipeline.bootstrap.apis import apis_of, key_of
from pipeline.bootstrap.events import Schemas, report_untyped, service_schemas
from pipeline.bootstrap.parts import make_parts, topics_read
from pipeline.bootstrap.recipient_care.hop import ending
from pipeline.bootstrap.registry_wait import RegistryWait
from pipeline.bootstrap.rule_loader import RuleLoader
from pipeline.bootstrap.status import make_status_watch, status_counters
from pipeline.bootstrap.tokens import token_source
from pipeline.bootstrap.tracing import traced
from pipeline.errors import UserError
from pipeline.rules.ruleset import RuleSet
from pipeline.runtime.credentials import Credentials
from pipeline.runtime.gauges import read_gauges
from pipeline.runtime.reload import Reload, ReloadOptions
from pipeline.runtime.service import Parts, Service
from pipeline.runtime.signals import EndDeadline, Signals, Stopped
from pipeline.settings import Settings
from pipeline.settings.kafka_cautions import cautions
from pipeline.web.listener import listen
from pipeline.web.tally import Tally

if TYPE_CHECKING:
    from types import ModuleType

    from pipeline.ports import TokenSource

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
        topics_read(settings),
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
