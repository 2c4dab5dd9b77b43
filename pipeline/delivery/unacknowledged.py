"""Outcomes on their way into the ledger: decided, handed out, acknowledged."""

from __future__ import annotations

from pipeline.delivery.evaluated_record import PendingOutcome
from pipeline.delivery.frontier import Unfinished
from pipeline.delivery.partition import Partition
from pipeline.delivery.pending_notice import PendingNotice
from pipeline.model.event import Event, Position, Record
from pipeline.model.notice import Notice
from pipeline.model.outcome import ACCEPTED, Outcome, OutcomeKind, Reason
from pipeline.model.reply import Reply

_NO_REPLY = Reply()
_NEVER_REDRIVEN = (0, None)


class UnacknowledgedOutcomes:
    """Counts everything from offered to acknowledged; an outcome that Kafka has not acknowledged is not done."""

    def __init__(self, most_unwritten: int) -> None:
        """`most_unwritten`: attempts under way and outcomes not yet acknowledged; a crash may send so many twice."""
        self._most_unwritten = most_unwritten
        self.buffered = 0
        """Notices not yet ended, and outcomes not yet acknowledged, of all partitions."""
        self.bytes = 0
        """Held by the unfinished events of all partitions."""
        self._ticket = 0
        self._publications: list[PendingOutcome] = []
        self._unacknowledged: dict[int, tuple[Partition, Unfinished]] = {}

    def room(self, in_flight: int) -> int:
        """How many more attempts may leave while so many are under way, though Kafka acknowledges nothing meanwhile."""
        return self._most_unwritten - in_flight - len(self._unacknowledged)

    def expect(self, partition: Partition, outcomes: int, event: Unfinished) -> None:
        """Count the outcomes to come of an event, and the bytes that it holds until they are acknowledged."""
        partition.buffered += outcomes
        self.buffered += outcomes
        partition.bytes += event.size
        self.bytes += event.size

    def publish(self, outcome: Outcome, record: Record, partition: Partition, event: Unfinished) -> None:
        """An outcome is decided."""
        self._ticket += 1
        partition.unacknowledged += 1
        self._unacknowledged[self._ticket] = (partition, event)
        self._publications.append(PendingOutcome(self._ticket, outcome, record))

    def collect(self) -> list[PendingOutcome]:
        """Outcomes decided since last asked."""
        publications, self._publications = self._publications, []
        return publications

    def acknowledged(self, ticket: int, ledger_partition: int, ledger_offset: int) -> None:
        """Kafka has acknowledged an outcome."""
        partition, event = self._unacknowledged.pop(ticket)
        partition.unacknowledged -= 1
        if partition.released:
            return
        partition.buffered -= 1
        self.buffered -= 1
        partition.frontier.acknowledged(event, ledger_partition, ledger_offset)
        if not event.left:
            partition.bytes -= event.size
            self.bytes -= event.size

    def release(self, partition: Partition) -> None:
        """Count `partition` no more; what of it was handed out may still be acknowledged, the rest never leaves."""
        partition.released = True
        self.buffered -= partition.buffered
        self.bytes -= partition.bytes
        kept: list[PendingOutcome] = []
        for publication in self._publications:
            if self._unacknowledged[publication.ticket][0] is partition:
                del self._unacknowledged[publication.ticket]
            else:
                kept.append(publication)
        self._publications = kept


def _limit(notice: Notice, event: Event) -> str:
    """Which limit has passed, and which clock it counts from."""
    if notice.expires_at is None or notice.expires_at * 1_000 == event.expires_at_ms:
        return "after the event's expirytime"
    seconds = notice.expires_at - event.time_ms / 1_000
    return (
        f"more than expires_after ({seconds:.0f} s) after the event's time ({event.time_source or 'Kafka timestamp'})"
    )


def final_word(work: PendingNotice, kind: OutcomeKind, reason: Reason, now: float) -> Outcome:
    """The outcome of a notice, made of all that is remembered of it.

    Raises:
        ValueError: the notice came with a record that is no event.
    """
    # Taken apart and put together by position, not by name: it takes a third of the time.
    record, event, _, _, _, received_at, rules_version = work.arrival
    notice_id, rule, template, recipient, _, _, _, _, _ = work.notice
    if event is None:
        raise ValueError(f"{notice_id}: a notice without an event")
    topic, partition, offset, _, _, _, _ = record
    status, code, _, _, detail, _ = work.reply or _NO_REPLY
    return Outcome(
        notice_id,
        kind,
        reason,
        Position(topic, partition, offset),
        event.type,
        event.id,
        event.source,
        event.time_ms / 1000,
        rule,
        rules_version,
        template,
        recipient,
        work.attempts,
        status,
        code if isinstance(code, int) else None,  # the schema's is a number; a text is in the detail
        received_at,
        work.first_attempt_at,
        now,
        offset <= work.partition.reached,
        "" if kind is ACCEPTED else detail if kind is not OutcomeKind.EXPIRED else _limit(work.notice, event),
        event.trace,
        work.partition.origin,
        *(_NEVER_REDRIVEN if event.redrive is None else (event.redrive.number, event.redrive.first)),
    )
