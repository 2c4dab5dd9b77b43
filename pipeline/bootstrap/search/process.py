"""The process `history`: reads outcomes into the database, and serves probes, metrics and the search page."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import suppress

import structlog
from starlette.applications import Starlette

from pipeline import __version__
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.history.reader import HistoryReader
from pipeline.adapters.history.store import History
from pipeline.adapters.telemetry.history import HistoryMetrics
from pipeline.adapters.telemetry.logging import configure_logging
from pipeline.bootstrap.access import page_password
from pipeline.bootstrap.search.history import history_group, history_reader, open_history
from pipeline.bootstrap.search.page import make_search_page
from pipeline.runtime.credentials import Credentials
from pipeline.settings import Settings
from pipeline.web.access import gate
from pipeline.web.endpoint import Probes, make_app, serve
from pipeline.web.listener import listen

READY_LAG = 100_000
"""Above this many outcomes behind, a search reads much from Kafka; then `/readyz` is 503."""

log = structlog.get_logger("history")


async def run_history(settings: Settings) -> int:
    """Run until SIGTERM or Ctrl-C; return the exit code.

    Raises:
        UserError: Kafka, the database or the address cannot be used at start.
    """
    clock = SystemClock()
    configure_logging(form=settings.log.format, level=settings.log.level, clock=clock)
    listener = listen(settings.history.http.host, settings.history.http.port)
    stopped, telemetry = threading.Event(), HistoryMetrics()
    with listener, open_history(settings) as history:
        history.own()
        reader = await asyncio.to_thread(history_reader, settings, history, telemetry, stopped)
        host, port = listener.getsockname()[:2]
        log.info(
            "history_started",
            version=__version__,
            topic=settings.outcomes.topic,
            group=history_group(settings),
            database="postgresql" if history.is_postgresql else "sqlite",
            endpoint=f"http://{host}:{port}",
        )
        probes = Probes(live=lambda: (True, "alive"), ready=lambda: _ready(telemetry), metrics=telemetry.exposition)
        credentials = Credentials(clock)
        serving = asyncio.create_task(serve(_app(settings, history, probes, telemetry, credentials), listener))
        reloading = asyncio.create_task(credentials.run())
        try:
            await _until_stopped(reader, stopped)
        finally:
            reloading.cancel()
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving
    log.info("history_stopped")
    return 0


async def _until_stopped(reader: HistoryReader, stopped: threading.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        await asyncio.to_thread(reader.run)
    finally:
        stopped.set()


def _app(
    settings: Settings, history: History, probes: Probes, telemetry: HistoryMetrics, credentials: Credentials
) -> Starlette:
    """Probes and metrics, and the search page where it has a password: it shows who got which message."""
    http = settings.history.http
    password = page_password(http, credentials, "history.http")
    if password is None:
        log.info("search_page_off", hint="set history.http.user and history.http.password_file")
        return make_app(probes)
    page, pages = make_search_page(settings, history, telemetry.looked_up)
    middleware = gate(password, metrics_open=http.metrics_open)
    return make_app(probes, [*page.routes(), pages.route()], pages, middleware)


def _ready(telemetry: HistoryMetrics) -> tuple[bool, str]:
    if telemetry.error is not None:
        return False, telemetry.error
    behind = telemetry.records_behind
    if behind is None:
        return False, "the outcomes topic is not read yet"
    return behind <= READY_LAG, f"{behind:,} outcomes behind"
