"""The page of a service of several workers: how each one stands, and the way to its own status page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.web.pages import Pages

Ask = Callable[[int, str], Awaitable[bytes | None]]
"""A worker's number and a path to what its own endpoint answers; None where it does not."""

HTML = "text/html; charset=utf-8"
PASSED_ON = {"": HTML, "status/live": HTML, "status/signs": HTML, "status.json": "application/json"}
"""What of a worker's endpoint is shown here, with its media type. Its static files are ours."""
_SEEN = re.compile(r"[0-9a-f]{1,32}")


class WorkersPage:
    """Shows what the workers tell of themselves."""

    def __init__(self, pages: Pages, workers: Callable[[], Sequence[NamedTuple]], ask: Ask) -> None:
        """`workers` gives number, phase, pid, restarts and since of each."""
        self._pages = pages
        self._workers = workers
        self._ask = ask

    def routes(self) -> list[Route]:
        """The page, its live part, and each worker's own page."""
        return [
            Route("/", self.page),
            Route("/workers/live", self.live),
            Route("/worker/{number:int}/static/{name}", self.static),
            Route("/worker/{number:int}/{path:path}", self.worker),
        ]

    async def page(self, request: Request) -> Response:
        """The whole page; `?paused` keeps it as it is until it is loaded again."""
        paused = "paused" in request.query_params
        return self._pages.answer("workers.html", {"paused": paused, **await self._shown()})

    async def live(self, _: Request) -> Response:
        """What changes."""
        return self._pages.answer("workers_live.html", await self._shown())

    async def worker(self, request: Request) -> Response:
        """What the worker's own endpoint answers."""
        path = request.path_params["path"]
        if path not in PASSED_ON:
            raise HTTPException(404)
        answer = await self._ask(request.path_params["number"], f"/{path}{_query(request.query_params)}")
        if answer is None:
            raise HTTPException(503, "this worker does not answer; it is started again by itself")
        if path == "status/signs" and not answer:
            return Response(status_code=204)
        return Response(answer, media_type=PASSED_ON[path])

    async def static(self, request: Request) -> Response:
        """A file that the worker's page asks for."""
        return self._pages.static(request.path_params["name"])

    async def _shown(self) -> dict[str, object]:
        workers = [worker._asdict() for worker in self._workers()]
        answers = await asyncio.gather(*(self._ask(worker["number"], "/status.json") for worker in workers))
        lines = [{**worker, "standing": _standing(answer)} for worker, answer in zip(workers, answers, strict=True)]
        standings: list[Mapping[str, Any]] = [line["standing"] for line in lines if line["standing"] is not None]
        names = ("consumed", "accepted", "failed")
        return {
            "workers": lines,
            "rates": {name: sum(standing["rates_1m"][name] for standing in standings) for name in names},
            "totals": {name: sum(standing["totals"][name] for standing in standings) for name in names},
        }


def _standing(answer: bytes | None) -> Mapping[str, Any] | None:
    if answer is None:
        return None
    standing: Mapping[str, Any] = orjson.loads(answer)
    lag = sum(partition["lag"] or 0 for partition in standing["partitions"])
    oldest = max((partition["age_seconds"] for partition in standing["partitions"]), default=0.0)
    return {**standing, "lag": lag, "oldest_seconds": oldest}


def _query(asked: Mapping[str, str]) -> str:
    """Of what was asked only what the pages themselves ask."""
    if "paused" in asked:
        return "?paused"
    seen = asked.get("seen", "")
    return f"?seen={seen}" if _SEEN.fullmatch(seen) else ""
