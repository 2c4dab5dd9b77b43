"""The page of several workers in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.middleware import Middleware

from pipeline.languages.request import Languages
from pipeline.model.halt import Halt
from pipeline.model.kafka_health import KafkaHealth
from pipeline.web.headers import SecurityHeaders
from pipeline.web.pages import Pages
from pipeline.workers.page import WorkersPage
from tests.browser.axe import violations
from tests.browser.looking import Looked
from tests.browser.serving import Served, serving
from tests.unit.web.status_sources import T0, outcome
from tests.unit.workers.test_page import Workers

pytestmark = pytest.mark.browser


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def served(workers: Workers) -> Iterator[Served]:
    pages = Pages({"Workers": "./"}, "9.9.9")
    page = WorkersPage(pages, workers.all, workers.ask)
    app = Starlette(
        routes=[*page.routes(), pages.route()], middleware=[Middleware(SecurityHeaders), Middleware(Languages)]
    )
    with serving(app) as served:
        yield served


def test_the_page_updates_itself(workers: Workers, served: Served, looked: Looked) -> None:
    """Totals and the status of each worker update; a worker that does not answer is shown with its phase."""
    page = looked.page
    page.goto(served.url)
    first, second = page.get_by_role("row").nth(1), page.get_by_role("row").nth(2)
    expect(first).to_contain_text("Sending")
    expect(second).to_contain_text("waiting")
    for number in range(37):
        workers.shop.tally.ended(outcome(number), T0)
    workers.shop.kafka = KafkaHealth(0, 0.0)
    expect(first).to_contain_text("Kafka cannot be reached")
    expect(page.locator("#live")).to_contain_text("37 by the running processes")
    assert looked.complaints == []
    assert looked.hosts == {served.url.removeprefix("http://")}


def test_a_workers_own_page_is_behind_its_number(workers: Workers, served: Served, looked: Looked) -> None:
    """A worker that does not answer has no link."""
    page = looked.page
    page.goto(served.url)
    expect(page.get_by_role("row").nth(2).get_by_role("link")).to_have_count(0)
    page.get_by_role("row").nth(1).get_by_role("link").click()
    expect(page).to_have_url(re.compile("/worker/1/$"))
    expect(page.locator("body")).to_have_text("the worker's page")
    assert (1, "/") in workers.requested


def test_the_page_reports_that_it_is_out_of_date(served: Served, looked: Looked) -> None:
    """When the supervisor does not answer, the page reports it."""
    looked.page.goto(served.url)
    served.stop()
    expect(looked.page.get_by_role("status")).to_contain_text("No answer since")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("language", "width"), [("en", 360), ("en", 390), ("en", 1280), ("zh", 390), ("zh", 1280)])
def test_it_can_be_read(
    chromium: Browser, workers: Workers, served: Served, language: str, width: int, scheme: str
) -> None:
    """On a phone and a desk, by day and night, in each language: no sideways scrolling; axe-core finds nothing."""
    workers.shop.halt(Halt.UNAUTHORISED, T0)
    size = {"width": width, "height": 800}
    with chromium.new_context(viewport=size, color_scheme=scheme, locale=language) as context:  # type: ignore[arg-type] # literals of the table
        looked = Looked(context)
        looked.page.goto(f"{served.url}/?paused")
        assert not looked.wider_than_the_screen()
        assert looked.poor_contrasts() == []
        assert looked.unnamed() == []
        assert violations(looked.page) == []
        expect(looked.page.locator("html")).to_have_attribute("lang", {"en": "en", "zh": "zh-CN"}[language])
        assert language == "en" or looked.sentences_in_english() == []
        # What someone on call wants to see first is on the screen without moving the table.
        table = looked.page.locator("#workers-table")
        assert table.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_landmarks_and_headings(served: Served, looked: Looked) -> None:
    """Banner, main, one first-level heading; a renewal leaves the focus where it is."""
    page = looked.page
    page.goto(served.url)
    for landmark in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_text("Workers")
    page.locator("#worker-1").focus()
    with page.expect_response(re.compile("workers/live")):
        pass
    page.wait_for_timeout(200)
    assert page.evaluate("document.activeElement.id") == "worker-1"
