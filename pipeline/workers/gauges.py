"""The gauges of a supervisor, read at each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline import metrics
from pipeline.metrics import Metric
from pipeline.model.worker import WorkerPhase
from pipeline.workers.fleet import Fleet


def read_fleet(fleet: Fleet) -> Iterable[tuple[Metric, Mapping[str, str], float]]:
    """Yield each gauge of the workers with its labels and value."""
    for phase in WorkerPhase:
        yield metrics.WORKERS, {"phase": phase}, fleet.count(phase)
    for number, worker in fleet.workers.items():
        yield metrics.WORKER_RESTARTS, {"worker": str(number)}, worker.restarts
