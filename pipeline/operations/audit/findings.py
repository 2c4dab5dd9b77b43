"""What an audit can find, and what it tells in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from pipeline.model.event import Position


class Code(StrEnum):
    """What is wrong. Closed."""

    LOST = "lost"
    """The group has committed past an event, and an outcome that it must have is not in the ledger."""
    ORPHAN = "orphan"
    """An outcome speaks of an event that is not there."""
    DUPLICATE = "duplicate"
    """One notice has two outcomes at one position: after a crash it may have been sent twice."""
    ACCEPTED_TWICE = "accepted-twice"
    """One notice was accepted at two positions: its event was emitted twice, or redriven although accepted."""
    OUT_OF_ORDER = "out-of-order"
    """A recipient's later event was sent first."""
    NO_DEAD_LETTER = "no-dead-letter"
    """An outcome says that the notice failed for good, and its dead letter is not there: redrive could not send it."""
    STRAY_DEAD_LETTER = "stray-dead-letter"
    """A dead letter that no outcome asks for: redrive would send what has no need of it."""


NOTES = frozenset({Code.ACCEPTED_TWICE})
"""Worth reading, and no fault of the service: an event that is emitted twice has one id and one idempotency key."""


class Unproven(StrEnum):
    """Why it can not be said whether an outcome or a dead letter is missing."""

    RULES_CHANGED = "rules-changed"
    """Other rules than those given were in use, or may have been, when the event was worked on."""
    LEDGER_FORGOT = "ledger-forgot"
    """The event is older than the oldest outcome that retention has left."""
    DEAD_LETTERS_FORGOT = "dead-letters-forgot"
    """The notice failed before the oldest dead letter that retention has left was written."""


class AuditFinding(NamedTuple):
    """One finding at one event."""

    code: Code
    position: Position
    message: str

    def __str__(self) -> str:
        """`topic/partition/offset: code words`."""
        return f"{self.position}: {self.code} {self.message}"


class Report(NamedTuple):
    """What the audit proved, and what it found."""

    rules_version: str
    events: int
    """Records in the range, redriven ones among them."""
    expected: int
    """Outcomes that they must have, by the rules given."""
    outcomes: Mapping[str, int]
    """Outcomes of these records, by kind."""
    redriven: Mapping[str, int]
    """Of them, those of records that were sent again from the dead letters, by kind."""
    dead_letters: int
    """Of these records."""
    pending: int
    """Outcomes still to come: of events at or above the group's committed offsets."""
    unproven: Mapping[Unproven, int]
    order_unchecked: int
    """First attempts whose order nothing tells: neither a recipient nor a key, or sent again after a restart."""
    other_versions: Sequence[str]
    """Versions of rules that outcomes name besides the one given."""
    findings: Mapping[Code, int]
    examples: Sequence[AuditFinding]
    """The first few of each code."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong, as far as it can be said; notes do not count."""
        return not any(count for code, count in self.findings.items() if code not in NOTES)


class Tally:
    """Counts every finding and keeps the first few of each code."""

    def __init__(self, keep: int) -> None:
        """`keep` examples of each code."""
        self._keep = keep
        self.counts: Counter[Code] = Counter(dict.fromkeys(Code, 0))
        self.examples: list[AuditFinding] = []

    def add(self, code: Code, position: Position, message: str) -> None:
        """One more."""
        self.counts[code] += 1
        if self.counts[code] <= self._keep:
            self.examples.append(AuditFinding(code, position, message))
