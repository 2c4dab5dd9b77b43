"""A point in time as an event's data holds it: two numbers, made in a third of the time of protobuf's `Timestamp`.

CEL gets a protobuf `Timestamp` made from it; generated Python mostly needs the minute alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Timestamp:
    """A point in time of the years 1 to 9999."""

    seconds: int
    """Seconds since 1970, rounded down."""
    nanos: int
    """Nanoseconds after that second."""

    def as_datetime(self) -> datetime:
        """The time as CEL's binding passes it to a function: without parts of a microsecond."""
        return EPOCH + timedelta(0, self.seconds, self.nanos // 1_000)


_YEAR_1_ENDS = -62_104_060_800
"""Seconds since 1970."""


def stands_for_none(seconds: int) -> bool:
    """Whether systems write this second, counted from 1970, where they have no time.

    It is the first of 1970, the zero of most systems and what Debezium writes for MySQL's `0000-00-00`; the one before,
    for a count of -1; or in the year 1, the zero of Go and .NET.
    """
    return -1 <= seconds <= 0 or seconds < _YEAR_1_ENDS
