"""The outcomes that events must have: a few sets, shared by many events."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from pipeline.model.outcome import OutcomeKind

UNDECODABLE, UNMATCHED = f"({OutcomeKind.UNDECODABLE})", f"({OutcomeKind.UNMATCHED})"
"""Labels of outcomes of a whole event."""
Value = TypeVar("Value")

_EVENT_LABELS = frozenset({UNDECODABLE, UNMATCHED})


class Expected(NamedTuple):
    """Expected outcomes by rule, or by kind in brackets for a whole event."""

    labels: tuple[str, ...]
    redriven: bool
    """Whether the event was redriven from the dead letters."""

    def missing(self, has: set[str]) -> tuple[str, ...]:
        """Return the labels without an outcome; an outcome of the whole event covers all of them."""
        if not self.labels or not _EVENT_LABELS.isdisjoint(has):
            return ()
        if has and not _EVENT_LABELS.isdisjoint(self.labels):
            return ()  # the event could be decoded at that time, or earlier rules matched it
        return tuple(label for label in self.labels if label not in has)


class Numbered(Generic[Value]):
    """Numbers distinct values, of which there are few."""

    def __init__(self) -> None:
        self._numbers: dict[Value, int] = {}
        self._values: list[Value] = []

    def __getitem__(self, number: int) -> Value:
        """Return the value with that number."""
        return self._values[number]

    def number(self, value: Value) -> int:
        """Return the value's number; equal values have the same."""
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self._values)
            self._values.append(value)
        return found
