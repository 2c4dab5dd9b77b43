"""Decides whether an attempt may leave now. All reasons not to send are the conditions of one tuple."""

from __future__ import annotations

from pipeline.delivery.breaker import Breaker
from pipeline.delivery.condition import Condition, RetryAfter, Token
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.probed_halt import Authorisation, ProbedHalt
from pipeline.delivery.rate import RateLimit
from pipeline.delivery.stops.pauses import PausedByOperator
from pipeline.model.halt import Halt


class Gate:
    """Evaluates the conditions of one API, in order, and keeps account of halted time."""

    def __init__(self, settings: DeliverySettings, now: float) -> None:
        self.paused = PausedByOperator()
        self.token = Token(Halt.TOKEN_UNAVAILABLE)
        self.authorisation = Authorisation(settings.authorisation.probe_seconds, self.token)
        self.unknown_code = ProbedHalt(Halt.UNKNOWN_CODE, settings.unknown_code.probe_seconds)
        self.quota = ProbedHalt(Halt.QUOTA, settings.quota.probe_seconds)
        self.retry_after = RetryAfter()
        self.breaker = Breaker(settings.breaker)
        self.rate = RateLimit(settings.rate, now)
        self.conditions: tuple[Condition, ...] = (
            self.paused,
            self.token,
            self.authorisation,
            self.unknown_code,
            self.quota,
            self.retry_after,
            self.breaker,
            *(() if self.rate.unlimited else (self.rate,)),
        )
        """A new reason not to send is one more entry here."""
        self._halted_since: float | None = None
        self._halted_seconds = 0.0
        self.halt: Halt | None = None
        """The halt in force when `mark` was called last."""
        self.halt_began = now
        """When that halt began, or the last one ended."""

    def clear(self, now: float) -> bool:
        """Whether no condition is in force: then any number of attempts may leave without asking for each.

        Brings `halt` up to date, at no cost while nothing is in force.
        """
        for condition in self.conditions:
            if condition.in_force(now):
                self.mark(now)
                return False
        if self.halt is not None:
            self.mark(now)
        return True

    def halted(self, now: float) -> Halt | None:
        """The halt in force; None for waits that are part of normal running."""
        for condition in self.conditions:
            halt = condition.halt(now)
            if halt is not None:
                return halt
        return None

    def blocked_until(self, now: float) -> float | None:
        """When the next attempt may leave; None for now, `NEVER` where an event must come first."""
        self.mark(now)  # a halt may have started or ended because of time
        for condition in self.conditions:
            until = condition.blocked_until(now)
            if until is not None:
                return until
        return None

    def sent(self, ticket: int) -> None:
        """An attempt leaves. Not called while the gate is clear, when no condition counts attempts."""
        for condition in self.conditions:
            condition.sent(ticket)

    def halted_seconds(self, now: float) -> float:
        """Seconds for which sending was halted since the start; they do not count against a notice's horizon."""
        if self._halted_since is not None:
            self.mark(now)
        return self._halted_seconds

    def token_arrived(self, now: float) -> None:
        """A new token is in use from now on."""
        self.token.arrived()
        self.mark(now)

    def token_failed(self, now: float) -> None:
        """The token source gave no token, and no other is usable."""
        self.token.failed()
        self.mark(now)

    def mark(self, now: float) -> None:
        """Update the account of halted time; to be called after whatever may begin or end a halt."""
        if self._halted_since is not None:
            self._halted_seconds += max(0.0, now - self._halted_since)
        halt = self.halted(now)
        if halt is not self.halt:
            self.halt, self.halt_began = halt, now
        self._halted_since = None if halt is None else now
