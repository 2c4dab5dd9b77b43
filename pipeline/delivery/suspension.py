"""Rules whose template or account the API refuses: their notices are not even tried, but for a probe now and then."""

from __future__ import annotations

from pipeline.delivery.policy import SuspensionSettings


class Suspensions:
    """The suspended rules."""

    def __init__(self, settings: SuspensionSettings) -> None:
        self._settings = settings
        self._probe_at: dict[str, float] = {}

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules suspended now."""
        return tuple(self._probe_at)

    def refuses(self, rule: str, now: float) -> bool:
        """Whether a notice of `rule` must not be sent; the one that may be is the probe."""
        probe_at = self._probe_at.get(rule)
        if probe_at is None:
            return False
        if now < probe_at:
            return True
        self._probe_at[rule] = now + self._settings.probe_seconds
        return False

    def suspend(self, rule: str, now: float) -> None:
        """The API refused this rule's template or account."""
        if self._settings.enabled:
            self._probe_at[rule] = now + self._settings.probe_seconds

    def lift(self, rule: str) -> None:
        """The API took a notice of this rule."""
        if self._probe_at:
            self._probe_at.pop(rule, None)
