"""The answers to the liveness and readiness probes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pipeline.delivery.machine import Delivery
    from pipeline.ports import Clock, EventSource
    from pipeline.runtime.bridge import Bridge
    from pipeline.runtime.engine import Engine

STUCK_SECONDS = 25.0
"""A consumer thread that has not polled for this long is stuck: unhealthy well within 30 s."""


class Check(NamedTuple):
    """The answer to one probe: yes, or no and why."""

    ok: bool
    message: str


class Health:
    """Liveness and readiness of one service."""

    def __init__(self, clock: Clock, source: EventSource, delivery: Delivery, engine: Engine, bridge: Bridge) -> None:
        """Read the parts only when a probe asks."""
        self._clock = clock
        self._source = source
        self._delivery = delivery
        self._engine = engine
        self._bridge = bridge
        self.phase = "starting"
        """`starting`, `running` or `stopping`."""

    def started(self) -> None:
        """The service runs."""
        self.phase = "running"

    def stopping(self) -> None:
        """The service drains."""
        self.phase = "stopping"

    def live(self) -> Check:
        """Whether the consumer's thread makes progress; that this is answered at all shows that the loop does."""
        if self.phase != "running":
            return Check(ok=True, message=self.phase)
        if self._bridge.draining:
            return Check(ok=True, message="draining partitions")
        silent = self._clock.now() - self._source.last_poll_at()
        if silent > STUCK_SECONDS:
            return Check(ok=False, message=f"the consumer has not come round for {silent:.0f} s")
        return Check(ok=True, message="running")

    def ready(self) -> Check:
        """Whether events would be sent on: running, a token, and an API that takes them.

        A broker that is away is named, and is no reason to be unready: it is away for every member alike, and none
        could take another's place. A rollout without a broker stops anyway, for a member that starts then ends.
        """
        if self.phase != "running":
            return Check(ok=False, message=self.phase)
        if not self._engine.has_token:
            return Check(ok=False, message="no token yet")
        halt = self._delivery.halted()
        if halt is not None:
            return Check(ok=False, message=f"sending is halted: {halt.value}")
        for (topic, partition), one in self._source.stuck().items():
            return Check(ok=False, message=f"{topic}/{partition} cannot be read at offset {one.offset}: {one.error}")
        partitions = len(self._bridge.assigned)
        message = f"{partitions} partitions" if partitions else "waiting for partitions"
        kafka = self._source.health()
        trouble = kafka.trouble if kafka is not None else None
        return Check(ok=True, message=f"{message}; {trouble}" if trouble else message)
