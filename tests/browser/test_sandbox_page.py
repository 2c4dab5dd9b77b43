"""The sandbox's page in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from pipeline.sandbox.server import SandboxServer, running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.browser.axe import violations
from tests.browser.looking import Looked

pytestmark = pytest.mark.browser


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Three messages, for two recipients, with two templates."""
    with running_sandbox(SandboxOptions(port=0)) as sandbox:
        for to, template, text in (("u1", "paid", "one"), ("u2", "paid", "two"), ("u1", "sent", "three")):
            message = {"to": to, "template": template, "data": {"thing1": {"value": text}}}
            answer = httpx.post(sandbox.url, json=message, headers={"Authorization": "Bearer t"}, timeout=30)
            assert answer.json()["code"] == 200
        yield sandbox


@pytest.mark.parametrize("width", [390, 1280])
def test_messages_are_filtered_by_template_and_grouped_by_recipient(
    sandbox: SandboxServer, looked: Looked, width: int
) -> None:
    """On a phone and a desk: nothing is clipped, and everything can be read."""
    page = looked.page
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(sandbox.base_url)
    expect(page.get_by_role("article")).to_have_count(3)
    page.get_by_label("Group by recipient").check()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="To u1 2 messages")).to_be_visible()
    expect(page.get_by_role("heading", name="To u2 1 message")).to_be_visible()
    assert not looked.wider_than_the_screen()
    assert looked.poor_contrasts() == []
    assert looked.unnamed() == []
    page.get_by_label("Template").select_option("sent")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("article")).to_contain_text("three")
    expect(page.get_by_label("Template")).to_have_value("sent")
    page.goto(sandbox.base_url)
    page.get_by_label("Text in the message").fill("TW")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.get_by_role("article")).to_contain_text("start the sandbox with --rules FOLDER")
    assert page.locator("header img").evaluate("one => one.naturalWidth") > 0
    assert looked.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_can_be_read(chromium: Browser, sandbox: SandboxServer, language: str, width: int, scheme: str) -> None:
    """Newest first, grouped and empty, on a phone and a desk, by day and night; axe-core finds nothing."""
    size = {"width": width, "height": 900}
    with chromium.new_context(viewport=size, color_scheme=scheme, locale=language) as context:  # type: ignore[arg-type] # literals of the table
        looked = Looked(context)
        for query in ("", "?grouped=1", "?recipient=absent"):
            looked.page.goto(f"{sandbox.base_url}/{query}")
            assert not looked.wider_than_the_screen()
            assert looked.poor_contrasts() == []
            assert looked.unnamed() == []
            assert violations(looked.page) == []
            expect(looked.page.locator("html")).to_have_attribute("lang", {"en": "en", "zh": "zh-CN"}[language])
            assert language == "en" or looked.sentences_in_english() == []
        assert looked.complaints == []


def test_the_switch_keeps_the_filters_and_is_kept(sandbox: SandboxServer, looked: Looked) -> None:
    """Without a script, by the address; the browser keeps the choice."""
    page = looked.page
    page.goto(f"{sandbox.base_url}/?recipient=u1&grouped=1")
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("heading", name="发给 u1 2 条消息")).to_be_visible()
    page.goto(sandbox.base_url)
    expect(page.get_by_role("article")).to_have_count(3)
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    assert looked.complaints == []
