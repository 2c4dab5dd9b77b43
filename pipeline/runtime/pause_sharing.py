"""Puts pauses that this member decided in force in all members: writes them to the control topic until it has them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from pipeline.errors import UserError
from pipeline.tasks import Tasks

if TYPE_CHECKING:
    from pipeline.model.pause import Pause
    from pipeline.ports import Clock, Controls

RETRY_SECONDS = 20.0
"""Longer than a write may take."""

log = structlog.get_logger("control")


class PauseSharing:
    """Writes each pause once, and again only if the topic has not shown it after `RETRY_SECONDS`."""

    def __init__(self, controls: Controls | None, clock: Clock) -> None:
        """Without `controls` pauses are in force in this member alone."""
        self._controls = controls
        self._clock = clock
        self._due: dict[Pause, float] = {}
        """When each pause is to be written again."""
        self._writing = Tasks()

    def share(self, decided: Sequence[Pause]) -> None:
        """Log and write what is new of the pauses that the topic does not show yet; does not block."""
        now = self._clock.now()
        self._due = {pause: due for pause, due in self._due.items() if pause in decided}
        for pause in decided:
            if pause not in self._due:
                log.warning("paused", scope=str(pause.scope), by=pause.by, reason=pause.reason, drop=pause.drop)
            if self._due.get(pause, now) <= now:
                self._due[pause] = now + RETRY_SECONDS
                if self._controls is not None:
                    self._writing.start(self._write(self._controls, pause))

    async def stop(self) -> None:
        """Write nothing more."""
        await self._writing.cancel()

    @staticmethod
    async def _write(controls: Controls, pause: Pause) -> None:
        try:
            await asyncio.to_thread(controls.write, {pause.scope: pause})
        except UserError as error:
            log.error("pause_not_shared", scope=str(pause.scope), error=error.message, hint=error.hint)
