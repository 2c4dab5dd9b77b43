"""The endpoint of a service with several workers: probes, merged metrics, and the list of workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.languages.request import Languages
from pipeline.web.headers import SecurityHeaders
from pipeline.web.problems import handler

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.web.pages import Pages


class WorkersView(Protocol):
    """The supervisor's state for the endpoint; called on the supervisor's loop."""

    def live(self) -> tuple[bool, str]:
        """Whether the workers are supervised, and a message."""
        ...

    async def ready(self) -> tuple[bool, str]:
        """Whether every worker is ready, and a message."""
        ...

    async def exposition(self) -> tuple[bytes, str]:
        """Return the merged metrics and their content type."""
        ...

    def workers(self) -> Sequence[NamedTuple]:
        """Return every worker: number, phase, pid, endpoint, restarts, since."""
        ...


def make_workers_app(
    view: WorkersView,
    routes: Sequence[BaseRoute] = (),
    pages: Pages | None = None,
    middleware: Sequence[Middleware] = (),
) -> Starlette:
    """Create the application: probes, metrics, list of workers, and `routes`; `pages` renders errors for browsers."""

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
        middleware=[Middleware(SecurityHeaders), Middleware(Languages), *middleware],
        exception_handlers={HTTPException: handler(pages.mistake if pages is not None else None)},
    )


def _answer(ok: bool, message: str) -> Response:  # noqa: FBT001 - a probe's answer is yes or no
    return PlainTextResponse(f"{message}\n", status_code=200 if ok else 503)
