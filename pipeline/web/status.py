"""The status page, its live part, and the same as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import orjson
from starlette.responses import Response
from starlette.routing import Route

from pipeline.web.service_status import ServiceStatus

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.web.pages import Pages

SHOWN_PARTITIONS = 60
"""The page shows the oldest of them, `/status.json` all."""
SHOWN_RULES = 200
"""The page shows the busiest, `/status.json` all."""


class StatusPage:
    """Shows what `standing` returns, for each request."""

    def __init__(
        self,
        pages: Pages,
        standing: Callable[[], ServiceStatus],
        configuration: Mapping[str, str],
        runbook_url: str | None = None,
    ) -> None:
        """`configuration` is shown as it is: secrets must be masked already."""
        self._pages = pages
        self._standing = standing
        self._configuration = configuration
        self._runbook_url = runbook_url

    def routes(self) -> list[Route]:
        """The page, its live part, the JSON."""
        return [
            Route("/", self.page),
            Route("/status/live", self.live),
            Route("/status/signs", self.signs),
            Route("/status.json", self.as_json),
        ]

    async def page(self, request: Request) -> Response:
        """The whole page; `?paused` keeps it as it is until it is loaded again."""
        paused = "paused" in request.query_params
        standing = self._standing()
        shown = {"paused": paused, "configuration": self._configuration}
        return self._pages.answer("status.html", shown | self._shown(standing) | self._signs(standing))

    async def live(self, _: Request) -> Response:
        """What changes."""
        return self._pages.answer("status_live.html", self._shown(self._standing()))

    async def signs(self, request: Request) -> Response:
        """What is not as it should be; no content where it is what was `seen`, so that it is read out only once."""
        shown = self._signs(self._standing())
        if request.query_params.get("seen") == shown["seen"]:
            return Response(status_code=204)
        return self._pages.answer("status_signs.html", {"paused": False, **shown})

    async def as_json(self, _: Request) -> Response:
        """The same for scripts."""
        return Response(orjson.dumps(self._standing(), option=orjson.OPT_APPEND_NEWLINE), media_type="application/json")

    def _signs(self, standing: ServiceStatus) -> dict[str, object]:
        seen = hashlib.sha256(repr(standing.signs).encode()).hexdigest()[:12]
        return {"signs": standing.signs, "seen": seen, "runbook": self._runbook}

    def _shown(self, standing: ServiceStatus) -> dict[str, object]:
        partitions = sorted(standing.partitions, key=lambda one: (-one.age_seconds, -(one.lag or 0)))
        rules = sorted(standing.rules, key=lambda rule: -(rule.matched + rule.failed)) if _are_many(standing) else None
        return {
            "now": standing,
            "partitions": sorted(partitions[:SHOWN_PARTITIONS], key=lambda one: (one.topic, one.partition)),
            "rules": (rules or standing.rules)[:SHOWN_RULES],
        }

    def _runbook(self, alert: str) -> str | None:
        """The address of the runbook's section, where the runbook has one."""
        return f"{self._runbook_url}#{alert.lower()}" if self._runbook_url else None


def _are_many(standing: ServiceStatus) -> bool:
    return len(standing.rules) > SHOWN_RULES
