"""Worker processes: `python -m pipeline.cli.service.worker`, each with its own listener on the loopback address.

Listeners belong to the supervisor and outlive the processes, so that a worker keeps its address across restarts.
Standard input carries the settings; when it closes, the supervisor has ended, and the worker drains and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import httpx

from pipeline.errors import WorkerFailed
from pipeline.ports import WorkerAnswer

if TYPE_CHECKING:
    from pipeline.settings import Settings

ANSWER_SECONDS = 2.0
"""Shorter than the timeout of the probes that wait for it."""
LOOPBACK = "127.0.0.1"


class SystemWorker:
    """Implements `pipeline.ports.WorkerProcess`."""

    def __init__(self, process: asyncio.subprocess.Process, client: httpx.AsyncClient, endpoint: str) -> None:
        self._process = process
        self._client = client
        self._endpoint = endpoint

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send a signal; does nothing after the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def wait(self) -> int:
        """Wait for the process to end; return its exit code, negative if a signal ended it."""
        return await self._process.wait()

    async def ask(self, path: str) -> WorkerAnswer | None:
        """GET from its endpoint; return None without an answer in time."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reply = await self._client.get(self._endpoint + path)
        except (httpx.HTTPError, TimeoutError):
            return None
        return WorkerAnswer(reply.is_success, reply.content)


class WorkerProcesses:
    """Implements `pipeline.ports.WorkerLauncher`."""

    def __init__(
        self,
        count: int,
        settings_of: Callable[[int], Settings],
        share_tokens: Mapping[str, Callable[[socket.socket], None]] | None = None,
    ) -> None:
        """`settings_of` returns the settings of the worker with that number.

        `share_tokens`, by API, answers a worker that asks for the token over the connection; for other APIs each has
        its own source.
        """
        self._settings_of = settings_of
        self._share_tokens = share_tokens or {}
        self._listeners = {number: _listener() for number in range(1, count + 1)}
        self._client = httpx.AsyncClient(trust_env=False)

    def endpoint(self, number: int) -> str:
        """Return the address of this worker's endpoint; the same for each of its processes."""
        return f"http://{LOOPBACK}:{self._listeners[number].getsockname()[1]}"

    async def launch(self, number: int) -> SystemWorker:
        """Start the process of this worker.

        Its own process group keeps a terminal's Ctrl-C away from it; the supervisor forwards signals.

        Raises:
            WorkerFailed: the operating system refused.
        """
        listener = self._listeners[number].fileno()
        ours: dict[str, socket.socket] = {}
        theirs: dict[str, socket.socket] = {}
        try:
            for api in self._share_tokens:
                ours[api], theirs[api] = socket.socketpair()
            tokens = {api: end.fileno() for api, end in theirs.items()}
            command = [sys.executable, "-m", "pipeline.cli.service.worker", str(number), str(listener)]
            process = await asyncio.create_subprocess_exec(
                *command,
                *(f"{api}={descriptor}" for api, descriptor in tokens.items()),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=[listener, *tokens.values()],
                process_group=0,
            )
        except OSError as error:
            for end in ours.values():
                end.close()
            raise WorkerFailed(f"no process could be started: {error.strerror}") from None
        finally:
            for end in theirs.values():
                end.close()
        for api, end in ours.items():
            self._share_tokens[api](end)
        if process.stdin is not None:
            process.stdin.write(pickle.dumps(self._settings_of(number)))
        return SystemWorker(process, self._client, self.endpoint(number))

    async def close(self) -> None:
        """Close the listeners."""
        await self._client.aclose()
        for listener in self._listeners.values():
            listener.close()


def _listener() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((LOOPBACK, 0))
    return listener
