"""The days on which a rule is active: an event of another day does not match it.

The event's own time counts, not the present: a rule is evaluated again when an event is read again, and must then give
the same messages.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.model.event import Event
from pipeline.phrases import joined, phrase


class Days(NamedTuple):
    """The first and the last day of a rule, in a time zone; None: without an end on that side."""

    first: date | None
    last: date | None
    zone: str
    begins_ms: int | None
    """Milliseconds since 1970 of the first day's midnight."""
    ends_ms: int | None
    """The same of the midnight that ends the last day."""

    @classmethod
    def of(cls, first: date | None, last: date | None, zone: str) -> Days:
        """The days in a zone that exists."""
        ends = None if last is None else last + timedelta(days=1)
        return cls(first, last, zone, _midnight(first, zone), _midnight(ends, zone))

    def has(self, event: Event) -> bool:
        """Whether the event's time is on one of the days."""
        begins, ends = self.begins_ms, self.ends_ms
        return (begins is None or event.time_ms >= begins) and (ends is None or event.time_ms < ends)

    def are_over(self, now: float) -> bool:
        """Whether the last day has ended at `now`, in seconds since 1970."""
        return self.ends_ms is not None and now * 1_000 >= self.ends_ms

    def why_not(self, event: Event) -> str:
        """Why an event is on none of the days, in words."""
        try:
            moment = datetime.fromtimestamp(event.time_ms / 1_000, UTC).astimezone(ZoneInfo(self.zone))
            when = f"{moment:%Y-%m-%d %H:%M}".zfill(len("2026-11-30 23:59"))
        except (ValueError, OverflowError, OSError):  # years beyond the calendar
            when = phrase("{time_ms} ms", time_ms=event.time_ms)
        return phrase(
            "it is active {days} ({zone}), and the event's time there is {when}",
            days=self.in_words(),
            zone=self.zone,
            when=when,
        )

    def in_words(self) -> str:
        """The days, as in `from 2026-11-01 until 2026-12-31`."""
        parts = [
            phrase("from {first}", first=self.first) if self.first else "",
            phrase("until {last}", last=self.last) if self.last else "",
        ]
        return joined(" ", filter(None, parts))


def _midnight(day: date | None, zone: str) -> int | None:
    """Where a zone's clocks skip midnight, the moment at which they do."""
    return None if day is None else round(datetime.combine(day, time.min, ZoneInfo(zone)).timestamp() * 1_000)
