"""A dead letter as redrive reads it."""

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
    """What a dead letter says of itself."""

    record: Record
    """As it stands on the dead-letter topic: the original's key, and its value and headers unless they were cut."""
    kind: OutcomeKind
    reason: Reason
    rule: str | None
    """None where the record was no event."""
    outcome_id: str
    source: Position
    """Where the record stands that failed."""
    source_time_ms: int
    redrives: int
    """How often it was sent again before it failed this time."""
    origin: Origin
    """Whose letter it is; without a group where it is not of this release."""
    is_cut: bool
    """Whether the whole of it stands only at `source`."""

    @property
    def name(self) -> str:
        """Unique among letters, also of a dead-letter topic that was created again."""
        return f"{self.record.position} {self.outcome_id}"


def read_letter(record: Record) -> Letter | None:
    """The letter; None where the record is none of ours, or of a release that knows more reasons than this one."""
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
    )


def last_of_each(headers: Headers) -> dict[str, bytes]:
    """Headers by name; of several with one name the last counts, for ours are put at the end."""
    return {name: raw for name, raw in headers if raw is not None}


def _number(headers: dict[str, bytes], name: str) -> int | None:
    raw = headers.get(name, b"")
    return int(raw) if _NUMBER.fullmatch(raw) else None
