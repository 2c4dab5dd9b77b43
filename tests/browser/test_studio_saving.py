"""Saving from the studio in a real Chromium, on a copy of the example rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.axe import violations
from tests.browser.looking import Looked
from tests.browser.studio_command import studio
from tests.browser.test_studio_page import SECONDS, change, opened, rules_text

pytestmark = pytest.mark.browser


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The folder of rules."""
    return tmp_path / "shop" / "rules"


@pytest.fixture
def page(looked: Looked, rules: Path) -> Iterator[Page]:
    """The studio on it."""
    with studio(rules.parent) as url:
        yield opened(looked.page, url)


def test_a_change_is_saved_and_undone(page: Page, rules: Path) -> None:
    """By the button and by Ctrl-S; Undo brings the old text back, to be saved again."""
    before = (rules / "trade.yaml").read_text(encoding="utf-8")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    change(page, "Tell the buyer that payment has arrived", "Confirm the payment 礼")
    expect(page.get_by_text("not saved")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("not saved")).to_be_hidden()
    assert (rules / "trade.yaml").read_text(encoding="utf-8") == rules_text(page) != before
    page.get_by_role("button", name="Undo").click()
    page.keyboard.press("Control+s")
    expect(page.get_by_text("not saved")).to_be_hidden()
    assert (rules / "trade.yaml").read_text(encoding="utf-8") == before


def test_a_file_that_changed_meanwhile_is_not_overwritten(page: Page, rules: Path) -> None:
    """Both texts are offered, and each choice does what it says."""
    file = rules / "trade.yaml"
    theirs = file.read_text(encoding="utf-8") + "# theirs <b>\n"
    change(page, "Tell the buyer that payment has arrived", "Mine")
    file.write_text(theirs, encoding="utf-8")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("has changed on disk")
    assert file.read_text(encoding="utf-8") == theirs
    difference = page.get_by_label("Difference: - is in the file, + is yours")
    expect(difference.locator("del").filter(has_text="# theirs")).to_have_text("-# theirs <b>")
    expect(difference.locator("ins")).to_contain_text(["Mine"])
    assert violations(page) == []
    mine = rules_text(page)
    page.get_by_role("button", name="Take the file's text").click()
    assert rules_text(page) == theirs
    page.get_by_role("button", name="Undo").click()
    assert rules_text(page) == mine
    file.write_text(theirs + "# again\n", encoding="utf-8")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Keep mine").click(timeout=SECONDS)
    expect(page.get_by_text("not saved")).to_be_hidden()
    assert file.read_text(encoding="utf-8") == mine


def test_what_is_shown_becomes_a_test(page: Page, rules: Path) -> None:
    """It is added to the file of tests, runs at once, and its event can be chosen."""
    tests = page.locator("#part-tests")
    expect(tests).to_contain_text("29 pass")
    page.get_by_label("Expect this from now on").fill("as I saw it")
    page.get_by_role("button", name="Save as test").click()
    expect(page.get_by_text("Added to tests/trade.yaml.")).to_be_visible()
    expect(tests).to_contain_text("30 pass")
    assert "as I saw it" in (rules / "tests" / "trade.yaml").read_text(encoding="utf-8")
    page.get_by_role("combobox", name="Take the event from").select_option(label="as I saw it")


def test_a_recorded_event_is_chosen(page: Page, rules: Path) -> None:
    """Those of the type in the folder `events` beside the rules, by file and number."""
    paid = json.loads(event_text(page)) | {"item_summary": "录制的咖啡"}
    recorded = [
        {"type": "com.example.trade.order.shipped.v1", "data": {}},
        {"type": "com.example.trade.order.paid.v1", "data": paid},
    ]
    (rules.parent / "events").mkdir()
    (rules.parent / "events" / "night.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in recorded))
    source = page.get_by_role("combobox", name="Take the event from")
    page.get_by_role("button", name="Another").click()
    expect(source.locator("optgroup[label=Recorded] option")).to_have_text(["night.jsonl 2"])
    source.select_option(label="night.jsonl 2")
    expect(page.locator("#event-editor")).to_contain_text("录制的咖啡")
    expect(page.locator(".phone")).to_contain_text("录制的咖啡")


def test_the_event_that_was_chosen_last_stays(page: Page, rules: Path) -> None:
    """The answer to an earlier choice may come after that to a later one."""
    paid = json.loads(event_text(page)) | {"item_summary": "录制的咖啡"}
    (rules.parent / "events").mkdir()
    recorded = {"type": "com.example.trade.order.paid.v1", "data": paid}
    (rules.parent / "events" / "night.jsonl").write_text(json.dumps(recorded))
    source = page.get_by_role("combobox", name="Take the event from")
    page.get_by_role("button", name="Another").click()
    expect(source.locator("optgroup[label=Recorded] option")).to_have_text(["night.jsonl 1"])
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/studio/event?*number=*", hold)
    with page.expect_request("**/studio/event?*number=*"):
        page.get_by_role("button", name="Another").click()
    source.select_option(label="night.jsonl 1")
    expect(page.locator("#event-editor")).to_contain_text("录制的咖啡")
    with page.expect_response("**/studio/event?*number=*"):
        held[0].continue_()
    page.evaluate("() => new Promise((taken) => setTimeout(taken, 300))")
    expect(page.locator("#summary")).to_have_attribute("aria-busy", "false")
    assert "录制的咖啡" in event_text(page)
    expect(source).to_have_value(re.compile("night"))


def event_text(page: Page) -> str:
    """The event in the editor."""
    text: str = page.evaluate("document.getElementById('event').value")
    return text


def test_templates_and_tests_are_edited(page: Page, rules: Path) -> None:
    """A changed label is on the card at once, and saved."""
    with page.expect_response(lambda answer: answer.request.method == "POST", timeout=SECONDS):
        page.get_by_role("combobox", name="File").select_option("templates.yaml")
    expect(page.locator("#rules-editor")).to_contain_text("订单支付成功通知")
    change(page, "thing3: {label: ", "thing3: {label: 新")
    expect(page.locator(".phone")).to_contain_text("新商品名称")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("not saved")).to_be_hidden()
    assert "新商品名称" in (rules / "templates.yaml").read_text(encoding="utf-8")
    page.get_by_role("combobox", name="File").select_option("tests/customers.yaml")
    expect(page.locator("#rules-editor")).to_contain_text("new coupons")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()  # the other file's text is not brought back here
    expect(page.locator("#part-tests")).to_contain_text("pass")
