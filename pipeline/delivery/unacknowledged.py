"""Outcomes on their way into the ledger: decided, handed over, acknowledged."""

from __future__ import annotations

from pipeline.delivery.evaluated_record import PendingOutcome
from pipeline.delivery.frontier import Unfinished
from pipeline.delivery.partition import Partition
from pipeline.delivery.pending_notice import PendingNotice
from pipeline.model.event import Event, IntentPosition, Position, Record
from pipeline.model.make import make
from pipeline.model.notice import Notice
from pipeline.model.once import OnceUntil
from pipeline.model.outcome import ACCEPTED, COUNTED, Because, Outcome, OutcomeKind, Reason
from pipeline.model.reply import Reply

_NO_REPLY = Reply()


class UnacknowledgedOutcomes:
    """Counts notices and outcomes until Kafka acknowledges the outcome."""

    def __init__(self, max_unwritten: int) -> None:
        """`max_unwritten` limits attempts in flight and unacknowledged outcomes: a crash may send that many twice."""
        self._max_unwritten = max_unwritten
        self.buffered = 0
        """Unfinished notices and unacknowledged outcomes of all partitions."""
        self.bytes = 0
        """Memory that the unfinished events of all partitions take."""
        self.correction = 0.0
        """Seconds by which the times of outcomes will be corrected before they are written."""
        self._ticket = 0
        self._pending: list[PendingOutcome] = []
        self._unacknowledged: dict[int, tuple[Partition, Unfinished, float]] = {}

    def __len__(self) -> int:
        """Return how many outcomes are decided and not acknowledged."""
        return len(self._unacknowledged)

    @property
    def oldest(self) -> float | None:
        """The time when the oldest unacknowledged outcome was decided; None without one."""
        return next((at for _, _, at in self._unacknowledged.values()), None)

    def room(self, in_flight: int) -> int:
        """Return how many more attempts may start with `in_flight` of them running."""
        return self._max_unwritten - in_flight - len(self._unacknowledged)

    def expect(self, partition: Partition, outcomes: int, event: Unfinished) -> None:
        """Count an event's future outcomes, and the bytes that it holds until they are acknowledged."""
        partition.buffered += outcomes
        self.buffered += outcomes
        partition.bytes += event.size
        self.bytes += event.size

    def publish(self, outcome: Outcome, record: Record, partition: Partition, event: Unfinished) -> None:
        """Add a decided outcome."""
        self._ticket += 1
        partition.unacknowledged += 1
        if partition.care is not None:
            outcome = partition.care.explained(outcome)
            partition.care.ended(self._ticket, outcome, self.correction)
        self._unacknowledged[self._ticket] = (partition, event, outcome.finished_at)
        self._pending.append(PendingOutcome(self._ticket, outcome, record))

    def collect(self) -> list[PendingOutcome]:
        """Return the outcomes decided since the last call."""
        pending, self._pending = self._pending, []
        return pending

    def acknowledged(self, ticket: int, ledger_partition: int, ledger_offset: int) -> None:
        """Record that Kafka acknowledged an outcome."""
        partition, event, _ = self._unacknowledged.pop(ticket)
        partition.unacknowledged -= 1
        if partition.care is not None:
            partition.care.acknowledged(ticket, ledger_offset)
        if partition.released:
            return
        partition.buffered -= 1
        self.buffered -= 1
        partition.frontier.acknowledged(event, ledger_partition, ledger_offset)
        if not event.left:
            partition.bytes -= event.size
            self.bytes -= event.size

    def done(self, partition: Partition, event: Unfinished) -> None:
        """Record that a part of the event that has no outcome is done."""
        if partition.released:
            return
        partition.buffered -= 1
        self.buffered -= 1
        partition.frontier.done(event)
        if not event.left:
            partition.bytes -= event.size
            self.bytes -= event.size

    def release(self, partition: Partition) -> None:
        """Stop counting `partition`. Outcomes handed over may still be acknowledged; the others are dropped."""
        partition.released = True
        self.buffered -= partition.buffered
        self.bytes -= partition.bytes
        kept: list[PendingOutcome] = []
        for one in self._pending:
            if self._unacknowledged[one.ticket][0] is partition:
                del self._unacknowledged[one.ticket]
            else:
                kept.append(one)
        self._pending = kept


def _limit(notice: Notice, event: Event) -> str:
    """Describe which limit has passed, and from which time it counts."""
    if notice.expires_at is None or notice.expires_at * 1_000 == event.expires_at_ms:
        return "after the event's expirytime"
    seconds = notice.expires_at - event.time_ms / 1_000
    return (
        f"more than expires_after ({seconds:.0f} s) after the event's time ({event.time_source or 'Kafka timestamp'})"
    )


def _detail(work: PendingNotice, kind: OutcomeKind, reason: Reason, event: Event, replied: str) -> str:
    """Describe how a notice ended that was not accepted: what the last reply said, or why it was not tried."""
    if kind is OutcomeKind.EXPIRED:
        return _limit(work.notice, event)
    return "a reload removed or switched off the rule" if reason is Reason.RULE_OFF else replied


def final_outcome(
    work: PendingNotice, kind: OutcomeKind, reason: Reason, now: float, because: tuple[Because, ...] = ()
) -> Outcome:
    """Build the outcome of a notice.

    Raises:
        ValueError: the notice has no event.
    """
    # Unpacking a tuple and positional arguments take a third of the time of access by name.
    arrival = work.arrival
    event = arrival.event
    notice_id, rule, template, recipient, _, _, _, _, _, _, reference, item, category, once = work.notice
    if event is None:
        raise ValueError(f"{notice_id}: a notice without an event")
    topic, partition, offset, _, _, _, _, _ = arrival.record
    redrive, intent = event.redrive, arrival.intent
    status, code, _, _, detail, _ = work.reply or _NO_REPLY
    values = (
        notice_id,
        kind,
        reason,
        make(Position, (topic, partition, offset)),
        event.type,
        event.id,
        event.source,
        event.time_ms / 1000,
        rule,
        arrival.rules_version,
        template,
        recipient,
        work.attempts,
        status,
        code if isinstance(code, int) else None,  # the schema's code is a number; the detail holds a text
        arrival.received_at,
        work.first_attempt_at,
        now,
        work.event.offset <= work.partition.reached,
        "" if kind is ACCEPTED else _detail(work, kind, reason, event, detail),
        event.trace,
        work.partition.origin if intent is None else intent.origin,
        0 if redrive is None else redrive.number,
        None if redrive is None else redrive.first,
        because,
        reference,
        item,
        category,
        None if once is None or kind not in COUNTED else OnceUntil(once.key, now + once.within),
        None if intent is None else IntentPosition(work.partition.number, work.event.offset),
    )
    return make(Outcome, values)
