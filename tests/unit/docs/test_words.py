"""The language of code, documents and tests: the common technical term."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DIALECT = re.compile(
    r"\b(told|whoever|anew|mend\w*|lest|somebody|nobody|for ever|heed\w*|goes on|went on|comes? round|came round"
    r"|gave nothing|says so|as ever|for want of|of its own accord|the same again|(are|was) no event"
    r"|Malshaped|Overtaxed|let_data_go|patience)\b",
    flags=re.IGNORECASE,
)
"""Words of the table on the right: report or message, anyone who, again, fix, so that … not, another client, no member,
without end, ignored, continues, becomes active, returned nothing, reports it, as before, because of missing, by itself.
"""
FOLDERS = ("pipeline", "docs", "tests", "deploy", "bench", "rules", "schemas")
SUFFIXES = {".py", ".md", ".html", ".yaml", ".yml", ".json", ".toml"}
OWN = "tests/unit/docs/test_words.py"
MOST = 6
"""Alertmanager's receiver `no one`, which configurations may name."""


def test_words_that_a_reader_of_technical_english_does_not_expect_are_rare() -> None:
    """Each of them has a common term, which is used instead."""
    files = list(ROOT.glob("*.md"))
    files += [path for name in FOLDERS for path in (ROOT / name).rglob("*") if path.suffix in SUFFIXES]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match.group()}"
        for path in sorted(files)
        if path.relative_to(ROOT).as_posix() != OWN
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in DIALECT.finditer(line)
    ]
    assert len(found) <= MOST, "\n".join(found)


def test_the_runbook_and_the_changelog_have_their_sections() -> None:
    """Diagnose, Fix and Verify for each alert; Added, Changed, Fixed and Removed for users."""
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert re.findall(r"^\*\*(See|Mend)\b", runbook, flags=re.MULTILINE) == []
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^### (\w+)$", changelog, flags=re.MULTILINE))
    assert headings <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
