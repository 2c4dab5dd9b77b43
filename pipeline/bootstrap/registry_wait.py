"""Waits for the schema registry at the start, and reports it: log, probes, page and metric."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog

from pipeline.adapters.telemetry.prometheus import PrometheusTelemetry
from pipeline.errors import RegistryAway
from pipeline.runtime.signals import Signals

Made = TypeVar("Made")

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 15.0

log = structlog.get_logger("start")


class RegistryWait:
    """Repeats what needs the registry until that answers."""

    def __init__(self, signals: Signals, telemetry: PrometheusTelemetry, listener: socket.socket) -> None:
        """While it waits, probes and metrics are answered at `listener`."""
        self._signals = signals
        self._telemetry = telemetry
        self._listener = listener
        self._message = ""

    async def answered(self, work: Callable[[], Made]) -> Made:
        """Return the result of `work`, which runs in a thread of its own; repeat it while the registry is away.

        Raises:
            Stopped: a signal to end came first.
            Exception: anything else that `work` raises.
        """
        try:
            return await self._signals.unless_stopped(work)
        except RegistryAway as error:
            self._message = error.message
        async with self._reporting():
            pause = FIRST_PAUSE_SECONDS
            while True:
                log.warning("registry_awaited", error=self._message, retry_in_seconds=pause)
                await self._signals.sleep(pause)
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
                try:
                    return await self._signals.unless_stopped(work)
                except RegistryAway as error:
                    self._message = error.message

    @asynccontextmanager
    async def _reporting(self) -> AsyncIterator[None]:
        """Answer the probes meanwhile; the modules for it are loaded only here."""
        from pipeline.web.endpoint import serve  # noqa: PLC0415 - the same
        from pipeline.web.starting import starting_app  # noqa: PLC0415 - no start with a registry needs it

        self._telemetry.registry_awaited(awaited=True)
        app = starting_app(lambda: self._message, self._telemetry.exposition)
        serving = asyncio.create_task(serve(app, self._listener.dup()))
        try:
            yield
        finally:
            self._telemetry.registry_awaited(awaited=False)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
