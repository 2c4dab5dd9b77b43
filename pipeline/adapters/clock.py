"""The real clock."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP_SECONDS = 1.0
"""A smaller difference is ignored: expiry and reports do not need more precision."""


class SystemClock:
    """Seconds since the epoch that never go back: the wall clock at the start, continued by the monotonic clock.

    `correction` says how far the wall clock has been stepped since (NTP, an operator, a suspended machine).
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,  # noqa: TID251 - this is the clock that everything else is passed
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def now(self) -> float:
        """Seconds since the epoch as of the start, plus the seconds since."""
        return self._monotonic() + self._offset

    def correction(self) -> float:
        """Seconds to add to `now` for the wall clock; 0 until it is stepped."""
        difference = self._wall() - self.now()
        return difference if abs(difference) >= STEP_SECONDS else 0.0
