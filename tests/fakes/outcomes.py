"""Outcomes to write, for tests that do not care what they say."""

from __future__ import annotations

from pipeline.model.event import Position, Record
from pipeline.model.outcome import Outcome, OutcomeKind, Reason

FIRST = Position("events", 0, 0)


def an_outcome(position: Position = FIRST, kind: OutcomeKind = OutcomeKind.ACCEPTED, *, name: str = "") -> Outcome:
    """An outcome of the record at `position`."""
    return Outcome(
        id=name or f"outcome-of-{position}",
        kind=kind,
        reason=Reason.OK if kind is OutcomeKind.ACCEPTED else Reason.CONTENT,
        position=position,
        event_type="trade.OrderPaid",
        event_id=None,
        event_source=None,
        event_time=1_700_000_000.0,
        rule="order-paid",
        rules_version="1",
        template="order",
        recipient="r",
        attempts=1,
        status=200,
        code=200,
        received_at=1_700_000_001.0,
        first_attempt_at=1_700_000_002.0,
        finished_at=1_700_000_003.0,
        redelivered=False,
        detail="",
    )


def a_record(position: Position = FIRST, *, value: bytes | None = b"v") -> Record:
    """The record at `position`."""
    return Record(*position, b"key", value, (("trace", b"t"), ("empty", None)), 1_700_000_000_000)
