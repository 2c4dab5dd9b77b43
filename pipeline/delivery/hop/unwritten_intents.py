"""Intents on their way into the intents topic: made, handed over, acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.model.intent import Mapped, PreferencesChoice

if TYPE_CHECKING:
    from pipeline.delivery.evaluated_record import EvaluatedRecord
    from pipeline.delivery.frontier import Unfinished
    from pipeline.delivery.partition import Partition
    from pipeline.delivery.unacknowledged import UnacknowledgedOutcomes
    from pipeline.model.notice import Notice


@dataclass(slots=True)
class PendingIntent:
    """An intent to write. Intents are written in the order in which they were made."""

    ticket: int
    content: Notice | PreferencesChoice
    arrival: EvaluatedRecord
    mapped: Mapped


class UnwrittenIntents:
    """Counts intents until Kafka acknowledges them. They share the bounds of the buffers with notices."""

    def __init__(self, outcomes: UnacknowledgedOutcomes) -> None:
        """`outcomes` counts what is buffered."""
        self._outcomes = outcomes
        self._ticket = 0
        self._pending: list[PendingIntent] = []
        self._unacknowledged: dict[int, tuple[Partition, Unfinished]] = {}

    def __len__(self) -> int:
        """Return how many intents are made and not acknowledged."""
        return len(self._unacknowledged)

    def publish(
        self,
        content: Notice | PreferencesChoice,
        arrival: EvaluatedRecord,
        partition: Partition,
        event: Unfinished,
    ) -> None:
        """Add an intent."""
        self._ticket += 1
        partition.unacknowledged += 1
        self._unacknowledged[self._ticket] = (partition, event)
        self._pending.append(PendingIntent(self._ticket, content, arrival, partition.mapped))

    def collect(self) -> list[PendingIntent]:
        """Return the intents made since the last call."""
        pending, self._pending = self._pending, []
        return pending

    def acknowledged(self, ticket: int) -> None:
        """Record that Kafka acknowledged an intent."""
        partition, event = self._unacknowledged.pop(ticket)
        partition.unacknowledged -= 1
        self._outcomes.done(partition, event)

    def release(self, partition: Partition) -> None:
        """Drop the intents of a partition that were not handed over; the others may still be acknowledged."""
        kept: list[PendingIntent] = []
        for one in self._pending:
            if self._unacknowledged[one.ticket][0] is partition:
                del self._unacknowledged[one.ticket]
            else:
                kept.append(one)
        self._pending = kept
