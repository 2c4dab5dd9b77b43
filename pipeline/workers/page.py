"""The page of a service with several workers: the status of each, with a link to its own page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from pipeline.languages import ENGLISH, current
from pipeline.languages.request import NAME as LANGUAGE
from pipeline.phrases import phrase
from pipeline.web.care_status import together

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.web.pages import Pages

QueryWorker = Callable[[int, str], Awaitable[bytes | None]]
"""Takes a worker's number and a path of its endpoint; returns the response body, or None if it does not answer."""

HTML = "text/html; charset=utf-8"
FORWARDED = {"": HTML, "status/live": HTML, "status/messages": HTML, "status.json": "application/json"}
"""Paths of a worker's endpoint that are served here, with their media types. Static files are served directly."""
_SEEN = re.compile(r"[0-9a-f]{1,32}")


class WorkersPage:
    """Shows the status that each worker reports."""

    def __init__(self, pages: Pages, workers: Callable[[], Sequence[NamedTuple]], query: QueryWorker) -> None:
        """`workers` returns number, phase, pid, restarts and start time of each."""
        self._pages = pages
        self._workers = workers
        self._query = query

    def routes(self) -> list[Route]:
        """The page, its live part, and each worker's own page."""
        return [
            Route("/", self.page),
            Route("/workers/live", self.live),
            Route("/worker/{number:int}/static/{name}", self.static),
            Route("/worker/{number:int}/{path:path}", self.worker),
        ]

    async def page(self, request: Request) -> Response:
        """The whole page; with `?paused` it does not update."""
        paused = "paused" in request.query_params
        return self._pages.answer("workers.html", {"paused": paused, **await self._shown()})

    async def live(self, _: Request) -> Response:
        """The part that updates."""
        return self._pages.answer("workers_live.html", await self._shown())

    async def worker(self, request: Request) -> Response:
        """The response of the worker's own endpoint."""
        path = request.path_params["path"]
        if path not in FORWARDED:
            raise HTTPException(404)
        answer = await self._query(request.path_params["number"], f"/{path}{_query_string(request.query_params)}")
        if answer is None:
            raise HTTPException(503, phrase("this worker does not answer; it is restarted automatically"))
        if path == "status/messages" and not answer:
            return Response(status_code=204)
        return Response(answer, media_type=FORWARDED[path])

    async def static(self, request: Request) -> Response:
        """A static file of the worker's page."""
        return self._pages.static(request.path_params["name"])

    async def _shown(self) -> dict[str, object]:
        workers = [worker._asdict() for worker in self._workers()]
        path = f"/status.json{_query_string({})}"
        answers = await asyncio.gather(*(self._query(worker["number"], path) for worker in workers))
        lines = [{**worker, "status": _status(answer)} for worker, answer in zip(workers, answers, strict=True)]
        known: list[Mapping[str, Any]] = [line["status"] for line in lines if line["status"] is not None]
        names = ("consumed", "accepted", "failed")
        return {
            "workers": lines,
            "rates": {name: sum(status["rates_1m"][name] for status in known) for name in names},
            "totals": {name: sum(status["totals"][name] for status in known) for name in names},
            "care": together([status["care"] for status in known if "care" in status]),
            "well": sum(status["messages"][0]["severity"] == "note" for status in known),
        }


def _status(answer: bytes | None) -> Mapping[str, Any] | None:
    if answer is None:
        return None
    status: Mapping[str, Any] = orjson.loads(answer)
    lag = sum(partition["lag"] or 0 for partition in status["partitions"])
    oldest = max((partition["age_seconds"] for partition in status["partitions"]), default=0.0)
    return {**status, "lag": lag, "oldest_seconds": oldest}


def _query_string(given: Mapping[str, str]) -> str:
    """Only the query parameters that the pages use, and the language of this request."""
    language, seen = current.language(), given.get("seen", "")
    used = [
        *(["paused"] if "paused" in given else []),
        *([f"seen={seen}"] if _SEEN.fullmatch(seen) else []),
        *([f"{LANGUAGE}={language}"] if language != ENGLISH else []),
    ]
    return f"?{'&'.join(used)}" if used else ""
