"""What the endpoint answers while the service waits at its start for something that is away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import orjson
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipeline.web.endpoint import Probes, make_app

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request


def starting_app(awaited: Callable[[], str], metrics: Callable[[], tuple[Iterable[bytes], str]]) -> Starlette:
    """Alive, not ready, and what it waits for; `awaited` says why, without secrets."""

    def message() -> str:
        return f"starting: waiting, because {awaited()}"

    async def page(_: Request) -> Response:
        return PlainTextResponse(f"Notice Pipeline is {message()}\n", headers={"Refresh": "5"})

    async def status(_: Request) -> Response:
        shown = {"severity": "halted", "message": message(), "alert": "NoticeSchemaAwaited"}
        content = orjson.dumps({"phase": "starting", "messages": [shown]}, option=orjson.OPT_APPEND_NEWLINE)
        return Response(content, media_type="application/json")

    probes = Probes(live=lambda: (True, message()), ready=lambda: (False, message()), metrics=metrics)
    return make_app(probes, [Route("/", page), Route("/status.json", status)])
