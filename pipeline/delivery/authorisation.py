"""When the API refuses us as such: stop, and find out now and then whether we are let in again."""

from __future__ import annotations

from pipeline.delivery.policy import AuthorisationSettings

NEVER = float("inf")
"""Not by the passing of time alone: something else must happen first."""


class Authorisation:
    """Granted until refused; refused until a probe shows otherwise."""

    def __init__(self, settings: AuthorisationSettings) -> None:
        self._probe_seconds = settings.probe_seconds
        self._until: float | None = None
        self._probe: int | None = None
        self._stale_token = False

    @property
    def refused(self) -> bool:
        """Whether nothing but probes may leave."""
        return self._until is not None

    def blocked_until(self, now: float) -> float | None:
        """When the next attempt may leave; None for now, `NEVER` while a probe is under way."""
        if self._until is None:
            return None
        if self._probe is not None:
            return NEVER
        return self._until if now < self._until else None

    @property
    def wants_token(self) -> bool:
        """Whether the next probe is worth nothing without a fresh token: the old one may be what is refused."""
        return self._stale_token

    def sent(self, ticket: int) -> None:
        """An attempt leaves; while refused, it is the probe."""
        if self._until is not None:
            self._probe = ticket

    def ended(self, ticket: int) -> bool:
        """An attempt has ended; tells whether it was the probe. What was sent before the refusal shows nothing."""
        probed = ticket == self._probe
        if probed:
            self._probe = None
        return probed

    def refuse(self, now: float) -> None:
        """The API refuses us: nothing leaves until the next probe."""
        self._until = now + self._probe_seconds
        self._stale_token = True

    def postpone(self, now: float) -> None:
        """A probe showed neither: the API could not answer it."""
        self._until = now + self._probe_seconds

    def grant(self) -> None:
        """A probe was let in."""
        self._until = None
        self._stale_token = False

    def token_arrived(self) -> None:
        """A fresh token is in use."""
        self._stale_token = False
