"""One assigned partition, from assignment to release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.delivery.frontier import Frontier
from pipeline.delivery.hop.checkpoints import Checkpoints
from pipeline.model.intent import Mapped, stream_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.care.recipients import Recipients
    from pipeline.delivery.evaluated_record import EvaluatedRecord
    from pipeline.model.ledger import Assigned
    from pipeline.model.notice import Notice
    from pipeline.model.outcome import Outcome


class Partition:
    """A partition's frontier and its unfinished work."""

    __slots__ = (
        "buffered",
        "bytes",
        "care",
        "checkpoints",
        "done",
        "ended",
        "epoch",
        "frontier",
        "in_flight",
        "mapped",
        "number",
        "origin",
        "reached",
        "released",
        "revoking",
        "unacknowledged",
    )

    def __init__(self, assigned: Assigned, care: Recipients | None = None) -> None:
        """Begin at the assignment's frontier, with the outcomes that the ledger already holds.

        `care` decides about its notices.

        Raises:
            ValueError: there are outcomes without the highest source offset that they reach.
        """
        if assigned.done and assigned.reached < 0:
            raise ValueError(f"{assigned.partition}: outcomes are done, but not known up to which offset")
        self.epoch = assigned.epoch
        self.origin = assigned.origin
        self.frontier = Frontier(
            assigned.partition,
            assigned.frontier,
            assigned.ledger_end,
            assigned.origin.topic_id,
            assigned.ledger_id,
            assigned.line,
        )
        self.number = assigned.partition.partition
        self.checkpoints = None if assigned.intents is None else Checkpoints(assigned.intents, self.frontier)
        """Of a partition of the intents topic; None for a partition of events."""
        self.mapped = Mapped(stream_name(assigned.origin, *assigned.partition, assigned.line), assigned.origin)
        """What intents of its events name."""
        self.done = dict(assigned.done)
        """Outcomes in the ledger; each is removed once its event is offered."""
        self.ended = assigned.ended
        """Notices that were sent from the intents topic, or wait there, before their events are read again."""
        self.reached = assigned.reached
        """Up to this offset an earlier owner was at work, as far as the ledger tells: what is sent of it may be sent
        again, for that owner may have sent what it could no longer write down."""
        self.revoking = False
        self.released = False
        self.in_flight = 0
        """Attempts under way."""
        self.unacknowledged = 0
        """Outcomes decided but not acknowledged by Kafka."""
        self.buffered = 0
        """Notices not yet ended and outcomes not yet acknowledged."""
        self.bytes = 0
        """Memory that its unfinished events take: records, bodies of notices, and a fixed part for each event."""
        self.care = care
        """The recipients of its notices; None: recipient care decides about none of them."""
        if care is not None:
            self.frontier.uncovered = lambda: care.lowest
        if self.done:
            # The outcomes' order by event is unknown. Attributing them to the last event keeps all of them long enough.
            first = min(self.done.values(), key=lambda position: position.offset)
            self.frontier.noted(self.reached, first.partition, first.offset)

    @property
    def drained(self) -> bool:
        """Whether no request is in flight, and every outcome and every record of recipient care is acknowledged."""
        return not self.in_flight and not self.unacknowledged and (self.care is None or not self.care.is_writing)

    def unwritten(self, intents: Sequence[Notice], offset: int) -> Sequence[Notice]:
        """Return those of `intents`, of the event at `offset`, whose outcome the ledger does not hold.

        It may hold one where recipient care was off before, or where an operator has reset offsets.
        """
        ended, done = self.ended, self.done
        if not ended and offset > self.reached:
            return intents
        kept = [notice for notice in intents if done.pop((offset, notice.id), None) is None]
        return [notice for notice in kept if (offset, notice.id) not in ended]

    def remaining(self, evaluated: EvaluatedRecord, offset: int) -> tuple[Sequence[Notice], Sequence[Outcome]]:
        """Return the notices and outcomes of `evaluated`, of the record at `offset`, that the ledger does not hold."""
        if offset > self.reached:
            self.done.clear()  # ids of a removed rule would stay
            return evaluated.notices, evaluated.outcomes
        done = self.done
        notices = [notice for notice in evaluated.notices if done.pop((offset, notice.id), None) is None]
        outcomes = [
            outcome._replace(redelivered=True)
            for outcome in evaluated.outcomes
            if done.pop((offset, outcome.id), None) is None
        ]
        return notices, outcomes
