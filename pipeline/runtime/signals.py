"""Signals, from the first moment on: what ends the service, and what makes it read its rules again."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

Made = TypeVar("Made")


class Stopped(Exception):
    """Told to end before there was a service to end."""


class Signals:
    """SIGTERM and SIGINT drain, a second SIGINT ends at once, SIGHUP reloads the rules.

    They are heeded while the service is still being made, too: as the first process of a container it would not even
    die of a SIGTERM that nobody handles, but start, and be killed with requests in flight when the grace is over.
    """

    def __init__(self) -> None:
        """Handle them from now on; to be made on the loop."""
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        self._stop: Callable[[], None] = lambda: None
        self._reload: Callable[[], None] = lambda: None
        self._loop.add_signal_handler(signal.SIGTERM, self._end)
        self._loop.add_signal_handler(signal.SIGINT, self._interrupted)
        self._loop.add_signal_handler(signal.SIGHUP, self._read_again)

    def serve(self, stop: Callable[[], None], reload: Callable[[], None]) -> None:
        """There is a service now, to be stopped and to read its rules again."""
        self._stop, self._reload = stop, reload
        if self._told.is_set():
            stop()

    async def unless_stopped(self, work: Callable[[], Made]) -> Made:
        """What `work` makes, in a thread of its own.

        Raises:
            Stopped: told to end meanwhile; the thread is left to itself and ends with the process.
            Exception: whatever `work` raises.
        """
        made: asyncio.Future[Made] = self._loop.create_future()

        def run() -> None:
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - a thread's outermost line: raised again where it is waited for
                self._tell(made.set_exception, error)
            else:
                self._tell(made.set_result, result)

        threading.Thread(target=run, name="start", daemon=True).start()
        told = asyncio.ensure_future(self._told.wait())
        either: set[asyncio.Future[Any]] = {made, told}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
        if not made.done():
            made.cancel()
            raise Stopped
        return made.result()

    def _tell(self, settle: Callable[..., None], value: object) -> None:
        """Settle a future of the loop; one that is cancelled, or whose loop has ended, wants no answer."""

        def unless_cancelled() -> None:
            with suppress(asyncio.InvalidStateError):
                settle(value)

        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(unless_cancelled)

    def _read_again(self) -> None:
        self._reload()

    def _end(self) -> None:
        self._told.set()
        self._stop()

    def _interrupted(self) -> None:
        self._end()
        self._loop.remove_signal_handler(signal.SIGINT)
