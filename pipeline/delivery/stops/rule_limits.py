"""`max_per_minute`: how many notices of a rule may leave in any 60 s before the rule is paused."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from pipeline.model.pause import BY_LIMIT, Pause, Scope, ScopeKind

WINDOW_SECONDS = 60.0


class RuleLimits:
    """The limits of the rules that have one, and this member's share of them.

    A member may send the part of a limit that it owns of all partitions, at least one notice. So all members together
    keep within the limit, up to one notice for each member. After a rebalance the new owner of a partition counts from
    zero, and may send its share once more.
    """

    def __init__(self) -> None:
        self._limits: Mapping[str, int] = {}
        self._share = 1.0
        self._left: dict[str, deque[float]] = {}
        """For each rule the times at which its last notices left, the newest last: as many as may leave in a minute."""

    def __bool__(self) -> bool:
        """Whether any rule has a limit."""
        return bool(self._limits)

    def use(self, limits: Mapping[str, int]) -> None:
        """Use these limits instead of all earlier ones: notices a minute of the whole group, by rule."""
        self._limits = limits
        self._left = {rule: self._resized(rule) for rule in limits}

    def own(self, partitions: int, of: int) -> None:
        """This member owns so many partitions of all."""
        self._share = min(1.0, partitions / max(1, of))
        self._left = {rule: self._resized(rule) for rule in self._limits}

    def _resized(self, rule: str) -> deque[float]:
        size = max(1, round(self._limits[rule] * self._share))
        return deque(self._left.get(rule, ()), maxlen=size)

    def leaves(self, rule: str, now: float) -> bool:
        """Count a notice that would leave now; return False if it is over the rule's limit."""
        left = self._left.get(rule)
        if left is None:
            return True
        if len(left) == left.maxlen and now - left[0] < WINDOW_SECONDS:
            return False
        left.append(now)
        return True

    def pause(self, rule: str, now: float) -> Pause:
        """Return the pause of a rule that is over its limit, from `now` on; after it the count begins at zero."""
        left = self._left[rule]
        left.clear()
        share = "" if left.maxlen == self._limits[rule] else f" ({left.maxlen} in this member)"
        reason = f"more than {self._limits[rule]} notices a minute{share}"
        # In milliseconds, as the control topic has it: read back it must be the same pause.
        return Pause(Scope(ScopeKind.RULE, rule), round(now, 3), by=BY_LIMIT, reason=reason)
