"""The studio: write rules, and see their findings, the card for an event, and an explanation."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from pipeline.errors import ResourceLimitExceeded
from pipeline.phrases import phrase
from pipeline.web.form import read_form
from pipeline.web.headers import studio_policy
from pipeline.web.origin import require_same_origin
from pipeline.web.problems import wants_html
from pipeline.web.studio_files import StudioFiles
from pipeline.web.workbench import MAX_FORM, NewestEvents, Workbench, available, number_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.web.pages import Pages

FIELDS = ("file", "rules", "type", "event")
PARTS = ("summary", "card", "findings", "why", "tests")
"""The parts of the page that follow from a draft; each is a template."""

NOTHING: Mapping[str, object] = {"findings": [], "messages": [], "why": [], "tests": None}
"""What the parts show of a draft that was not evaluated."""


class Studio:
    """Pages for a workbench."""

    def __init__(
        self,
        pages: Pages,
        bench: Workbench,
        guard: Callable[[Request], None] | None = None,
        files: StudioFiles | None = None,
        newest: NewestEvents | None = None,
    ) -> None:
        """`guard` may refuse a request by raising `HTTPException`.

        Without `files` nothing can be saved; without `newest` no real events are offered.
        """
        self._pages = pages
        self._bench = bench
        self._guard = guard
        self._files = files
        self._newest = newest

    def routes(self) -> list[Route]:
        """The page, and what its script requests."""
        saving = self._files.routes(self._check) if self._files is not None else []
        return [
            Route("/studio", self.page),
            Route("/studio", self.work, methods=["POST"]),
            Route("/studio/file", self.file),
            Route("/studio/event", self.event),
            *([Route("/studio/newest", self.read_newest, methods=["POST"])] if self._newest is not None else []),
            Route("/studio/palette", self.palette),
            Route("/studio/complete", self.complete, methods=["POST"]),
            Route("/studio/hover", self.hover, methods=["POST"]),
            *saving,
        ]

    async def page(self, request: Request) -> Response:
        """The page; `?rule=`, `?file=` and `?type=` select its initial content."""
        self._check(request)
        return await self._whole(await self._open(request))

    async def file(self, request: Request) -> Response:
        """The content of `?file=`, or of the file with `?rule=`, with an event that fits, as JSON."""
        self._check(request)
        opened = dict(await self._open(request))
        opened["choices"] = self._with_newest(opened["choices"], str(opened["type"]))
        if self._files is not None:
            opened["version"] = self._files.version(str(opened["file"]))
        return _json(opened)

    async def event(self, request: Request) -> Response:
        """The event that `?key=` names, or an example of `?type=`, of which `?number=` counts, as JSON."""
        self._check(request)
        query = request.query_params
        event_type, key = query.get("type", ""), query.get("key")
        async with available():
            choices = self._with_newest(await self._bench.ask("choices", type=event_type), event_type)
            if key:
                newest = self._newest.event(key) if self._newest is not None else None
                found = (await self._bench.ask("choose", key=key)).get("event") if newest is None else newest
                if found is None:
                    raise HTTPException(404, phrase("this event does not exist any more"))
                return _json({"event": found, "choices": choices})
            example = await self._bench.example(event_type, number_of(query.get("number", "0")))
        return _json({"event": example, "choices": choices})

    async def read_newest(self, request: Request) -> Response:
        """Read the newest real events again; what became of it and the choices for `type`, as JSON."""
        self._check(request)
        require_same_origin(request)
        assert self._newest is not None  # noqa: S101 - or there is no such route
        event_type = (await read_form(request, MAX_FORM)).get("type", "")
        reading = await self._newest.read()
        async with available():
            choices = await self._bench.ask("choices", type=event_type)
        return _json({"reading": reading, "choices": self._with_newest(choices, event_type)})

    async def palette(self, request: Request) -> Response:
        """The fields of `?type=`, and the functions."""
        self._check(request)
        async with available():
            found = await self._bench.ask("palette", type=request.query_params.get("type", ""))
        return self._pages.answer("studio_palette.html", {"palette": found})

    async def complete(self, request: Request) -> Response:
        """What can be written at the offset `at` of the draft `rules` of `file`, as JSON."""
        return await self._asked(request, "complete")

    async def hover(self, request: Request) -> Response:
        """What is at the offset `at` of the draft, as JSON."""
        return await self._asked(request, "hover")

    async def work(self, request: Request) -> Response:
        """Evaluate a draft: its parts for the page's script, JSON for programs, else the whole page."""
        self._check(request)
        require_same_origin(request)
        form = await read_form(request, MAX_FORM)
        draft = {name: form.get(name, "") for name in FIELDS}
        if request.headers.get("x-studio") == "parts":
            return _json(self._as_parts(await self._try_out(draft)))
        if not wants_html(request.headers.get("accept", "")):
            return _json(await self._try_out(draft))
        opened = dict(await self._opened(draft["file"], None, draft["type"]))
        if form.get("load") != "file":
            opened["rules"] = draft["rules"]
        if form.get("load") != "event":
            opened["event"] = draft["event"]
        return await self._whole(opened)

    def _with_newest(self, choices: object, event_type: str) -> object:
        if self._newest is None or not isinstance(choices, Mapping):
            return choices
        return {**choices, "newest": self._newest.choices(event_type)}

    def _check(self, request: Request) -> None:
        if self._guard is not None:
            self._guard(request)

    async def _asked(self, request: Request, what: str) -> Response:
        self._check(request)
        require_same_origin(request)
        form = await read_form(request, MAX_FORM)
        async with available():
            at = number_of(form.get("at", "0"))
            return _json(await self._bench.ask(what, file=form.get("file", ""), rules=form.get("rules", ""), at=at))

    def _as_parts(self, result: Mapping[str, object]) -> dict[str, object]:
        values = {"result": {**NOTHING, **result}}
        findings = result.get("findings", [])
        assert isinstance(findings, list)  # noqa: S101 - the workbench's own
        return {
            "parts": {name: self._pages.render(f"studio_{name}.html", values) for name in PARTS},
            "marks": [one for one in findings if not one["elsewhere"]],
            "shown": bool(result.get("evaluated")) and not result.get("event_problem"),
            "counts": {"findings": len(findings)},
        }

    async def _whole(self, opened: Mapping[str, object]) -> Response:
        result = await self._try_out({name: str(opened[name]) for name in FIELDS})
        async with available():
            palette = await self._bench.ask("palette", type=opened["type"])
        nonce = secrets.token_urlsafe(16)
        file = str(opened["file"])
        values = {
            **opened,
            "result": {**NOTHING, **result},
            "palette": palette,
            "nonce": nonce,
            "saves": self._files is not None,
            "has_newest": self._newest is not None,
            "version": self._files.version(file) if self._files is not None else "",
        }
        response = self._pages.answer("studio.html", values)
        response.headers["Content-Security-Policy"] = studio_policy(nonce)
        return response

    async def _open(self, request: Request) -> Mapping[str, object]:
        query = request.query_params
        return await self._opened(query.get("file"), query.get("rule"), query.get("type"))

    async def _opened(self, file: str | None, rule: str | None, event_type: str | None) -> Mapping[str, object]:
        async with available():
            opened = await self._bench.open(file, rule, event_type)
        if "problem" in opened:
            problem = opened["problem"]
            assert isinstance(problem, str)  # noqa: S101 - the workbench's own
            raise HTTPException(503, problem)
        return opened

    async def _try_out(self, draft: Mapping[str, str]) -> Mapping[str, object]:
        """The result; an exceeded limit is reported in it."""
        try:
            return await self._bench.try_out(draft)
        except ResourceLimitExceeded as error:
            return {"problem": error.message, "hint": error.hint}


def _json(value: object) -> Response:
    return Response(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE), media_type="application/json")
