"""What operators have paused: everything, which halts sending, or rules and templates, whose notices end unsent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline.delivery.condition import NEVER, Condition
from pipeline.model.halt import Halt
from pipeline.model.outcome import DROPPED, PAUSE, Because
from pipeline.model.pause import EVERYTHING, Pause, Scope, ScopeKind

if TYPE_CHECKING:
    from pipeline.model.notice import Notice


class PausedByOperator(Condition):
    """The pause of everything: a halt that only its end, or an operator, lifts."""

    def __init__(self) -> None:
        self._until: float | None = None
        """When it ends; None while nothing is paused."""

    def in_force(self, now: float) -> bool:
        """Whether everything is paused."""
        return self._until is not None and now < self._until

    def halt(self, now: float) -> Halt | None:
        """A halt like the others, so that the retry horizon stands still."""
        return Halt.PAUSED if self.in_force(now) else None

    def blocked_until(self, now: float) -> float | None:
        """The end of the pause; `NEVER` without one."""
        return self._until if self.in_force(now) else None

    def pause(self, until: float | None) -> None:
        """Nothing leaves until then; None: until it is resumed."""
        self._until = NEVER if until is None else until

    def resume(self) -> None:
        """Sending continues."""
        self._until = None


class Pauses:
    """The pauses of one group, the newest that the control topic holds. Immutable."""

    def __init__(self, pauses: Sequence[Pause] = ()) -> None:
        """At most one of each scope."""
        self._by_scope: Mapping[Scope, Pause] = {pause.scope: pause for pause in pauses}
        self.any_scoped = any(pause.scope != EVERYTHING for pause in pauses)
        """Whether rules or templates are paused, in force or not."""

    @property
    def all(self) -> Sequence[Pause]:
        """All of them, in force or not."""
        return list(self._by_scope.values())

    @property
    def everything(self) -> Pause | None:
        """The pause of everything, in force or not."""
        return self._by_scope.get(EVERYTHING)

    def in_force(self, now: float) -> Sequence[Pause]:
        """All pauses in force, the pause of everything first; `now` is the wall clock's time."""
        return sorted(pause for pause in self._by_scope.values() if pause.in_force(now))

    def of(self, notice: Notice, now: float) -> Pause | None:
        """The pause because of which the notice ends unsent; None if it may be sent."""
        for kind, name in ((ScopeKind.RULE, notice.rule), (ScopeKind.TEMPLATE, notice.template)):
            pause = self._by_scope.get(Scope(kind, name))
            if pause is not None and pause.in_force(now):
                return pause
        return None


def because(pause: Pause) -> Because:
    """Why a notice was suppressed."""
    return Because(PAUSE, str(pause.scope), DROPPED if pause.drop else None, pause.until)
