"""The status page in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect

from pipeline.delivery.snapshot import CareSnapshot
from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt
from pipeline.model.outcome import OutcomeKind
from pipeline.web.care_status import CareTopics
from pipeline.web.endpoint import Probes, make_app
from pipeline.web.pages import Pages
from pipeline.web.status import StatusPage
from tests.browser.axe import violations
from tests.browser.looking import Looked
from tests.browser.serving import Served, serving
from tests.unit.web.status_sources import T0, Shop, outcome
from tests.unit.web.test_care_status import held_back

pytestmark = pytest.mark.browser


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    for number in range(60):
        shop.tally.ended(outcome(number, OutcomeKind.REJECTED if number % 5 == 0 else OutcomeKind.ACCEPTED), T0)
    return shop


@pytest.fixture
def served(shop: Shop) -> Iterator[Served]:
    with page_of(shop) as served:
        yield served


@contextmanager
def page_of(shop: Shop) -> Iterator[Served]:
    """Serve the status page of a service."""
    pages = Pages({"Status": "./", "Studio": "studio"}, "9.9.9")
    status = StatusPage(pages, shop.watch().status, {"environment": "production", "notices.token": "**********"})
    probes = Probes(live=lambda: shop.live, ready=lambda: shop.live, metrics=lambda: ([b""], "text/plain"))
    with serving(make_app(probes, [*status.routes(), pages.route()], pages)) as served:
        yield served


def test_the_page_updates_itself(shop: Shop, served: Served, looked: Looked) -> None:
    """Counts and messages update; the browser reports no errors and contacts no other server."""
    page = looked.page
    page.goto(served.url)
    row = page.get_by_role("row", name="order-paid").first
    expect(row).to_contain_text("48")
    for number in range(100):
        shop.tally.ended(outcome(100 + number), T0)
    shop.halt(Halt.BREAKER_OPEN, T0)
    expect(row).to_contain_text("148")
    expect(page.locator("#messages")).to_contain_text("the API as a whole fails")
    assert looked.complaints == []
    assert looked.hosts == {served.url.removeprefix("http://")}


def test_the_page_reports_that_it_is_out_of_date(served: Served, looked: Looked) -> None:
    """When the service does not answer, the page reports it."""
    looked.page.goto(served.url)
    expect(looked.page.locator("#stale")).to_be_hidden()
    served.stop()
    expect(looked.page.get_by_role("status")).to_contain_text("No answer since")


def test_it_can_be_held_still(shop: Shop, served: Served, looked: Looked) -> None:
    """Pause, and nothing is requested; resume, and it continues."""
    page = looked.page
    page.goto(served.url)
    page.get_by_role("link", name="Pause updates").click()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.wait_for_timeout(2_600)
    assert [url for url in requested if "/status/" in url] == []
    page.get_by_role("link", name="Resume updates").click()
    shop.halt(Halt.QUOTA, T0)
    expect(page.locator("#messages")).to_contain_text("quota")


def test_the_page_works_without_scripts(chromium: Browser, served: Served) -> None:
    """The browser reloads it."""
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(served.url)
        expect(page.get_by_role("row", name="order-paid").first).to_contain_text("48")
        with page.expect_navigation(timeout=60_000):
            pass


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("language", "width"), [("en", 360), ("en", 390), ("en", 1280), ("zh", 390), ("zh", 1280)])
def test_it_can_be_read(chromium: Browser, shop: Shop, served: Served, language: str, width: int, scheme: str) -> None:
    """On a phone and a desk, by day and night, in each language: no sideways scrolling; axe-core finds nothing."""
    shop.halt(Halt.UNAUTHORISED, T0)
    shop.care = CareTopics("notice.intents", "customer.preferences")
    shop.snapshot = shop.snapshot._replace(suspended={"order-paid": T0}, care=CareSnapshot(1_234, 5, T0 - 30))
    shop.tally.ended(held_back(1), T0)
    size = {"width": width, "height": 800}
    with chromium.new_context(viewport=size, color_scheme=scheme, locale=language) as context:  # type: ignore[arg-type] # literals of the table
        looked = Looked(context)
        looked.page.goto(f"{served.url}/?paused")
        expect(looked.page.get_by_role("row", name={"en": "cap a-day", "zh": "上限 a-day"}[language])).to_be_visible()
        assert not looked.wider_than_the_screen()
        assert looked.poor_contrasts() == []
        assert looked.unnamed() == []
        assert violations(looked.page) == []
        expect(looked.page.locator("html")).to_have_attribute("lang", {"en": "en", "zh": "zh-CN"}[language])
        assert language == "en" or looked.sentences_in_english() == []


@pytest.mark.parametrize(("language", "width", "scheme"), [("en", 390, "dark"), ("zh", 1280, "light")])
def test_its_other_states_can_be_read(chromium: Browser, language: str, width: int, scheme: str) -> None:
    """Before anything has happened, with several APIs and all parts opened, and a page that does not exist."""
    size = {"width": width, "height": 800}
    shop = Shop()
    partitions = {TopicPartition("shop.events", number): 0.0 for number in range(3)}
    shop.snapshot = shop.snapshot._replace(oldest={})
    with (
        page_of(shop) as served,
        chromium.new_context(viewport=size, color_scheme=scheme, locale=language) as context,  # type: ignore[arg-type] # literals of the table
    ):
        looked = Looked(context)
        page = looked.page
        page.goto(f"{served.url}/?paused")
        readable(looked, language)
        shop.snapshot = shop.snapshot._replace(oldest=partitions)
        shop.halt(Halt.QUOTA, T0, "sms")
        page.goto(f"{served.url}/?paused")
        expect(page.locator("#apis-table")).to_be_visible()
        for details in page.locator("details:not([open]) > summary").all():
            details.click()
        readable(looked, language)
        page.goto(f"{served.url}/nowhere")
        expect(page.get_by_role("heading", level=1)).to_contain_text("404")
        readable(looked, language)


def readable(looked: Looked, language: str) -> None:
    """Nothing is clipped, faint or unnamed, and nothing is left in another language."""
    assert not looked.wider_than_the_screen()
    assert looked.poor_contrasts() == []
    assert looked.unnamed() == []
    assert violations(looked.page) == []
    assert language == "en" or looked.sentences_in_english() == []


def test_the_keyboard_is_enough(served: Served, looked: Looked) -> None:
    """The first stop skips to the content; every stop can be seen; a renewal leaves the focus where it is."""
    page = looked.page
    page.goto(served.url)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    focused = "document.activeElement"
    assert page.evaluate(f"{focused}.id") == "rules-table"
    assert re.match(r"3px", page.evaluate(f"getComputedStyle({focused}).outlineWidth"))
    with page.expect_response(re.compile("status/live")):
        pass
    page.wait_for_timeout(200)
    assert page.evaluate(f"{focused}.id") == "rules-table"


def test_landmarks_and_headings(served: Served, looked: Looked) -> None:
    """Banner, navigation, main, one first-level heading; the page one is on is marked."""
    page = looked.page
    page.goto(served.url)
    for landmark in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_text("Status")
    expect(page.get_by_role("navigation", name="Pages").locator("[aria-current=page]")).to_have_text("Status")
