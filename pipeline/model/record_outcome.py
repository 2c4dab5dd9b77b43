"""Outcomes of records that become no notice: no rule matches, a rule makes no message, or nothing is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.model.event import record_identity
from pipeline.model.notice import notice_id
from pipeline.model.outcome import Outcome, OutcomeKind

if TYPE_CHECKING:
    from pipeline.model.event import Event, Origin, Record
    from pipeline.model.notice import Refusal
    from pipeline.model.outcome import Reason


def record_outcome(  # noqa: PLR0913 - one argument for each fact that the outcome states
    record: Record,
    event: Event | None,
    origin: Origin,
    kind: OutcomeKind,
    *,
    reason: Reason,
    detail: str,
    rules_version: str,
    now: float,
) -> Outcome:
    """Return the outcome of a record that becomes no notice; without an `event` it is not decoded."""
    identity = record_identity(origin, *record.position)
    redrive = event.redrive if event else None
    return Outcome(
        id=notice_id(identity, kind.value),
        kind=kind,
        reason=reason,
        position=record.position,
        event_type=event.type if event else None,
        event_id=event.id if event else None,
        event_source=event.source if event else None,
        event_time=event.time_ms / 1000 if event else record.timestamp_ms / 1000,
        rule=None,
        rules_version=rules_version,
        template=None,
        recipient=None,
        attempts=0,
        status=None,
        code=None,
        received_at=now,
        first_attempt_at=None,
        finished_at=now,
        redelivered=False,
        detail=detail,
        trace=event.trace if event else None,
        origin=origin,
        redrives=redrive.number if redrive else 0,
        first=redrive.first if redrive else None,
    )


def refusal_outcome(
    record: Record, event: Event, origin: Origin, refusal: Refusal, rules_version: str, now: float
) -> Outcome:
    """Return the outcome of a rule that matched but made no message."""
    base = record_outcome(
        record,
        event,
        origin,
        OutcomeKind.UNRENDERABLE,
        reason=refusal.reason,
        detail=refusal.detail if refusal.item is None else f"item {refusal.item}: {refusal.detail}",
        rules_version=rules_version,
        now=now,
    )
    return base._replace(
        id=refusal.id,
        rule=refusal.rule,
        template=refusal.template,
        recipient=refusal.recipient,
        reference=refusal.reference,
        item=refusal.item,
    )
