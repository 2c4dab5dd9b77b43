"""Worker processes: `python -m pipeline.cli.service.worker`, each with a listener of its own on the loopback address.

Listeners belong to the supervisor and outlive the processes, so a worker keeps its address over restarts. Standard
input carries the settings, and tells the worker by its end that the supervisor is no more: it then drains and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx

from pipeline.errors import WorkerFailed
from pipeline.ports import WorkerAnswer

if TYPE_CHECKING:
    from pipeline.settings import Settings

ANSWER_SECONDS = 2.0
"""Less than the probes that wait for it."""
LOOPBACK = "127.0.0.1"


class SystemWorker:
    """Implements `pipeline.ports.WorkerProcess`."""

    def __init__(self, process: asyncio.subprocess.Process, client: httpx.AsyncClient, endpoint: str) -> None:
        self._process = process
        self._client = client
        self._endpoint = endpoint

    @property
    def pid(self) -> int:
        """The system's number for it."""
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send it a signal; does nothing where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def wait(self) -> int:
        """Wait for its end; gives the exit code, below 0 where a signal ended it."""
        return await self._process.wait()

    async def ask(self, path: str) -> WorkerAnswer | None:
        """GET from its endpoint; None where nobody answers in time."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reply = await self._client.get(self._endpoint + path)
        except (httpx.HTTPError, TimeoutError):
            return None
        return WorkerAnswer(reply.is_success, reply.content)


class WorkerProcesses:
    """Implements `pipeline.ports.WorkerLauncher`."""

    def __init__(self, count: int, settings_of: Callable[[int], Settings]) -> None:
        """`settings_of` gives what a worker of that number is to run by."""
        self._settings_of = settings_of
        self._listeners = {number: _listener() for number in range(1, count + 1)}
        self._client = httpx.AsyncClient(trust_env=False)

    def endpoint(self, number: int) -> str:
        """The address of this worker's own endpoint; the same for each of its processes."""
        return f"http://{LOOPBACK}:{self._listeners[number].getsockname()[1]}"

    async def launch(self, number: int) -> SystemWorker:
        """Start the process of this worker.

        A process group of its own keeps a terminal's Ctrl-C away from it: the supervisor passes on what is meant.

        Raises:
            WorkerFailed: the system would not.
        """
        listener = self._listeners[number].fileno()
        command = [sys.executable, "-m", "pipeline.cli.service.worker", str(number), str(listener)]
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, pass_fds=[listener], process_group=0
            )
        except OSError as error:
            raise WorkerFailed(f"no process could be started: {error.strerror}") from None
        if process.stdin is not None:
            process.stdin.write(pickle.dumps(self._settings_of(number)))
        return SystemWorker(process, self._client, self.endpoint(number))

    async def close(self) -> None:
        """Let go of the listeners."""
        await self._client.aclose()
        for listener in self._listeners.values():
            listener.close()


def _listener() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((LOOPBACK, 0))
    return listener
