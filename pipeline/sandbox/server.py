"""A running sandbox: on this loop, or in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import uvicorn

from pipeline.errors import Unreachable
from pipeline.sandbox.admin import HEADERS, make_admin
from pipeline.sandbox.connections import protocol_with
from pipeline.sandbox.notices import PATH, NoticesEndpoint
from pipeline.sandbox.state import SandboxOptions, State

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STOP_SECONDS = 1
"""Seconds for replies in progress after the sandbox gets a signal to end."""
START_SECONDS = 10.0


def make_app(state: State) -> ASGIApp:
    """The notices API on its path, the sandbox's own API on every other."""
    notices = NoticesEndpoint(state)
    admin = make_admin(state)
    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            await notices(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await admin(scope, receive, with_headers)

    return app


class SandboxServer:
    """`async with SandboxServer() as sandbox: … sandbox.url …`: a sandbox on this loop."""

    def __init__(self, options: SandboxOptions | None = None) -> None:
        self._options = options or SandboxOptions()
        self.state = State(self._options)
        self.port = 0
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        """`http://host:port`."""
        return f"http://{self._options.host_in_url}:{self.port}"

    @property
    def url(self) -> str:
        """Where notices are POSTed to."""
        return self.base_url + PATH

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            Unreachable: the address cannot be bound.
        """
        listener = _listen(self._options.host, self._options.port)
        self.port = listener.getsockname()[1]
        self._server = _Server(
            uvicorn.Config(
                make_app(self.state),
                http=protocol_with(self.state.connections),
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        await self._server.up.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no longer; requests that hang are dropped."""
        if self._server is None or self._serving is None:
            return
        self._server.should_exit = True
        self.state.connections.close_all()
        await self._serving


class _Server(uvicorn.Server):
    """Signals when it is up, and leaves signal handlers to the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def running_sandbox(options: SandboxOptions | None = None) -> Iterator[SandboxServer]:
    """A sandbox in a thread of its own, for tests and programs that have no loop.

    Read its `state` freely; change it only through the sandbox's own paths (`PUT /sandbox/faults`, …).

    Raises:
        Unreachable: the address cannot be bound, or the thread does not start.
    """
    sandbox = SandboxServer(options)
    started, stop = threading.Event(), asyncio.Event()
    failures: list[Unreachable] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        try:
            async with sandbox:
                started.set()
                await stop.wait()
        except Unreachable as error:
            failures.append(error)
            started.set()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="sandbox", daemon=True)
    thread.start()
    if not started.wait(START_SECONDS):
        raise Unreachable("the sandbox does not start")
    if failures:
        raise failures[0]
    try:
        yield sandbox
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named since asyncio switches Nagle's delay off only where it is: 40 ms for every reply otherwise.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        text = f"cannot listen on {host}:{port}: {error.strerror or error}"
        taken = error.errno in {errno.EADDRINUSE, errno.EACCES}
        hint = "choose another port; 0: any that is free" if taken else "choose an address of this machine"
        raise Unreachable(text, hint=hint) from None
    return listener
