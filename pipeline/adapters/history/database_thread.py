"""The thread that works in the database, while the reader's decodes the next batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Protocol

import structlog

from pipeline.errors import Unreachable

PAUSE_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses while the database does not answer."""
REPORT_SECONDS = 60.0
"""A database that does not answer is logged at this interval."""
MEANWHILE_SECONDS = 2.0
"""How often the waiting thread may do something else."""

log = structlog.get_logger("history")


class DatabaseTelemetry(Protocol):
    """Is informed whether the database answers. Called on the database's thread."""

    def answering(self, error: str | None) -> None:
        """Whether the database answers; else why it does not."""
        ...


class DatabaseThread:
    """Does one piece of work at a time, again and again while the database does not answer."""

    def __init__(self, telemetry: DatabaseTelemetry, stopped: Callable[[], bool]) -> None:
        self._telemetry = telemetry
        self._stopped = stopped
        self._thread = ThreadPoolExecutor(1, "history-database")
        self._reported_at: float | None = None

    def close(self) -> None:
        """Wait for the end of the present work; where the database is away, only until the present try has failed."""
        self._thread.shutdown()

    def begin(self, work: Callable[[], None]) -> Future[bool]:
        """Begin a piece of work. The result is false if the process was stopped before the database answered."""
        return self._thread.submit(self._patiently, work)

    def _patiently(self, work: Callable[[], None]) -> bool:
        tries, began = 0, time.monotonic()
        while True:
            try:
                work()
            except Unreachable as error:
                self._telemetry.answering(error.message)
                self._report(error)
                self._pause(PAUSE_SECONDS[min(tries, len(PAUSE_SECONDS) - 1)])
                tries += 1
                if self._stopped():
                    return False
            else:
                self._telemetry.answering(None)
                if tries:
                    self._reported_at = None
                    log.info("history_answers", seconds=round(time.monotonic() - began, 1))
                return True

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._stopped():
            time.sleep(min(0.2, max(0.0, deadline - time.monotonic())))

    def _report(self, error: Unreachable) -> None:
        if self._reported_at is None or time.monotonic() - self._reported_at > REPORT_SECONDS:
            self._reported_at = time.monotonic()
            log.error("history_unreachable", error=error.message)


def finished(work: Future[bool], meanwhile: Callable[[], None]) -> bool:
    """Wait for the work, and do something else every two seconds; return its result.

    Raises:
        Overtaken: another process has stored some of the batches that it was to store.
    """
    while not wait([work], MEANWHILE_SECONDS).done:
        meanwhile()
    return work.result()
