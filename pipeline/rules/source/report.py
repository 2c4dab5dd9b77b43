"""Findings of one file while it is checked."""

from __future__ import annotations

from pipeline.model.finding import Finding
from pipeline.rules.source.document import Document, Location, Path
from pipeline.rules.source.finding_codes import CODES


class Report:
    """Collects findings at locations of one document; the same finding at the same location counts once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._findings: dict[Finding, None] = {}
        self.errors = 0
        """How many findings are errors."""
        self.reported = 0
        """How often something was reported, the same finding again included."""

    @property
    def path(self) -> str:
        """The document's path."""
        return self._document.path

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, in the order of finding."""
        return tuple(self._findings)

    def has(self, path: Path) -> bool:
        """Whether the document has something at `path`."""
        return path in self._document.keys

    def add(self, path: Path, code: str, message: str, hint: str | None = None) -> None:
        """A finding at a key."""
        self._add(self._document.location(path), code, message, hint)

    def add_inside(self, path: Path, index: int, code: str, message: str, hint: str | None = None) -> None:
        """A finding at the character `index` of a text."""
        self._add(self._document.value_location(path, index), code, message, hint)

    def _add(self, location: Location, code: str, message: str, hint: str | None) -> None:
        self.reported += 1
        finding = Finding(self._document.path, location.line, location.column, CODES[code].level, code, message, hint)
        if finding not in self._findings:
            self._findings[finding] = None
            self.errors += finding.is_error
