"""The pages of the demo, with live data."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.looking import Looked

pytestmark = pytest.mark.browser
MILLISECONDS = 60_000


class Addresses(NamedTuple):
    """Where the demo's pages are."""

    status: str
    messages: str


@pytest.fixture(scope="module")
def demo() -> Iterator[Addresses]:
    """The command, up until the tests of this file are done."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "demo", "--keep", "--events", "240"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"},
    )
    assert process.stdout is not None
    try:
        reported = ""
        while "messages:" not in reported:
            line = process.stdout.readline()
            assert line, reported
            reported += line
        found = re.search(r"status: (\S+) +messages: (\S+)", reported)
        assert found is not None, reported
        yield Addresses(found[1], found[2])
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_status_page_comes_to_life(chromium: Browser, demo: Addresses) -> None:
    """Every rule with its counts, failures with their reasons, no recipient, and a way to the studio."""
    with chromium.new_context() as context:
        looked = Looked(context)
        page = looked.page
        page.goto(demo.status, timeout=MILLISECONDS)
        expect(page.locator("#messages")).to_contain_text("All is well", timeout=MILLISECONDS)
        # Rules without failures are collapsed, and whether one fails depends on the faults that it meets.
        if page.locator("#well:not([open])").count():
            page.locator("#well > summary").click()
        accepted = page.get_by_role("row", name=re.compile("^order-paid")).first.locator("td").nth(3)
        # The service is well before its first message, too.
        expect(accepted).to_have_text(re.compile("[1-9]"), timeout=MILLISECONDS)
        refused = page.get_by_text("malformed").or_(page.get_by_text("unknown_schema")).first
        expect(refused).to_be_visible(timeout=MILLISECONDS)
        assert re.search(r"\b[0-9a-f]{32}\b", page.content()) is None
        assert looked.complaints == []
        page.get_by_role("link", name="order-paid").click()
        expect(page.get_by_role("textbox", name="Rules")).to_contain_text("order-paid", timeout=MILLISECONDS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_received_messages_are_cards(chromium: Browser, demo: Addresses, width: int, scheme: str) -> None:
    """As the customer sees them, by the same drawing as in the studio; readable on every screen."""
    size = {"width": width, "height": 800}
    with chromium.new_context(viewport=size, color_scheme=scheme) as context:  # type: ignore[arg-type] # literals of the table
        looked = Looked(context)
        page = looked.page
        page.goto(demo.messages, timeout=MILLISECONDS)
        expect(page.locator("article .np-card").first).to_be_visible(timeout=MILLISECONDS)
        assert not looked.wider_than_the_screen()
        assert looked.poor_contrasts() == []
        assert looked.unnamed() == []
        assert looked.complaints == []


def test_messages_of_one_recipient(chromium: Browser, demo: Addresses) -> None:
    """By the form, with the keyboard alone."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(demo.messages, timeout=MILLISECONDS)
        recipient = page.locator("article code").first.inner_text()
        field = page.get_by_role("textbox", name="Recipient")
        field.fill(recipient)
        field.press("Enter")
        expect(page).to_have_url(re.compile(recipient))
        assert {text.inner_text() for text in page.locator("article p:first-child code").all()} == {recipient}
