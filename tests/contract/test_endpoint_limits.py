"""Our endpoint under clients that do not finish: it answers probes, and takes a bounded number of descriptors."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from pipeline.web import connections
from pipeline.web.connections import MOST_CONNECTIONS, MOST_HEAD_BYTES
from pipeline.web.endpoint import Probes, make_app, serve
from pipeline.web.listener import listen

UNFINISHED = 400
SECONDS = 30.0
LARGE = b"# a line\n" * 2_000_000


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """The endpoint on a port."""
    listener = listen("127.0.0.1", 0)
    probes = Probes(
        live=lambda: (True, "running"), ready=lambda: (True, "ready"), metrics=lambda: ([LARGE], "text/plain")
    )
    serving = asyncio.create_task(serve(make_app(probes), listener))
    try:
        yield listener.getsockname()[1]
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def connected(port: int, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    return reader, writer


async def closed(reader: asyncio.StreamReader) -> bool:
    """Whether the server ends the connection, without an answer or with one."""
    async with asyncio.timeout(SECONDS):
        with suppress(ConnectionError):
            while await reader.read(65_536):
                continue
    return True


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("head", [b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Unfinished: "])
async def test_unfinished_requests_do_not_keep_a_probe_out(head: bytes) -> None:
    """Nor do they take a descriptor each: the oldest make room."""
    async with served() as port:
        before = descriptors()
        clients = [await connected(port, head) for _ in range(UNFINISHED)]
        async with httpx.AsyncClient(trust_env=False) as client:
            reply = await client.get(f"http://127.0.0.1:{port}/healthz", timeout=SECONDS)
        assert reply.status_code == 200
        # The clients' own ends are open in this process, too.
        assert descriptors() - before - UNFINISHED <= MOST_CONNECTIONS + 5
        for _, writer in clients:
            writer.close()


async def test_a_request_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its bytes keep coming, one at a time."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    async with served() as port:
        reader, writer = await connected(port, b"GET /healthz HTTP/1.1\r\nHost: ")

        async def drip() -> None:
            with suppress(ConnectionError):
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await closed(reader)
        dripping.cancel()
        writer.close()


async def test_a_second_request_on_a_connection_has_a_time_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished one does not lift the bound."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 1.5)
    async with served() as port:
        reader, writer = await connected(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /healthz HTTP/1.1\r\n")
        assert await closed(reader)
        writer.close()


async def test_a_head_without_an_end_is_refused() -> None:
    """Memory is bounded however fast the bytes come."""
    async with served() as port:
        reader, writer = await connected(port, b"GET / HTTP/1.1\r\nHost: x\r\n")
        with suppress(ConnectionError):
            writer.write(b"X-Long: " + b"x" * (2 * MOST_HEAD_BYTES))
            await writer.drain()
        assert await closed(reader)
        writer.close()


async def test_a_response_that_is_not_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that asks and does not read holds nothing for long."""
    monkeypatch.setattr(connections, "RESPONSE_SECONDS", 0.3)
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    async with served() as port:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.setblocking(False)  # noqa: FBT003 - the library's own
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
            await asyncio.get_running_loop().sock_sendall(client, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(1)
            received = 0
            with suppress(ConnectionError):
                while data := await asyncio.get_running_loop().sock_recv(client, 1_048_576):
                    received += len(data)
            assert received < len(LARGE)
