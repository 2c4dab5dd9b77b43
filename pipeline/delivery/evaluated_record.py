"""What comes to delivery and what leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.model.event import Event, Record
from pipeline.model.notice import Notice
from pipeline.model.outcome import Outcome
from pipeline.model.trace import TraceContext


class EvaluatedRecord(NamedTuple):
    """A record, and what follows from it."""

    record: Record
    event: Event | None
    """None where the bytes are no event."""
    epoch: int
    """Of the assignment under which the record was read; of an older one it is dropped."""
    notices: Sequence[Notice]
    """To be sent, in the order of the rules."""
    outcomes: Sequence[Outcome]
    """Final already: only to be published."""
    received_at: float
    rules_version: str


class Attempt(NamedTuple):
    """A request to be made now."""

    ticket: int
    notice: Notice
    number: int
    """Counted from 1."""
    trace: TraceContext | None


class PendingOutcome(NamedTuple):
    """An outcome to be written; before it, where its kind leaves one, the dead letter made of `record`."""

    ticket: int
    outcome: Outcome
    record: Record
