"""The metrics of the process `history`."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
)

from pipeline import metrics
from pipeline.adapters.telemetry.exposition import slices


class HistoryMetrics:
    """Implements `pipeline.adapters.history.reader.HistoryTelemetry`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._records = self._counter(metrics.HISTORY_RECORDS)
        self._rows = self._counter(metrics.HISTORY_ROWS)
        self._lookups = self._counter(metrics.HISTORY_LOOKUPS)
        self._lag = self._gauge(metrics.HISTORY_LAG)
        self._unreachable = self._gauge(metrics.HISTORY_UNREACHABLE)
        self.records_behind: int | None = None
        """The lag; None until the topic is read."""
        self.error: str | None = None
        """Why the database does not answer; None while it does."""

    def stored(self, records: int, rows: int) -> None:
        """A batch was stored."""
        self._records.inc(records)
        self._rows.inc(rows)

    def lag(self, records: int) -> None:
        """So many records are not stored."""
        self._lag.set(records)
        self.records_behind = records

    def answering(self, error: str | None) -> None:
        """Whether the database answers; else why it does not."""
        self._unreachable.set(error is not None)
        self.error = error

    def looked_up(self) -> None:
        """The page searched."""
        self._lookups.inc()

    def exposition(self) -> tuple[Iterable[bytes], str]:
        """The text for Prometheus, in slices, and its content type."""
        return slices(self._registry), CONTENT_TYPE_LATEST

    def _counter(self, metric: metrics.Metric) -> Counter:
        return Counter(metric.full_name, metric.help, registry=self._registry)

    def _gauge(self, metric: metrics.Metric) -> Gauge:
        return Gauge(metric.full_name, metric.help, registry=self._registry)
