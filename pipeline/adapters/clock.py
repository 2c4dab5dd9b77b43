"""The real clock."""

from __future__ import annotations

import time


class SystemClock:
    """Seconds since the epoch that never go back: the wall clock once, then the monotonic clock on top of it."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()  # noqa: TID251 - this is the clock that everybody else is passed

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.monotonic() + self._offset
