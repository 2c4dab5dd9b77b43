"""An audit's findings and its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from pipeline.model.event import Position


class Code(StrEnum):
    """The kinds of findings. Closed."""

    LOST = "lost"
    """The group has committed past an event, and an outcome that it must have is not in the ledger."""
    GONE_UNREAD = "gone-unread"
    """Retention deleted events before the group had read them: no outcome can exist, and nothing can be sent again."""
    ORPHAN = "orphan"
    """An outcome refers to an event that does not exist."""
    DUPLICATE = "duplicate"
    """One notice has two outcomes at one position: after a crash it may have been sent twice."""
    ACCEPTED_TWICE = "accepted-twice"
    """One notice was accepted at two positions: its event was emitted twice, or redriven although accepted."""
    OUT_OF_ORDER = "out-of-order"
    """A recipient's later event was sent first."""
    NO_DEAD_LETTER = "no-dead-letter"
    """A notice failed permanently and has no dead letter, so redrive cannot send it."""
    STRAY_DEAD_LETTER = "stray-dead-letter"
    """A dead letter without a failed outcome: redrive would send a notice that does not need it."""
    OVER_CAP = "over-cap"
    """A notice was sent although a cap was reached (recipient care)."""
    NOT_ONCE = "not-once"
    """A notice was sent although one with the same key of `once` had been."""
    AFTER_OPT_OUT = "after-opt-out"
    """A notice was sent although its recipient had opted out before."""
    IN_QUIET_HOURS = "in-quiet-hours"
    """A notice was sent in quiet hours."""


NOTES = frozenset({Code.ACCEPTED_TWICE})
"""Findings that are not faults of the service: an event emitted twice has one id and one idempotency key."""


class Unproven(StrEnum):
    """Why the audit cannot determine whether an outcome or a dead letter is missing."""

    RULES_CHANGED = "rules-changed"
    """Other rules than those given were in use, or may have been, when the event was processed."""
    LEDGER_FORGOT = "ledger-forgot"
    """The event is older than the oldest outcome that retention has kept."""
    DEAD_LETTERS_FORGOT = "dead-letters-forgot"
    """The notice failed before the oldest dead letter that retention has kept was written."""


class AuditFinding(NamedTuple):
    """One finding at one event."""

    code: Code
    position: Position
    message: str

    def __str__(self) -> str:
        """Return `topic/partition/offset: code message`."""
        return f"{self.position}: {self.code} {self.message}"


class Report(NamedTuple):
    """The result of an audit."""

    rules_version: str
    events: int
    """Records in the range, redriven ones among them."""
    expected: int
    """Outcomes that they must have by the given rules."""
    outcomes: Mapping[str, int]
    """Outcomes of these records, by kind."""
    redriven: Mapping[str, int]
    """Those of redriven records, by kind."""
    dead_letters: int
    """Of these records."""
    pending: int
    """Outcomes still to come: of events at or above the group's committed offsets."""
    unproven: Mapping[Unproven, int]
    order_unchecked: int
    """First attempts whose order cannot be checked: without recipient and key, sent again after a restart, or begun
    before a clock was set back and ended after it."""
    clock_steps: int
    """How often outcomes of a partition show that the service's clock was set back, or that the next owner's is behind:
    order is not checked across such a step."""
    other_versions: Sequence[str]
    """Versions of the rules in outcomes other than the given one."""
    findings: Mapping[Code, int]
    examples: Sequence[AuditFinding]
    """The first few of each code."""

    @property
    def is_clean(self) -> bool:
        """Whether there are no findings other than notes."""
        return not any(count for code, count in self.findings.items() if code not in NOTES)


class Tally:
    """Counts every finding and keeps the first few of each code."""

    def __init__(self, keep: int) -> None:
        """Keep `keep` examples of each code."""
        self._keep = keep
        self.counts: Counter[Code] = Counter(dict.fromkeys(Code, 0))
        self.examples: list[AuditFinding] = []

    def add(self, code: Code, position: Position, message: str) -> None:
        """Count a finding."""
        self.counts[code] += 1
        if self.counts[code] <= self._keep:
            self.examples.append(AuditFinding(code, position, message))
