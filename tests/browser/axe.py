"""axe-core in a page, past its content policy: the script is put in by the browser's driver."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def violations(page: Page) -> list[str]:
    """Each violated rule of WCAG and of good practice, with the first element that violates it."""
    page.wait_for_load_state()  # an element can be seen before the style sheets have been loaded
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
