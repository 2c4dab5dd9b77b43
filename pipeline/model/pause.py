"""A pause: what an operator has stopped, and until when."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pipeline.phrases import phrase


class ScopeKind(StrEnum):
    """What a pause is about. Closed: the control topic's keys and a metric's label hold it."""

    ALL = "all"
    """Everything that the group sends."""
    RULE = "rule"
    TEMPLATE = "template"
    """All rules with this template, by its alias."""


class Scope(NamedTuple):
    """What is paused. There is at most one pause of each scope."""

    kind: ScopeKind
    name: str = ""
    """Id of the rule, or alias of the template; empty for `all`."""

    def __str__(self) -> str:
        """`all`, `rule coupon-issued` or `template coupon`."""
        return f"{self.kind} {self.name}".rstrip()


EVERYTHING = Scope(ScopeKind.ALL)
BY_LIMIT = "max_per_minute"
"""`Pause.by` of a rule that has passed its limit: no operator did it."""


class Pause(NamedTuple):
    """One scope that is paused. Times are seconds since the epoch, by the operator's clock."""

    scope: Scope
    since: float
    until: float | None = None
    """None: until it is resumed."""
    drop: bool = False
    """Whether suppressed notices leave no dead letter, so that they can never be sent."""
    by: str = ""
    """Who paused it."""
    reason: str = ""

    @property
    def by_limit(self) -> bool:
        """Whether the rule was paused because it passed its `max_per_minute`."""
        return self.by == BY_LIMIT

    @property
    def origin(self) -> str:
        """Who paused it and why: `by ann: wrong text`."""
        by = self.by or phrase("an operator")
        return phrase("by {by}: {reason}", by=by, reason=self.reason) if self.reason else phrase("by {by}", by=by)

    def in_force(self, now: float) -> bool:
        """Whether it has not passed."""
        return self.until is None or now < self.until
