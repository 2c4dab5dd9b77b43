"""Delivery where recipient care is on: events become intents, intents become notices, and recipients are known.

See docs/decisions/intents-hop.md and docs/decisions/recipient-care.md. Without recipient care nothing of this runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from pipeline.care.recipients import CareTerms, Recipients
from pipeline.delivery.evaluated_record import CareRecord, EvaluatedRecord
from pipeline.delivery.hop.checkpoints import PendingCheckpoint
from pipeline.delivery.hop.unwritten_intents import UnwrittenIntents
from pipeline.delivery.machine import Delivery
from pipeline.delivery.partition import Partition
from pipeline.delivery.pending_notice import PendingNotice
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.route import Route
from pipeline.model.event import Position, TopicPartition
from pipeline.model.intent import PreferencesChoice, Seen
from pipeline.model.ledger import Assigned, CommitPoint
from pipeline.model.notice import DEFAULT_API, Notice
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.reply import Reply

__all__ = ["DeliveryWithCare"]


class DeliveryWithCare(Delivery):
    """All notices of one process that have not ended, its intents on their way, and its recipients."""

    def __init__(
        self,
        settings: DeliverySettings,
        route: Route,
        now: float,
        further: Mapping[str, Route] | None = None,
        care: CareTerms | None = None,
    ) -> None:
        """The arguments are those of `Delivery`.

        `care` is what decides about notices of partitions that are assigned with the state of their recipients; None:
        nothing is decided.
        """
        super().__init__(settings, route, now, further)
        self._care = care
        self._intents = UnwrittenIntents(self._unacknowledged)
        self.intents = self._intents.collect
        """Returns the intents made since the last call (map role), in the order in which to write them."""
        self.intent_written = self._intents.acknowledged
        """To be called when Kafka has acknowledged an intent, with its ticket."""

    @property
    def unwritten_intents(self) -> int:
        """How many intents are made and not acknowledged by Kafka."""
        return len(self._intents)

    # Partitions

    def _made(self, assigned: Assigned) -> Partition:
        care = None
        if self._care is not None and assigned.care is not None:
            care = Recipients(self._care, assigned.care, self._now + self._correction)
        return Partition(assigned, care)

    def release(self, partitions: Iterable[TopicPartition]) -> list[CommitPoint]:
        """Forget these and return the last commits; their late replies and acknowledgements change nothing."""
        released = {key: self._partitions[key] for key in partitions if key in self._partitions}
        points = super().release(released)
        for partition in released.values():
            self._intents.release(partition)
        return points

    def _owned(self, key: tuple[str, int], epoch: int) -> Partition | None:
        """Return a partition from which records are taken; None if it is not ours, or not any more."""
        partition = self._partitions.get(key)  # type: ignore[call-overload] # equal to a TopicPartition and cheaper
        return None if partition is None or partition.revoking or partition.epoch != epoch else partition

    # Map role: events become intents

    def offer_mapped(self, arrival: EvaluatedRecord, now: float) -> None:
        """Take an event whose notices become intents; those in `notices` are delivered from here all the same."""
        self._now = now
        offset = arrival.record.offset
        partition = self._owned(arrival.record[:2], arrival.epoch)
        if partition is None:
            return
        notices, outcomes, intents = arrival.notices, arrival.outcomes, arrival.intents
        if partition.done or partition.ended:
            intents = partition.unwritten(intents, offset)
            notices, outcomes = partition.remaining(arrival, offset)
        since = arrival.event.time_ms if arrival.event is not None else arrival.record.timestamp_ms
        event = partition.frontier.offered(offset, len(notices) + len(outcomes) + len(intents), since / 1000)
        if event is None or not event.left:
            return
        size = arrival.record.size * (1 + len(outcomes))
        for notice in intents:
            size += len(notice.body)
            self._intents.publish(notice, arrival, partition, event)
        self._queue(arrival, notices, outcomes, partition, event, size)

    def offer_choice(self, arrival: EvaluatedRecord, choice: PreferencesChoice) -> None:
        """Take a record with a recipient's preferences, which become an intent."""
        record = arrival.record
        partition = self._owned(record[:2], arrival.epoch)
        if partition is None:
            return
        event = partition.frontier.offered(record.offset, 1, record.timestamp_ms / 1000)
        if event is not None:
            self._intents.publish(choice, arrival, partition, event)
            event.size = record.size
            self._unacknowledged.expect(partition, 1, event)

    # Send role: intents become notices

    def offer_intent(
        self, arrival: EvaluatedRecord, read: Position, seen: Seen, now: float, *, is_off: bool = False
    ) -> bool:
        """Take an intent, read at `read`, with its notice; return whether it was seen before, so that nothing follows.

        `is_off`: its rule is switched off, and the notice ends at once.
        """
        self._now = now
        partition = self._owned(read[:2], arrival.epoch)
        if partition is None or partition.checkpoints is None:
            return False
        partition.checkpoints.begins(read.offset)
        notices: Sequence[Notice] = ()
        is_repeated = partition.checkpoints.replays.is_replay(seen)
        if arrival.choice is not None and not is_repeated:
            self.choose(arrival, read, now)
            return False
        if not is_repeated:
            notices, _ = partition.remaining(arrival, read.offset)
        since = arrival.event.time_ms if arrival.event is not None else seen.timestamp_ms
        event = partition.frontier.offered(read.offset, len(notices), since / 1000)
        if event is None or not event.left:
            return is_repeated
        is_off = is_off or arrival.notices[0].rule in self._rules_off
        leaving = [notice for notice in notices if notice.api in self._routes] if not is_off else []
        self._queue(arrival, leaving, (), partition, event, arrival.record.size)
        for notice in notices if len(leaving) < len(notices) else ():
            work = PendingNotice(0, notice, arrival, event, partition, self._routes[DEFAULT_API])
            if is_off:
                self._publish(work, OutcomeKind.CANCELLED, Reason.RULE_OFF, now)
            else:
                work.reply = Reply(detail=f"there is no API `{notice.api}` in the configuration any more")
                self._publish(work, OutcomeKind.REJECTED, Reason.CONFIG, now)
        return False

    def choose(self, arrival: EvaluatedRecord, read: Position, now: float) -> None:
        """Put a recipient's choice, read at `read`, in force at once; its record is done when Kafka has it."""
        self._now = now
        partition, choice = self._owned(read[:2], arrival.epoch), arrival.choice
        if partition is None:
            return
        care = partition.care
        event = partition.frontier.offered(read.offset, 0 if care is None else 1, arrival.record.timestamp_ms / 1000)
        if event is None or choice is None or care is None:
            return
        event.size = arrival.record.size
        self._unacknowledged.expect(partition, 1, event)
        done = partial(self._unacknowledged.done, partition, event)
        care.choose(choice, read.offset, now + self._correction, done)

    def pass_over(self, read: Position, epoch: int, since: float) -> None:
        """Take a record of the intents topic from which nothing follows; `since` is its time, epoch seconds."""
        partition = self._owned(read[:2], epoch)
        if partition is None:
            return
        if partition.checkpoints is not None:
            partition.checkpoints.begins(read.offset)
        partition.frontier.offered(read.offset, 0, since)

    def checkpoints(self, now: float) -> list[PendingCheckpoint]:
        """Return the checkpoints of intents to write now."""
        owned = ((key, one, one.checkpoints) for key, one in self._partitions.items() if one.checkpoints is not None)
        due = ((key, one.epoch, checkpoints.due(now)) for key, one, checkpoints in owned)
        return [PendingCheckpoint(key, epoch, checkpoint) for key, epoch, checkpoint in due if checkpoint is not None]

    def checkpoint_written(self, pending: PendingCheckpoint, offset: int) -> None:
        """Kafka has acknowledged a checkpoint, at this offset of its partition."""
        partition = self._partitions.get(pending.partition)
        if partition is not None and partition.epoch == pending.epoch and partition.checkpoints is not None:
            partition.checkpoints.written(offset)

    # Recipients

    def care_writes(self, now: float) -> list[CareRecord]:
        """The records of recipients to write now; `care_written` follows for each."""
        wall = now + self._correction
        return [
            CareRecord(partition, write)
            for partition in self._partitions.values()
            if partition.care is not None and not partition.revoking
            for write in partition.care.writes(wall)
        ]

    def care_written(self, record: CareRecord, *, is_written: bool) -> None:
        """Kafka has the record, or refused it."""
        partition, write = record
        if partition.care is None:
            return
        if is_written:
            partition.care.written(write)
        else:
            partition.care.failed(write)

    def care_overwritten(self, key: TopicPartition, recipient: str, state: bytes | None) -> None:
        """Another process wrote the record of a recipient of this partition, which it has lost to this one."""
        partition = self._partitions.get(key)
        if partition is not None and partition.care is not None:
            partition.care.again(recipient, state)
