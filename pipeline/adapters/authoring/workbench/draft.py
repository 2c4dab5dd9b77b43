"""A draft, and what it needs to be a whole file."""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.rules.source.document import Location

NEW = "new.yaml"
"""Name of a draft without a file."""
EMPTY = """\
rules:
  - id: my-rule
    on:
    to: ${event.sub}
    template:
    expires_after: 24h
    data:
"""


class Draft(NamedTuple):
    """The text of a draft, and the event to try it with."""

    file: str
    """Name of a file in the folder, of rules, templates or tests, or `NEW`."""
    rules: str
    """YAML: a whole file, or one rule alone."""
    type: str
    event: str
    """JSON."""


class Whole(NamedTuple):
    """A draft as a whole file, and the offset of its locations."""

    text: str
    lines: int
    columns: int

    @classmethod
    def of(cls, text: str) -> Whole:
        """Make a whole file of a draft that is one rule."""
        first = next((line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
        if re.match(r"- ", first):
            return cls(f"rules:\n{text}", 1, 0)
        if re.match(r"(id|description|owner|on):", first):
            body = "\n".join(f"    {line}" if line.strip() else line for line in text.splitlines())
            return cls(f"rules:\n  -\n{body}\n", 2, 4)
        return cls(text, 0, 0)

    def location(self, line: int, column: int) -> Location:
        """The location in the draft of a location in the file."""
        return Location(max(1, line - self.lines), max(1, column - self.columns))
