"""A translated page says what its original says: the same sections, commands, examples and links, comments aside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDES = ["docs/guide-rules", "docs/guide-support"]
PAGES = ["README", *GUIDES]
COMMENT = re.compile(r"(^|\s)# .*$", re.MULTILINE)


def _text(page: str, suffix: str) -> str:
    return (ROOT / f"{page}{suffix}.md").read_text(encoding="utf-8")


def _examples(text: str) -> list[str]:
    """The fenced blocks without their comments; a drawing has translated words and does not count."""
    blocks = re.findall(r"^```(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [re.sub(r"[ \t]+$", "", COMMENT.sub("", one), flags=re.MULTILINE) for one in blocks if "mermaid" not in one]


def _commands(text: str) -> list[str]:
    """Every command that a reader may type, in order; README's list is a table in the translation."""
    return [re.sub(r"\s+# .*", "", one) for one in re.findall(r"notice-pipeline [a-z][^`\n|]*", text)]


@pytest.mark.parametrize("page", PAGES)
def test_a_translation_has_the_sections_of_its_original(page: str) -> None:
    """As many, of the same depths."""
    depths = [
        re.findall(r"^(#+) ", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), flags=re.MULTILINE)
        for text in (_text(page, ""), _text(page, ".zh-CN"))
    ]
    assert depths[0] == depths[1]


@pytest.mark.parametrize("page", GUIDES)
def test_a_guide_has_the_examples_of_its_original(page: str) -> None:
    """Character for character, but for comments in them."""
    original, translated = _examples(_text(page, "")), _examples(_text(page, ".zh-CN"))
    assert original
    assert translated == original


@pytest.mark.parametrize("page", PAGES)
def test_a_translation_has_the_commands_of_its_original(page: str) -> None:
    """All of them, in the same order."""
    assert _commands(_text(page, ".zh-CN")) == _commands(_text(page, ""))


@pytest.mark.parametrize("page", PAGES)
def test_a_translation_has_the_rows_of_its_originals_tables(page: str) -> None:
    """As many codes between backticks in each; README's list of commands is a table in the translation only."""
    original, translated = (
        re.findall(r"^\|.*`.*\|$", _text(page, suffix), flags=re.MULTILINE) for suffix in ("", ".zh-CN")
    )
    own = [row for row in translated if "`notice-pipeline" in row and page == "README"]
    assert len(translated) - len(own) == len(original)


@pytest.mark.parametrize("page", PAGES)
def test_original_and_translation_link_to_each_other(page: str) -> None:
    """In the first lines."""
    name = Path(page).name
    assert f"]({name}.zh-CN.md)" in "\n".join(_text(page, "").splitlines()[:4])
    assert f"]({name}.md)" in "\n".join(_text(page, ".zh-CN").splitlines()[:4])
