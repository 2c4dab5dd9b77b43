"""The studio in a real Chromium, on the example rules: the command as authors start it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, Route, expect

from pipeline.adapters.authoring.lifelike_events import example_event
from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.events.writer import Encoding, EventEncoder, EventProducer
from pipeline.adapters.shipped import shipped
from tests.broker.handle import Broker
from tests.browser.axe import violations
from tests.browser.looking import Looked
from tests.browser.studio_command import studio

pytestmark = pytest.mark.browser
SECONDS = 60_000
"""Milliseconds to wait for an answer: the machine may be busy, and the child has a low priority."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the example rules are copied."""
    return tmp_path


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The studio of rules that no test saves."""
    with studio(tmp_path_factory.mktemp("shop")) as found:
        yield found


@pytest.fixture
def page(looked: Looked, url: str) -> Page:
    return opened(looked.page, url)


def opened(page: Page, url: str, query: str = "?rule=order-paid") -> Page:
    page.set_default_timeout(SECONDS)
    page.goto(f"{url}studio{query}", timeout=SECONDS)
    expect(page.locator("#studio-page[data-scripted]")).to_be_attached()
    expect(page.locator("#summary")).to_contain_text("message")
    return page


def rules_editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Rules")


def rules_text(page: Page) -> str:
    text: str = page.evaluate("document.getElementById('rules').value")
    return text


def select(page: Page, text: str) -> None:
    """Put the cursor behind a text in the editor, as its search does."""
    rules_editor(page).click()
    page.keyboard.press("Control+f")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")


def change(page: Page, old: str, new: str) -> None:
    """As someone who types."""
    assert old in rules_text(page)
    select(page, old)
    page.keyboard.insert_text(new)
    page.keyboard.press("Escape")  # the list of completions, if there is one


def test_a_mistake_shows_where_it_is_and_goes_away(page: Page, looked: Looked) -> None:
    """It is underlined, with a hint; a click on the finding goes there; meanwhile the last good card stays."""
    expect(page.locator(".phone .np-card").first).to_be_visible()
    change(page, "event.amount_paid > 0.0", "event.amont_paid > 0.0")
    expect(page.locator("#summary")).to_contain_text("1 error")
    expect(page.locator(".cm-lintRange-error")).to_have_text("amont_paid")
    expect(page.locator("#part-findings li").first).to_contain_text("amount_paid")
    page.locator("#part-findings a.place").first.click()
    expect(rules_editor(page)).to_be_focused()
    assert page.evaluate("getSelection().toString()") == "amont_paid"
    page.keyboard.insert_text("amount_paid")
    expect(page.locator("#summary")).to_contain_text("No errors")
    expect(page.locator(".cm-lintRange-error")).to_have_count(0)
    assert looked.complaints == []
    assert len(looked.hosts) == 1


def test_the_last_good_card_stays(page: Page) -> None:
    """Dimmed, with a note, while nothing of the file can be evaluated; summary and card agree."""
    select(page, "defaults:")
    page.keyboard.insert_text("defaults: [")
    expect(page.locator("#summary")).to_contain_text(re.compile(r"[1-9]\d* errors?"))
    expect(page.locator("#part-card.dimmed .phone")).to_be_visible()
    expect(page.get_by_text("The card of the last version without errors.")).to_be_visible()
    expect(page.locator("#summary")).not_to_contain_text("message")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#part-card.dimmed")).to_have_count(0)
    expect(page.locator("#summary")).to_contain_text("1 message")


def test_the_card_that_came_with_the_page_stays(page: Page) -> None:
    """A mistake that is typed before the first answer comes leaves it."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/studio", hold, times=1)
    with page.expect_request("**/studio"):
        page.reload()
    select(page, "defaults:")
    page.keyboard.insert_text("defaults: [")
    held[0].continue_()
    expect(page.locator("#summary")).to_contain_text(re.compile(r"[1-9]\d* errors?"))
    expect(page.locator("#part-card.dimmed .phone")).to_be_visible()


