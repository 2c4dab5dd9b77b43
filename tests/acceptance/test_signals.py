"""Stopped at inconvenient times: while it starts, twice, while Kafka or the API is away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.service import ServiceUnderTest
from tests.acceptance.stage import RULES, TEMPLATES

TIMEOUT = 60.0
"""Seconds; only a failing test, or a very busy machine, ever waits so long."""
CONFIGURATION: dict[str, object] = {
    "schemas": {"directory": "schemas"},
    "notices": {"url": "http://127.0.0.1:1/", "token": "t"},
    "http": {"host": "127.0.0.1", "port": 0},
}


@pytest.fixture
def silent_port() -> Iterator[tuple[socket.socket, int]]:
    """A port where connections are taken and nothing is ever said."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        listener.settimeout(TIMEOUT)
        yield listener, listener.getsockname()[1]


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_stopped_while_it_starts_it_ends_at_once_and_cleanly(
    tmp_path: Path, silent_port: tuple[socket.socket, int], by: signal.Signals
) -> None:
    """It waits for a broker that says nothing, and would for minutes; it ends with 0 all the same."""
    listener, port = silent_port
    kafka = {
        "bootstrap_servers": f"127.0.0.1:{port}",
        "group_id": "signals",
        "topics": ["x"],
        "start_timeout_seconds": 600,
    }
    files = {"templates.yaml": TEMPLATES, "garage.yaml": RULES}
    (tmp_path / "schemas").mkdir()
    service = ServiceUnderTest(tmp_path, {**CONFIGURATION, "kafka": kafka}, files)
    with service.running() as process:
        listener.accept()[0].close()
        process.send_signal(by)
        assert process.wait(TIMEOUT) == 0, service.log
    assert "stopped_before_it_had_started" in service.log
    assert "Traceback" not in service.log


HANGS = """
import asyncio, sys, time
from pipeline.runtime import signals

signals.MARGIN_SECONDS = 1.0

async def hang():
    signals.Signals(signals.EndDeadline(0.5).arm)
    print("ready", flush=True)
    if sys.argv[1] == "loop":
        time.sleep(600)
    await asyncio.to_thread(time.sleep, 600)

if sys.argv[2] == "uvloop":
    import uvloop
    uvloop.run(hang())
else:
    asyncio.run(hang())
"""


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("place", ["loop", "thread"])
def test_the_process_ends_by_the_deadline_whatever_hangs(place: str, loop: str) -> None:
    """A blocked loop runs no callback of a signal, and a blocked thread keeps the loop from closing."""
    command = [sys.executable, "-c", HANGS, place, loop]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 1
        assert "end_deadline_passed" in process.stdout.read()
