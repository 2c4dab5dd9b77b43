"""How Kafka looks from one client."""

from __future__ import annotations

from typing import NamedTuple


class StuckPartition(NamedTuple):
    """A partition of ours that cannot be read on."""

    offset: int
    """The next offset; below 0 where none is known."""
    since: float
    """Epoch seconds."""
    error: str


class KafkaHealth(NamedTuple):
    """As last known."""

    brokers: int
    """To which there is a connection. A client connects only to those that it needs."""
    round_trip_seconds: float
    """Of requests to the slowest of these, on average over the last interval; 0 where none was answered."""

    silent: bool = False
    """Whether the group's coordinator owes an answer and gives none: nothing is read or sent meanwhile."""

    @property
    def trouble(self) -> str | None:
        """Words, where nothing can be read or written down."""
        if not self.brokers:
            return "Kafka cannot be reached: no broker is connected"
        return "Kafka is silent: nothing is read or sent until the group is heard again" if self.silent else None
