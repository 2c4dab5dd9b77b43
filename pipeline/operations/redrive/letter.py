"""Read dead letters from their records."""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.model import dead_letter
from pipeline.model.event import Headers, Origin, Position, Record
from pipeline.model.outcome import OutcomeKind, Reason

_NUMBER = re.compile(rb"[0-9]{1,18}")
_TOPIC = re.compile(rb"[a-zA-Z0-9._-]{1,249}")
_MAX_RULE = 200


class Letter(NamedTuple):
    """A dead letter's record and the values of its headers."""

    record: Record
    """The record on the dead-letter topic: the original's key, and its value and headers unless they were cut."""
    kind: OutcomeKind
    reason: Reason
    rule: str | None
    """None if the record could not be decoded to an event."""
    outcome_id: str
    source: Position
    """The position of the record that failed."""
    source_time_ms: int
    redrives: int
    """How often it was redriven before this failure."""
    origin: Origin
    """Its group and source; without a group if an earlier release wrote it."""
    is_cut: bool
    """Whether only the record at `source` is complete."""
    pause: str | None = None
    """The scope of the pause that suppressed it."""
    item: int | None = None
    """The item of the rule's list that it is about."""

    @property
    def name(self) -> str:
        """A name unique among letters, even if the dead-letter topic was created again."""
        return f"{self.record.position} {self.outcome_id}"


def read_letter(record: Record) -> Letter | None:
    """Return the letter; None if the record is not a letter, or has a kind or reason of a later release."""
    headers = last_of_each(record.headers)
    topic = headers.get(dead_letter.SOURCE_TOPIC, b"")
    partition, offset = (_number(headers, name) for name in (dead_letter.SOURCE_PARTITION, dead_letter.SOURCE_OFFSET))
    if _TOPIC.fullmatch(topic) is None or partition is None or offset is None:
        return None
    try:
        kind = OutcomeKind(headers.get(dead_letter.KIND, b"").decode())
        reason = Reason(headers.get(dead_letter.REASON, b"").decode())
        rule = headers.get(dead_letter.RULE, b"").decode()
        outcome_id = headers.get(dead_letter.OUTCOME_ID, b"").decode()
        pause = headers.get(dead_letter.PAUSE, b"").decode()
        origin = Origin(
            headers.get(dead_letter.GROUP, b"").decode(),
            headers.get(dead_letter.CLUSTER_ID, b"").decode() or None,
            headers.get(dead_letter.TOPIC_ID, b"").decode() or None,
        )
    except ValueError:  # not UTF-8, or not of these vocabularies
        return None
    return Letter(
        record=record,
        kind=kind,
        reason=reason,
        rule=rule[:_MAX_RULE] or None,
        outcome_id=outcome_id,
        source=Position(topic.decode(), partition, offset),
        source_time_ms=_number(headers, dead_letter.SOURCE_TIME) or 0,
        redrives=_number(headers, dead_letter.REDRIVES) or 0,
        origin=origin,
        is_cut=dead_letter.LEFT_OUT in headers,
        pause=pause or None,
        item=_number(headers, dead_letter.ITEM),
    )


def last_of_each(headers: Headers) -> dict[str, bytes]:
    """Return headers by name. The last of several with one name counts, because the service appends its own."""
    return {name: raw for name, raw in headers if raw is not None}


def _number(headers: dict[str, bytes], name: str) -> int | None:
    raw = headers.get(name, b"")
    return int(raw) if _NUMBER.fullmatch(raw) else None
