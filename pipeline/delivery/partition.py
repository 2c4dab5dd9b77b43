"""One partition that is ours, from assignment to release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.delivery.frontier import Frontier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.delivery.evaluated_record import EvaluatedRecord
    from pipeline.model.ledger import Assigned
    from pipeline.model.notice import Notice
    from pipeline.model.outcome import Outcome


class Partition:
    """Its frontier, and what of it is still under way."""

    __slots__ = (
        "buffered",
        "bytes",
        "done",
        "epoch",
        "frontier",
        "in_flight",
        "origin",
        "reached",
        "released",
        "revoking",
        "unacknowledged",
    )

    def __init__(self, assigned: Assigned) -> None:
        """Begins where the assignment says, knowing what the ledger holds already.

        Raises:
            ValueError: outcomes are done, but not up to which source offset.
        """
        if assigned.done and assigned.reached < 0:
            raise ValueError(f"{assigned.partition}: outcomes are done, but not known up to which offset")
        self.epoch = assigned.epoch
        self.origin = assigned.origin
        self.frontier = Frontier(
            assigned.partition, assigned.frontier, assigned.ledger_end, assigned.origin.topic_id, assigned.ledger_id
        )
        self.done = dict(assigned.done)
        """Outcomes that the ledger holds; each is forgotten once its event is offered."""
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
        """Held by its unfinished events: record values and bodies of notices."""
        if self.done:
            # Which event each outcome is of is not known; held to belong to the last of them, none is let go early.
            first = min(self.done.values(), key=lambda position: position.offset)
            self.frontier.noted(self.reached, first.partition, first.offset)

    @property
    def drained(self) -> bool:
        """Whether nothing of it is under way."""
        return not self.in_flight and not self.unacknowledged

    def still_to_do(self, arrival: EvaluatedRecord) -> tuple[Sequence[Notice], Sequence[Outcome]]:
        """Notices and outcomes of `arrival` that the ledger does not hold."""
        if arrival.record.offset > self.reached:
            self.done.clear()  # ids of a removed rule would stay
            return arrival.notices, arrival.outcomes
        done, offset = self.done, arrival.record.offset
        notices = [notice for notice in arrival.notices if done.pop((offset, notice.id), None) is None]
        outcomes = [
            outcome._replace(redelivered=True)
            for outcome in arrival.outcomes
            if done.pop((offset, outcome.id), None) is None
        ]
        return notices, outcomes
