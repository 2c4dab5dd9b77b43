"""Which worker processes are to run, be ended or be started again, and how it all ends. Time and rng are arguments."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.model.worker import WorkerPhase as Phase

STEADY_SECONDS = 60.0
"""A worker that ran for so long ends for a new reason: its next restart is a first one again."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
SILENT_SECONDS = 30.0
"""A worker that has not answered for so long, or has called itself stuck for so long, is ended and started again."""


class Limits(NamedTuple):
    """How long things may take, in seconds."""

    start: float
    """From a process's start to its first answer."""
    end: float
    """From the request to end until it is killed: longer than the drain."""


class Ending(NamedTuple):
    """What the end of a process means."""

    restart_in: float | None
    """Seconds; None: it stays ended."""


@dataclass
class Worker:
    """One place in the fleet; processes come and go in it."""

    number: int
    phase: Phase = Phase.WAITING
    due: float | None = None
    """When a process is to be started; None: not before the first worker runs."""
    since: float = 0.0
    """When the phase began."""
    heard: float = 0.0
    """When it last said that it is well."""
    ran_since: float | None = None
    """When its process first said so."""
    restarts: int = 0
    failures: int = 0
    """Ends in a row, none of them after a steady run."""
    code: int | None = None
    """Of the process that ended last."""
    killed: bool = False


class Fleet:
    """The workers of one service. Numbers begin at 1.

    The first is started alone: what is wrong with configuration, broker or rules it tells once, and its exit code is
    then ours. Once it runs, the others follow; from then on a worker that ends is started again, after a pause that
    doubles with each end in a row and is never the same for two of them.
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
        """Workers whose process is due."""
        if self.stopping:
            return ()
        return [
            worker.number
            for worker in self.workers.values()
            if worker.phase is Phase.WAITING and worker.due is not None and worker.due <= now
        ]

    def started(self, number: int, now: float) -> None:
        """A process of this worker has been started."""
        worker = self.workers[number]
        worker.killed = False
        worker.heard = now
        worker.ran_since = None
        self._enter(worker, Phase.STARTING, now)

    def answered(self, number: int, now: float) -> bool:
        """A worker said that it is well; tells whether that was its first word."""
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
        """Workers that are to be asked to end, each once: all of them when stopping, else those that are stuck."""
        ending = [worker for worker in self.workers.values() if self._is_to_end(worker, now)]
        for worker in ending:
            self._enter(worker, Phase.ENDING, now)
        return [worker.number for worker in ending]

    def _is_to_end(self, worker: Worker, now: float) -> bool:
        if worker.phase is Phase.STARTING:
            return self.stopping or now - worker.since > self._limits.start
        return worker.phase is Phase.RUNNING and (self.stopping or now - worker.heard > SILENT_SECONDS)

    def to_kill(self, now: float) -> Sequence[int]:
        """Workers that were asked to end and have not, each once."""
        late = [
            worker
            for worker in self.workers.values()
            if worker.phase is Phase.ENDING and not worker.killed and now - worker.since > self._limits.end
        ]
        for worker in late:
            worker.killed = True
        return [worker.number for worker in late]

    def ended(self, number: int, code: int, now: float) -> Ending:
        """A process has ended; `code` is below 0 where a signal ended it."""
        worker = self.workers[number]
        worker.code = code
        if self.stopping:
            if worker.ran_since is None and code == -signal.SIGTERM:
                worker.code = 0  # it had not begun: there was nothing to drain
            self._enter(worker, Phase.ENDED, now)
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
        """End all; `to_end` names those that have a process."""
        self.stopping = True
        for worker in self.workers.values():
            if worker.phase is Phase.WAITING:
                worker.code = 0
                self._enter(worker, Phase.ENDED, now)

    def exit_code(self) -> int | None:
        """What the whole is to end with; None while it goes on.

        The first worker's own code where it could not start; else 0 when every worker ended well, and 1 when not.
        """
        if any(worker.phase is not Phase.ENDED for worker in self.workers.values()):
            return None
        if self._refused is not None:
            return self._refused
        return 0 if all(worker.code == 0 and not worker.killed for worker in self.workers.values()) else 1

    def count(self, phase: Phase) -> int:
        """Workers in that phase."""
        return sum(1 for worker in self.workers.values() if worker.phase is phase)

    def _enter(self, worker: Worker, phase: Phase, now: float) -> None:
        worker.phase = phase
        worker.since = now
