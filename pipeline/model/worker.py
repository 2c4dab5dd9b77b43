"""The phases of a worker process."""

from __future__ import annotations

from enum import StrEnum

RIGHTS_MISSING = 77
"""Exit code of a worker whose Kafka user lacks a right (EX_NOPERM of sysexits.h): a restart does not help."""


class WorkerPhase(StrEnum):
    """A worker's phase; also the label values of the metric `workers`."""

    WAITING = "waiting"
    """No process runs; the next start is scheduled."""
    STARTING = "starting"
    """The process does not answer yet: it checks its dependencies."""
    RUNNING = "running"
    ENDING = "ending"
    """The process received a signal to end, and drains."""
    ENDED = "ended"
    """The process has ended and is not restarted."""
