"""Create the supervisor of several workers, without loading clients of Kafka or of the API."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING

import structlog

from pipeline import __version__
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.telemetry.log_writer import LogWriter
from pipeline.adapters.telemetry.logging import configure_logging
from pipeline.bootstrap.access import page_password
from pipeline.delivery.policy import RateSettings
from pipeline.model.notice import DEFAULT_API
from pipeline.runtime.credentials import Credentials
from pipeline.settings import Settings
from pipeline.web.access import gate
from pipeline.web.endpoint import serve
from pipeline.web.listener import listen
from pipeline.web.pages import Pages
from pipeline.workers.endpoint import make_workers_app
from pipeline.workers.fleet import Fleet, Limits
from pipeline.workers.gauges import read_fleet
from pipeline.workers.metrics_merge import SummedExpositions
from pipeline.workers.page import WorkersPage
from pipeline.workers.process import WorkerProcesses
from pipeline.workers.supervisor import Supervisor, pass_signals_on

START_SECONDS = 180.0
"""Beyond the time for the broker: schemas, rules, and a machine where everything starts at once."""
END_SECONDS = 20.0
"""Beyond the drain: leaving the group, the last acknowledgements, closing."""
INTERRUPTED = 130

if TYPE_CHECKING:
    from pipeline.adapters.notices_api.shared_token import TokenShare

log = structlog.get_logger("start")


async def run_workers(settings: Settings) -> int:
    """Run `settings.workers` members of the group as processes until asked to stop; returns the exit code.

    Raises:
        UserError: the address is not available.
    """
    clock = SystemClock()
    configure_logging(form=settings.log.format, level=settings.log.level, clock=clock, writer=LogWriter())
    listener = listen(settings.http.host, settings.http.port)
    host, port = listener.getsockname()[:2]
    kafka = settings.kafka
    limits = Limits(start=kafka.start_timeout_seconds + START_SECONDS, end=kafka.drain_seconds + END_SECONDS)
    fleet = Fleet(settings.workers, limits, random.SystemRandom().random, clock.now())
    credentials = Credentials(clock)
    shares = _token_shares(settings, credentials)
    launcher = WorkerProcesses(
        settings.workers,
        lambda number: settings_of(settings, number),
        {name: share.serve for name, share in shares.items()},
    )
    supervisor = Supervisor(fleet, launcher, SummedExpositions(lambda: read_fleet(fleet)), clock)
    pass_signals_on(supervisor, lambda: _end_at_once(supervisor), credentials.request)
    log.info("starting", workers=settings.workers, endpoint=f"http://{host}:{port}")
    pages = Pages({"Workers": "./"}, __version__)
    routes = [*WorkersPage(pages, supervisor.workers, supervisor.ask).routes(), pages.route()]
    password = page_password(settings.http, credentials)
    app = make_workers_app(supervisor, routes, pages, gate(password, metrics_open=settings.http.metrics_open))
    endpoint = asyncio.create_task(serve(app, listener))
    rereading = asyncio.create_task(credentials.run())
    try:
        code = await supervisor.run()
    finally:
        endpoint.cancel()
        rereading.cancel()
        await asyncio.gather(endpoint, rereading, return_exceptions=True)
        await launcher.close()
        for share in shares.values():
            await share.close()
    log.info("stopped", code=code)
    return code


def _token_shares(settings: Settings, credentials: Credentials) -> dict[str, TokenShare]:
    """By API: what fetches the token for all workers, where it comes from an endpoint; others have a source each.

    Raises:
        ConfigurationError: the client secret or a certificate cannot be read.
    """
    sections = {DEFAULT_API: settings.notices, **settings.apis}
    oauths = {name: api.oauth for name, api in sections.items() if api.oauth is not None}
    if settings.shadow or not oauths:
        return {}
    from pipeline.adapters.notices_api.shared_token import TokenShare  # noqa: PLC0415 - loaded only if used
    from pipeline.bootstrap.apis import key_of  # noqa: PLC0415 - the same
    from pipeline.bootstrap.tokens import oauth_token  # noqa: PLC0415 - the same

    return {name: TokenShare(oauth_token(oauth, key_of(name), credentials)) for name, oauth in oauths.items()}


def _end_at_once(supervisor: Supervisor) -> None:
    """Handle a second Ctrl-C: end without waiting for the drain."""
    supervisor.kill()
    os._exit(INTERRUPTED)


def settings_of(settings: Settings, number: int) -> Settings:
    """Return the settings of one worker: fixed rate limits are divided among the workers."""
    workers = settings.workers

    def share(rate: RateSettings) -> RateSettings:
        return rate.model_copy(
            update={
                "per_second": None if rate.per_second is None else rate.per_second / workers,
                "per_day": None if rate.per_day is None else (rate.per_day + workers - number) // workers,
            }
        )

    delivery = settings.delivery.model_copy(update={"rate": share(settings.delivery.rate)})
    apis = {name: api.model_copy(update={"rate": share(api.rate)}) for name, api in settings.apis.items()}
    # The supervisor shows a worker's pages, and forwards only reading requests.
    http = settings.http.model_copy(update={"studio": False})
    return settings.model_copy(update={"delivery": delivery, "apis": apis, "http": http, "workers": 1})
