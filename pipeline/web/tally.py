"""What has ended, kept for the page: counts by rule, and the newest outcomes. An append and two additions for each."""

from __future__ import annotations

from collections import deque

from pipeline.model.outcome import ACCEPTED, Outcome, OutcomeKind

KEPT = 50
"""Outcomes remembered, and as many failed ones besides: at thousands a second, a failure would be gone in no time."""


class RuleTally:
    """How one rule's notices ended."""

    __slots__ = ("ended", "last")

    def __init__(self) -> None:
        self.ended = dict.fromkeys(OutcomeKind, 0)
        self.last = 0.0
        """When the newest outcome was acknowledged."""

    @property
    def accepted(self) -> int:
        """Notices that the API took."""
        return self.ended[OutcomeKind.ACCEPTED]

    @property
    def failed(self) -> int:
        """Notices that ended as dead letters."""
        return sum(count for kind, count in self.ended.items() if kind.leaves_dead_letter)


class Tally:
    """Called once for every outcome that Kafka has acknowledged; read for each view of the page."""

    def __init__(self) -> None:
        self.rules: dict[str | None, RuleTally] = {}
        """By rule; None stands for records that became no notice."""
        self.recent: deque[Outcome] = deque(maxlen=KEPT)
        self.failures: deque[Outcome] = deque(maxlen=KEPT)

    def ended(self, outcome: Outcome, now: float) -> None:
        """An outcome is acknowledged."""
        rule = self.rules.get(outcome.rule)
        if rule is None:
            rule = self.rules[outcome.rule] = RuleTally()
        kind = outcome.kind
        rule.ended[kind] += 1
        rule.last = now
        self.recent.append(outcome)
        if kind is not ACCEPTED and kind.leaves_dead_letter:
            self.failures.append(outcome)

    @property
    def accepted(self) -> int:
        """Of all rules."""
        return sum(rule.accepted for rule in self.rules.values())

    @property
    def failed(self) -> int:
        """Of all rules, and records that are no event."""
        return sum(rule.failed for rule in self.rules.values())
