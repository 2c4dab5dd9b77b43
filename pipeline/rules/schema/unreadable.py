"""The replacement in an event's data for a value that expressions cannot read."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.phrases import phrase


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value beyond what expressions hold, or one that does not fit its schema.

    An expression that uses it fails; others, and so other rules, are not affected.
    """

    reason: str
    """A message without content of the event."""


WRONG_UNIT = Unreadable(phrase("a count in another unit than the schema's"))
"""Seconds in a field of milliseconds are a time of January 1970."""
OUTSIDE_CALENDAR = Unreadable(phrase("outside the calendar (years 1 to 9999)"))
"""PostgreSQL's `infinity`, for example, which Debezium writes as the largest count."""
OUTSIDE_DAY = Unreadable(phrase("a time of day that no day has"))
