"""The page of several workers, on workers that are only said to be there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from pipeline.delivery.snapshot import CareSnapshot
from pipeline.languages import ENGLISH, current
from pipeline.languages.request import Languages
from pipeline.model.halt import Halt
from pipeline.web.care_status import CareTopics
from pipeline.web.pages import Pages
from pipeline.web.problems import handler
from pipeline.web.status import StatusPage
from pipeline.workers.page import WorkersPage
from tests.unit.web.status_sources import T0, Shop, outcome
from tests.unit.web.test_care_status import held_back


class Worker(NamedTuple):
    """As the supervisor shows one."""

    number: int
    phase: str
    pid: int | None
    endpoint: str
    restarts: int
    since: float


class Workers:
    """Two workers; the second does not answer."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.requested: list[tuple[int, str]] = []
        self.answering: tuple[int, ...] = (1,)

    def all(self) -> list[Worker]:
        return [Worker(1, "running", 7, "http://127.0.0.1:1", 0, T0), Worker(2, "waiting", None, "", 3, T0)]

    async def ask(self, number: int, path: str) -> bytes | None:
        self.requested.append((number, path))
        if number not in self.answering:
            return None
        if not path.startswith("/status.json"):
            return b"the worker's page"
        status = StatusPage(Pages({}, "9.9.9"), self.shop.watch().status, {})
        app = Starlette(routes=status.routes(), middleware=[Middleware(Languages)])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://worker") as worker:
            return (await worker.get(path)).content


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
async def http(workers: Workers) -> AsyncIterator[httpx.AsyncClient]:
    pages = Pages({"Workers": "./"}, "9.9.9")
    app = Starlette(
        routes=[*WorkersPage(pages, workers.all, workers.ask).routes(), pages.route()],
        exception_handlers={HTTPException: handler(pages.mistake)},
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pipeline") as client:
        yield client


async def test_each_worker_is_shown_as_it_stands(workers: Workers, http: httpx.AsyncClient) -> None:
    """In its own words where it answers, by its phase where it does not."""
    workers.shop.tally.ended(outcome(1), T0)
    workers.shop.halt(Halt.QUOTA, T0)
    page = (await http.get("/")).text
    assert "quota is spent" in page.replace("&#39;", "'")
    assert 'href="worker/1/"' in page
    assert "waiting" in page
    assert 'href="worker/2/"' not in page


async def test_recipient_care_of_all_workers_is_shown_together(workers: Workers, http: httpx.AsyncClient) -> None:
    """In one block, with what each holds back; none where it is off."""
    assert "Recipient care" not in (await http.get("/")).text
    workers.shop.care = CareTopics("notice.intents", "preferences")
    workers.shop.snapshot = workers.shop.snapshot._replace(care=CareSnapshot(1_234, 5, T0 - 30))
    workers.shop.tally.ended(held_back(1), T0)
    workers.answering = (1, 2)
    page = (await http.get("/")).text
    assert page.count("Recipient care</h2>") == 1
    assert "2,468" in page
    assert re.search(r"cap a-day</th><td class=\"number\">2<", page)


async def test_it_begins_with_how_many_are_well(workers: Workers, http: httpx.AsyncClient) -> None:
    """One that does not answer, or has trouble, is not."""
    assert "1 of 2 workers are well" in (await http.get("/")).text
    workers.answering = (1, 2)
    assert "All 2 workers are well" in (await http.get("/workers/live")).text
    workers.shop.halt(Halt.QUOTA, T0)
    assert "0 of 2 workers are well" in (await http.get("/")).text


async def test_workers_answer_in_the_language_of_the_request(workers: Workers, http: httpx.AsyncClient) -> None:
    """Their messages, and their own pages."""
    workers.shop.halt(Halt.QUOTA, T0)
    current.use("zh")
    try:
        await http.get("/worker/1/?paused")
        assert "额度已用完" in (await http.get("/")).text
    finally:
        current.use(ENGLISH)
    assert workers.requested[:2] == [(1, "/?paused&language=zh"), (1, "/status.json?language=zh")]


@pytest.mark.parametrize(
    ("path", "requested"),
    [
        ("/worker/1/", "/"),
        ("/worker/1/?paused", "/?paused"),
        ("/worker/1/status/messages?seen=0a1b", "/status/messages?seen=0a1b"),
        ("/worker/1/status/messages?seen=%0d%0aX:1", "/status/messages"),
        ("/worker/1/status/live?x=1", "/status/live"),
    ],
)
async def test_a_workers_own_page_is_passed_on(
    workers: Workers, http: httpx.AsyncClient, path: str, requested: str
) -> None:
    """With nothing of the request but what the pages themselves ask."""
    assert (await http.get(path)).text == "the worker's page"
    assert workers.requested == [(1, requested)]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/worker/1/metrics", 404),
        ("/worker/1/studio", 404),
        ("/worker/1/..%2fmetrics", 404),
        ("/worker/1//", 404),
        ("/worker/x/", 404),
        ("/worker/2/", 503),
        ("/worker/99/", 503),
        ("/worker/1/static/page.css", 200),
        ("/worker/1/static/..%2fworkers.py", 404),
    ],
)
async def test_nothing_else_is(workers: Workers, http: httpx.AsyncClient, path: str, status: int) -> None:
    """What is not on the list is not requested; a worker that is not there is said to be."""
    assert (await http.get(path)).status_code == status
    assert [number for number, _ in workers.requested] == ([int(path.split("/")[2])] if status == 503 else [])
