"""The location of each part of a rule in its file: for findings, explanations and coverage."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.rules.source.document import Document, Location, Path
from pipeline.rules.source.format import RuleModel
from pipeline.rules.source.text import split


@dataclass(frozen=True, slots=True)
class RuleLocations:
    """One rule's locations. Keys that the rule does not set are in the file's `defaults:`."""

    document: Document
    index: int
    """The rule's number in its file."""
    given: frozenset[str]
    """The keys that the rule itself has."""

    @classmethod
    def of(cls, document: Document, index: int, rule: RuleModel) -> RuleLocations:
        """The locations of a rule as it was read: before defaults."""
        return cls(document, index, frozenset(rule.model_fields_set))

    @property
    def path(self) -> str:
        """The file."""
        return self.document.path

    def key(self, name: str) -> Path:
        """The path of a key: in the rule, else in the file's defaults."""
        return ("rules", self.index, name) if name in self.given else ("defaults", name)

    def value(self, name: str, field: str | None = None) -> Path:
        """The path of a text: `when`, `to`, `url`, or of one `field` of `data`."""
        path = self.key(name) if field is None else (*self.key(name), field)
        if field is not None and path not in self.document.keys:  # of the file's defaults
            path = ("defaults", name, field)
        return path if path in self.document.scalars else (*path, "value")

    def rule(self) -> Location:
        """Where the rule begins: at its id."""
        return self.document.location(("rules", self.index, "id"))

    def location(self, name: str, field: str | None = None, at: int = 0) -> Location:
        """The location of the character `at` of a text."""
        return self.document.value_location(self.value(name, field), at)

    def text(self, name: str, field: str | None = None) -> str:
        """A text as it is written; empty where there is none."""
        scalar = self.document.scalars.get(self.value(name, field))
        return "" if scalar is None else scalar.value

    def expressions(self, name: str, field: str | None = None) -> tuple[int, ...]:
        """Where in a text with `${…}` each of its expressions begins, in order; a node's `start` is added to it."""
        scalar = self.document.scalars.get(self.value(name, field))
        return tuple(part.at for part in split(scalar.value) if part.is_expression) if scalar is not None else ()
