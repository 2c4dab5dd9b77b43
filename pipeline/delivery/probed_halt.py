"""Halts that one accepted probe ends: refused authorisation, a used-up quota, an unknown code for everyone.

While such a halt is in force one notice at a time is sent as a probe. The first probe leaves after a second, since
what was refused may be one message only; the interval doubles with each refused probe, up to the configured one.
"""

from __future__ import annotations

from pipeline.delivery.condition import NEVER, Condition, Token
from pipeline.model.halt import Halt

FIRST_PROBE_SECONDS = 1.0
"""Until the first probe, where the configured interval is not shorter."""


class ProbedHalt(Condition):
    """In force from the first refusal to the first accepted probe."""

    def __init__(self, reason: Halt, probe_seconds: float) -> None:
        """`probe_seconds` is the longest interval between two probes."""
        self._reason = reason
        self._longest = probe_seconds
        self._interval = 0.0
        self._until: float | None = None
        self.probe: int | None = None
        """The ticket of the probe under way. What was sent before the halt shows nothing."""

    def in_force(self, now: float) -> bool:  # noqa: ARG002 - the interface's
        """Whether only probes may be sent."""
        return self._until is not None

    def halt(self, now: float) -> Halt | None:  # noqa: ARG002 - the interface's
        """Its reason, until it ends."""
        return None if self._until is None else self._reason

    def blocked_until(self, now: float) -> float | None:
        """When the next probe may leave; `NEVER` while one is under way."""
        if self._until is None:
            return None
        if self.probe is not None:
            return NEVER
        return self._until if now < self._until else None

    def sent(self, ticket: int) -> None:
        """An attempt that leaves while the halt is in force is its probe."""
        if self._until is not None:
            self.probe = ticket

    def refuse(self, ticket: int, now: float) -> None:
        """An attempt was refused: the halt begins, or its probe failed; others under way change nothing."""
        if self._until is None:
            self._interval = min(FIRST_PROBE_SECONDS, self._longest)
        elif ticket == self.probe:
            self._interval = min(self._interval * 2, self._longest)
        else:
            return
        self.probe = None
        self._until = now + self._interval

    def postpone(self, now: float) -> None:
        """The probe's reply showed nothing."""
        self.probe = None
        self._until = now + self._interval

    def repeat(self) -> None:
        """The probe must be repeated at once: its token had expired."""
        self.probe = None

    def end(self) -> None:
        """A probe was accepted."""
        self._until = None
        self.probe = None


class Authorisation(ProbedHalt):
    """The halt while the API refuses this service; from the second probe on, each waits for a new token."""

    def __init__(self, probe_seconds: float, token: Token) -> None:
        """`token` is the gate's condition, from which a new token is requested."""
        super().__init__(Halt.UNAUTHORISED, probe_seconds)
        self._token = token
        self._refused_token: int | None = None

    def blocked_until(self, now: float) -> float | None:
        """As for every probed halt; a due probe may want a token first, as the present one may be what is refused."""
        due = super().blocked_until(now)
        if due is None and self._until is not None and self._refused_token == self._token.generation:
            self._token.needed = True
            return NEVER
        return due

    def refuse(self, ticket: int, now: float) -> None:
        """As for every probed halt; the token of a refused probe is not tried again."""
        if ticket == self.probe:
            self._refused_token = self._token.generation
        super().refuse(ticket, now)

    def end(self) -> None:
        """A probe was accepted."""
        super().end()
        self._refused_token = None
