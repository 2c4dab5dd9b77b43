"""The endpoint of a service of several workers: probes and metrics of all of them, and where each one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.web.headers import SecurityHeaders
from pipeline.web.problems import handler

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.web.pages import Pages


class WorkersView(Protocol):
    """What the endpoint asks; called on the supervisor's loop."""

    def live(self) -> tuple[bool, str]:
        """Whether the workers are supervised, and a message."""
        ...

    async def ready(self) -> tuple[bool, str]:
        """Whether every worker would send events on, and words."""
        ...

    async def exposition(self) -> tuple[bytes, str]:
        """The metrics of all, and their content type."""
        ...

    def workers(self) -> Sequence[NamedTuple]:
        """Every worker: number, phase, pid, endpoint, restarts, since."""
        ...


def make_workers_app(
    view: WorkersView,
    routes: Sequence[BaseRoute] = (),
    pages: Pages | None = None,
    middleware: Sequence[Middleware] = (),
) -> Starlette:
    """Probes, metrics, the list of workers, and whatever other routes there are; `pages` shows mistakes to people."""

    async def live(_: Request) -> Response:
        return _answer(*view.live())

    async def ready(_: Request) -> Response:
        return _answer(*await view.ready())

    async def metrics(_: Request) -> Response:
        body, content_type = await view.exposition()
        return Response(body, media_type=content_type)

    async def workers(_: Request) -> Response:
        return JSONResponse({"workers": [worker._asdict() for worker in view.workers()]})

    return Starlette(
        routes=[
            Route("/healthz", live),
            Route("/readyz", ready),
            Route("/metrics", metrics),
            Route("/workers.json", workers),
            *routes,
        ],
        middleware=[Middleware(SecurityHeaders), *middleware],
        exception_handlers={HTTPException: handler(pages.mistake if pages is not None else None)},
    )


def _answer(ok: bool, message: str) -> Response:  # noqa: FBT001 - a probe's answer is yes or no
    return PlainTextResponse(f"{message}\n", status_code=200 if ok else 503)
