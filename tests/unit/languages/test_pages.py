"""Every text of a page is in every language."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "pipeline"
PAGES = sorted(PACKAGE.glob("*/pages/*.html"))
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
NAMES = frozenset({"Notice", "Pipeline", "Studio", "json", "metrics", "UTC"})
"""The product's, and addresses that are shown as they are."""
SPOKEN = frozenset({"aria-label", "title", "placeholder", "alt"})
"""Attributes that people see or hear."""


class Texts(HTMLParser):
    """The words of a page that stand outside of expressions and code."""

    def __init__(self) -> None:
        super().__init__()
        self.words: set[str] = set()
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag == "code"
        for name, value in attrs:
            if name in SPOKEN:
                self._add(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"

    def handle_data(self, data: str) -> None:
        if not self._code:
            self._add(data)

    def _add(self, text: str) -> None:
        self.words |= set(re.findall(r"[A-Za-z]{2,}", text)) - NAMES


def left(source: str) -> set[str]:
    """The words of a template that no catalogue can translate."""
    texts = Texts()
    texts.feed(JINJA.sub("", source))
    return texts.words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_everything_through_the_catalogue(page: Path) -> None:
    """No text stands in a template as it is, neither in an element nor in an attribute that is read out."""
    assert left(page.read_text(encoding="utf-8")) == set()


def test_a_text_outside_of_the_catalogue_is_found() -> None:
    """In an element, and in an attribute."""
    assert left('<p title="Way out">{{ _("In") }} now <code>run it</code></p>') == {"Way", "out", "now"}
