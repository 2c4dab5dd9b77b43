"""What a decision reads of a notice."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.model.once import Once


class CareFacts(NamedTuple):
    """The facts of one notice."""

    notice_id: str
    rule: str
    category: str | None
    """None: the rule has none, so that only `once` applies."""
    once: Once | None
