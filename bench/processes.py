"""Processes under measurement: on which cores they run, what they cost, and that they end."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

TICK = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 30.0
USER, SYSTEM = 11, 12
"""Fields of /proc/<pid>/stat behind the name, counted from 0 (proc(5): 14 and 15)."""


class Cores(NamedTuple):
    """Which cores the sending process has, and which everything else."""

    sender: frozenset[int]
    others: frozenset[int]

    @classmethod
    def pinned(cls) -> Cores:
        """The sender has the first core alone, broker and API share the rest."""
        first, *rest = sorted(os.sched_getaffinity(0))
        return cls(frozenset({first}), frozenset(rest or [first]))

    @classmethod
    def shared(cls) -> Cores:
        """Everybody has every core."""
        every = frozenset(os.sched_getaffinity(0))
        return cls(every, every)

    @property
    def message(self) -> str:
        """For a table."""
        return "any core" if self.sender == self.others else "one core"


@contextlib.contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Processes started inside run on these cores: a child inherits its parent's."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(
    command: Sequence[str], cores: frozenset[int], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process, and end it when the block ends."""
    with log.open("ab") as output, on(cores):
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of the process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[USER]) + int(fields[SYSTEM])) / TICK


def peak_megabytes(pid: int) -> float:
    """The largest resident set so far."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def thread_seconds(pid: int) -> dict[str, float]:
    """CPU time of each thread by its name; threads of one name, but for a number at its end, are one."""
    seconds: dict[str, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            name = (task / "comm").read_text().strip().rstrip("0123456789")
            seconds[name] = seconds.get(name, 0.0) + int((task / "schedstat").read_text().split()[0]) / 1e9
    return seconds
