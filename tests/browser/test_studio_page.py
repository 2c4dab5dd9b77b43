"""The studio in a real Chromium, on the example rules: the command as authors start it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.adapters.shipped import shipped
from tests.browser.looking import Looked

pytestmark = pytest.mark.browser
SECONDS = 30_000
"""Milliseconds to wait for an answer: the machine may be busy, and the child has a low priority."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The studio of the example rules."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "studio", str(shipped("rules")), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0]
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def page(looked: Looked, url: str) -> Page:
    looked.page.set_default_timeout(SECONDS)
    looked.page.goto(f"{url}studio?rule=order-paid", timeout=SECONDS)
    return looked.page


def change(page: Page, old: str, new: str) -> None:
    """As someone who types."""
    rules = page.get_by_role("textbox", name="Rules")
    text = rules.input_value()
    assert old in text
    rules.fill(text.replace(old, new))


def test_a_mistake_shows_at_its_line_and_goes_away(page: Page, looked: Looked) -> None:
    """It is marked at the line, with a hint; a click goes there; after the fix the card is back."""
    summary = page.get_by_role("status").last
    expect(summary).to_contain_text("No errors")
    expect(page.locator(".np-card").first).to_be_visible()
    change(page, "event.amount_paid > 0.0", "event.amont_paid > 0.0")
    expect(summary).to_contain_text("1 error", timeout=SECONDS)
    finding = page.locator("#result [data-line]").first
    expect(finding).to_contain_text("amount_paid")
    line = finding.get_attribute("data-line")
    assert line is not None
    expect(page.locator("#gutter .error")).to_have_text(line)
    finding.get_by_role("link").click()
    selected = page.evaluate(
        "document.activeElement.value.slice(document.activeElement.selectionStart).split('\\n')[0]"
    )
    assert selected.startswith("amont_paid")
    change(page, "event.amont_paid > 0.0", "event.amount_paid > 0.0")
    expect(summary).to_contain_text("No errors", timeout=SECONDS)
    expect(page.locator(".np-card").first).to_be_visible()
    assert looked.complaints == []
    assert len(looked.hosts) == 1


def test_another_event_another_card(page: Page) -> None:
    """The type's example comes by itself, and what the rules make of it."""
    page.get_by_role("combobox", name="Type").select_option("com.example.trade.refund.succeeded.v1")
    expect(page.get_by_role("textbox", name="Event")).to_have_value(re.compile("refund_no"), timeout=SECONDS)
    expect(page.get_by_role("heading", name="refund-succeeded")).to_be_visible(timeout=SECONDS)


def test_why_a_rule_does_not_match(page: Page) -> None:
    """The part that decided, with the event's value."""
    event = page.get_by_role("textbox", name="Event")
    event.fill(re.sub(r'"amount_paid": "[^"]*"', '"amount_paid": "0.00"', event.input_value()))
    why = page.locator("section", has=page.get_by_role("heading", name="Why"))
    expect(why).to_contain_text("order-paid does not match", timeout=SECONDS)
    expect(why).to_contain_text("event.amount_paid = 0")
    expect(page.locator("#result")).to_contain_text("no rule matches")


def test_its_tests_are_run(page: Page) -> None:
    """A change that breaks one says which, with what came instead."""
    tests = page.locator("section", has=page.get_by_role("heading", name="Tests"))
    expect(tests).to_contain_text("pass")
    change(page, "https://m.example.com/orders/", "https://m.example.com/o/")
    expect(tests).to_contain_text("fail", timeout=SECONDS)
    expect(tests).to_contain_text("https://m.example.com/o/")


def test_changes_are_not_thrown_away_unasked(page: Page) -> None:
    """Another file is opened only when that is wanted."""
    rules = page.get_by_role("textbox", name="Rules")
    change(page, "order-paid", "order-paid-mine")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("combobox", name="File").select_option("customers.yaml")
    expect(page.get_by_role("combobox", name="File")).to_have_value("trade.yaml")
    expect(rules).to_have_value(re.compile("order-paid-mine"))
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("combobox", name="File").select_option("customers.yaml")
    expect(rules).to_have_value(re.compile("coupon-issued"), timeout=SECONDS)


def test_the_yaml_is_copied(chromium: Browser, url: str) -> None:
    """The button copies the field unchanged."""
    with chromium.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        page.goto(f"{url}studio?rule=order-paid", timeout=SECONDS)
        page.get_by_role("button", name="Copy YAML").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.get_by_role("textbox", name="Rules").input_value()


def test_it_works_without_a_script(chromium: Browser, url: str) -> None:
    """By buttons: try it, open a file."""
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{url}studio?rule=order-paid", timeout=SECONDS)
        change(page, "event.amount_paid > 0.0", "event.amont_paid > 0.0")
        page.get_by_role("button", name="Try it").click(timeout=SECONDS)
        expect(page.locator("#summary")).to_contain_text("1 error", timeout=SECONDS)
        page.get_by_role("combobox", name="File").select_option("customers.yaml")
        page.get_by_role("button", name="Open").click(timeout=SECONDS)
        expect(page.get_by_role("textbox", name="Rules")).to_have_value(re.compile("coupon-issued"), timeout=SECONDS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_can_be_read(chromium: Browser, url: str, width: int, scheme: str) -> None:
    """On a phone and a desk, by day and night, with findings on it."""
    size = {"width": width, "height": 800}
    with chromium.new_context(viewport=size, color_scheme=scheme) as context:  # type: ignore[arg-type] # literals of the table
        looked = Looked(context)
        page = looked.page
        page.goto(f"{url}studio?rule=order-paid", timeout=SECONDS)
        assert looked.poor_contrasts() == []
        assert looked.unnamed() == []
        change(page, "event.amount_paid > 0.0", "event.amont_paid > 0.0")
        expect(page.locator("#summary")).to_contain_text("1 error", timeout=SECONDS)
        assert not looked.wider_than_the_screen()
        assert looked.poor_contrasts() == []
        assert looked.unnamed() == []
