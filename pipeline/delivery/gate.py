"""Whether anything may leave now: token, authorisation, quota and rate, breaker, a pause the API asked for."""

from __future__ import annotations

from pipeline.delivery.breaker import Breaker, BreakerState
from pipeline.delivery.halt import Halt
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.rate import RateLimit

NEVER = float("inf")
"""Not by the passing of time alone: something else must happen first."""


class Gate:
    """The one place that says when the next attempt may leave."""

    def __init__(self, settings: DeliverySettings, now: float) -> None:
        self.breaker = Breaker(settings.breaker)
        self.rate = RateLimit(settings.rate, now)
        self._probe_seconds = settings.authorisation.probe_seconds
        self._paused_until = 0.0
        self._refused_until: float | None = None
        self._refused_probing = False
        self._fresh_token_first = False
        self.token = 0
        """Generation of the token in use; grows with every refresh."""
        self.token_wanted = False

    def halted(self, now: float) -> Halt | None:
        """Why nothing leaves although there may be work; None for waits that are part of normal running."""
        if self._refused_until is not None:
            return Halt.UNAUTHORISED
        if self.breaker.state is not BreakerState.CLOSED:
            return Halt.BREAKER_OPEN
        return Halt.QUOTA if self.rate.quota_spent(now) else None

    def blocked_until(self, now: float) -> float | None:
        """When the next attempt may leave; None for now, `NEVER` where an event must come first."""
        if self.token_wanted:
            return NEVER
        if self._refused_until is not None:
            if self._refused_probing:
                return NEVER
            if now < self._refused_until:
                return self._refused_until
            if self._fresh_token_first:
                self.token_wanted = True
                return NEVER
        if now < self._paused_until:
            return self._paused_until
        return self.breaker.blocked_until(now) or self.rate.blocked_until(now)

    def sent(self) -> bool:
        """An attempt leaves; tells whether it is a probe of the breaker."""
        self.rate.sent()
        self._refused_probing = self._refused_until is not None
        return self.breaker.sent()

    @property
    def probing_authorisation(self) -> bool:
        """Whether the one attempt that finds out if we are let in again is under way."""
        return self._refused_probing

    def pause(self, until: float) -> None:
        """The API asked for a pause."""
        self._paused_until = max(self._paused_until, until)

    def refused(self, now: float) -> None:
        """The API refuses us as such: one probe now and then, and a fresh token before it."""
        self._refused_until = now + self._probe_seconds
        self._refused_probing = False
        self._fresh_token_first = True

    def taken(self) -> None:
        """The API did not refuse us as such."""
        self._refused_until = None
        self._refused_probing = False

    def token_arrived(self) -> None:
        """A fresh token is in use."""
        self.token += 1
        self.token_wanted = False
        self._fresh_token_first = False
