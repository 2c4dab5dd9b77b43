"""The circuit breaker: when the API as a whole fails, stop, and find out gently when it is back."""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from pipeline.delivery.policy import BreakerSettings

SLICES = 10
"""Parts of the window that are forgotten one by one."""


class BreakerState(StrEnum):
    """Closed is well."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Counts transient faults among attempts. Throttling is none: the concurrency limit answers that."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._slice = settings.window_seconds / SLICES
        self._window: deque[list[float]] = deque()
        self._state = BreakerState.CLOSED
        self._until = 0.0
        self._pause = settings.open_seconds
        self._good_probes = 0
        self._probing = False
        self._not_closed_since = 0.0
        self._outage = 0.0

    @property
    def state(self) -> BreakerState:
        """The state in force."""
        return self._state

    def blocked_until(self, now: float) -> float | None:
        """When the next attempt may leave: None for now, infinity while a probe is under way."""
        if self._state is BreakerState.OPEN:
            if now < self._until:
                return self._until
            self._state = BreakerState.HALF_OPEN
        if self._state is BreakerState.HALF_OPEN and self._probing:
            return float("inf")
        return None

    def sent(self) -> bool:
        """An attempt leaves; tells whether it is the probe."""
        self._probing = self._state is BreakerState.HALF_OPEN
        return self._probing

    def replied(self, now: float, *, ok: bool, probe: bool) -> None:
        """An attempt ended: did the API do its work, whatever it said? Stragglers of before say nothing of now."""
        if self._state is BreakerState.CLOSED:
            self._count(now, ok=ok)
        elif self._state is BreakerState.HALF_OPEN and probe:
            self._probing = False
            if ok:
                self._good_probes += 1
                if self._good_probes >= self._settings.probes:
                    self._close(now)
            else:
                self._pause = min(self._settings.open_cap_seconds, self._pause * 2)
                self._open(now)

    def outage_seconds(self, now: float) -> float:
        """Time not closed, over the whole life: what notices are not held to account for."""
        since = now - self._not_closed_since if self._state is not BreakerState.CLOSED else 0.0
        return self._outage + since

    def _count(self, now: float, *, ok: bool) -> None:
        window = self._window
        if not window or now - window[-1][0] >= self._slice:
            window.append([now, 0.0, 0.0])
            while now - window[0][0] > self._settings.window_seconds:
                window.popleft()
        window[-1][1] += 1
        if ok:
            return
        window[-1][2] += 1
        attempts = sum(part[1] for part in window)
        failures = sum(part[2] for part in window)
        enough = attempts >= self._settings.minimum_attempts
        if enough and failures / attempts >= self._settings.failure_ratio:
            self._not_closed_since = now
            self._open(now)

    def _open(self, now: float) -> None:
        self._state = BreakerState.OPEN
        self._until = now + self._pause
        self._good_probes = 0
        self._probing = False
        self._window.clear()

    def _close(self, now: float) -> None:
        self._outage += now - self._not_closed_since
        self._state = BreakerState.CLOSED
        self._pause = self._settings.open_seconds
        self._good_probes = 0
