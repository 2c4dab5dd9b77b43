"""The log under every reader that it may have: none of them stops, slows or ends what writes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SECONDS = 60.0
"""Only a failing test, or a very busy machine, ever takes so long."""
LINES = 2_000
MORE_THAN_A_PIPE_HOLDS = 200
CODE = f"""
import sys, time
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.telemetry.log_writer import LogWriter
from pipeline.adapters.telemetry.logging import configure_logging
import logging, structlog
from pathlib import Path

dropped = 0
def count(lines):
    global dropped
    dropped += lines
writer = LogWriter(most_bytes=100_000)
writer.on_dropped(count)
configure_logging(form="json", level="info", clock=SystemClock(), writer=writer)
log = structlog.get_logger("test")
longest = 0.0
for number in range({LINES}):
    began = time.monotonic()
    log.error(f"event-{{number}}", text="x" * {MORE_THAN_A_PIPE_HOLDS})
    logging.getLogger("some.library").error("trouble %d", number)
    longest = max(longest, time.monotonic() - began)
writer.close(0.5)
Path(sys.argv[1]).write_text(f"{{dropped}} {{longest}}")
"""


def run(folder: Path, stderr: int | None, close: bool = False) -> tuple[int, float]:  # noqa: FBT001, FBT002 - a fixture's own
    """Write many lines; the number dropped, and the longest time that one took."""
    result = folder / "result"
    closing = "import os; os.close(1); os.close(2)\n" if close else ""
    done = subprocess.run(
        [sys.executable, "-c", closing + CODE, str(result)],
        stderr=stderr,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0
    dropped, longest = result.read_text().split()
    return int(dropped), float(longest)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            continue


def test_a_reader_that_stalls_costs_lines_and_no_time(tmp_path: Path, pipe: tuple[int, int]) -> None:
    """No one reads the pipe, as a log collector that hangs."""
    dropped, longest = run(tmp_path, pipe[1])
    assert dropped > LINES // 2
    assert longest < SECONDS / 2, "a write to this pipe would wait without end"


def test_a_reader_that_has_gone_costs_lines_and_not_the_process(tmp_path: Path, pipe: tuple[int, int]) -> None:
    """EPIPE at each line."""
    os.close(pipe[0])
    assert run(tmp_path, pipe[1])[0] >= LINES


def test_a_full_disk_costs_lines_and_not_the_process(tmp_path: Path) -> None:
    """ENOSPC at each line."""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        assert run(tmp_path, full.fileno())[0] >= LINES


def test_closed_outputs_cost_lines_and_not_the_process(tmp_path: Path) -> None:
    """EBADF at each line."""
    assert run(tmp_path, None, close=True)[0] >= LINES


def test_a_reader_that_reads_misses_nothing(tmp_path: Path) -> None:
    """Every line is whole, and what libraries log is among them."""
    path = tmp_path / "log"
    with path.open("w") as file:
        dropped, _ = run(tmp_path, file.fileno())
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    named = [line for line in lines if line["event"].startswith("event-")]
    assert len(named) + dropped >= LINES
    assert any(line["event"] == "library" and line["logger"] == "some.library" for line in lines)


def test_a_reader_that_comes_back_learns_how_many_lines_are_missing(pipe: tuple[int, int]) -> None:
    """One line says it, as soon as lines can be written again."""
    reading, writing = pipe
    code = CODE.replace("writer.close(0.5)", "print(flush=True)\nsys.stdin.read(1)\nlog.info('last')\nwriter.close(30)")
    with subprocess.Popen(
        [sys.executable, "-c", code, os.devnull],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=writing,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        os.close(writing)
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()  # all lines are written, and no one has read them yet
        process.stdin.close()
        with os.fdopen(reading) as file:
            text = file.read()
        assert process.wait(SECONDS) == 0
    reported = [json.loads(line) for line in text.splitlines() if '"log_lines_dropped"' in line]
    assert reported
    assert sum(line["lines"] for line in reported) > LINES // 2
