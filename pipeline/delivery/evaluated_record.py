"""Delivery's input and output. Not tuples: making one and reading its fields would cost half as much again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pipeline.care.preferences import Choice
from pipeline.care.recipients import CareWrite
from pipeline.model.event import Event, Record
from pipeline.model.intent import Intent
from pipeline.model.notice import Notice
from pipeline.model.outcome import Outcome
from pipeline.model.trace import TraceContext

if TYPE_CHECKING:
    from pipeline.delivery.partition import Partition


@dataclass(slots=True)
class EvaluatedRecord:
    """A record with its notices and outcomes."""

    record: Record
    event: Event | None
    """None if the record could not be decoded."""
    epoch: int
    """The assignment under which the record was read; records of an older one are dropped."""
    notices: Sequence[Notice]
    """To be sent, in the order of the rules."""
    outcomes: Sequence[Outcome]
    """Final outcomes, to be published only."""
    received_at: float
    rules_version: str
    choice: Choice | None = None
    """What a recipient has chosen, instead of notices; done once Kafka has its record of recipient care."""
    intents: Sequence[Notice] = ()
    """To be written to the intents topic, in the order of the rules (map role)."""
    intent: Intent | None = None
    """What the notice was read from (send role): `record` is the event's own."""


@dataclass(slots=True)
class Attempt:
    """A request to send now."""

    ticket: int
    notice: Notice
    number: int
    """Counted from 1."""
    trace: TraceContext | None


@dataclass(slots=True)
class PendingOutcome:
    """An outcome to write, after the dead letter made of `record` if its kind leaves one."""

    ticket: int
    outcome: Outcome
    record: Record


class CareRecord(NamedTuple):
    """A recipient's record to write, and the partition whose recipient it is."""

    partition: Partition
    write: CareWrite
