"""Fixed limits: so many notices a second, so many a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.delivery.policy import RateSettings

BURST_SECONDS = 0.1
"""What may leave at once after a pause: a tenth of a second's share, so that no second sees much over its rate."""
WHOLE = 0.999
"""A token that is as good as whole: epoch seconds as floats are exact to 0.2 us only: nobody is to wait for that."""
CLOCKS_DIFFER_SECONDS = 600.0
"""A quota told to be spent so soon after midnight is yesterday's on a slower clock: a day must not be lost for it."""
ASK_AGAIN_SECONDS = 60.0
"""After which it is tried again in that case."""


class RateLimit:
    """Spaces requests out, and stops them when the day's quota is spent."""

    def __init__(self, settings: RateSettings, now: float) -> None:
        self._rate = settings.per_second
        self._burst = max(1.0, (settings.per_second or 0) * BURST_SECONDS)
        self._tokens = self._burst
        self._at = now
        self._per_day = settings.per_day
        self._zone = ZoneInfo(settings.day_zone)
        self._day_ends = self._midnight(now, days=1) if self._per_day else 0.0
        self._today = 0
        self._spent_until = 0.0
        self.unlimited = self._rate is None and self._per_day is None
        """Whether no limit is configured; the platform may still say that its own is spent."""

    def blocked_until(self, now: float) -> float | None:
        """When the next request may leave; None where that is now."""
        if now < self._spent_until:
            return self._spent_until
        if self._per_day is not None:
            if now >= self._day_ends:
                self._day_ends, self._today = self._midnight(now, days=1), 0
            if self._today >= self._per_day:
                return self._day_ends
        if self._rate is not None:
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
            self._at = now
            if self._tokens < WHOLE:
                return now + (1.0 - self._tokens) / self._rate
        return None

    def quota_spent(self, now: float) -> bool:
        """Whether nothing leaves until the next day."""
        return now < self._spent_until or (
            self._per_day is not None and self._today >= self._per_day and now < self._day_ends
        )

    def sent(self) -> None:
        """A request leaves."""
        self._tokens -= 1.0
        self._today += 1

    def spent(self, now: float) -> None:
        """The platform says that the day's quota is used up."""
        if now - self._midnight(now, days=0) < CLOCKS_DIFFER_SECONDS:
            self._spent_until = now + ASK_AGAIN_SECONDS
        else:
            self._spent_until = self._midnight(now, days=1)

    def _midnight(self, now: float, *, days: int) -> float:
        """The beginning of today, or of a day after it, in the platform's zone."""
        local = datetime.fromtimestamp(now, UTC).astimezone(self._zone)
        day = (local + timedelta(days=days)).date()
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()
