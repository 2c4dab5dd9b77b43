"""Rates of the last minutes and totals of the last hour and day, from samples of counters."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
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

HOUR_SECONDS = 3_600.0
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Period:
    """What happened in the last hour or day, or since the start if that is shorter."""

    name: str
    """`hour` or `day`."""
    seconds: float
    """The time that it covers."""
    consumed: int
    accepted: int
    failed: int
    failed_share: float
    """Share of the accepted and failed notices that failed."""


class Periods:
    """Totals once a minute for a day: 1,440 samples."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, Counts]] = deque()

    def sample(self, now: float, counts: Counts) -> None:
        """Keep a sample a minute."""
        if not self._samples or now - self._samples[-1][0] >= MINUTE_SECONDS:
            self._samples.append((now, counts))
        while self._samples and now - self._samples[0][0] > DAY_SECONDS + MINUTE_SECONDS:
            self._samples.popleft()

    def of(self, now: float, counts: Counts) -> tuple[Period, ...]:
        """The last hour and the last day."""
        return tuple(self._over(name, seconds, now, counts) for name, seconds in _PERIODS)

    def _over(self, name: str, seconds: float, now: float, counts: Counts) -> Period:
        at, before = next((one for one in self._samples if now - one[0] <= seconds), (now, counts))
        consumed, accepted, failed = (new - old for new, old in zip(counts, before, strict=True))
        return Period(name, now - at, consumed, accepted, failed, failed / max(1, accepted + failed))


MINUTE_SECONDS = 60.0
_PERIODS = (("hour", HOUR_SECONDS), ("day", DAY_SECONDS))


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
