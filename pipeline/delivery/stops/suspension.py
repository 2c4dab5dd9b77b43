"""Rules whose template the API refuses: their notices are rejected unsent, except for a probe at intervals."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.delivery.policy import SuspensionSettings


class _Suspended:
    """One suspended rule: when it was suspended, when its next probe may leave, and the ticket of the last probe."""

    __slots__ = ("next_probe", "probe", "since")

    def __init__(self, since: float, next_probe: float) -> None:
        self.since = since
        self.next_probe = next_probe
        self.probe: int | None = None


class Suspensions:
    """The suspended rules."""

    def __init__(self, settings: SuspensionSettings) -> None:
        self._settings = settings
        self._rules: dict[str, _Suspended] = {}
        self.any_suspended = False
        """Whether any rule is suspended; while none is, no other method needs to be called."""

    @property
    def rules(self) -> Mapping[str, float]:
        """The rules suspended now, each with the time of its first refusal."""
        return {rule: suspended.since for rule, suspended in self._rules.items()}

    def refuses(self, rule: str, ticket: int, now: float) -> bool:
        """Whether the notice `ticket` of `rule` must not be sent. One that may is the probe, also when repeated."""
        suspended = self._rules.get(rule)
        if suspended is None or suspended.probe == ticket:
            return False
        if now < suspended.next_probe:
            return True
        suspended.next_probe = now + self._settings.probe_seconds
        suspended.probe = ticket
        return False

    def suspend(self, rule: str, now: float) -> None:
        """The API refused this rule's template or account."""
        if self._settings.enabled:
            before = self._rules.get(rule)
            since = before.since if before is not None else now
            self._rules[rule] = _Suspended(since, now + self._settings.probe_seconds)
            self.any_suspended = True

    def lift(self, rule: str) -> None:
        """The API took a notice of this rule."""
        self._rules.pop(rule, None)
        self.any_suspended = bool(self._rules)
