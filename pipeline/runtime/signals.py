"""Signals, from the start of the process on: which end the service, and which reload its rules."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import structlog

Made = TypeVar("Made")

MARGIN_SECONDS = 15.0
"""Beyond the drain: leaving the group, the last acknowledgements, closing connections. Less than the 20 s that the
chart and the compose file give, so that the process ends with a message and not by SIGKILL."""
BACKUP_SECONDS = 3
"""From the deadline's message until the kernel ends the process, in case Python can no longer run."""
WRITE_SECONDS = 0.5
"""For the log's own thread to write that message."""

log = structlog.get_logger("service")


class Stopped(Exception):
    """SIGTERM or SIGINT came before the service had started."""


class EndDeadline:
    """Ends the process with exit code 1 when it has not ended by itself in time, whatever hangs.

    A name lookup, a client library or the loop itself may hang in a call that nothing in Python can cancel.
    """

    def __init__(self, drain_seconds: float) -> None:
        self._seconds = drain_seconds + MARGIN_SECONDS
        self._armed = False

    def arm(self) -> None:
        """Start the time; further calls change nothing. Callable from a signal handler and from any thread."""
        if self._armed:
            return
        self._armed = True
        timer = threading.Timer(self._seconds, self._end)
        timer.daemon = True
        timer.start()
        # SIGALRM keeps its default action: it ends the process even while the interpreter shuts down.
        signal.alarm(int(self._seconds) + BACKUP_SECONDS)

    def _end(self) -> None:
        log.error("end_deadline_passed", seconds=self._seconds, error="the process did not end by itself")
        time.sleep(WRITE_SECONDS)
        os._exit(1)


class Signals:
    """SIGTERM and SIGINT drain, a second SIGINT ends at once, SIGHUP reloads the rules.

    They are handled while the service is being made, too: as the first process of a container it would not even end on
    a SIGTERM without a handler, but start, and be killed with requests in flight at the end of the grace period.
    The handlers are Python's own, not the loop's, so that the deadline is armed even where the loop does not run.
    """

    def __init__(self, on_end: Callable[[], None] = lambda: None) -> None:
        """Handle them from now on; to be made on the loop. `on_end` is called in the handler that ends the service."""
        self._loop = asyncio.get_running_loop()
        self._on_end = on_end
        self._end_requested = asyncio.Event()
        self._stop: Callable[[], None] = lambda: None
        self._reload: Callable[[], None] = lambda: None
        signal.signal(signal.SIGTERM, self._handle_end)
        signal.signal(signal.SIGINT, self._handle_interrupt)
        signal.signal(signal.SIGHUP, self._handle_hangup)

    def serve(self, stop: Callable[[], None], reload: Callable[[], None]) -> None:
        """Pass the signals on to a service from now on."""
        self._stop, self._reload = stop, reload
        if self._end_requested.is_set():
            stop()

    async def unless_stopped(self, work: Callable[[], Made]) -> Made:
        """Run `work` in a thread of its own and return its result.

        Raises:
            Stopped: a signal to end came first; the thread is abandoned and ends with the process.
            Exception: whatever `work` raises.
        """
        made: asyncio.Future[Made] = self._loop.create_future()

        def run() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - a thread's outermost line: raised again where it is awaited
                self._settle(made.set_exception, error)
            else:
                self._settle(made.set_result, result)

        threading.Thread(target=run, name="start", daemon=True).start()
        ended = asyncio.ensure_future(self._end_requested.wait())
        either: set[asyncio.Future[Any]] = {made, ended}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if not made.done():
            made.cancel()
            raise Stopped
        return made.result()

    async def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            Stopped: a signal to end came first.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._end_requested.wait(), seconds)
            raise Stopped

    def _settle(self, settle: Callable[..., None], value: object) -> None:
        """Settle a future of the loop, unless it is cancelled or the loop has ended."""

        def unless_cancelled() -> None:
            with suppress(asyncio.InvalidStateError):
                settle(value)

        self._on_loop(unless_cancelled)

    def _on_loop(self, callback: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(callback)

    def _handle_end(self, *_: object) -> None:
        self._on_end()
        self._on_loop(self._end)

    def _handle_interrupt(self, *_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._handle_end()

    def _handle_hangup(self, *_: object) -> None:
        self._on_loop(lambda: self._reload())  # noqa: PLW0108 - the one in force by then

    def _end(self) -> None:
        self._end_requested.set()
        self._stop()
