"""Checks of every page: no browser errors, no external resources, readable."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page

_CONTRASTS = (Path(__file__).parent / "contrasts.js").read_text()

_UNNAMED = (Path(__file__).parent / "unnamed.js").read_text()

_TEXT_WITHOUT_CODE = """
(() => {
  const copy = document.body.cloneNode(true);
  for (const one of copy.querySelectorAll("code, pre, script, option, input, [lang]")) one.remove();
  const spoken = [...copy.querySelectorAll("[aria-label], [title], [data-value]")]
    .flatMap((one) => [one.getAttribute("aria-label"), one.title, one.dataset.value]);
  return copy.textContent + spoken.filter(Boolean).join("\\n");
})()
"""


class Looked:
    """A page, and what was noticed while it was open."""

    def __init__(self, context: BrowserContext) -> None:
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def styled(self) -> Page:
        """The page with its style sheets: an element can be seen before they have been loaded."""
        self.page.wait_for_load_state()
        return self.page

    def poor_contrasts(self) -> list[str]:
        """Texts that are hard to read."""
        found: list[str] = self.styled().evaluate(_CONTRASTS)
        return found

    def unnamed(self) -> list[str]:
        """Elements without a name for those who do not see them."""
        found: list[str] = self.styled().evaluate(_UNNAMED)
        return found

    def sentences_in_english(self) -> list[str]:
        """Runs of English words outside of code, on a page in another language."""
        text = self.styled().evaluate(_TEXT_WITHOUT_CODE)
        return re.findall(r"\b(?:[A-Za-z][a-z]+ ){2,}[a-z]{2,}\b", text)

    def wider_than_the_screen(self) -> bool:
        """Whether one must scroll sideways."""
        return bool(self.styled().evaluate("document.documentElement.scrollWidth > window.innerWidth"))
