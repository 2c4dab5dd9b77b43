"""A finding in a rule, template or test file, as terminal, editor, page and reload use it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pipeline.phrases import phrase


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
        return str(self.as_text)

    @property
    def as_text(self) -> str:
        """The same, as a phrase."""
        text = f"{self.path}:{self.line}:{self.column}: {self.level} {self.code} " + self.message
        return phrase("{message} ({hint})", message=text, hint=self.hint) if self.hint else text
