"""The answers to the liveness and readiness probes."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from pipeline.model.halt import Halt
from pipeline.model.pause import EVERYTHING

if TYPE_CHECKING:
    from pipeline.delivery.machine import Delivery
    from pipeline.ports import Clock, EventSource
    from pipeline.runtime.bridge import Bridge
    from pipeline.runtime.engine import Engine
    from pipeline.runtime.intake import Intake

STUCK_SECONDS = 25.0
"""A consumer thread that has not polled for this long is stuck: unhealthy well within 30 s."""


MOST_NAMED = 5
"""Pauses that an answer names."""


class Check(NamedTuple):
    """The answer to one probe, with a message."""

    ok: bool
    message: str


class Health:
    """Liveness and readiness of one service."""

    def __init__(
        self, clock: Clock, source: EventSource, delivery: Delivery, engine: Engine, bridge: Bridge, intake: Intake
    ) -> None:
        """Keep the parts, which are read at each probe."""
        self._intake = intake
        self._clock = clock
        self._source = source
        self._delivery = delivery
        self._engine = engine
        self._bridge = bridge
        self.phase = "starting"
        """`starting`, `running` or `stopping`."""

    def started(self) -> None:
        """Enter the phase `running`."""
        self.phase = "running"

    def stopping(self) -> None:
        """Enter the phase `stopping`."""
        self.phase = "stopping"

    def live(self) -> Check:
        """Whether the consumer's thread makes progress; an answer itself shows that the loop does."""
        if self.phase != "running":
            return Check(ok=True, message=self.phase)
        if self._bridge.draining:
            return Check(ok=True, message="draining partitions")
        silent = self._clock.now() - self._source.last_poll_at()
        if silent > STUCK_SECONDS:
            return Check(ok=False, message=f"the consumer has not polled for {silent:.0f} s")
        return Check(ok=True, message="running")

    def ready(self) -> Check:
        """Whether events would be sent: the service runs, has a token for each API, and sending is not halted for any.

        An unavailable broker is named but does not make the service unready: it is unavailable to every member, so
        that none could replace another. A rollout without a broker stops anyway, because a new member then ends.
        """
        if self.phase != "running":
            return Check(ok=False, message=self.phase)
        apis = self._delivery.apis
        for name in apis:
            halt = self._delivery.halted(name)
            if halt is Halt.PAUSED:
                return Check(ok=False, message=f"sending is halted: {self._paused_by() or halt.value}")
            if halt is not None:
                return Check(ok=False, message=f"sending{_for(name, apis)} is halted: {halt.value}")
        for name in self._engine.without_token:
            return Check(ok=False, message=f"no token yet{_for(name, apis)}")
        for (topic, partition), one in self._source.stuck().items():
            return Check(ok=False, message=f"{topic}/{partition} cannot be read at offset {one.offset}: {one.error}")
        for (topic, partition), held in self._intake.held().items():
            message = f"{topic}/{partition} waits for a schema at offset {held.offset}: {held.error}"
            return Check(ok=False, message=message)
        partitions = len(self._bridge.assigned)
        message = f"{partitions} partitions" if partitions else "waiting for partitions"
        paused = ", ".join(str(pause.scope) for pause in self._delivery.pauses(self._clock.now())[:MOST_NAMED])
        if paused:
            message = f"{message}; paused: {paused}"
        kafka = self._source.health()
        error = kafka.error if kafka is not None else None
        return Check(ok=True, message=f"{message}; {error}" if error else message)

    def _paused_by(self) -> str | None:
        """Describe the pause of everything, if there is one."""
        for pause in self._delivery.pauses(self._clock.now()):
            if pause.scope == EVERYTHING:
                return f"{Halt.PAUSED} by {pause.by or 'an operator'}" + (f": {pause.reason}" if pause.reason else "")
        return None


def _for(name: str, apis: Collection[str]) -> str:
    """The name of an API, where there is more than one."""
    return f" for {name}" if len(apis) > 1 else ""