def test_sound_rules_are_shown_beside_a_faulty_one(page: Page) -> None:
    """An error in another rule of the file does not take the card away."""
    change(page, "event.shipped_at", "event.shiped_at")
    expect(page.locator("#summary")).to_contain_text("1 error")
    expect(page.locator("#summary")).to_contain_text("1 message without order-shipped")
    expect(page.locator("#part-card:not(.dimmed) .phone .np-card").first).to_be_visible()


def test_completion(page: Page) -> None:
    """Of a field with its type and documentation, and of a key of the template, by keyboard alone."""
    select(page, "event.amount_paid > 0.0")
    page.keyboard.insert_text("event.")
    page.keyboard.type("am")
    option = page.get_by_role("option", name=re.compile("amount_paid"))
    expect(option).to_contain_text("decimal (2 digits after the point)")
    page.wait_for_timeout(200)  # the editor takes an Enter at once after the list opened for a line break
    page.keyboard.press("Enter")
    assert "when: event.amount_paid" in rules_text(page)
    select(page, "amount5: ${money(event.amount_paid, event.currency)}")
    page.keyboard.press("Backspace")
    page.keyboard.type("am")
    expect(page.get_by_role("option", name=re.compile("amount5"))).to_be_visible()


def test_hover_explains(page: Page) -> None:
    """Type and documentation of the field under the pointer, as text."""
    page.locator(".cm-line", has_text="when:").first.locator(".ex-event").first.hover()
    expect(page.locator(".hover")).to_contain_text("event.amount_paid: decimal")


def test_another_event_another_card(page: Page) -> None:
    """The type's example comes by itself, and what the rules make of it; another one differs."""
    page.get_by_role("combobox", name="Type").select_option("com.example.trade.refund.succeeded.v1")
    expect(page.get_by_role("textbox", name="Event")).to_contain_text("refund_no")
    expect(page.get_by_role("heading", name="refund-succeeded")).to_be_visible()
    expect(page.locator("#palette")).to_contain_text("event.refund_no")
    before = page.evaluate("document.getElementById('event').value")
    page.get_by_role("button", name="Another").click()
    page.wait_for_function("before => document.getElementById('event').value !== before", arg=before)


def test_choosing_a_rule_chooses_an_event_that_fits(page: Page) -> None:
    """By the list of rules, and by another file."""
    page.get_by_role("combobox", name="Go to rule").select_option("order-shipped")
    expect(page.get_by_role("combobox", name="Type")).to_have_value("com.example.trade.order.shipped.v1")
    expect(page.get_by_role("heading", name="order-shipped")).to_be_visible()
    page.get_by_role("combobox", name="File").select_option("customers.yaml")
    expect(page.get_by_role("combobox", name="Type")).to_have_value("com.example.coupon.issued.v1")
    expect(page.get_by_role("heading", name="coupon-issued")).to_be_visible()


def test_an_event_of_a_test_can_be_chosen(page: Page) -> None:
    """By its name."""
    page.get_by_role("combobox", name="Take the event from").select_option(
        label="the buyer learns that payment has arrived"
    )
    expect(page.get_by_role("textbox", name="Event")).to_contain_text("T20261123150100001")
    expect(page.locator(".phone")).to_contain_text("T20261123150100001")


