"""One reason not to send, as the gate evaluates it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.model.halt import Halt

NEVER = float("inf")
"""Not by the passing of time alone: an event must come first."""


class Condition:
    """A condition of the gate. Subclass it and add an instance to `Gate.conditions`, the only list of conditions."""

    def in_force(self, now: float) -> bool:
        """Whether attempts must be checked one by one; while no condition is in force, all may leave at once."""
        raise NotImplementedError

    def halt(self, now: float) -> Halt | None:
        """The halt to report; None for a wait that is part of normal running, and while nothing is wrong."""
        raise NotImplementedError

    def blocked_until(self, now: float) -> float | None:
        """When the next attempt may leave; None for now, `NEVER` where an event must come first."""
        raise NotImplementedError

    def sent(self, ticket: int) -> None:
        """An attempt leaves. Not called while no condition is in force."""


class Token(Condition):
    """The bearer token: needed while the current one is refused, unavailable while its source gives none."""

    def __init__(self, unavailable: Halt) -> None:
        """`unavailable` is the halt to report while no token is available."""
        self._halt = unavailable
        self.generation = 0
        """Grows with every token."""
        self.needed = False
        self._failed = False

    def in_force(self, now: float) -> bool:  # noqa: ARG002 - the interface's
        """Whether the present token is unusable."""
        return self.needed or self._failed

    def halt(self, now: float) -> Halt | None:  # noqa: ARG002 - the interface's
        """A refresh that has not failed is part of normal running."""
        return self._halt if self._failed else None

    def blocked_until(self, now: float) -> float | None:
        """Until a token arrives."""
        return NEVER if self.in_force(now) else None

    def failed(self) -> None:
        """Record that the source gave no token and no other is usable."""
        self._failed = True

    def arrived(self) -> None:
        """A new token is in use."""
        self.generation += 1
        self.needed = self._failed = False


class RetryAfter(Condition):
    """The wait that an overloaded API requested (`Retry-After`)."""

    def __init__(self) -> None:
        self._until = 0.0

    def in_force(self, now: float) -> bool:
        """Whether the wait has not passed."""
        return now < self._until

    def halt(self, now: float) -> Halt | None:  # noqa: ARG002 - the interface's
        """Part of normal running."""
        return None

    def blocked_until(self, now: float) -> float | None:
        """The end of the wait."""
        return self._until if now < self._until else None

    def extend(self, until: float) -> None:
        """Record that the API requests a wait."""
        self._until = max(self._until, until)
