"""A moment as an event's data hold it: two numbers, made in a third of the time of protobuf's `Timestamp`.

CEL gets a `Timestamp` made of it where it is asked; what is evaluated without CEL mostly needs the minute alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Timestamp:
    """A moment of the years 1 to 9999."""

    seconds: int
    """Whole ones since 1970, rounded down."""
    nanos: int
    """Billionths of a second after that."""

    def as_datetime(self) -> datetime:
        """As CEL's binding hands it to a function: parts of a microsecond are dropped."""
        return EPOCH + timedelta(0, self.seconds, self.nanos // 1_000)
