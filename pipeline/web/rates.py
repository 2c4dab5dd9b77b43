"""Rates of the last minutes, from samples of counters every few seconds."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import NamedTuple

STEP_SECONDS = 5.0
"""Interval between two samples."""
WINDOW_SECONDS = 300.0


class Counts(NamedTuple):
    """Totals since the start."""

    consumed: int
    accepted: int
    failed: int


class Rates(NamedTuple):
    """The same per second."""

    consumed: float
    accepted: float
    failed: float


_NOTHING = Rates(0.0, 0.0, 0.0)


class RateWindow:
    """Samples of the last five minutes."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, Counts]] = deque(maxlen=int(WINDOW_SECONDS / STEP_SECONDS) + 1)

    def sample(self, now: float, counts: Counts) -> None:
        """Keep a sample of the counts."""
        self._samples.append((now, counts))

    def over(self, seconds: float, now: float, counts: Counts) -> Rates:
        """The mean rate of the last `seconds`, or since the first sample if that is shorter."""
        begin = next((one for one in self._samples if now - one[0] <= seconds + STEP_SECONDS / 2), None)
        if begin is None or now <= begin[0]:
            return _NOTHING
        return _between(begin, (now, counts))

    def history(self) -> list[Rates]:
        """The rates between consecutive samples, the oldest first, for a curve."""
        return [_between(before, after) for before, after in pairwise(self._samples)]


def _between(before: tuple[float, Counts], after: tuple[float, Counts]) -> Rates:
    seconds = after[0] - before[0]
    if seconds <= 0:
        return _NOTHING
    return Rates(*((new - old) / seconds for old, new in zip(before[1], after[1], strict=True)))
