"""Reads the newest events in a thread, so that the pages of Studio are served meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

from pipeline.adapters.authoring.newest_events import NewestEvents, Reading
from pipeline.phrases import phrase

END_SECONDS = 1.0
"""For a reading that is under way when Studio ends."""
_ENDED = Reading(0, is_whole=False, problem=phrase("Studio has ended"))


class BackgroundReading:
    """Implements `pipeline.web.workbench.NewestEvents`: one reading at a time, which all who ask meanwhile share."""

    def __init__(self, events: NewestEvents) -> None:
        self._events = events
        self._reading: asyncio.Future[Reading] | None = None

    async def read(self) -> Mapping[str, object]:
        """Read the topics again."""
        if self._reading is None or self._reading.done():
            self._reading = self._begun()
        return (await asyncio.shield(self._reading))._asdict()

    def choices(self, event_type: str) -> Sequence[Mapping[str, str]]:
        """The events of that type of the last reading."""
        return self._events.choices(event_type)

    def event(self, key: str) -> str | None:
        """The event of that key as JSON; None for any other key."""
        return self._events.event(key)

    async def close(self) -> None:
        """End the reading that is under way; one that waits for Kafka longer is abandoned."""
        self._events.end()
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=END_SECONDS)
            _settle(self._reading, _ENDED, None)

    def _begun(self) -> asyncio.Future[Reading]:
        """A reading in a thread for which the process does not wait at its end, unlike for those of an executor."""
        loop = asyncio.get_running_loop()
        reading: asyncio.Future[Reading] = loop.create_future()

        def run() -> None:
            result, error = _ENDED, None
            try:
                result = self._events.read()
            except BaseException as raised:  # noqa: BLE001 - raised again where it is awaited
                error = raised
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_settle, reading, result, error)

        threading.Thread(target=run, name="newest-events", daemon=True).start()
        return reading


def _settle(reading: asyncio.Future[Reading], result: Reading, error: BaseException | None) -> None:
    if reading.done():
        return
    if error is not None:
        reading.set_exception(error)
    else:
        reading.set_result(result)
