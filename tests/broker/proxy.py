"""A network that can be cut, stalled and slowed: a TCP proxy on the loopback address."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

CHUNK = 65_536
START_SECONDS = 10.0
Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]
"""One direction: from where, and to where."""
Made = TypeVar("Made", bound="Proxy")


class Proxy:
    """Every connection to `port` continues to `target`; made and changed by `running_proxy` and its own methods."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._refusing = False
        self._delay = 0.0
        self._transports: set[asyncio.WriteTransport] = set()

    def begin(self, loop: asyncio.AbstractEventLoop, port: int) -> None:
        """It listens."""
        self._loop, self.port = loop, port

    def end(self) -> None:
        """Reset every connection; to be called on its loop."""
        self._refusing = True
        for transport in tuple(self._transports):
            transport.abort()

    def cut(self) -> None:
        """Reset every connection, and each new one at once."""
        self.run(self.end)

    def stall(self) -> None:
        """Let connections stand, and let nothing through: packets vanish."""
        self.run(self._open.clear)

    def slow(self, seconds: float) -> None:
        """Each piece takes so much longer, in both directions."""
        self.run(lambda: setattr(self, "_delay", seconds))

    def heal(self) -> None:
        """As a network should be. What stalled goes through now."""

        def healed() -> None:
            self._refusing, self._delay = False, 0.0
            self._open.set()

        self.run(healed)

    def run(self, change: Callable[[], object]) -> None:
        """Make a change on the proxy's own loop, and wait for it."""
        if self._loop is None:
            return
        done = threading.Event()

        def changed() -> None:
            change()
            done.set()

        self._loop.call_soon_threadsafe(changed)
        done.wait(START_SECONDS)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        if self._refusing:
            writer.transport.abort()
            return
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._transports |= {writer.transport, onward_writer.transport}
        requests, answers = self._pumps((reader, onward_writer), (onward_reader, writer))
        ways = [asyncio.create_task(requests), asyncio.create_task(answers)]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, onward_writer):
                self._transports.discard(end.transport)
                end.close()
            await asyncio.gather(*ways, return_exceptions=True)

    def _pumps(self, requests: Way, answers: Way) -> tuple[Coroutine[None, None, None], Coroutine[None, None, None]]:
        """What carries the two directions of one connection."""
        return self._pump(*requests), self._pump(*answers)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._open.wait()
                writer.write(piece)
                await writer.drain()


@contextmanager
def running_proxy(target: int, port: int = 0, host: str = "127.0.0.1") -> Iterator[Proxy]:
    """A proxy in a thread of its own, at `host` and `port`, in front of the port `target` of 127.0.0.1."""
    with running(Proxy(target), port, host) as proxy:
        yield proxy


@contextmanager
def running(proxy: Made, port: int = 0, host: str = "127.0.0.1") -> Iterator[Made]:
    """This proxy, as `running_proxy`."""
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(proxy.serve, host, port)
        proxy.begin(asyncio.get_running_loop(), server.sockets[0].getsockname()[1])
        started.set()
        await stop.wait()
        server.close()
        proxy.end()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="proxy", daemon=True)
    thread.start()
    if not started.wait(START_SECONDS):
        raise RuntimeError("the proxy does not start")
    try:
        yield proxy
    finally:
        proxy.run(stop.set)
        thread.join(START_SECONDS)
