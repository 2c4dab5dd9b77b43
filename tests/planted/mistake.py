"""A planted mistake: what someone writes by mistake, and the finding for it."""

from __future__ import annotations

from typing import NamedTuple

MARK = "▸"
"""Stands in the mistaken text where the finding should point; it is taken out before the files are checked."""


class Mistake(NamedTuple):
    """One change to one of the three files that `init` writes."""

    name: str
    right: str
    """A text that is in the file, once."""
    wrong: str
    """What is there instead, with the mark."""
    code: str
    """The finding's; `test` where it is a test that fails."""
    message: str
    """Part of the finding: of its message or its hint."""
