"""Decision records have one form, so that a reader finds the decision without reading the whole record."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs" / "decisions"
SECTIONS = ["Context", "Decision", "Consequences"]
OPTIONAL = {"Evidence", "Figures", "Known limits"}


@pytest.mark.parametrize("record", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_a_record_has_context_decision_and_consequences_in_this_order(record: Path) -> None:
    """Evidence, figures and known limits may stand between or behind them, nothing else."""
    headings = re.findall(r"^## (.+)$", record.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [heading for heading in headings if heading not in OPTIONAL] == SECTIONS
    assert len(headings) == len(set(headings))
