"""What a run showed, for people and for programs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence

from confluent_kafka import libversion

from tests.chaos.scenario import Result

BARS = " ▁▂▃▄▅▆▇█"


def text(result: Result) -> str:
    """One run: what was done, what it cost, what broke."""
    head = f"{'ok    ' if result.ok else 'BROKEN'} {result.scenario} ({result.protocol}, seed {result.seed}), "
    lines = [head + f"{result.seconds:.0f} s"]
    lines += [f"  {moment.seconds:6.1f} s  {moment.message}" for moment in result.moments]
    lines.append("  " + ", ".join(f"{name} {value:g}" for name, value in result.figures.items()))
    lines.append(f"  requests a second, at most {max(result.per_second, default=0)}: {bars(result.per_second)}")
    lines += [f"  BROKEN: {message}" for message in result.violations]
    return "\n".join(lines)


def bars(values: Sequence[int]) -> str:
    """A row of bars, one for each value; what is not 0 shows."""
    most = max(values, default=0)
    return "".join(BARS[0 if not value else max(1, round(value / most * (len(BARS) - 1)))] for value in values)


def as_json(results: Sequence[Result]) -> str:
    """Everything."""
    runs = [{**result._asdict(), "moments": [moment._asdict() for moment in result.moments]} for result in results]
    return json.dumps({"conditions": conditions(results), "runs": runs}, indent=1, ensure_ascii=False) + "\n"


def as_markdown(results: Sequence[Result]) -> str:
    """A table of all runs, and each run in full."""
    figures = ("events", "kills", "excused", "sent again", "double outcomes", "dead letters", "peak MB")
    lines = [
        "# Chaos",
        "",
        *[f"- {line}" for line in conditions(results)],
        "",
        f"| scenario | protocol | seconds | {' | '.join(figures)} | promises |",
        f"|---|---|{'---|' * (len(figures) + 2)}",
    ]
    for result in results:
        row = [f"{result.figures.get(name, 0):g}" for name in figures]
        kept = "kept" if result.ok else "; ".join(result.violations)
        lines.append(f"| {result.scenario} | {result.protocol} | {result.seconds:.0f} | {' | '.join(row)} | {kept} |")
    for result in results:
        lines += ["", "```", text(result), "```"]
    return "\n".join(lines) + "\n"


def conditions(results: Sequence[Result]) -> list[str]:
    """On what it ran."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return [
        f"commit {commit.stdout.strip() or 'unknown'}",
        f"{len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.machine()}",
        f"CPython {platform.python_version()}, librdkafka {libversion()[0]}",
        *dict.fromkeys(result.kafka for result in results),
    ]
