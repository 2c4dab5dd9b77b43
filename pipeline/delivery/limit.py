"""The adaptive limit on requests in flight, in the shape of Vector's adaptive request concurrency.

It changes once per round trip: it grows if it was reached without overload, and shrinks by a tenth on overload.
Overload is a throttling reply, a timeout, or a latency above its moving mean by a number of standard deviations. Before
the first overload the limit doubles per round trip (as in TCP's slow start), so that a healthy API is at full speed
within a second or two.
"""

from __future__ import annotations

import math

from pipeline.delivery.policy import ConcurrencySettings

SMOOTHING = 0.4
"""Weight of the newest round trip in the moving mean, as in Vector's `ewma_alpha`."""
SHORTEST_ROUND = 0.001
"""Seconds; with a faster API the limit still changes a thousand times a second at most."""


class ConcurrencyLimit:
    """The limit, and the measured latency it depends on."""

    def __init__(self, settings: ConcurrencySettings, maximum: int, now: float) -> None:
        self._settings = settings
        self._maximum = float(maximum)
        self._minimum = float(min(settings.minimum, maximum))
        self._limit = float(min(settings.initial, maximum))
        self.value = int(self._limit)
        """Requests that may be in flight now."""
        self._mean: float | None = None
        self._variance = 0.0
        self._next_update = now
        self._sum = 0.0
        self._samples = 0
        self._overloaded = False
        self._reached = False
        self._slow_start = True

    def reached(self) -> None:
        """A request had to wait for the limit."""
        self._reached = True

    def accepted(self, seconds: float, now: float) -> None:
        """An attempt was accepted after `seconds`; the latency of these alone is measured."""
        self._sum += seconds
        self._samples += 1
        if now >= self._next_update:
            self._update(now)

    def refused(self, now: float) -> None:
        """An attempt ended otherwise."""
        if now >= self._next_update:
            self._update(now)

    def overloaded(self, now: float) -> None:
        """The API is overloaded; takes effect at most once per round trip."""
        self._overloaded = True
        if now >= self._next_update:
            self._update(now)

    def restart(self) -> None:
        """Begin at the minimum again, doubling: an API that has just recovered must not get all requests at once."""
        self._set(self._minimum)
        self._slow_start = True
        self._mean, self._variance = None, 0.0
        self._sum, self._samples, self._reached, self._overloaded = 0.0, 0, False, False

    def _update(self, now: float) -> None:
        latest = self._sum / self._samples if self._samples else None
        if self._overloaded or self._is_slow(latest):
            self._set(max(self._minimum, self._limit * self._settings.decrease_ratio))
            self._slow_start = False
        elif self._reached and latest is not None:
            self._set(min(self._maximum, self._limit * 2 if self._slow_start else self._limit + self._step()))
        if latest is not None:
            self._learn(latest)
        self._sum, self._samples, self._overloaded, self._reached = 0.0, 0, False, False
        self._next_update = now + max(SHORTEST_ROUND, self._mean or 0.0)

    def _set(self, limit: float) -> None:
        self._limit = limit
        self.value = int(limit)

    def _step(self) -> float:
        return max(1.0, self._limit * self._settings.increase_ratio)

    def _is_slow(self, latest: float | None) -> bool:
        if latest is None or self._mean is None:
            return False
        noise = self._settings.deviations * math.sqrt(self._variance)
        return latest > self._mean + max(noise, self._settings.noise_ratio * self._mean)

    def _learn(self, latest: float) -> None:
        """Exponentially weighted mean and variance, in the incremental form of West (1979)."""
        if self._mean is None:
            self._mean = latest
            self._variance = (latest / 2) ** 2
            return
        difference = latest - self._mean
        step = SMOOTHING * difference
        self._mean += step
        self._variance = (1 - SMOOTHING) * (self._variance + difference * step)
