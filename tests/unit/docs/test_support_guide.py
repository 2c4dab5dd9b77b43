"""The guide for the support desk explains every answer that a search gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.languages import speaking
from pipeline.model.outcome import OutcomeKind
from pipeline.model.outcome_words import kind_words
from pipeline.operations.find.story import sentence

DOCS = Path(__file__).parents[3] / "docs"
UNSEEN = {OutcomeKind.SHADOWED}
"""A shadow has outcomes of its own, which the service's configuration does not find."""


def _beginnings(page: str) -> list[str]:
    """How the answers begin, as the first column of the table has them."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    return [line.split("|")[1].strip() for line in lines if line.startswith("| ")]


@pytest.mark.parametrize("page", ["guide-support.md", "guide-support.zh-CN.md"])
@pytest.mark.parametrize("kind", sorted(set(OutcomeKind) - UNSEEN))
def test_every_kind_of_outcome_is_explained(page: str, kind: OutcomeKind) -> None:
    """Under the words with which its answer begins."""
    say = speaking("zh" if ".zh-" in page else "en")
    words = say(sentence(kind_words(kind))).rstrip(".。")
    assert any(line.startswith(words) for line in _beginnings(page))
