"""Where a worker process of the service stands."""

from __future__ import annotations

from enum import StrEnum


class WorkerPhase(StrEnum):
    """A worker's way; also the label values of the metric `workers`."""

    WAITING = "waiting"
    """No process; one is due at a known time."""
    STARTING = "starting"
    """A process that does not answer yet: it finds out whether all it needs is there."""
    RUNNING = "running"
    ENDING = "ending"
    """Asked to end, draining."""
    ENDED = "ended"
    """For good."""
