"""One run of the service over the workload, measured from outside: the ledger, the broker's clock and /proc."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

from bench.kafka import Entry, Ledger, faults
from bench.processes import Cores, cpu_seconds, peak_megabytes, running, thread_seconds

LONGEST_SECONDS = 180.0
LOOK_SECONDS = 0.25
SETTLED_SECONDS = 2.0
"""Time for the adaptive limit to settle."""
TAIL = 0.95
"""The steady rate is taken up to here: behind it, only the longest lanes are still busy."""


class Sample(NamedTuple):
    """A look from outside during a run."""

    at: float
    written: int
    cpu: float
    threads: dict[str, float]


class Run(NamedTuple):
    """What a run came to."""

    system: str
    cores: str
    in_flight: int
    delay_ms: int
    per_second: float
    """Notices, from the first event received to the last outcome written by the broker."""
    steady_per_second: float
    cpu_us: float
    """Of all threads of the sending process, for each notice."""
    threads_us: dict[str, float]
    peak_mb: float
    start_seconds: float
    """From starting the process to its first request."""
    faults: list[str]
    peer: bool = False


class Ended(RuntimeError):
    """The sending process ended, or did not get done in time."""


class Plan(NamedTuple):
    """One run to be made."""

    system: str
    command: Sequence[str]
    cores: Cores
    in_flight: int
    delay_ms: int
    events: int
    processes: int = 1
    environment: Mapping[str, str] | None = None
    """Variables beside those of this process."""
    peer: bool = False
    """Not ours, but what ours is held against."""


def measure(plan: Plan, ledger: Ledger, log: Path) -> Run:
    """Start the sending process or processes, wait for the last outcome, and work out what it cost.

    Raises:
        Ended: it ended early, or hung; its log tells why.
    """
    with contextlib.ExitStack() as stack:
        started = time.time()  # noqa: TID251 - compared with the times in outcomes and of the broker
        senders = [
            stack.enter_context(running(plan.command, plan.cores.sender, log, plan.environment))
            for _ in range(plan.processes)
        ]
        samples = list(_watch(senders, ledger, plan.events, log))
        peak = max(peak_megabytes(sender.pid) for sender in senders)
    return evaluate(plan, started, samples, peak, ledger.read())


def _watch(senders: Sequence[Popen[bytes]], ledger: Ledger, expected: int, log: Path) -> Iterator[Sample]:
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        written = ledger.written()
        if any(sender.poll() is not None for sender in senders):
            raise Ended(f"it ended after {written} of {expected}: {_end(log)}")
        yield _sample(senders, written)
        if written >= expected:
            return
        if time.monotonic() > deadline:
            raise Ended(f"only {written} of {expected} after {LONGEST_SECONDS:.0f} s: {_end(log)}")
        time.sleep(LOOK_SECONDS)


def _sample(senders: Sequence[Popen[bytes]], written: int) -> Sample:
    threads: dict[str, float] = {}
    for sender in senders:
        for name, seconds in thread_seconds(sender.pid).items():
            threads[name] = threads.get(name, 0.0) + seconds
    return Sample(time.monotonic(), written, sum(cpu_seconds(sender.pid) for sender in senders), threads)


def _end(log: Path) -> str:
    return log.read_text(errors="replace")[-600:]


def evaluate(plan: Plan, started: float, samples: Sequence[Sample], peak: float, entries: Sequence[Entry]) -> Run:
    """The figures of a run. `started` is seconds since the epoch."""
    first = min(entry.outcome.received_at for entry in entries)
    last = max(entry.written_at for entry in entries)
    begun = next(sample for sample in samples if sample.written)
    done = samples[-1]
    notices = max(1, done.written - begun.written)
    return Run(
        system=plan.system,
        cores=plan.cores.message,
        in_flight=plan.in_flight,
        delay_ms=plan.delay_ms,
        per_second=len(entries) / (last - first),
        steady_per_second=steady(sorted(entry.outcome.finished_at for entry in entries), first),
        cpu_us=(done.cpu - begun.cpu) / notices * 1e6,
        threads_us={
            name: (seconds - begun.threads.get(name, 0.0)) / notices * 1e6 for name, seconds in done.threads.items()
        },
        peak_mb=peak,
        start_seconds=min(entry.outcome.first_attempt_at or first for entry in entries) - started,
        faults=faults(list(entries), plan.events),
        peer=plan.peer,
    )


def steady(finished: Sequence[float], first: float) -> float:
    """Notices per second from two seconds after the first event until 95 % are done; 0 where that is too short."""
    until = finished[int(len(finished) * TAIL) - 1]
    since = first + SETTLED_SECONDS
    if until - since < SETTLED_SECONDS / 2:
        return 0.0
    return sum(1 for time in finished if since < time <= until) / (until - since)
