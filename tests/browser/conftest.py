"""A real Chromium; without one these tests are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from docs.photograph import chromium_arguments, find_chromium
from tests.browser.looking import Looked

expect.set_options(timeout=60_000)
"""Milliseconds. Drafts are evaluated in a process of low priority, and a busy machine is not a fault."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium, headless. For one module: playwright keeps the thread's loop to itself meanwhile."""
    found = find_chromium()
    if found is None:
        pytest.skip("Chromium is not installed (make tools gets it on Debian; or name one in CHROMIUM)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=chromium_arguments())
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def looked(chromium: Browser) -> Iterator[Looked]:
    """A fresh page, watched."""
    with chromium.new_context() as context:
        yield Looked(context)
