"""An HTTP proxy: forwards requests, makes tunnels to one server whatever their name, and notes what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Self


class Proxy:
    """Listens on a free port of the loopback; `async with Proxy(port_of_the_server) as proxy`."""

    def __init__(
        self, target: int, *, tls: ssl.SSLContext | None = None, refuse: bytes | None = None, greet: bytes = b""
    ) -> None:
        """`refuse` is written instead of a tunnel (empty: the connection ends); `greet` directly behind its head."""
        self._target = target
        self._tls = tls
        self._refuse = refuse
        self._greet = greet
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.heads: list[tuple[str, dict[str, str]]] = []
        """First line and headers of each request."""

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.sleep(0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._exchange(reader, writer)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        pairs = (line.split(":", 1) for line in lines[1:] if ":" in line)
        self.heads.append((lines[0], {name.lower(): value.strip() for name, value in pairs}))
        if self._refuse is not None:
            writer.write(self._refuse)
            await writer.drain()
            if self._refuse:
                await reader.read()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            if lines[0].startswith("CONNECT "):
                writer.write(b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n" + self._greet)
            else:
                back.write(head)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            back.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
