"""An outcome as search has it, whether it comes from Kafka or from the history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.model.event import Position
from pipeline.model.outcome import RECIPIENT_CARE, Because, OutcomeKind


class Ended(NamedTuple):
    """The end of one notice, or of a record that became none. Times are milliseconds since the epoch.

    Kind and reason are texts: those of a later release are found and shown as well.
    """

    written: Position
    """Where the outcome is on the topic of outcomes."""
    id: str
    kind: str
    reason: str
    source: Position
    """The record that it is about; of a redriven event the newest one."""
    first: Position | None
    """Of a redriven event: its first record."""
    group: str | None
    topic_id: str | None
    event_type: str | None
    event_id: str | None
    event_ms: int | None
    rule: str | None
    rules_version: str
    template: str | None
    recipient: str | None
    """In the form that the configuration chose when it was written."""
    reference: str | None
    attempts: int
    http_status: int | None
    body_code: int | None
    received_ms: int
    first_attempt_ms: int | None
    finished_ms: int
    redelivered: bool
    redrives: int
    detail: str
    because: tuple[Because, ...]
    into: str | None
    scheduled_ms: int | None
    item: int | None
    """Which item of its event's list the notice is about; None without `for_each`."""

    @property
    def event(self) -> Position:
        """The first record of the event."""
        return self.first or self.source

    @property
    def leaves_dead_letter(self) -> bool:
        """Whether there is a dead letter, as far as this release knows the kind."""
        return self.kind in _WITH_DEAD_LETTER and self.reason not in RECIPIENT_CARE


_WITH_DEAD_LETTER: frozenset[str] = frozenset(kind for kind in OutcomeKind if kind.leaves_dead_letter)


def ended(fields: Mapping[str, Any], written: Position) -> Ended:
    """Return the outcome with these values of `schemas/outcome.avsc`, timestamps as plain milliseconds."""
    first = (fields["first_topic"], fields["first_partition"], fields["first_offset"])
    return Ended(
        written=written,
        id=fields["outcome_id"],
        kind=fields["kind"],
        reason=fields["reason"],
        source=Position(fields["topic"], fields["partition"], fields["offset"]),
        first=None if None in first else Position(*first),
        group=fields["group"],
        topic_id=fields["topic_id"],
        event_type=fields["event_type"],
        event_id=fields["event_id"],
        event_ms=fields["event_time"],
        rule=fields["rule"],
        rules_version=fields["rules_version"],
        template=fields["template"],
        recipient=fields["recipient"],
        reference=fields["reference"],
        attempts=fields["attempts"],
        http_status=fields["http_status"],
        body_code=fields["body_code"],
        received_ms=fields["received_at"],
        first_attempt_ms=fields["first_attempt_at"],
        finished_ms=fields["finished_at"],
        redelivered=fields["redelivered"],
        redrives=fields["redrives"],
        detail=fields["detail"],
        because=tuple([_because(one) for one in fields["because"] or ()]),
        into=fields["into"],
        scheduled_ms=fields["scheduled_for"],
        item=fields["item"],
    )


def _because(one: Mapping[str, Any]) -> Because:
    until = one["until"]
    return Because(one["what"], one["name"], one["value"], None if until is None else until / 1000)
