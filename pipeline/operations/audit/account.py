"""Everything that Kafka holds of one event: what it must have, its outcomes, its dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipeline.model.outcome import OutcomeKind
from pipeline.operations.audit.expected import Expected
from pipeline.operations.audit.findings import Code


class Seen(NamedTuple):
    """An outcome, as far as it matters here."""

    label: str
    kind: OutcomeKind
    id: str
    redelivered: bool
    other_rules: bool
    """Whether another version of the rules made it."""
    finished_at: float
    """Epoch seconds."""


class Account(NamedTuple):
    """One position's."""

    expected: Expected | None
    """None: there is no event."""
    outcomes: Sequence[Seen]
    letters: Counter[str]
    """Dead letters by the outcome's id."""

    def missing(self) -> tuple[str, ...]:
        """Labels of outcomes that the event must have and has not."""
        return self.expected.missing({seen.label for seen in self.outcomes}) if self.expected else ()

    def wrong_outcomes(self) -> Iterable[tuple[Code, str]]:
        """Outcomes that should not be there, with words."""
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
        """Outcomes that must have a dead letter and have none."""
        return (seen for seen in self.outcomes if seen.kind.leaves_dead_letter and not self.letters[seen.id])

    def stray_letters(self) -> Iterable[tuple[str, int, str]]:
        """Dead letters beyond those that the outcomes ask for: the outcome's id, how many, and what they are."""
        failed = Counter(seen.id for seen in self.outcomes if seen.kind.leaves_dead_letter)
        accepted = {seen.id for seen in self.outcomes if seen.kind is OutcomeKind.ACCEPTED}
        for name, count in self.letters.items():
            surplus = count - failed[name]
            if surplus <= 0:
                continue
            if failed[name]:
                yield name, surplus, "stands there twice: redrive takes one of them"
            elif name in accepted:
                yield name, surplus, "is of a notice that was accepted: redrive would send it again"
            else:
                yield name, surplus, ""
