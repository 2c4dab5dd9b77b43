"""Counts of outcomes by rule, and the newest outcomes, for the page: an append and two additions an outcome."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from pipeline.model.outcome import ACCEPTED, RECIPIENT_CARE, Outcome, OutcomeKind
from pipeline.status.facts import Failing
from pipeline.status.history import RecentFailures
from pipeline.web.care_status import CareTally

KEPT = 50
"""Number of newest outcomes, and of newest failures, which are kept separately because they are rare."""


class RuleTally:
    """Outcomes of one rule by kind."""

    __slots__ = ("ended", "last", "last_failure")

    def __init__(self) -> None:
        self.ended = dict.fromkeys(OutcomeKind, 0)
        self.last = 0.0
        """Time when the newest outcome was acknowledged."""
        self.last_failure: Outcome | None = None

    @property
    def accepted(self) -> int:
        """Notices that the API accepted."""
        return self.ended[OutcomeKind.ACCEPTED]

    @property
    def failed(self) -> int:
        """Notices that failed."""
        return sum(count for kind, count in self.ended.items() if kind.is_failure)


class Tally:
    """Counts the outcomes that Kafka has acknowledged."""

    def __init__(self) -> None:
        self.rules: dict[str | None, RuleTally] = {}
        """Tallies by rule; None: records without a notice."""
        self.recent: deque[Outcome] = deque(maxlen=KEPT)
        self.failures: deque[Outcome] = deque(maxlen=KEPT)
        self.recent_failures = RecentFailures()
        self.care = CareTally()

    def ended(self, outcome: Outcome, now: float) -> None:
        """Count an acknowledged outcome."""
        rule = self.rules.get(outcome.rule)
        if rule is None:
            rule = self.rules[outcome.rule] = RuleTally()
        kind = outcome.kind
        rule.ended[kind] += 1
        rule.last = now
        self.recent.append(outcome)
        if kind is ACCEPTED:
            return
        if outcome.reason in RECIPIENT_CARE:
            self.care.suppressed(outcome, now)
        elif kind.is_failure:
            self.failures.append(outcome)
            rule.last_failure = outcome
            if outcome.rule is not None:
                self.recent_failures.failed(outcome.rule, sum(rule.ended.values()), now)

    def ended_of(self, rule: str) -> int:
        """Return how many notices of a rule have ended."""
        found = self.rules.get(rule)
        return sum(found.ended.values()) if found is not None else 0

    def failing(self, now: float) -> Mapping[str, Failing]:
        """Return rules with a failure among their last notices."""
        return self.recent_failures.failing(now, self.ended_of)

    @property
    def accepted(self) -> int:
        """Accepted notices of all rules."""
        return sum(rule.accepted for rule in self.rules.values())

    @property
    def failed(self) -> int:
        """Failed notices of all rules, and undecodable records."""
        return sum(rule.failed for rule in self.rules.values())
