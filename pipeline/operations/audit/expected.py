"""What events must have: a few sets of outcomes, shared by many events."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from pipeline.model.outcome import OutcomeKind

UNDECODABLE, UNMATCHED = f"({OutcomeKind.UNDECODABLE})", f"({OutcomeKind.UNMATCHED})"
"""What an event must have, or has, that became no notice."""
Value = TypeVar("Value")

_OF_THE_WHOLE_EVENT = frozenset({UNDECODABLE, UNMATCHED})


class Expected(NamedTuple):
    """Outcomes by rule, or by kind in brackets where no rule is concerned."""

    labels: tuple[str, ...]
    redriven: bool
    """Whether the event was sent again from the dead letters."""

    def missing(self, has: set[str]) -> tuple[str, ...]:
        """What the event has not; a final word on the whole event, or any word at all, answers for it."""
        if not self.labels or not _OF_THE_WHOLE_EVENT.isdisjoint(has):
            return ()
        if has and not _OF_THE_WHOLE_EVENT.isdisjoint(self.labels):
            return ()  # it could be decoded then, or was matched by rules of that time
        return tuple(label for label in self.labels if label not in has)


class Numbered(Generic[Value]):
    """Each value once, by number: there are few, however many records."""

    def __init__(self) -> None:
        self._numbers: dict[Value, int] = {}
        self._values: list[Value] = []

    def __getitem__(self, number: int) -> Value:
        """The value of that number."""
        return self._values[number]

    def number(self, value: Value) -> int:
        """The value's number, the same each time."""
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self._values)
            self._values.append(value)
        return found
