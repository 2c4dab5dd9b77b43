"""An HTTP server that does what real ones do on a bad day: one scripted step for each request it reads."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    import ssl

TURNS = 8
"""Of the loop: more than asyncio takes from accepting a connection to telling us, and from its abort to its end."""
LINGER_NOT = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 seconds: close sends a reset instead of an orderly end."""


async def _turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Request(NamedTuple):
    """One request as it arrived whole."""

    line: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    connection: int
    """Which connection it came on, counted from 1."""


Step = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Gets the connection after a request was read; ends the connection by closing the writer."""


def raw(data: bytes) -> Step:
    """Write these bytes and keep the connection."""

    async def step(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return step


def reply(body: bytes, status: int = 200, **headers: str) -> Step:
    """An orderly reply; `retry_after="5"` becomes `retry-after: 5`."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def close_after(*steps: Step) -> Step:
    """Do these, then end the connection in order (FIN)."""

    async def step(writer: asyncio.StreamWriter) -> None:
        for each in steps:
            await each(writer)
        writer.close()

    return step


def reset_after(*steps: Step) -> Step:
    """Do these, then break the connection (RST)."""

    async def step(writer: asyncio.StreamWriter) -> None:
        for each in steps:
            await each(writer)
        peer: socket.socket = writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        writer.transport.abort()

    return step


def drip(data: Iterable[bytes], seconds: float) -> Step:
    """Write piece after piece with a pause between."""

    async def step(writer: asyncio.StreamWriter) -> None:
        for piece in data:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(seconds)

    return step


async def hang(writer: asyncio.StreamWriter) -> None:
    """Never answer, until the peer goes."""
    del writer
    await asyncio.Event().wait()


class ScriptedServer:
    """Listens on a free port of the loopback; the last step repeats."""

    def __init__(
        self,
        *steps: Step,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        idle_seconds: float | None = None,
    ) -> None:
        """`idle_seconds` after a reply the connection is closed, as servers do."""
        self._steps = list(steps)
        self._host = host
        self._idle_seconds = idle_seconds
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self.requests: list[Request] = []
        self.arrived = asyncio.Event()
        """Set once the first request was read."""
        self.connections = 0
        self.port = port

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{self._host}:{self.port}/message/v2/notices"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await _turns()  # a connection that was only just accepted is known to no one yet, and would stay open
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # what the peer never read would keep it open
        await _turns()

    def _next_step(self) -> Step:
        return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        self.connections += 1
        number = self.connections
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while not writer.is_closing():
                    async with asyncio.timeout(self._idle_seconds):
                        request = await _read(reader, number)
                    self.requests.append(request)
                    self.arrived.set()
                    await self._next_step()(writer)
        finally:
            writer.close()
            self._tasks.discard(task)


async def _read(reader: asyncio.StreamReader, connection: int) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in head[1:] if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(head[0], headers, body, connection)
