"""One partition that is ours, from assignment to release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.delivery.frontier import Frontier

if TYPE_CHECKING:
    from pipeline.model.ledger import Assigned


class Partition:
    """Its frontier, and what of it is still under way."""

    __slots__ = ("buffered", "done", "epoch", "frontier", "in_flight", "reached", "revoking", "unacknowledged")

    def __init__(self, assigned: Assigned) -> None:
        """Begins where the assignment says, knowing what the ledger holds already."""
        self.epoch = assigned.epoch
        self.frontier = Frontier(assigned.partition, assigned.frontier)
        self.done = dict(assigned.done)
        """Outcome ids that the ledger holds; each is forgotten once its event is offered."""
        self.reached = assigned.reached
        self.revoking = False
        self.in_flight = 0
        """Attempts under way."""
        self.unacknowledged = 0
        """Outcomes decided but not acknowledged by Kafka."""
        self.buffered = 0
        """Notices not yet ended and outcomes not yet acknowledged."""

    @property
    def drained(self) -> bool:
        """Whether nothing of it is under way."""
        return not self.in_flight and not self.unacknowledged
