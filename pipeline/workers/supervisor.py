"""Run several workers as one service: start their processes, check their health, restart those that end.

`Fleet` decides; this executes. `pipeline.ports.WorkerProcess` abstracts the processes.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pipeline.errors import WorkerFailed
from pipeline.model.worker import RIGHTS_MISSING
from pipeline.model.worker import WorkerPhase as Phase
from pipeline.runtime.health import Check
from pipeline.tasks import Tasks
from pipeline.workers.fleet import Fleet

if TYPE_CHECKING:
    from pipeline.ports import Clock, WorkerExpositions, WorkerLauncher, WorkerProcess

TURN_SECONDS = 0.1
"""Interval between checks; the end of a process wakes the loop at once."""
ASK_SECONDS = 1.0
"""Interval between health checks of a running worker."""

log = structlog.get_logger("workers")


class WorkerView(NamedTuple):
    """One worker, for display."""

    number: int
    phase: str
    pid: int | None
    endpoint: str
    """The address of its page and metrics, reachable on this machine only."""
    restarts: int
    since: float
    """When the phase began, epoch seconds."""


class Supervisor:
    """Runs until every worker has ended."""

    def __init__(self, fleet: Fleet, launcher: WorkerLauncher, expositions: WorkerExpositions, clock: Clock) -> None:
        """`expositions` merges the workers' metrics."""
        self.fleet = fleet
        self._launcher = launcher
        self._expositions = expositions
        self._clock = clock
        self._processes: dict[int, WorkerProcess] = {}
        self._watching = Tasks()
        self._checked_at: dict[int, float] = {}
        self._changed = asyncio.Event()

    async def run(self) -> int:
        """Start the workers and keep them running until `stop`; return the exit code."""
        try:
            while (code := self.fleet.exit_code()) is None:
                await self._turn()
            return code
        finally:
            self.kill()
            await self._watching.cancel()

    async def _turn(self) -> None:
        now = self._clock.now()
        for number in self.fleet.to_start(now):
            await self._start(number)
        for number in self.fleet.to_end(now):
            if not self.fleet.stopping:
                log.error("worker_stuck", worker=number)
            self._processes[number].signal(signal.SIGTERM)
        for number in self.fleet.to_kill(now):
            log.error("worker_killed", worker=number, error="it did not end after SIGTERM")
            self._processes[number].signal(signal.SIGKILL)
        for number, process in self._processes.items():
            self._ask_when_due(number, process, now)
        try:
            await asyncio.wait_for(self._changed.wait(), TURN_SECONDS)
        except TimeoutError:
            return
        self._changed.clear()

    async def _start(self, number: int) -> None:
        now = self._clock.now()
        try:
            process = await self._launcher.launch(number)
        except WorkerFailed as error:
            log.error("worker_not_started", worker=number, error=str(error))
            self.fleet.started(number, now)
            self.fleet.ended(number, -1, now)
            return
        self._processes[number] = process
        self._checked_at[number] = 0.0
        self.fleet.started(number, now)
        self._watching.start(self._wait_for_end(number, process))

    async def _wait_for_end(self, number: int, process: WorkerProcess) -> None:
        code = await process.wait()
        del self._processes[number]
        self._expositions.retire(number)
        ending = self.fleet.ended(number, code, self._clock.now())
        if code == RIGHTS_MISSING:
            log.error("worker_refused", worker=number, hint="a right is missing in Kafka; all workers end")
        if ending.restart_in is not None:
            log.error("worker_ended", worker=number, code=code, retry_in_seconds=round(ending.restart_in, 1))
        self._changed.set()

    def _ask_when_due(self, number: int, process: WorkerProcess, now: float) -> None:
        starting = self.fleet.workers[number].phase is Phase.STARTING
        if now - self._checked_at[number] >= (TURN_SECONDS if starting else ASK_SECONDS):
            self._checked_at[number] = float("inf")  # one check at a time
            self._watching.start(self._ask(number, process))

    async def _ask(self, number: int, process: WorkerProcess) -> None:
        answer = await process.ask("/healthz")
        now = self._clock.now()
        if self._processes.get(number) is not process:
            return
        self._checked_at[number] = now
        if answer is not None and answer.ok and self.fleet.answered(number, now):
            log.info("worker_running", worker=number, pid=process.pid)
            self._changed.set()

    def stop(self) -> None:
        """Ask all workers to drain and end."""
        if not self.fleet.stopping:
            log.info("stopping_workers", workers=len(self._processes))
        self.fleet.stop(self._clock.now())
        self._changed.set()

    def reload(self) -> None:
        """Let every running worker reload its rules; a starting one reads them anyway."""
        for number, process in self._processes.items():
            if self.fleet.workers[number].phase is Phase.RUNNING:
                process.signal(signal.SIGHUP)

    def kill(self) -> None:
        """Kill every process; unfinished notices are delivered after the next start."""
        for process in self._processes.values():
            process.signal(signal.SIGKILL)

    def live(self) -> Check:
        """Return ok, because an answer shows that the supervisor runs; the message counts running workers."""
        running = self.fleet.count(Phase.RUNNING)
        return Check(ok=True, message=f"{running} of {len(self.fleet.workers)} workers running")

    async def ready(self) -> Check:
        """Whether every worker is ready."""
        answers = await self._ask_all("/readyz")
        parts = [f"{len(self.fleet.workers)} workers"]
        for number, worker in self.fleet.workers.items():
            if worker.phase is not Phase.RUNNING:
                return Check(ok=False, message=f"worker {number}: {worker.phase}")
            ok, body = answers.get(number, (False, b"no answer"))
            message = f"worker {number}: {body.decode(errors='replace').strip()}"
            if not ok:
                return Check(ok=False, message=message)
            parts.append(message)
        return Check(ok=True, message="; ".join(parts))

    async def exposition(self) -> tuple[bytes, str]:
        """Return the workers' merged metrics and the content type."""
        for number, (ok, body) in (await self._ask_all("/metrics")).items():
            if ok:
                self._expositions.take(number, body)
        return self._expositions.merged()

    async def ask(self, number: int, path: str) -> bytes | None:
        """Return a worker's answer to a GET; None if it does not run or does not answer with success."""
        process = self._processes.get(number)
        answer = await process.ask(path) if process is not None else None
        return answer.body if answer is not None and answer.ok else None

    async def _ask_all(self, path: str) -> Mapping[int, tuple[bool, bytes]]:
        running = {
            number: process
            for number, process in self._processes.items()
            if self.fleet.workers[number].phase in {Phase.RUNNING, Phase.ENDING}
        }
        answers = await asyncio.gather(*(process.ask(path) for process in running.values()))
        return {
            number: (answer.ok, answer.body)
            for (number, process), answer in zip(running.items(), answers, strict=True)
            if answer is not None and self._processes.get(number) is process
        }

    def workers(self) -> Sequence[WorkerView]:
        """Return the state of every worker."""
        return [
            WorkerView(
                number,
                worker.phase,
                process.pid if (process := self._processes.get(number)) is not None else None,
                self._launcher.endpoint(number),
                worker.restarts,
                worker.since,
            )
            for number, worker in self.fleet.workers.items()
        ]


def pass_signals_on(supervisor: Supervisor, interrupted: Callable[[], None], reread: Callable[[], None]) -> None:
    """SIGTERM and SIGINT drain all workers, and a second SIGINT calls `interrupted`.

    SIGHUP lets the workers read rules and secrets again, and calls `reread` for the supervisor's own.
    """
    loop = asyncio.get_running_loop()

    def on_interrupt() -> None:
        if supervisor.fleet.stopping:
            interrupted()
        supervisor.stop()

    def on_hangup() -> None:
        supervisor.reload()
        reread()

    loop.add_signal_handler(signal.SIGTERM, supervisor.stop)
    loop.add_signal_handler(signal.SIGINT, on_interrupt)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
