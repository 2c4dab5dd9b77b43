"""The circuit breaker: while the API as a whole fails, nothing is sent but probes.

On a busy stream the ratio of failed attempts opens it. A quiet stream never fills the window; there a number of
failures in a row opens it, unless all of them may be the fault of one recipient's messages.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from pipeline.delivery.condition import NEVER, Condition
from pipeline.delivery.policy import BreakerSettings
from pipeline.model.halt import Halt

SLICES = 10
"""Parts of the window that are dropped one by one."""


class BreakerState(StrEnum):
    """The states of a circuit breaker; closed is the normal one."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


_CLOSED = BreakerState.CLOSED
"""Looked up once, not for each reply: CPython 3.11 searches for an enum's member."""


class _Slice:
    """Attempts and failures of one part of the window."""

    __slots__ = ("attempts", "begin", "failures")

    def __init__(self, begin: float) -> None:
        self.begin = begin
        self.attempts = 0
        self.failures = 0


class Breaker(Condition):
    """Counts transient faults among attempts. Throttling is not one: the concurrency limit reacts to that."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._slice = settings.window_seconds / SLICES
        self._window: deque[_Slice] = deque()
        self.state = BreakerState.CLOSED
        """The present state; changed here only."""
        self._until = 0.0
        self._pause = settings.open_seconds
        self._good_probes = 0
        self._probe: int | None = None
        self._row = 0
        """Failures in a row."""
        self._suspect: str | None = None
        """The one recipient who may be the cause of the whole row; None where there is more than one."""

    def in_force(self, now: float) -> bool:  # noqa: ARG002 - the interface's
        """Whether it is not closed."""
        return self.state is not _CLOSED

    def halt(self, now: float) -> Halt | None:  # noqa: ARG002 - the interface's
        """Its halt, until it is closed."""
        return None if self.state is _CLOSED else Halt.BREAKER_OPEN

    def blocked_until(self, now: float) -> float | None:
        """When the next attempt may leave; None for now, `NEVER` while a probe is under way."""
        if self.state is BreakerState.OPEN:
            if now < self._until:
                return self._until
            self.state = BreakerState.HALF_OPEN
        if self.state is BreakerState.HALF_OPEN and self._probe is not None:
            return NEVER
        return None

    def sent(self, ticket: int) -> None:
        """An attempt leaves; while half open, it is the probe."""
        if self.state is BreakerState.HALF_OPEN:
            self._probe = ticket

    def succeeded(self, ticket: int, now: float) -> None:
        """The API has answered an attempt as a whole API does. While not closed, only the probe's reply counts."""
        if self.state is _CLOSED:
            self._row = 0
            window = self._window
            if not window or now - window[-1].begin >= self._slice:
                self._begin_slice(now)
            window[-1].attempts += 1
        elif ticket == self._probe:
            self._probe = None
            self._good_probes += 1
            if self._good_probes >= self._settings.probes:
                self._close()

    def failed(self, ticket: int, now: float, suspect: str | None) -> None:
        """The API has failed at an attempt. While not closed, only the probe's reply counts.

        `suspect` is the recipient whose message may be the cause of the failure; None where the request never left.
        """
        if self.state is _CLOSED:
            if not self._window or now - self._window[-1].begin >= self._slice:
                self._begin_slice(now)
            self._window[-1].attempts += 1
            self._count_failure(now)
            self._count_row(now, suspect)
        elif ticket == self._probe:
            self._probe = None
            self._pause = min(self._settings.open_cap_seconds, self._pause * 2)
            self._open(now)

    def _begin_slice(self, now: float) -> None:
        self._window.append(_Slice(now))
        while now - self._window[0].begin >= self._settings.window_seconds:
            self._window.popleft()

    def _count_failure(self, now: float) -> None:
        window = self._window
        window[-1].failures += 1
        attempts = sum(part.attempts for part in window)
        failures = sum(part.failures for part in window)
        if attempts >= self._settings.minimum_attempts and failures / attempts >= self._settings.failure_ratio:
            self._open(now)

    def _count_row(self, now: float, suspect: str | None) -> None:
        self._suspect = suspect if self._row == 0 or suspect == self._suspect else None
        self._row += 1
        quiet = sum(part.attempts for part in self._window) < self._settings.minimum_attempts
        if quiet and self._suspect is None and self._row >= self._settings.failures_in_a_row:
            self._open(now)

    def _open(self, now: float) -> None:
        self.state = BreakerState.OPEN
        self._until = now + self._pause
        self._good_probes = 0
        self._probe = None
        self._window.clear()
        self._row = 0

    def _close(self) -> None:
        self.state = BreakerState.CLOSED
        self._pause = self._settings.open_seconds
        self._good_probes = 0
