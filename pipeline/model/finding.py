"""A finding in a rule, template or test file, as terminal, editor, page and reload use it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How bad a finding is. Errors stop a rule set from being used; warnings and notes do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(NamedTuple):
    """One finding at one location. Orders by location."""

    path: str
    line: int
    """Counted from 1."""
    column: int
    """Counted from 1, in characters."""
    level: Level
    code: str
    """Stable kebab-case name, documented in `docs/reference/findings.md`."""
    message: str
    hint: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether this finding alone refuses the rule set."""
        return self.level is Level.ERROR

    def __str__(self) -> str:
        """`path:line:column: level code message`, as compilers and editors know it."""
        text = f"{self.path}:{self.line}:{self.column}: {self.level} {self.code} {self.message}"
        return f"{text} ({self.hint})" if self.hint else text
