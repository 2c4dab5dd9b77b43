"""Rates of the last minutes, from counts looked at every few seconds: the counting itself pays nothing for them."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import NamedTuple

STEP_SECONDS = 5.0
"""Between two looks."""
WINDOW_SECONDS = 300.0


class Counts(NamedTuple):
    """Totals since the start."""

    consumed: int
    accepted: int
    failed: int


class Rates(NamedTuple):
    """Each of the same, a second."""

    consumed: float
    accepted: float
    failed: float


_NOTHING = Rates(0.0, 0.0, 0.0)


class RateWindow:
    """The looks of the last five minutes."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Counts]] = deque(maxlen=int(WINDOW_SECONDS / STEP_SECONDS) + 1)

    def look(self, now: float, counts: Counts) -> None:
        """Keep what the counts are now."""
        self._looks.append((now, counts))

    def over(self, seconds: float, now: float, counts: Counts) -> Rates:
        """The mean rate of the last `seconds`, or of the time since the first look where that is shorter."""
        begin = next((look for look in self._looks if now - look[0] <= seconds + STEP_SECONDS / 2), None)
        if begin is None or now <= begin[0]:
            return _NOTHING
        return _between(begin, (now, counts))

    def course(self) -> list[Rates]:
        """The rate between each two looks, the oldest first: for a curve."""
        return [_between(before, after) for before, after in pairwise(self._looks)]


def _between(before: tuple[float, Counts], after: tuple[float, Counts]) -> Rates:
    seconds = after[0] - before[0]
    if seconds <= 0:
        return _NOTHING
    return Rates(*((new - old) / seconds for old, new in zip(before[1], after[1], strict=True)))
