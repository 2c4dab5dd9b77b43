"""The status page, its live part, and the status as JSON."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from heapq import nsmallest
from typing import TYPE_CHECKING, NamedTuple

import orjson
from starlette.responses import Response
from starlette.routing import Route

from pipeline.languages import current
from pipeline.languages.request import NAME as LANGUAGE
from pipeline.status.halts import WORDS
from pipeline.web.rates import STEP_SECONDS
from pipeline.web.rule_lines import RuleLine
from pipeline.web.service_status import OutcomeLine, Partition, ServiceStatus

if TYPE_CHECKING:
    from starlette.requests import Request

    from pipeline.status.condition import StatusMessage
    from pipeline.web.pages import Pages

SHOWN_PARTITIONS = 60
"""Most partitions on the page: of those where events wait, the oldest first, and of the others."""
SHOWN_FAILURES = 12
"""Most kinds of failures on the page, the newest first; `/status.json` has the failures one by one."""
SHOWN_RULES = 200
"""Most rules on the page, those with trouble and the busiest first; `/status.json` has all."""


class StatusLinks(NamedTuple):
    """Pages elsewhere that the status page links to, where they are configured."""

    runbook: str | None = None
    search: str | None = None
    """The search page, without a slash at its end."""


class StatusPage:
    """Shows the value of `status`, called for each request."""

    def __init__(
        self,
        pages: Pages,
        status: Callable[[], ServiceStatus],
        configuration: Mapping[str, str],
        links: StatusLinks = StatusLinks(),  # noqa: B008 - frozen
    ) -> None:
        """`configuration` is shown unchanged: its secrets must be masked."""
        self._pages = pages
        self._status = status
        self._configuration = configuration
        self._links = links

    def routes(self) -> list[Route]:
        """The page, its parts, and the JSON."""
        return [
            Route("/", self.page),
            Route("/status/live", self.live),
            Route("/status/messages", self.messages),
            Route("/status.json", self.as_json),
        ]

    async def page(self, request: Request) -> Response:
        """The whole page; with `?paused` it does not update."""
        paused = "paused" in request.query_params
        status = self._status()
        shown = {"paused": paused, "configuration": self._configuration}
        return self._pages.answer("status.html", shown | self._shown(status) | self._messages(status))

    async def live(self, _: Request) -> Response:
        """The part that updates."""
        return self._pages.answer("status_live.html", self._shown(self._status()))

    async def messages(self, request: Request) -> Response:
        """The messages; no content if they are the ones `seen`, so that screen readers read them once."""
        shown = self._messages(self._status())
        if request.query_params.get("seen") == shown["seen"]:
            return Response(status_code=204)
        return self._pages.answer("status_messages.html", {"paused": False, **shown})

    async def as_json(self, request: Request) -> Response:
        """The status as JSON; `apis` is there if there are several, and `care` with recipient care.

        With `?language=` its messages are in that language.
        """
        status = self._status()
        if LANGUAGE in request.query_params:
            status = replace(status, messages=tuple(map(_said, status.messages)))
        values = {one.name: getattr(status, one.name) for one in fields(status)}
        if not status.apis:
            del values["apis"]
        if status.care is None:
            del values["care"]
        return Response(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE), media_type="application/json")

    def _messages(self, status: ServiceStatus) -> dict[str, object]:
        seen = hashlib.sha256(repr(status.messages).encode()).hexdigest()[:12]
        return {"messages": status.messages, "seen": seen, "runbook": self._runbook}

    def _shown(self, status: ServiceStatus) -> dict[str, object]:
        partitions = sorted(
            status.partitions, key=lambda one: (-one.age_seconds, -(one.lag or 0), one.topic, one.partition)
        )
        waiting = [one for one in partitions if _waits(one)]
        idle = [one for one in partitions if not _waits(one)]
        rules = nsmallest(SHOWN_RULES, status.rules, key=_by_trouble)
        return {
            "now": status,
            "step": STEP_SECONDS,
            "waiting": waiting[:SHOWN_PARTITIONS],
            "waiting_in_all": len(waiting),
            "idle": idle[:SHOWN_PARTITIONS],
            "idle_in_all": len(idle),
            "troubled": [rule for rule in rules if _is_troubled(rule)],
            "well": [rule for rule in rules if not _is_troubled(rule)],
            "failures": _alike(status.failures)[:SHOWN_FAILURES],
            "search": self._links.search,
            "halts": WORDS,
        }

    def _runbook(self, alert: str) -> str | None:
        """The URL of the runbook's section for the alert, if the runbook is published."""
        return f"{self._links.runbook}#{alert.lower()}" if self._links.runbook else None


def _said(message: StatusMessage) -> StatusMessage:
    """The message in the language of the request."""
    return replace(message, message=current.say(message.message), advice=current.say(message.advice))


def _alike(failures: Sequence[OutcomeLine]) -> list[tuple[OutcomeLine, int]]:
    """The newest of each kind of failure, with how often it came among the kept ones."""
    newest: dict[tuple[str | None, str, str, str], OutcomeLine] = {}
    times: Counter[tuple[str | None, str, str, str]] = Counter()
    for line in failures:
        key = (line.rule, line.kind, line.reason, line.words)
        newest.setdefault(key, line)
        times[key] += 1
    return [(line, times[key]) for key, line in newest.items()]


def _waits(partition: Partition) -> bool:
    """Whether events of a partition wait, or whether it is not known yet."""
    return partition.lag != 0 or partition.unfinished > 0 or partition.age_seconds > 0


def _is_troubled(rule: RuleLine) -> bool:
    """Whether a rule is paused or suspended, or has failures."""
    return rule.paused_since is not None or rule.suspended_since is not None or rule.failed > 0


def _by_trouble(rule: RuleLine) -> tuple[bool, float, int]:
    """Sort what does not send first, then by the share that failed, then the busiest."""
    stopped = rule.paused_since is not None or rule.suspended_since is not None
    return (not stopped, -rule.failed_share, -(rule.matched + rule.failed))
