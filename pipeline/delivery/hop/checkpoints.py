"""What a partition of the intents topic has seen, kept so that a new owner knows it.

From time to time the state is taken as of the newest offered intent. Once the frontier has reached that offset the
state becomes a record in the partition itself, and once Kafka has acknowledged the record, commits name it. A new owner
reads it, and the intents from its offset to the frontier. The state must not be newer than the frontier: an intent
between the two would be taken for a repetition of itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipeline.delivery.hop.replays import Replays
from pipeline.model.event import TopicPartition
from pipeline.model.intent import Checkpoint, RestoredIntents

if TYPE_CHECKING:
    from pipeline.delivery.frontier import Frontier

INTERVAL_SECONDS = 5.0
"""Between two checkpoints of one partition: what a new owner reads again beside it takes milliseconds."""
MOST_SEEN = 5_000
"""Intents in one checkpoint, about 60 bytes each. While more of them may be repeated, because no events are committed,
the earlier checkpoint stays and more is read again."""


class PendingCheckpoint(NamedTuple):
    """A checkpoint to write to its partition of the intents topic."""

    partition: TopicPartition
    epoch: int
    """The assignment under which it was made; the result of another one changes nothing."""
    checkpoint: Checkpoint


class Checkpoints:
    """The state of one partition of the intents topic, from assignment to release."""

    def __init__(self, restored: RestoredIntents, frontier: Frontier) -> None:
        """Begin as of the assignment's frontier."""
        known = restored.checkpoint
        self.replays = Replays(known, restored.since)
        self._frontier = frontier
        self._taken: Checkpoint | None = None
        self._is_written = False
        """Whether `_taken` was handed out to be written."""
        self._next_at = 0.0
        if known is not None:
            frontier.scan = (known.at, restored.position)
        elif frontier.offset is not None:
            frontier.scan = (frontier.offset, None)

    def begins(self, offset: int) -> None:
        """The first intent of a partition without a commit is offered."""
        if self._frontier.scan is None:
            self._frontier.scan = (offset, None)

    def due(self, now: float) -> Checkpoint | None:
        """Return the checkpoint to write now, if there is one."""
        if self._is_written:
            return None
        after = self._frontier.following
        if self._taken is None:
            if not self.replays.changed or after is None or now < self._next_at or self.replays.size > MOST_SEEN:
                return None
            self._taken = self.replays.snapshot(after)
            self._next_at = now + INTERVAL_SECONDS
        reached = self._frontier.offset
        if reached is None or reached < self._taken.at:
            return None
        self._is_written = True
        return self._taken

    def written(self, position: int) -> None:
        """Kafka has acknowledged the checkpoint that `due` returned: commits name it from now on."""
        if self._taken is not None:
            self._frontier.scan = (self._taken.at, position)
        self._taken = None
        self._is_written = False
