"""Writes the intents topic: what the map role makes, and what partitions of the topic have seen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pipeline.model.event import TopicPartition
from pipeline.model.intent import ChoiceIntent, Intent, PreferencesChoice
from pipeline.model.make import make

if TYPE_CHECKING:
    from pipeline.delivery.hop.unwritten_intents import PendingIntent
    from pipeline.delivery.machine_with_care import DeliveryWithCare
    from pipeline.ports import EventSource, IntentLog


class IntentWriting:
    """What the engine does with intents, where recipient care is on. Everything runs on the loop's thread."""

    def __init__(self, delivery: DeliveryWithCare, intent_log: IntentLog, source: EventSource) -> None:
        """`source` knows how far the group has committed."""
        self._delivery = delivery
        self._log = intent_log
        self._source = source

    @property
    def awaits(self) -> bool:
        """Whether something is not acknowledged by Kafka."""
        return self._delivery.unwritten_intents > 0

    def write(self, correction: float) -> None:
        """Hand over what the map role has made, in its order; `correction` is added to times for the wall clock."""
        committed: dict[tuple[str, int], int] = {}
        for pending in self._delivery.intents():
            key = pending.arrival.record[:2]
            if key not in committed:
                committed[key] = self._source.committed(TopicPartition(*key))
            self._write(pending, committed[key], correction)

    def _write(self, pending: PendingIntent, committed: int, correction: float) -> None:
        arrival, content = pending.arrival, pending.content
        record, event = arrival.record, arrival.event
        stream, origin = pending.mapped
        written = partial(self._written, pending.ticket)
        if isinstance(content, PreferencesChoice):
            choice = ChoiceIntent(content, record.position, record.timestamp_ms, stream, committed)
            self._log.write_choice(choice, written)
            return
        assert event is not None  # noqa: S101 - a notice is made of an event
        received_at = arrival.received_at + correction
        values = (content, event, origin, arrival.rules_version, received_at, stream, committed)
        self._log.write(make(Intent, values), written)

    def _written(self, ticket: int, _: int) -> None:
        self._delivery.intent_written(ticket)

    def write_checkpoints(self, now: float) -> None:
        """Write what partitions of the intents topic have seen, for their next owner."""
        for pending in self._delivery.checkpoints(now):
            written = partial(self._delivery.checkpoint_written, pending)
            self._log.write_checkpoint(pending.partition.partition, pending.checkpoint, written)

    def poll(self) -> int:
        """Run callbacks that are due; return how many records were acknowledged.

        Raises:
            OutcomeLost: Kafka refused a write permanently.
        """
        return self._log.poll()
