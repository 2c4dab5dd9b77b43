"""Which worker processes are to run, be ended or be started again, and how it all ends. Time and rng are arguments."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.model.worker import RIGHTS_MISSING
from pipeline.model.worker import WorkerPhase as Phase

STEADY_SECONDS = 60.0
"""After a run of this length the pause before a restart begins at its shortest again."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
MISUSE = 2
"""Exit code of a service whose Kafka user lacks a right."""
SILENT_SECONDS = 30.0
"""A worker that does not answer, or reports itself stuck, for this long is restarted."""


class Limits(NamedTuple):
    """Time limits in seconds."""

    start: float
    """From a process's start to its first answer."""
    end: float
    """From the request to end until the process is killed: longer than the drain."""


class Ending(NamedTuple):
    """What follows the end of a process."""

    restart_in: float | None
    """Seconds; None: it is not restarted."""


@dataclass
class Worker:
    """One worker of the fleet, across restarts of its process."""

    number: int
    phase: Phase = Phase.WAITING
    due: float | None = None
    """When to start a process; None: not before the first worker runs."""
    since: float = 0.0
    """When the phase began."""
    heard: float = 0.0
    """When it last reported itself healthy."""
    ran_since: float | None = None
    """When its process first reported itself healthy."""
    restarts: int = 0
    failures: int = 0
    """Consecutive ends, none of them after a steady run."""
    code: int | None = None
    """Exit code of the process that ended last."""
    killed: bool = False


class Fleet:
    """The workers of one service. Numbers begin at 1.

    The first is started alone, so that a fault of configuration, broker or rules is reported once and its exit code
    becomes the service's. Once it runs, the others follow. From then on a worker that ends is restarted after a pause
    that doubles with each consecutive end and is randomised. One whose Kafka user lacks a right is not restarted: all
    workers have the same user, so they all end.
    """

    def __init__(self, count: int, limits: Limits, rng: Callable[[], float], now: float) -> None:
        """`rng` returns numbers from 0 up to 1."""
        self.workers: Mapping[int, Worker] = {number: Worker(number, since=now) for number in range(1, count + 1)}
        self.workers[1].due = now
        self.stopping = False
        self._limits = limits
        self._rng = rng
        self._proved = False
        self._refused: int | None = None

    def to_start(self, now: float) -> Sequence[int]:
        """Return the workers to start now."""
        if self.stopping:
            return ()
        return [
            worker.number
            for worker in self.workers.values()
            if worker.phase is Phase.WAITING and worker.due is not None and worker.due <= now
        ]

    def started(self, number: int, now: float) -> None:
        """Record that a process of this worker has been started."""
        worker = self.workers[number]
        worker.killed = False
        worker.heard = now
        worker.ran_since = None
        self._enter(worker, Phase.STARTING, now)

    def answered(self, number: int, now: float) -> bool:
        """Record that a worker reported itself healthy; return whether it did so for the first time."""
        worker = self.workers[number]
        worker.heard = now
        if worker.phase is not Phase.STARTING:
            return False
        worker.ran_since = now
        self._enter(worker, Phase.RUNNING, now)
        if not self._proved:
            self._proved = True
            for other in self.workers.values():
                if other.phase is Phase.WAITING and other.due is None:
                    other.due = now
        return True

    def to_end(self, now: float) -> Sequence[int]:
        """Return the workers to ask to end, each once: all of them when stopping, else those that are stuck."""
        ending = [worker for worker in self.workers.values() if self._is_to_end(worker, now)]
        for worker in ending:
            self._enter(worker, Phase.ENDING, now)
        return [worker.number for worker in ending]

    def _is_to_end(self, worker: Worker, now: float) -> bool:
        if worker.phase is Phase.STARTING:
            return self.stopping or now - worker.since > self._limits.start
        return worker.phase is Phase.RUNNING and (self.stopping or now - worker.heard > SILENT_SECONDS)

    def to_kill(self, now: float) -> Sequence[int]:
        """Return the workers that did not end in time after the request, each once."""
        late = [
            worker
            for worker in self.workers.values()
            if worker.phase is Phase.ENDING and not worker.killed and now - worker.since > self._limits.end
        ]
        for worker in late:
            worker.killed = True
        return [worker.number for worker in late]

    def ended(self, number: int, code: int, now: float) -> Ending:
        """Record that a process has ended; `code` is negative if a signal ended it."""
        worker = self.workers[number]
        worker.code = code
        if self.stopping:
            if worker.ran_since is None and code == -signal.SIGTERM:
                worker.code = 0  # it had not started: there was nothing to drain
            self._enter(worker, Phase.ENDED, now)
            return Ending(None)
        if code == RIGHTS_MISSING:
            self._refused = MISUSE
            self._enter(worker, Phase.ENDED, now)
            self.stop(now)
            return Ending(None)
        if not self._proved and worker.phase is Phase.STARTING and code >= 0:
            self._refused = code
            for other in self.workers.values():
                self._enter(other, Phase.ENDED, now)
            return Ending(None)
        steady = worker.ran_since is not None and now - worker.ran_since >= STEADY_SECONDS
        worker.failures = 1 if steady else worker.failures + 1
        worker.restarts += 1
        pause = self._pause(worker.failures)
        worker.due = now + pause
        self._enter(worker, Phase.WAITING, now)
        return Ending(pause)

    def _pause(self, failures: int) -> float:
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 30))
        return longest * (0.5 + 0.5 * self._rng())

    def stop(self, now: float) -> None:
        """Stop all workers; `to_end` returns those with a process."""
        self.stopping = True
        for worker in self.workers.values():
            if worker.phase is Phase.WAITING:
                worker.code = 0
                self._enter(worker, Phase.ENDED, now)

    def exit_code(self) -> int | None:
        """Return the exit code of the service; None while it runs.

        It is the first worker's code if that could not start, and 2 if a right is missing; else 0 if every worker ended
        cleanly, and 1 if not.
        """
        if any(worker.phase is not Phase.ENDED for worker in self.workers.values()):
            return None
        if self._refused is not None:
            return self._refused
        return 0 if all(worker.code == 0 and not worker.killed for worker in self.workers.values()) else 1

    def count(self, phase: Phase) -> int:
        """Return the number of workers in a phase."""
        return sum(1 for worker in self.workers.values() if worker.phase is phase)

    def _enter(self, worker: Worker, phase: Phase, now: float) -> None:
        worker.phase = phase
        worker.since = now