@pytest.mark.kafka
def test_a_newest_event_can_be_chosen(
    chromium: Browser, real_kafka: Broker, topic: Callable[..., str], folder: Path
) -> None:
    """Read when the button is pressed, with masked recipients; a type without one is reported."""
    name = topic("trade")
    schema = read_schemas(shipped("schemas/events")).newest("com.example.trade.order.paid.v1")
    assert schema is not None
    encoder = EventEncoder(schema, folder_id(schema.fingerprint), Encoding.AVRO)
    producer = EventProducer({"bootstrap.servers": real_kafka.bootstrap_servers})
    event = {**example_event(schema, 5), "sub": "o-of-a-real-person", "order_no": "T2026112315019"}
    producer.send(name, "o-of-a-real-person", *encoder.encode(event, 0))
    producer.flush()
    config = folder / "pipeline.yaml"
    settings = {
        "kafka": {"bootstrap_servers": real_kafka.bootstrap_servers, "topics": [name], "group_id": "g"},
        "rules": str(folder / "rules"),
        "schemas": {"directory": str(folder / "schemas")},
        "notices": {"url": "http://127.0.0.1:9", "token": "t"},
    }
    config.write_text(json.dumps(settings), encoding="utf-8")
    with studio(folder, "--config", str(config)) as address, chromium.new_context() as context:
        looked = Looked(context)
        page = opened(looked.page, address)
        source = page.get_by_role("combobox", name="Take the event from")
        expect(source.locator("optgroup[label=Newest]")).to_have_count(0)
        page.get_by_role("button", name="Newest").click()
        expect(page.locator("#newest-said")).to_have_text("1 of this type. Recipients, names and numbers are masked.")
        expect(source.locator("optgroup[label=Newest] option")).to_have_count(1)
        expect(source).to_have_value(f"newest:{name}/0/0")
        expect(page.locator(".phone")).to_contain_text("T2026112315019")
        text = page.evaluate("document.getElementById('event').value")
        assert "T2026112315019" in text
        assert "real-person" not in page.content() + text
        page.get_by_role("combobox", name="Type").select_option("com.example.trade.refund.succeeded.v1")
        page.get_by_role("button", name="Newest").click()
        said = page.locator("#newest-said")
        expect(said).to_have_text("None of the last 1 records is of this type.")
        expect(page.get_by_role("textbox", name="Event")).to_contain_text("refund_no")
        assert violations(page) == []
        assert looked.complaints == []


def test_what_was_said_of_an_earlier_draft_is_marked_until_the_newest_is_checked(page: Page) -> None:
    """The summary is dim and busy while its answer is on the way, so that it does not contradict the editor."""
    summary = page.locator("#summary")
    expect(summary).to_have_attribute("aria-busy", "false")
    held: list[Route] = []

    def hold(route: Route) -> None:  # playwright cannot take the list's own method
        held.append(route)

    page.route("**/studio", hold)
    change(page, "event.amount_paid > 0.0", "event.amont_paid > 0.0")
    expect(summary).to_have_attribute("aria-busy", "true")
    expect(summary).to_have_class(re.compile(r"\bunchecked\b"))
    expect(summary).to_contain_text("No errors")
    _until(page, lambda: bool(held))
    rules_editor(page).click()
    page.keyboard.type(" ")  # the answer that is on its way is not of this draft
    held.pop().continue_()
    _until(page, lambda: bool(held))
    expect(summary).to_have_attribute("aria-busy", "true")
    held.pop().continue_()
    expect(summary).to_have_attribute("aria-busy", "false")
    page.unroute("**/studio")
    expect(summary).not_to_have_class(re.compile(r"\bunchecked\b"))
    expect(summary).to_contain_text("error")
    page.route("**/studio", lambda route: route.abort())
    page.keyboard.type(" ")
    expect(page.locator("#stale")).to_be_visible()
    expect(summary).to_have_attribute("aria-busy", "false")
    expect(summary).to_have_class(re.compile(r"\bunchecked\b"))


def _until(page: Page, holds: Callable[[], bool]) -> None:
    """Let the browser work until something holds."""
    deadline = time.monotonic() + SECONDS / 1_000
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def test_why_a_rule_does_not_match(page: Page) -> None:
    """The part that decided, with the event's value; the summary, the card and the explanation agree."""
    source = page.get_by_role("combobox", name="Take the event from")
    source.select_option(label="payments of all kinds: paid with coupons alone")
    why = page.locator("section", has=page.get_by_role("heading", name="Why"))
    expect(why).to_contain_text("order-paid does not match")
    expect(why).to_contain_text("event.amount_paid = 0")
    expect(page.locator("#part-card")).to_contain_text("no rule matches")
    expect(page.locator("#summary")).to_contain_text("no messages")


def test_its_tests_are_run(page: Page) -> None:
    """A change that breaks one says which, with what came instead."""
    tests = page.locator("section", has=page.get_by_role("heading", name="Tests"))
    expect(tests).to_contain_text("pass")
    change(page, "https://m.example.com/orders/", "https://m.example.com/o/")
    expect(tests).to_contain_text("fail")
    expect(tests).to_contain_text("https://m.example.com/o/")


