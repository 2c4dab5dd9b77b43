"""Counters and histograms that cost the hot path an addition: no lock, no check, no search.

The library's own take a lock for each step: six for one outcome. Here each cell is written by one thread alone (the
loop's, or the event source's), and the library reads them for each page, as it reads its own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from pipeline.metrics import Metric

LINES_IN_PART = 250
"""A family is collected and written in parts, so that a scrape does not block the loop: a part takes 1 to 4 ms."""


class Count:
    """One series of a counter."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, by: int = 1) -> None:
        """Count."""
        self.value += by


class Distribution:
    """One series of a histogram."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """`bounds` are the upper ones, each contained in its bucket, the last infinite."""
        self._bounds = bounds
        self.counts = [0] * len(bounds)
        self.sum = 0.0

    def observe(self, amount: float) -> None:
        """Count it in its bucket."""
        self.counts[bisect_left(self._bounds, amount)] += 1
        self.sum += amount


Cell = TypeVar("Cell")


class _Cells(Collector, Generic[Cell]):
    """All series of one metric, by their labels' values."""

    def __init__(self, metric: Metric, make: Callable[[], Cell]) -> None:
        self.metric = metric
        self._make: Callable[[], Cell] = make
        self._cells: dict[tuple[str, ...], Cell] = {}
        if not metric.labels:
            self.labels()

    def labels(self, *values: str) -> Cell:
        """The series of these values; there from now on."""
        if len(values) != len(self.metric.labels):
            raise ValueError(f"{self.metric.name} has {len(self.metric.labels)} labels")
        if values not in self._cells:
            self._cells[values] = self._make()
        return self._cells[values]

    def series(self) -> list[tuple[tuple[str, ...], Cell]]:
        """Every series; a copy, for another thread may add one meanwhile."""
        return list(self._cells.items())

    def _parts(self, lines: int) -> Iterator[list[tuple[tuple[str, ...], Cell]]]:
        """All series in parts of about `LINES_IN_PART` lines, of which each series has `lines`; at least one part."""
        series, size = self.series(), max(1, LINES_IN_PART // lines)
        for start in range(0, max(1, len(series)), size):
            yield series[start : start + size]

    @property
    def _names(self) -> list[str]:
        return [label.name for label in self.metric.labels]


class Counts(_Cells[Count]):
    """A counter."""

    def __init__(self, metric: Metric) -> None:
        super().__init__(metric, Count)

    def describe(self) -> Iterable[Family]:
        """The name, for the registry to guard against twins."""
        return [CounterMetricFamily(self.metric.full_name, self.metric.help, labels=self._names)]

    def collect(self) -> Iterable[Family]:
        """All series as they stand, in parts."""
        for part in self._parts(1):
            family = CounterMetricFamily(self.metric.full_name, self.metric.help, labels=self._names)
            for values, cell in part:
                family.add_metric(values, cell.value)
            yield family


class Distributions(_Cells[Distribution]):
    """A histogram."""

    def __init__(self, metric: Metric) -> None:
        bounds = (*metric.buckets, inf)
        super().__init__(metric, lambda: Distribution(bounds))
        self._bounds: list[str] = [floatToGoString(bound) for bound in bounds]  # type: ignore[no-untyped-call]  # not annotated

    def describe(self) -> Iterable[Family]:
        """The name, for the registry to guard against twins."""
        return [HistogramMetricFamily(self.metric.full_name, self.metric.help, labels=self._names)]

    def collect(self) -> Iterable[Family]:
        """All series as they stand, in parts; a bucket holds what the narrower ones hold, too."""
        for part in self._parts(len(self._bounds) + 2):
            family = HistogramMetricFamily(self.metric.full_name, self.metric.help, labels=self._names)
            for values, cell in part:
                below = 0
                buckets: list[tuple[str, float]] = []
                for bound, count in zip(self._bounds, tuple(cell.counts), strict=True):
                    below += count
                    buckets.append((bound, below))
                family.add_metric(values, buckets, cell.sum)
            yield family
