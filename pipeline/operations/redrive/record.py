"""The record that a dead letter becomes when it is sent again."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.model import dead_letter
from pipeline.model.event import Headers, Record, position_identity
from pipeline.model.outcome import OutcomeKind
from pipeline.operations.redrive.letter import Letter, last_of_each


class Redriven(NamedTuple):
    """What is written: the original's key, value and headers, and beside them what the service must know."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def redriven(letter: Letter, original: Record) -> Redriven:
    """The record; `original` is the letter itself, or what stands at its source where the letter was cut."""
    given = last_of_each(letter.record.headers)
    number = letter.redrives + 1
    ours = {
        dead_letter.REDRIVES: b"%d" % number,
        dead_letter.GROUP: letter.origin.group.encode(),
        dead_letter.EVENT_IDENTITY: given.get(dead_letter.EVENT_IDENTITY)
        or position_identity(letter.origin, *letter.source).encode(),
        dead_letter.FIRST_POSITION: given.get(dead_letter.FIRST_POSITION) or str(letter.source).encode(),
        dead_letter.EVENT_TIME: given.get(dead_letter.EVENT_TIME) or b"%d" % letter.source_time_ms,
        dead_letter.DEAD_LETTER: str(letter.record.position).encode(),
    }
    if letter.rule is not None:
        ours[dead_letter.ONLY_RULE] = letter.rule.encode()
    if letter.kind is OutcomeKind.REJECTED:
        ours[dead_letter.KEY_ROUND] = b"%d" % number
    elif dead_letter.KEY_ROUND in given:
        ours[dead_letter.KEY_ROUND] = given[dead_letter.KEY_ROUND]
    own = tuple((name, raw) for name, raw in original.headers if not name.startswith(dead_letter.PREFIX))
    return Redriven(original.key, original.value, (*own, *ours.items()))
