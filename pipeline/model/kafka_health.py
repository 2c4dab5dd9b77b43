"""The state of one client's connections to Kafka."""

from __future__ import annotations

from typing import NamedTuple


class StuckPartition(NamedTuple):
    """An assigned partition that cannot be read."""

    offset: int
    """The next offset; below 0 if unknown."""
    since: float
    """Epoch seconds."""
    error: str


class KafkaHealth(NamedTuple):
    """The last known state."""

    brokers: int
    """Number of connected brokers. A client connects only to those that it needs."""
    round_trip_seconds: float
    """Average round trip to the slowest of them in the last interval; 0 without an answer."""

    silent: bool = False
    """Whether the group's coordinator does not answer: nothing is read or sent meanwhile."""

    @property
    def error(self) -> str | None:
        """A message if nothing can be read or written; else None."""
        if not self.brokers:
            return "Kafka cannot be reached: no broker is connected"
        return "Kafka is silent: nothing is read or sent until the group's coordinator answers" if self.silent else None
