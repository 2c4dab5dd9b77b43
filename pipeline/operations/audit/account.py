"""One event's expected outcomes, actual outcomes and dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from pipeline.model.outcome import OutcomeKind
from pipeline.operations.audit.expected import Expected
from pipeline.operations.audit.findings import Code


class Seen(NamedTuple):
    """The parts of an outcome that the audit needs."""

    label: str
    kind: OutcomeKind
    id: str
    redelivered: bool
    other_rules: bool
    """Whether another version of the rules produced it."""
    leaves_letter: bool
    """Whether a dead letter must exist."""
    finished_at: float
    """Epoch seconds."""


class Account(NamedTuple):
    """What Kafka holds for one position."""

    expected: Expected | None
    """None if there is no event."""
    outcomes: Sequence[Seen]
    letters: Counter[str]
    """Dead letters by the outcome's id."""
    waiting: Collection[str] = ()
    """Labels of notices that wait in the intents topic."""

    def missing(self) -> tuple[str, ...]:
        """Return the labels of the event's missing outcomes."""
        return self.expected.missing({seen.label for seen in self.outcomes}) if self.expected else ()

    def wrong_outcomes(self) -> Iterable[tuple[Code, str]]:
        """Yield a code and a message for each outcome that should not exist."""
        if self.expected is None:
            yield from ((Code.ORPHAN, f"{seen.kind} outcome {seen.id} without its event") for seen in self.outcomes)
            return
        labels: set[str] = set()
        for seen in self.outcomes:
            if seen.label in labels:
                again = " after a restart" if seen.redelivered else ""
                yield Code.DUPLICATE, f"{seen.kind} outcome {seen.id} of {seen.label} is its second{again}"
            labels.add(seen.label)

    def without_letter(self) -> Iterable[Seen]:
        """Yield outcomes whose dead letter is missing."""
        return (seen for seen in self.outcomes if seen.leaves_letter and not self.letters[seen.id])

    def stray_letters(self) -> Iterable[tuple[str, int, str]]:
        """Yield surplus dead letters: the outcome's id, their number, and a description."""
        failed = Counter(seen.id for seen in self.outcomes if seen.leaves_letter)
        accepted = {seen.id for seen in self.outcomes if seen.kind is OutcomeKind.ACCEPTED}
        for name, count in self.letters.items():
            surplus = count - failed[name]
            if surplus <= 0:
                continue
            if failed[name]:
                yield name, surplus, "exists twice: redrive sends one of them"
            elif name in accepted:
                yield name, surplus, "belongs to an accepted notice: redrive would send it again"
            else:
                yield name, surplus, ""
