"""The studio: write a rule, and see its findings, its card for an event, and an explanation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from pipeline.errors import ResourceLimitExceeded
from pipeline.web.form import read_form
from pipeline.web.origin import require_same_origin
from pipeline.web.problems import wants_html

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.web.pages import Pages

MAX_FORM = 1_048_576
"""Largest form in bytes; a Chinese character takes nine in a form."""
FIELDS = ("file", "rules", "type", "event")


class Workbench(Protocol):
    """Evaluates drafts, in bounded time for any input."""

    async def open(self, file: str | None, rule: str | None, event_type: str | None) -> Mapping[str, object]:
        """The initial `files`, `file`, `rules`, `types`, `type` and `event`, or `problem`.

        Raises:
            ResourceLimitExceeded: it exceeds a limit.
        """
        ...

    async def example(self, event_type: str) -> str:
        """An example event of that type, as JSON.

        Raises:
            ResourceLimitExceeded: it exceeds a limit.
        """
        ...

    async def try_out(self, draft: Mapping[str, str]) -> Mapping[str, object]:
        """The result for `file`, `rules`, `type` and `event`, or `problem`.

        Raises:
            ResourceLimitExceeded: it exceeds a limit.
        """
        ...


class Studio:
    """Pages for a workbench."""

    def __init__(self, pages: Pages, bench: Workbench, guard: Callable[[Request], None] | None = None) -> None:
        """`guard` may refuse a request by raising `HTTPException`."""
        self._pages = pages
        self._bench = bench
        self._guard = guard

    def routes(self) -> list[Route]:
        """The page, and the parts that it requests."""
        return [
            Route("/studio", self.page),
            Route("/studio", self.work, methods=["POST"]),
            Route("/studio/event", self.event),
            Route("/studio/rules", self.rules),
        ]

    async def page(self, request: Request) -> Response:
        """The page; `?rule=`, `?file=` and `?type=` select its initial content."""
        self._check(request)
        query = request.query_params
        opened = await self._open(query.get("file"), query.get("rule"), query.get("type"))
        return await self._whole(opened)

    async def event(self, request: Request) -> Response:
        """The event field with an example of `?type=`."""
        self._check(request)
        text = await self._example(request.query_params.get("type", ""))
        return self._replaced("studio_event.html", {"event": text})

    async def rules(self, request: Request) -> Response:
        """The rules field with the content of `?file=`."""
        self._check(request)
        opened = await self._open(request.query_params.get("file"), None, None)
        return self._replaced("studio_rules.html", opened)

    async def work(self, request: Request) -> Response:
        """Evaluate a draft; return the result alone to the page's script and to programs, else the whole page."""
        self._check(request)
        require_same_origin(request)
        form = await read_form(request, MAX_FORM)
        draft = {name: form.get(name, "") for name in FIELDS}
        if request.headers.get("hx-request") == "true":
            return self._pages.answer("studio_result.html", {"result": await self._try_out(draft), "oob": True})
        if not wants_html(request.headers.get("accept", "")):
            result = await self._try_out(draft)
            return Response(orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE), media_type="application/json")
        opened = dict(await self._open(draft["file"], None, draft["type"]))
        if form.get("load") != "file":
            opened["rules"] = draft["rules"]
        if form.get("load") != "event":
            opened["event"] = draft["event"]
        return await self._whole(opened)

    def _check(self, request: Request) -> None:
        if self._guard is not None:
            self._guard(request)

    async def _whole(self, opened: Mapping[str, object]) -> Response:
        result = await self._try_out({name: str(opened[name]) for name in FIELDS})
        return self._pages.answer("studio.html", {**opened, "result": result, "oob": False})

    def _replaced(self, name: str, values: Mapping[str, object]) -> Response:
        """A field with new content; the page then requests the result again."""
        response = self._pages.answer(name, values)
        response.headers["HX-Trigger-After-Swap"] = "refresh"
        return response

    async def _open(self, file: str | None, rule: str | None, event_type: str | None) -> Mapping[str, object]:
        try:
            opened = await self._bench.open(file, rule, event_type)
        except ResourceLimitExceeded as error:
            raise _unavailable(error) from None
        if "problem" in opened:
            raise HTTPException(503, str(opened["problem"]))
        return opened

    async def _example(self, event_type: str) -> str:
        try:
            return await self._bench.example(event_type)
        except ResourceLimitExceeded as error:
            raise _unavailable(error) from None

    async def _try_out(self, draft: Mapping[str, str]) -> Mapping[str, object]:
        """The result; an exceeded limit is reported in it."""
        try:
            return await self._bench.try_out(draft)
        except ResourceLimitExceeded as error:
            return {"problem": error.message, "hint": error.hint}


def _unavailable(error: ResourceLimitExceeded) -> HTTPException:
    return HTTPException(503, error.message, {"Retry-After": "2"})
