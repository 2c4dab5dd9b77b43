"""A planted mistake: what somebody writes by mistake, and what they are told of it."""

from __future__ import annotations

from typing import NamedTuple

MARK = "▸"
"""Stands in the mistaken text where the finding should point; it is taken out before the files are checked."""


class Mistake(NamedTuple):
    """One change to one of the three files that `init` writes."""

    name: str
    right: str
    """A text that stands in the file, once."""
    wrong: str
    """What stands there instead, with the mark."""
    code: str
    """The finding's; `test` where it is a test that fails."""
    message: str
    """Part of what is told: of its words or its hint."""
