"""What is generated is as its declarations say."""

from __future__ import annotations

from docs.generate import stale


def test_generated_files_are_fresh() -> None:
    """`make generated` would change nothing."""
    assert stale() == []
