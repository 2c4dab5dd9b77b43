"""The answers to the liveness and readiness probes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from pipeline.phrases import phrase

if TYPE_CHECKING:
    from pipeline.ports import Clock, EventSource
    from pipeline.runtime.bridge import Bridge
    from pipeline.status.condition import StatusMessage

STUCK_SECONDS = 25.0
"""A consumer thread that has not polled for this long is stuck: unhealthy well within 30 s."""


class Check(NamedTuple):
    """The answer to one probe, with a message."""

    ok: bool
    message: str


class Health:
    """Liveness and readiness of one service."""

    def __init__(self, clock: Clock, source: EventSource, bridge: Bridge) -> None:
        """Keep the parts, which are read at each probe."""
        self._clock = clock
        self._source = source
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
            return Check(ok=False, message=phrase("the consumer has not polled for {seconds:.0f} s", seconds=silent))
        return Check(ok=True, message="running")

    def ready(self, found: Iterable[StatusMessage]) -> Check:
        """Whether events would be sent, with everything that is wrong; `found` is what is wrong now.

        An unavailable broker is named but does not make the service unready: it is unavailable to every member, so
        that none could replace another. A rollout without a broker stops anyway, because a new member then ends.
        """
        if self.phase != "running":
            return Check(ok=False, message=self.phase)
        found = tuple(found)
        summaries = [one.summary for one in found]
        if any(one.unready for one in found):
            return Check(ok=False, message="; ".join(summaries))
        partitions = len(self._bridge.assigned)
        message = f"{partitions} partitions" if partitions else "waiting for partitions"
        return Check(ok=True, message="; ".join([message, *summaries]))
