"""The switch of language, in a real Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.axe import violations
from tests.browser.looking import Looked
from tests.browser.studio_command import studio

pytestmark = pytest.mark.browser
SECONDS = 60_000
"""Milliseconds to wait for an answer: the machine may be busy."""


def test_studio_switches_to_chinese_and_stays_so(tmp_path: Path, looked: Looked) -> None:
    """The whole page, what its script writes, and `lang` of the document; the browser keeps the choice."""
    page = looked.page
    page.set_default_timeout(SECONDS)
    with studio(tmp_path) as url:
        page.goto(f"{url}studio?rule=order-paid")
        expect(page.locator("html")).to_have_attribute("lang", "en")
        page.get_by_role("link", name="中文").click()
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        expect(page.locator("#summary")).to_contain_text("没有错误 · 1 条消息")
        expect(page.get_by_role("heading", name="顾客看到的")).to_be_visible()
        expect(page.get_by_role("textbox", name="规则")).to_be_visible()
        expect(page.locator("#source option").first).to_have_text("示例")
        text = page.locator("#outcome").inner_text()
        assert re.findall(r"\b(?:[a-z]{2,} ){2,}[a-z]{2,}\b", text) == []
        assert violations(page) == []
        page.goto(f"{url}studio?rule=order-paid")
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        page.get_by_role("link", name="English").click()
        expect(page.get_by_role("heading", name="What the customer sees")).to_be_visible()


def test_a_chinese_browser_gets_chinese_without_a_choice(tmp_path: Path, chromium: Browser) -> None:
    """By its `Accept-Language`; the switch works without scripts, too."""
    context = chromium.new_context(locale="zh-CN", java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    try:
        with studio(tmp_path) as url:
            page.goto(f"{url}studio?rule=order-paid")
            expect(page.get_by_role("heading", name="顾客看到的")).to_be_visible()
            page.get_by_role("link", name="English").click()
            expect(page.get_by_role("heading", name="What the customer sees")).to_be_visible()
    finally:
        context.close()
