"""How results are reported: a table at the terminal, Markdown for RESULTS.md."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.api import Pace
from bench.service import Run

PACKAGES = ("confluent-kafka", "fastavro", "cel-expr-python", "pyreqwest", "orjson", "uvloop")
Limits = Mapping[tuple[int, str], Mapping[str, Pace]]
"""By delay and cores: the bare clients, by name."""
HEAD = ("system", "cores", "delay", "in flight", "notices/s", "steady/s", "µs CPU", "peak MB", "start s", "faults")


def machine(commit: str, now: datetime) -> list[str]:
    """Where and on what it was measured."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    cores = len(os.sched_getaffinity(0))
    return [
        f"{now:%Y-%m-%d %H:%M} UTC, commit {commit}",
        f"{cores} cores of {model}, Linux {platform.release()}, Python {platform.python_version()}",
        packages,
    ]


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


def commit() -> str:
    """The commit that is checked out, with a plus where files differ from it."""
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, timeout=10, check=False
    )
    return asked.stdout.strip() or "unknown"


def now() -> datetime:
    """The time of the report."""
    return datetime.now(UTC)  # noqa: TID251 - a report carries its date


def rows(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    """A line for each run."""
    return [
        (
            run.system,
            run.cores,
            f"{run.delay_ms} ms",
            str(run.in_flight),
            f"{run.per_second:,.0f}",
            f"{run.steady_per_second:,.0f}" if run.steady_per_second else "–",
            f"{run.cpu_us:.0f}",
            f"{run.peak_mb:.0f}",
            f"{run.start_seconds:.2f}",
            ", ".join(run.faults) or "none",
        )
        for run in runs
    ]


def ratios(runs: Sequence[Run], limits: Limits) -> list[str]:
    """Each run as a share of what bare clients reached on the same API in the same hour, and of the ceiling."""
    lines = []
    for run in runs:
        shares = [
            f"{run.per_second / pace.per_second:.2f} × {name} ({pace.per_second:,.0f}/s"
            + (f", {pace.cpu_us:.0f} µs)" if pace.cpu_us is not None else ")")
            for name, pace in limits.get((run.delay_ms, run.cores), {}).items()
        ]
        if run.delay_ms:
            ceiling = run.in_flight / run.delay_ms * 1000
            best = run.steady_per_second or run.per_second
            shares.append(f"{best / ceiling:.0%} of the ceiling {ceiling:,.0f}/s")
        lines.append(f"{run.system}, {run.cores}, {run.delay_ms} ms: " + "; ".join(shares))
    return lines


def against(runs: Sequence[Run]) -> list[str]:
    """Ours as a multiple of each peer that did the same on the same cores."""
    return [
        f"{run.system}, {run.cores}, {run.delay_ms} ms, held against {peer.system}: "
        f"{run.per_second / peer.per_second:.2f} × its rate ({peer.per_second:,.0f}/s), "
        f"{run.cpu_us / peer.cpu_us:.2f} × its CPU time ({peer.cpu_us:.0f} µs)"
        for run in runs
        for peer in runs
        if not run.peer and peer.peer and (run.delay_ms, run.cores) == (peer.delay_ms, peer.cores)
    ]


def threads(run: Run, least: float = 0.5) -> str:
    """Which threads the CPU time went to."""
    parts = sorted(run.threads_us.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {spent:.0f}" for name, spent in parts if spent >= least)


def show(runs: Sequence[Run], limits: Limits) -> None:
    """Print everything."""
    console = Console(width=150)
    table = Table(*HEAD)
    for row in rows(runs):
        table.add_row(*row)
    console.print(table)
    for line in [*ratios(runs, limits), *against(runs)]:
        console.print(line, highlight=False)
    for run in runs:
        console.print(f"{run.system}, {run.cores}, {run.delay_ms} ms, µs by thread: {threads(run)}", highlight=False)


def markdown(runs: Sequence[Run], limits: Limits, about: Sequence[str]) -> str:
    """The same for RESULTS.md."""
    table = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    table += ["| " + " | ".join(row) + " |" for row in rows(runs)]
    by_thread = [f"- {run.system}, {run.cores}, {run.delay_ms} ms: {threads(run)}" for run in runs]
    shares = [f"- {line}" for line in [*ratios(runs, limits), *against(runs)]]
    return "\n".join(
        [
            f"## {about[0]}",
            "",
            *(f"{line}  " for line in about[1:]),
            "",
            *table,
            "",
            *shares,
            "",
            "µs by thread:",
            "",
            *by_thread,
            "",
        ]
    )
