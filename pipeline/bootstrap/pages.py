"""Create the service's pages and connect them to its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from starlette.applications import Starlette

from pipeline import __version__, metrics
from pipeline.adapters.authoring.workbench.process import Workbench
from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
from pipeline.runtime.reload import Reload
from pipeline.runtime.service import Service
from pipeline.runtime.status_watch import StatusWatch
from pipeline.settings import Settings
from pipeline.settings.show import changed
from pipeline.web.access import PagePassword, gate
from pipeline.web.care_status import CareTopics
from pipeline.web.endpoint import Probes, make_app
from pipeline.web.pages import Pages
from pipeline.web.service_status import StatusCollector, StatusSources
from pipeline.web.status import StatusLinks, StatusPage
from pipeline.web.studio import Studio
from pipeline.web.tally import Tally


class Web(NamedTuple):
    """The endpoint's application, and what runs beside it."""

    app: Starlette
    watch: StatusCollector
    bench: Workbench | None

    async def keep(self) -> None:
        """Keep the rates up to date until cancelled; then stop the workbench."""
        try:
            await self.watch.keep()
        finally:
            if self.bench is not None:
                await self.bench.close()


class Shown(NamedTuple):
    """What the pages show."""

    service: Service
    telemetry: PrometheusTelemetry
    reload: Reload
    status: StatusWatch
    tally: Tally


def make_web(settings: Settings, shown: Shown, password: PagePassword | None) -> Web:
    """Probes, metrics and pages of one service, which ask for the password where there is one."""
    service, telemetry, reload, status, tally = shown
    release = __version__
    parts = service.parts

    subjects = StatusSources(
        clock=parts.clock,
        phase=lambda: service.health.phase,
        messages=status.messages,
        held=service.intake.held,
        snapshot=parts.delivery.snapshot,
        lag=parts.source.lag,
        consumed=lambda: int(sum(telemetry.counts(metrics.EVENTS_CONSUMED).values())),
        matched=lambda: telemetry.counts(metrics.RULE_MATCHES),
        rules=lambda: service.intake.rules,
        rules_loaded_at=lambda: reload.loaded_at,
        refused_rules=lambda: reload.refused,
        pauses=lambda: parts.delivery.pauses(parts.clock.now()),
        tally=tally,
        care=lambda: None if parts.hop is None else CareTopics(parts.hop.topic, parts.hop.preferences),
    )
    watch = StatusCollector(subjects, release)
    bench = (
        Workbench(settings.rules, settings.schemas.directory, settings.environment) if settings.http.studio else None
    )
    pages = Pages({"Status": "./", **({"Studio": "studio"} if bench is not None else {})}, release)
    runbook_url = str(settings.http.runbook_url) if settings.http.runbook_url else None
    search_url = str(settings.http.search_url).rstrip("/") if settings.http.search_url else None
    page = StatusPage(pages, watch.status, changed(settings), StatusLinks(runbook_url, search_url))

    def is_ready() -> tuple[bool, str]:
        return service.health.ready(status.conditions())

    ready = _of_a_shadow(is_ready) if settings.shadow else is_ready
    probes = Probes(live=service.health.live, ready=ready, metrics=telemetry.exposition)
    studio = Studio(pages, bench).routes() if bench is not None else []
    middleware = gate(password, metrics_open=settings.http.metrics_open)
    return Web(make_app(probes, [*page.routes(), *studio, pages.route()], pages, middleware), watch, bench)


def _of_a_shadow(ready: Callable[[], tuple[bool, str]]) -> Callable[[], tuple[bool, str]]:
    def answer() -> tuple[bool, str]:
        ok, message = ready()
        return ok, f"{message}; a shadow: nothing is sent"

    return answer
