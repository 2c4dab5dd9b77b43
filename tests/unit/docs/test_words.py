"""The language of code and documents: the common technical term."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DIALECT = re.compile(r"\b(told|whoever|anew|mend\w*|lest|somebody)\b", flags=re.IGNORECASE)
MOST = 40
SUFFIXES = {".py", ".md", ".html"}


def test_words_that_a_reader_of_technical_english_does_not_expect_are_rare() -> None:
    """Write report or message, anyone who, again, fix, so that … not, another client."""
    files = [ROOT / "README.md"]
    files += [path for name in ("pipeline", "docs") for path in (ROOT / name).rglob("*") if path.suffix in SUFFIXES]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match.group()}"
        for path in sorted(files)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in DIALECT.finditer(line)
    ]
    assert len(found) <= MOST, "\n".join(found)
