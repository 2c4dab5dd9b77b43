"""One token for all workers of a machine: the supervisor fetches it, and each worker asks the supervisor.

An API may keep one live token for each client, so that members which fetch their own end each other's. The two speak
over a pair of connected sockets that the worker inherits: nothing is in the file system, and no other process can ask.
One JSON document a line. A worker asks for a token newer than a serial number; the supervisor answers with a token, or
with an error; and it announces each new serial number to every worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from pipeline.errors import TokenUnavailable
from pipeline.tasks import Tasks

if TYPE_CHECKING:
    from pipeline.ports import TokenSource

LONGEST_LINE = 65_536
"""Bytes; a token has 16,384 characters at most."""
ANSWER_SECONDS = 60.0
"""Longer than the source's own timeouts: the supervisor answers with its source's error before that."""
_ENDED = "the supervisor that shares the token has ended"


class TokenShare:
    """The supervisor's side: fetches a token when a worker needs a newer one, once for all of them."""

    def __init__(self, source: TokenSource, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._monotonic = monotonic
        self._fetching = asyncio.Lock()
        self._token = ""
        self._serial = 0
        self._fetched_at = 0.0
        self._refresh_in: float | None = None
        self._workers: set[asyncio.StreamWriter] = set()
        self._serving = Tasks()

    def serve(self, connection: socket.socket) -> None:
        """Answer a worker over this connection until it ends."""
        self._serving.start(self._serve(connection))

    async def close(self) -> None:
        """End all connections."""
        await self._serving.cancel()
        await self._source.close()

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection, limit=LONGEST_LINE)
        self._workers.add(writer)
        try:
            with contextlib.suppress(OSError):
                while line := await reader.readline():
                    writer.write(orjson.dumps(await self._answer(orjson.loads(line)["newer_than"])) + b"\n")
                    await writer.drain()
        finally:
            self._workers.discard(writer)
            writer.close()

    async def _answer(self, serial: int) -> dict[str, object]:
        async with self._fetching:  # workers that ask meanwhile get what the first one fetches
            if self._serial <= serial:
                try:
                    token = await self._source.fetch()
                except TokenUnavailable as error:
                    return {"error": str(error)}
                self._token, self._serial, self._fetched_at = token, serial + 1, self._monotonic()
                self._refresh_in = self._source.refresh_in
                for writer in self._workers:
                    writer.write(orjson.dumps({"newest": self._serial}) + b"\n")
            left = None
            if self._refresh_in is not None:
                left = max(0.0, self._fetched_at + self._refresh_in - self._monotonic())
            return {"token": self._token, "serial": self._serial, "refresh_in": left}


class SharedToken:
    """The worker's side: implements `pipeline.ports.TokenSource`."""

    refresh_in: float | None = None

    def __init__(self, connection: socket.socket) -> None:
        """`connection` is the worker's end of the pair; nothing is sent yet."""
        self._socket = connection
        self._writer: asyncio.StreamWriter | None = None
        self._answers: deque[asyncio.Future[dict[str, object]]] = deque()
        self._reading = Tasks()
        self._serial = 0
        self._newer: Callable[[], None] = lambda: None

    def listen(self, newer: Callable[[], None]) -> None:
        """Call `newer` whenever another worker made the supervisor fetch a token."""
        self._newer = newer

    async def fetch(self) -> str:
        """Get a newer token than the last one.

        Raises:
            TokenUnavailable: the supervisor's source gave none, or the supervisor has ended.
        """
        if self._writer is None:
            reader, self._writer = await asyncio.open_connection(sock=self._socket, limit=LONGEST_LINE)
            self._reading.start(self._read(reader))
        answer: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        try:
            self._writer.write(orjson.dumps({"newer_than": self._serial}) + b"\n")
            found = await asyncio.wait_for(asyncio.shield(answer), ANSWER_SECONDS)
        except (OSError, TimeoutError):
            raise TokenUnavailable("the supervisor that shares the token does not answer") from None
        if "error" in found:
            raise TokenUnavailable(str(found["error"]))
        self._serial = int(str(found["serial"]))
        left = found["refresh_in"]
        self.refresh_in = float(left) if isinstance(left, int | float) else None
        return str(found["token"])

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                message = orjson.loads(line)
                if "newest" not in message:
                    answer = self._answers.popleft()
                    if not answer.done():
                        answer.set_result(message)
                elif message["newest"] > self._serial and not self._answers:
                    self._newer()
        for answer in self._answers:
            if not answer.done():
                answer.set_result({"error": _ENDED})

    async def close(self) -> None:
        """Close the connection."""
        await self._reading.cancel()
        if self._writer is not None:
            self._writer.close()
