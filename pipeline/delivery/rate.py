"""Fixed limits: notices per second and notices per day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.delivery.condition import Condition
from pipeline.delivery.policy import RateSettings
from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt

BURST_SECONDS = 0.1
"""How much may leave at once after a pause: a tenth of a second's share, so that no second exceeds its rate by much."""
WHOLE = 0.999
"""A token counts as whole from here on: epoch seconds as floats are exact to 0.2 µs only."""


class RateLimit(Condition):
    """Spaces attempts out, and stops them when the configured number per day has left."""

    def __init__(self, settings: RateSettings, now: float) -> None:
        self._rate = settings.per_second
        self._burst = max(1.0, (settings.per_second or 0) * BURST_SECONDS)
        self._tokens = self._burst
        self._at = now
        self._per_day = settings.per_day
        self._zone = ZoneInfo(settings.day_zone)
        self._correction = 0.0
        self._day_ends = self._next_midnight(now) if self._per_day else 0.0
        self._today = 0
        self._before: Mapping[TopicPartition, int] = {}
        """What left today before this process began, by partition, with which it goes: members share the day."""
        self._earlier = 0
        self.unlimited = self._rate is None and self._per_day is None
        """Whether neither limit is configured."""

    def in_force(self, now: float) -> bool:  # noqa: ARG002 - the interface's
        """Whether attempts are counted at all."""
        return not self.unlimited

    def halt(self, now: float) -> Halt | None:
        """The day's number is used up; waiting for the next second's share is part of normal running."""
        spent = self._per_day is not None and self._today + self._earlier >= self._per_day and now < self._day_ends
        return Halt.QUOTA if spent else None

    def blocked_until(self, now: float) -> float | None:
        """When the next attempt may leave; None for now."""
        if self._per_day is not None:
            self._begin_day(now)
            if self._today + self._earlier >= self._per_day:
                return self._day_ends
        if self._rate is not None:
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
            self._at = now
            if self._tokens < WHOLE:
                return now + (1.0 - self._tokens) / self._rate
        return None

    def sent(self, ticket: int) -> None:  # noqa: ARG002 - the interface's
        """An attempt leaves."""
        self._tokens -= 1.0
        self._today += 1

    def restore(self, before: Mapping[TopicPartition, int]) -> None:
        """What left today before this process began, by partition."""
        self._before = before

    def owns(self, partitions: Iterable[TopicPartition]) -> None:
        """These partitions are the member's now: what left of them counts as its own."""
        if self._before:
            self._earlier = sum(self._before.get(one, 0) for one in partitions)

    def correct_clock(self, correction: float, now: float) -> None:
        """The wall clock is `correction` seconds ahead of `now`: the day ends by it; today's count stays."""
        if self._per_day is not None:
            self._begin_day(now)  # nothing was to be sent since a midnight by the clock as it was
            self._correction = correction
            self._day_ends = self._next_midnight(now)

    def _begin_day(self, now: float) -> None:
        if now >= self._day_ends:
            self._day_ends, self._today = self._next_midnight(now), 0
            self._before, self._earlier = {}, 0

    def _next_midnight(self, now: float) -> float:
        """When the wall clock shows the beginning of the next day in the configured zone."""
        local = datetime.fromtimestamp(now + self._correction, UTC).astimezone(self._zone)
        day = (local + timedelta(days=1)).date()
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp() - self._correction


def day_began(now: float, zone: str) -> float:
    """When the present day began in a zone; both are times of the wall clock."""
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    return datetime(local.year, local.month, local.day, tzinfo=ZoneInfo(zone)).timestamp()
