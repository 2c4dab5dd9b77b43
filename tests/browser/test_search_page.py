"""The search page in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import structlog
from playwright.sync_api import Browser, expect
from structlog.testing import capture_logs

from pipeline.authoring.cards.card import Value, plain_card
from pipeline.authoring.cards.html import to_html
from pipeline.errors import UserError
from pipeline.styles.style import Mode
from pipeline.web.access import PagePassword, gate
from pipeline.web.endpoint import Probes, make_app
from pipeline.web.pages import Pages
from pipeline.web.search import MOST_EVENTS, Answer, EventView, SearchActions, SearchPage, Wanted
from tests.browser.axe import violations
from tests.browser.looking import Looked
from tests.browser.serving import Served, serving
from tests.fakes import plain_http
from tests.unit.operations.test_find import LINE, REFUSED, ended, story

pytestmark = pytest.mark.browser
WORDS = {
    "en": ("Search", "explain and preview", "Why", "Text, number or id"),
    "zh": ("搜索", "解释与预览", "为什么", "文字或编号"),
}
"""The button, the link to the event, a heading of it, and the field."""
OF_THE_TEST = {"no Kafka broker answers", "look at the broker", "it has no", "Fields near their limits"}
"""Errors, reasons and cards that this test makes."""
CARDS = "".join(to_html(plain_card("T1", {"thing1": Value("one")}, mode, None)) for mode in Mode)
USER, PASSWORD = "support", "made-up"


def searched(wanted: Wanted) -> Answer:
    """One refused and one sent message of any order, nothing for `absent`, an error for `broken`."""
    if wanted.value == "broken":
        raise UserError("no Kafka broker answers", hint="look at the broker")
    if wanted.value == "absent":
        return Answer([], 0)
    long = REFUSED._replace(recipient="c" * 64, detail="detail-" * 40)
    left_out = 3 if wanted.most == MOST_EVENTS[0] else 1_000 - wanted.most
    return Answer([story(long), story(ended()), story(rules=())], left_out)


@pytest.fixture
def served() -> Iterator[Served]:
    pages = Pages({"Search": "./"}, "9.9.9")
    actions = SearchActions(searched, lambda where: EventView(where, [LINE], CARDS), lambda _: "hashed", lambda: None)
    page = SearchPage(pages, actions)
    probes = Probes(live=lambda: (True, ""), ready=lambda: (True, ""), metrics=lambda: ([b""], "text/plain"))
    middleware = gate(PagePassword(USER, PASSWORD), metrics_open=True)
    with serving(make_app(probes, [*page.routes(), pages.route()], pages, middleware)) as served:
        yield served


@pytest.fixture
def looked(chromium: Browser) -> Iterator[Looked]:
    """A page of a user who is logged in."""
    with chromium.new_context(http_credentials={"username": USER, "password": PASSWORD}) as context:
        yield Looked(context)


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("width", [1280, 390])
def test_an_order_is_searched_and_its_event_opened(served: Served, looked: Looked, width: int) -> None:
    """The answer comes first; nothing is clipped; the value is not in the address, and every look-up is logged."""
    page = looked.page
    page.set_viewport_size({"width": width, "height": 900})
    with capture_logs() as logged:
        page.goto(served.url)
        page.get_by_label("Text, number or id").fill("T2026-17")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("heading", name="Refused: the customer blocked the account (43101)")).to_be_visible()
        expect(page.get_by_role("status")).to_contain_text("3 events found; 3 older ones are left out")
        assert "T2026-17" not in page.url
        assert not looked.wider_than_the_screen()
        assert looked.poor_contrasts() == []
        assert looked.unnamed() == []
        page.get_by_role("link", name="explain and preview").first.click()
        expect(page.get_by_role("heading", name="What the customer sees, by today's rules")).to_be_visible()
        expect(page.locator("code")).to_contain_text("orders/3/1042")
        assert not looked.wider_than_the_screen()
        page.get_by_role("link", name="New search").click()
        expect(page.get_by_label("Text, number or id")).to_be_focused()
    assert looked.complaints == []
    assert looked.hosts == {served.url.removeprefix("http://")}
    looked_up = [entry for entry in logged if entry["event"] == "looked_up"]
    assert [(one["user"], one["by"], one["value"]) for one in looked_up] == [
        (USER, "text", "hashed"),
        (USER, "event_page", "orders/3/1042"),
    ]


def test_older_events_are_shown_on_demand(served: Served, looked: Looked) -> None:
    """A customer with many messages: the same search with a higher limit, as often as the page allows."""
    page = looked.page
    with capture_logs() as logged:
        page.goto(served.url)
        page.get_by_label("Text, number or id").fill("T2026-17")
        page.get_by_role("button", name="Search").click()
        for most in (100, 500):
            page.get_by_role("button", name=f"Show up to {most}").click()
            expect(page.get_by_role("status")).to_contain_text(
                f"3 events found; {1_000 - most} older ones are left out"
            )
            expect(page.get_by_label("Text, number or id")).to_have_value("T2026-17")
        expect(page.get_by_role("button", name="Show up to")).to_have_count(0)
    assert looked.complaints == []
    assert [entry["event"] for entry in logged].count("looked_up") == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_can_be_read(chromium: Browser, served: Served, language: str, width: int, scheme: str) -> None:
    """The form, an answer, an error and an event, on a phone and a desk, by day and night; axe-core finds nothing."""
    search, explain, why, value = WORDS[language]
    size = {"width": width, "height": 900}
    login = {"username": USER, "password": PASSWORD}
    with chromium.new_context(viewport=size, color_scheme=scheme, http_credentials=login, locale=language) as context:  # type: ignore[arg-type] # literals of the table
        looked = Looked(context)
        page = looked.page
        page.goto(served.url)
        readable(looked, language)
        for text in ("broken", "absent", "T2026-17"):
            page.get_by_label(value).fill(text)
            page.get_by_role("button", name=search).click()
            expect(page.get_by_role("alert" if text == "broken" else "status")).to_be_visible()
            readable(looked, language)
        page.get_by_role("link", name=explain).first.click()
        expect(page.get_by_role("heading", name=why)).to_be_visible()
        readable(looked, language)


def readable(looked: Looked, language: str) -> None:
    """Nothing is clipped, faint or unnamed, and nothing is left in another language."""
    assert looked.page.evaluate("document.documentElement.lang") == {"en": "en", "zh": "zh-CN"}[language]
    assert language == "en" or set(looked.sentences_in_english()) <= OF_THE_TEST
    assert not looked.wider_than_the_screen()
    assert looked.poor_contrasts() == []
    assert looked.unnamed() == []
    assert violations(looked.page) == []


def test_an_answer_is_shown_again_in_the_other_language(served: Served, looked: Looked) -> None:
    """The switch sends the form again, without a question of the browser."""
    page = looked.page
    page.goto(served.url)
    page.get_by_label("Text, number or id").fill("T2026-17")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("heading", name="被拒：顾客拒收了该账号的消息（43101）")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("查到 3 个事件，另有 3 个更早的未列出。")
    expect(page.get_by_label("文字或编号")).to_have_value("T2026-17")
    answer = plain_http.get(f"{served.url}/search?language=en", auth=(USER, PASSWORD))
    assert (answer.status_code, answer.headers["location"]) == (303, "./")


def test_what_is_not_found_and_what_fails_is_explained(served: Served, looked: Looked) -> None:
    """With what to do next."""
    page = looked.page
    page.goto(served.url)
    page.get_by_label("Search by").select_option("recipient")
    page.get_by_label("Text, number or id").fill("absent")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("status")).to_contain_text("search for a text of the event")
    page.get_by_label("Text, number or id").fill("broken")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("alert")).to_contain_text("no Kafka broker answers (look at the broker)")


def test_the_page_needs_a_password_and_its_own_form(served: Served) -> None:
    """A page of another origin cannot search."""
    assert plain_http.get(served.url).status_code == 401
    login = (USER, PASSWORD)
    form = {"kind": "text", "value": "x", "since": "-7d"}
    foreign = httpx.post(f"{served.url}/search", data=form, auth=login, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert "Enter what to search for" in httpx.post(f"{served.url}/search", data=form | {"kind": "no"}, auth=login).text
    assert httpx.post(f"{served.url}/search", content=b"x" * 9_000, auth=login).status_code == 415
