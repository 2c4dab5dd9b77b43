"""What keeps notices of single rules from leaving: pauses by operators, and limits that pause a rule by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline.delivery.stops.pauses import Pauses
from pipeline.delivery.stops.rule_limits import RuleLimits

if TYPE_CHECKING:
    from pipeline.model.notice import Notice
    from pipeline.model.pause import Pause, Scope


class Stops:
    """The pauses of the group, those decided here, and the limits of rules. Times `wall` are the wall clock's."""

    def __init__(self) -> None:
        self.any = False
        """Whether any rule or template is paused, or any rule has a limit: else no notice has to be looked up."""
        self.pauses = Pauses()
        self._limits = RuleLimits()
        self._decided: dict[Scope, Pause] = {}
        self._partitions = 0

    @property
    def decided(self) -> Sequence[Pause]:
        """Pauses decided here that the control topic has not shown yet."""
        return list(self._decided.values())

    def follow(self, pauses: Sequence[Pause]) -> None:
        """The control topic shows these. A pause decided here stays until it has been among them."""
        for pause in pauses:
            self._decided.pop(pause.scope, None)
        self._use(pauses)

    def limit(self, limits: Mapping[str, int], partitions: int) -> None:
        """Use these limits by rule instead of all earlier ones; the group reads so many partitions."""
        self._partitions = partitions
        self._limits.use(limits)
        self.any = self.pauses.any_scoped or bool(self._limits)

    def owned(self, partitions: int) -> None:
        """This member owns so many partitions."""
        if self._limits:
            self._limits.own(partitions, self._partitions)

    def of(self, notice: Notice, wall: float) -> Pause | None:
        """The pause because of which the notice ends unsent; None if it may be sent."""
        return self.pauses.of(notice, wall)

    def may_leave(self, rule: str, now: float) -> bool:
        """Count a notice that leaves now; return False, and count nothing, if it would be over its rule's limit."""
        return not self._limits or self._limits.leaves(rule, now)

    def pause(self, rule: str, wall: float) -> Pause:
        """Pause a rule that is over its limit."""
        pause = self._limits.pause(rule, wall)
        self._decided[pause.scope] = pause
        self._use([one for one in self.pauses.all if one.scope != pause.scope])
        return pause

    def _use(self, pauses: Sequence[Pause]) -> None:
        self.pauses = Pauses([*pauses, *self._decided.values()])
        self.any = self.pauses.any_scoped or bool(self._limits)
