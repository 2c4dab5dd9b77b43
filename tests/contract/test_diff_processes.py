"""The processes of a long `diff` end with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.adapters.authoring.compared_files import ALONE, SHARE
from tests.acceptance.waiting import wait_for
from tests.unit.cli.test_diff_command import event, write_rules
from tests.unit.rules.shop import RULE

Running = subprocess.Popen[bytes]
TIMEOUT = 120.0
"""Seconds; only a failing test, or a very busy machine, ever waits so long."""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A `diff` whose events are still to come, with its processes started."""
    write_rules(tmp_path / "before", RULE)
    write_rules(tmp_path / "rules", RULE.replace("豆", "茶"))
    command = [sys.executable, "-m", "pipeline", "diff", "before", "--events", "-", "--jobs", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write("\n".join(event(one) for one in range(SHARE * (ALONE + 6))).encode())
        process.stdin.flush()
        try:
            wait_for(lambda: len(group(process)) >= 3)  # itself and the two
            yield process
        finally:
            process.kill()


def group(process: Running) -> list[int]:
    """The processes of its session, dead ones that no one has waited for left out."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = status.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(session) == process.pid and state != "Z":
            found.append(int(status.parent.name))
    return found


pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="/proc tells which processes there are")


def test_ctrl_c_ends_all_without_a_message(running: Running) -> None:
    """A terminal sends it to every process; none shows where in the code it was."""
    os.killpg(running.pid, signal.SIGINT)
    assert running.stderr is not None
    assert (running.stderr.read(), running.wait(TIMEOUT)) == (b"", 130)
    wait_for(lambda: not group(running))


def test_a_killed_diff_leaves_no_process_behind(running: Running) -> None:
    """Processes without a parent end themselves."""
    running.kill()
    running.wait(TIMEOUT)
    wait_for(lambda: not group(running))