def test_old_and_new_display(page: Page) -> None:
    """One at a time; what is near its limit is counted."""
    expect(page.locator('[data-mode="wechat"] .np-card').first).to_be_visible()
    expect(page.locator('[data-mode="legacy"] .np-card').first).to_be_hidden()
    page.get_by_text("Before May 2023").click()
    expect(page.locator('[data-mode="legacy"] .np-card').first).to_be_visible()
    expect(page.locator('[data-mode="wechat"] .np-card').first).to_be_hidden()


def test_a_field_is_inserted(page: Page) -> None:
    """From the palette: within an expression as it is, elsewhere in braces."""
    select(page, "event.amount_paid > 0.0")
    page.keyboard.press("End")
    page.locator("#palette").get_by_role("button", name="event.item_count").click()
    assert "event.item_count" in rules_text(page)
    assert "${event.item_count}" not in rules_text(page).split("data:")[0]


def test_changes_are_not_thrown_away_unasked(page: Page) -> None:
    """Another file is opened only when that is wanted."""
    change(page, "order-paid", "order-paid-mine")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("combobox", name="File").select_option("customers.yaml")
    expect(page.get_by_role("combobox", name="File")).to_have_value("trade.yaml")
    assert "order-paid-mine" in rules_text(page)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("combobox", name="File").select_option("customers.yaml")
    expect(rules_editor(page)).to_contain_text("coupon-issued")


def test_leaving_the_page_asks(page: Page, url: str) -> None:
    """A closed tab would lose what is not saved."""
    change(page, "order-paid", "order-paid-mine")
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    page.goto(f"{url}studio", timeout=SECONDS)
    assert asked == ["beforeunload"]


def test_another_language_keeps_what_is_not_saved(page: Page) -> None:
    """Rules and event, without a question; Undo brings the file's text back."""
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    file = rules_text(page)
    change(page, "order-paid", "order-paid-mine")
    mine = rules_text(page)
    page.get_by_role("textbox", name="Event").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text('{"mine": 1}')
    page.get_by_role("link", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("alert")).to_contain_text("未保存的修改已恢复")
    assert rules_text(page) == mine
    assert page.evaluate("document.getElementById('event').value") == '{"mine": 1}'
    assert asked == []
    page.get_by_role("button", name="撤销").click()
    assert rules_text(page) == file


def test_a_draft_of_another_file_is_offered(page: Page, url: str) -> None:
    """After another address was opened: to go on with it, or to discard it."""
    page.on("dialog", lambda dialog: dialog.accept())
    change(page, "order-paid", "order-paid-mine")
    mine = rules_text(page)
    opened(page, url, "?file=customers.yaml")
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("Your changes to trade.yaml are not saved.")
    assert violations(page) == []
    page.get_by_role("button", name="Go on with them").click()
    expect(page.get_by_role("combobox", name="File")).to_have_value("trade.yaml")
    expect(notice).to_contain_text("here again")
    assert rules_text(page) == mine
    opened(page, url, "?file=customers.yaml")
    page.get_by_role("button", name="Discard them").click()
    opened(page, url, "?file=trade.yaml")
    assert rules_text(page) != mine
    expect(notice).to_be_hidden()


def test_the_answer_comes_by_itself_when_the_server_is_back(page: Page) -> None:
    """Without another keystroke; meanwhile the page says that it is out of date."""
    page.route("**/studio", lambda route: route.abort())
    change(page, "event.amount_paid > 0.0", "event.amont_paid > 0.0")
    expect(page.locator("#stale")).to_be_visible()
    page.unroute("**/studio")
    expect(page.locator("#summary")).to_contain_text("1 error")
    expect(page.locator("#stale")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1280])
