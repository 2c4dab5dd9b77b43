"""Our own HTTP endpoint: probes and metrics, served on the service's loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.languages.request import Languages
from pipeline.web.connections import MOST_HEAD_BYTES, BoundedProtocol
from pipeline.web.headers import SecurityHeaders
from pipeline.web.problems import handler

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.web.pages import Pages


class Answer(NamedTuple):
    """The answer to a probe."""

    ok: bool
    message: str


class Probes(NamedTuple):
    """Functions that the endpoint calls on the loop; they must not block."""

    live: Callable[[], tuple[bool, str]]
    ready: Callable[[], tuple[bool, str]]
    metrics: Callable[[], tuple[Iterable[bytes], str]]
    """The exposition in slices, and its content type; each slice is made when it is asked for."""


def make_app(
    probes: Probes,
    routes: Sequence[BaseRoute] = (),
    pages: Pages | None = None,
    middleware: Sequence[Middleware] = (),
) -> Starlette:
    """Probes and metrics, and whatever other routes there are; `pages` shows mistakes to people."""

    async def live(_: Request) -> Response:
        return _answer(*probes.live())

    async def ready(_: Request) -> Response:
        return _answer(*probes.ready())

    async def metrics(_: Request) -> Response:
        slices, content_type = probes.metrics()
        body: list[bytes] = []
        for one in slices:
            body.append(one)
            await asyncio.sleep(0)  # with thousands of rules the whole would block sending for half a second
        return Response(b"".join(body), media_type=content_type)

    return Starlette(
        routes=[Route("/healthz", live), Route("/readyz", ready), Route("/metrics", metrics), *routes],
        middleware=[Middleware(SecurityHeaders), Middleware(Languages), *middleware],
        exception_handlers={HTTPException: handler(pages.mistake if pages is not None else None)},
    )


def _answer(ok: bool, message: str) -> Response:  # noqa: FBT001 - a probe's answer is yes or no
    return PlainTextResponse(f"{message}\n", status_code=200 if ok else 503)


class _Server(uvicorn.Server):
    """Leaves signals to the service, which drains first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: Starlette, listener: socket.socket) -> None:
    """Serve until cancelled; then answers under way get two seconds, and every connection is closed."""
    server = _Server(
        uvicorn.Config(
            app,
            http=BoundedProtocol,
            h11_max_incomplete_event_size=MOST_HEAD_BYTES,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
