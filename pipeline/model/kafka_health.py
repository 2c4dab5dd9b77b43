"""The state of one client's connections to Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.model.event import TopicPartition
from pipeline.phrases import phrase


class StuckPartition(NamedTuple):
    """An assigned partition that cannot be read."""

    offset: int
    """The next offset; below 0 if unknown."""
    since: float
    """Epoch seconds."""
    error: str


class HeldPartition(NamedTuple):
    """A partition whose next event waits for its schema, since the registry does not give it."""

    offset: int
    """Of the event that waits."""
    since: float
    """Epoch seconds."""
    records: int
    """Records that wait: this one and those behind it that were read."""
    oldest: float
    """Time of the oldest of them, epoch seconds."""
    error: str
    """Why the registry gives no schema, as far as known."""


class AbsentLeader(NamedTuple):
    """A partition of ours whose leader is not connected, or that has none."""

    key: TopicPartition
    broker: str | None
    """The leader as `host:port`, without an elected one the last; None if it was never known."""
    elected: bool
    """Whether there is a leader, as far as the cluster says."""


class KafkaHealth(NamedTuple):
    """The last known state."""

    brokers: int
    """Number of connected brokers. A client connects only to those that it needs."""
    round_trip_seconds: float
    """Average round trip to the slowest of them in the last interval; 0 without an answer."""

    silent: bool = False
    """Whether the group's coordinator does not answer: nothing is read or sent meanwhile."""

    absent: tuple[AbsentLeader, ...] = ()
    """Partitions of ours that no leader serves, sorted."""
    refusal: str | None = None
    """The last error of TLS or authentication, if there was one of late."""

    @property
    def error(self) -> str | None:
        """A message if nothing can be read or written; else None."""
        if not self.brokers:
            if self.refusal:
                return phrase("Kafka cannot be reached: no broker is connected: {why}", why=self.refusal)
            return phrase("Kafka cannot be reached: no broker is connected")
        if self.silent:
            return phrase("Kafka is silent: nothing is read or sent until the group's coordinator answers")
        return None

    @property
    def warning(self) -> str | None:
        """A message if connections are refused while others are up; else None."""
        return (
            phrase("A connection to Kafka is refused: {why}", why=self.refusal)
            if self.brokers and self.refusal
            else None
        )


def with_held(
    lag: Mapping[TopicPartition, int], held: Mapping[TopicPartition, HeldPartition]
) -> Mapping[TopicPartition, int]:
    """The lag with the records that were read and wait for a schema."""
    if not held:
        return lag
    return {**lag, **{key: lag.get(key, 0) + one.records for key, one in held.items()}}