def test_long_lines_go_on_below_their_indentation(chromium: Browser, url: str, width: int) -> None:
    """Nothing must be scrolled sideways."""
    with chromium.new_context(viewport={"width": width, "height": 844}) as context:
        page = opened(context.new_page(), url)
        if width < 1000:
            page.get_by_role("button", name="Rules", exact=True).click()
        change(page, "Tell the buyer that payment has arrived", "Tell the buyer " + "that payment has arrived " * 8)
        long = page.locator("#rules-editor .cm-line", has_text="that payment has arrived that").first
        style = "one => [getComputedStyle(one).paddingLeft, getComputedStyle(one).textIndent].map(parseFloat)"
        padding, indent = long.evaluate(style)
        assert padding > -indent > 0
        scroller = page.locator("#rules-editor .cm-scroller")
        assert scroller.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_choosing_a_test_chooses_its_event(page: Page) -> None:
    """In a file of tests; in templates.yaml the list goes to a template."""
    page.get_by_role("combobox", name="File").select_option("tests/trade.yaml")
    page.get_by_role("combobox", name="Go to test").select_option("payments of all kinds: paid with coupons alone")
    expect(page.get_by_role("textbox", name="Event")).to_contain_text('"amount_paid": "0.00"')
    expect(page.locator("#part-card")).to_contain_text("no rule matches")
    page.get_by_role("combobox", name="File").select_option("templates.yaml")
    page.get_by_role("combobox", name="Go to template").select_option("refund_rejected")
    expect(page.locator("#rules-editor .cm-activeLine")).to_have_text("  refund_rejected:")


def test_the_yaml_is_copied(chromium: Browser, url: str) -> None:
    """The button copies the text unchanged."""
    with chromium.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = opened(context.new_page(), url)
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == rules_text(page)


def test_it_works_without_a_script(chromium: Browser, url: str) -> None:
    """By buttons: try it, open a file."""
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{url}studio?rule=order-paid", timeout=SECONDS)
        rules = rules_editor(page)
        rules.fill(rules.input_value().replace("event.amount_paid > 0.0", "event.amont_paid > 0.0"))
        page.get_by_role("button", name="Try it").click(timeout=SECONDS)
        expect(page.locator("#summary")).to_contain_text("1 error")
        page.get_by_role("combobox", name="File").select_option("customers.yaml")
        page.get_by_role("button", name="Open").click(timeout=SECONDS)
        expect(rules).to_have_value(re.compile("coupon-issued"))


def test_the_keyboard_is_not_caught(page: Page) -> None:
    """Tab leaves the editor (WCAG 2.1.2)."""
    rules_editor(page).click()
    before = rules_text(page)
    page.keyboard.press("Tab")
    expect(rules_editor(page)).not_to_be_focused()
    assert rules_text(page) == before


def test_on_a_phone_the_card_is_first(chromium: Browser, url: str) -> None:
    """The parts are tabs, one at a time."""
    with chromium.new_context(viewport={"width": 390, "height": 844}) as context:
        page = opened(context.new_page(), url)
        expect(page.locator(".phone")).to_be_visible()
        expect(rules_editor(page)).to_be_hidden()
        page.get_by_role("button", name="Rules", exact=True).click()
        expect(rules_editor(page)).to_be_visible()
        expect(page.locator(".phone")).to_be_hidden()
        change(page, "event.amount_paid > 0.0", "event.amont_paid > 0.0")
        expect(page.get_by_role("button", name="Findings 1")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_can_be_read(chromium: Browser, url: str, width: int, scheme: str) -> None:
    """On a phone and a desk, by day and night, with findings on it; axe-core finds nothing."""
    size = {"width": width, "height": 800}
    with chromium.new_context(viewport=size, color_scheme=scheme) as context:  # type: ignore[arg-type] # literals of the table
        looked = Looked(context)
        page = opened(looked.page, url)
        names = ["Card", "Rules", "Event", "Findings", "More"] if width < 1000 else [""]
        if names[0]:
            page.get_by_role("button", name="Rules", exact=True).click()
        change(page, "event.amount_paid > 0.0", "event.amont_paid > 0.0")
        expect(page.locator("#summary")).to_contain_text("1 error")
        for name in names:
            if name:
                page.get_by_role("button", name=re.compile(name)).first.click()
            assert not looked.wider_than_the_screen()
            assert looked.poor_contrasts() == []
            assert looked.unnamed() == []
            assert violations(page) == []
        assert looked.complaints == []
