"""Whether anything may leave now: token, authorisation, quota and rate, breaker, a pause the API asked for."""

from __future__ import annotations

from pipeline.delivery.authorisation import NEVER, Authorisation
from pipeline.delivery.breaker import Breaker, BreakerState
from pipeline.delivery.halt import Halt
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.rate import RateLimit


class Gate:
    """The one place that says when the next attempt may leave."""

    def __init__(self, settings: DeliverySettings, now: float) -> None:
        self.breaker = Breaker(settings.breaker)
        self.rate = RateLimit(settings.rate, now)
        self.authorisation = Authorisation(settings.authorisation)
        self._paused_until = 0.0
        self.token = 0
        """Generation of the token in use; grows with every refresh."""
        self.token_wanted = False
        self._halted_since: float | None = None
        self._halted_seconds = 0.0
        self._halt: Halt | None = None
        self.halt_began = now
        """When the halt in force began, or the last one ended; as exact as `mark` is called."""

    def halted(self, now: float) -> Halt | None:
        """Why nothing leaves although there may be work; None for waits that are part of normal running."""
        if self.authorisation.refused:
            return Halt.UNAUTHORISED
        if self.breaker.state is not BreakerState.CLOSED:
            return Halt.BREAKER_OPEN
        return Halt.QUOTA if self.rate.quota_spent(now) else None

    def halted_seconds(self, now: float) -> float:
        """How long sending was halted, over the whole life: what notices are not held to account for."""
        if self._halted_since is not None:
            self.mark(now)
        return self._halted_seconds

    def mark(self, now: float) -> None:
        """Keep the books of halted time: to be called after whatever may have begun or ended a halt."""
        if self._halted_since is not None:
            self._halted_seconds += max(0.0, now - self._halted_since)
        halt = self.halted(now)
        if halt is not self._halt:
            self._halt, self.halt_began = halt, now
        self._halted_since = None if halt is None else now

    def clear(self, now: float) -> bool:
        """Whether nothing at all is in the way, however many leave at once: spares asking for each of them."""
        return (
            self.rate.unlimited
            and now >= self._paused_until
            and self.breaker.state is BreakerState.CLOSED
            and not self.token_wanted
            and not self.authorisation.refused
            and not self.rate.quota_spent(now)
        )

    def blocked_until(self, now: float) -> float | None:
        """When the next attempt may leave; None for now, `NEVER` where an event must come first."""
        self.mark(now)  # a halt may have begun or ended by the passing of time
        if self.token_wanted:
            return NEVER
        refused = self.authorisation.blocked_until(now)
        if refused is not None:
            return refused
        if self.authorisation.wants_token:
            self.token_wanted = True
            return NEVER
        if now < self._paused_until:
            return self._paused_until
        return self.breaker.blocked_until(now) or self.rate.blocked_until(now)

    def sent(self, ticket: int) -> None:
        """An attempt leaves; not to be told while `clear`, when nothing here counts it."""
        self.rate.sent()
        self.authorisation.sent(ticket)
        self.breaker.sent(ticket)

    def pause(self, until: float) -> None:
        """The API asked for a pause."""
        self._paused_until = max(self._paused_until, until)

    def token_arrived(self) -> None:
        """A fresh token is in use."""
        self.token += 1
        self.token_wanted = False
        self.authorisation.token_arrived()
