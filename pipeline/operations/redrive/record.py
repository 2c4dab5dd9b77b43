"""Build the records that redrive writes for a dead letter, and replay for an event."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.model import dead_letter
from pipeline.model.event import Headers, Origin, Record, position_identity
from pipeline.model.outcome import OutcomeKind
from pipeline.operations.redrive.letter import Letter, last_of_each


class Redriven(NamedTuple):
    """The record to write: the original's key, value and headers, with added headers for the service."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def redriven(letter: Letter, original: Record) -> Redriven:
    """Build the record; `original` is the letter's record, or the one at its source if the letter was cut."""
    given = last_of_each(letter.record.headers)
    number = letter.redrives + 1
    added = {
        dead_letter.REDRIVES: b"%d" % number,
        dead_letter.GROUP: letter.origin.group.encode(),
        dead_letter.EVENT_IDENTITY: given.get(dead_letter.EVENT_IDENTITY)
        or position_identity(letter.origin, *letter.source).encode(),
        dead_letter.FIRST_POSITION: given.get(dead_letter.FIRST_POSITION) or str(letter.source).encode(),
        dead_letter.EVENT_TIME: given.get(dead_letter.EVENT_TIME) or b"%d" % letter.source_time_ms,
        dead_letter.DEAD_LETTER: str(letter.record.position).encode(),
    }
    if letter.rule is not None:
        added[dead_letter.ONLY_RULE] = letter.rule.encode()
        if letter.item is not None:
            added[dead_letter.ONLY_ITEM] = b"%d" % letter.item
        elif dead_letter.ONLY_ITEM in given:  # the list was refused when one item of it was redriven
            added[dead_letter.ONLY_ITEM] = given[dead_letter.ONLY_ITEM]
    if letter.kind is OutcomeKind.REJECTED:
        added[dead_letter.KEY_ROUND] = b"%d" % number
    elif dead_letter.KEY_ROUND in given:
        added[dead_letter.KEY_ROUND] = given[dead_letter.KEY_ROUND]
    own = tuple((name, raw) for name, raw in original.headers if not name.startswith(dead_letter.PREFIX))
    return Redriven(original.key, original.value, (*own, *added.items()))


def replayed(
    record: Record, origin: Origin, rule: str, number: int, *, new_key: bool, item: int | None = None
) -> Redriven:
    """Build the record that replay writes for an event, of which the service runs `rule` alone.

    With `item` the service makes the message of this item of the rule's list, and no other.
    With `new_key` the API takes the message although it knows the notice: its recipient gets a second one.
    """
    given = last_of_each(record.headers)
    added = {
        dead_letter.REDRIVES: b"%d" % number,
        dead_letter.GROUP: origin.group.encode(),
        dead_letter.EVENT_IDENTITY: given.get(dead_letter.EVENT_IDENTITY)
        or position_identity(origin, *record.position).encode(),
        dead_letter.FIRST_POSITION: str(record.position).encode(),
        dead_letter.EVENT_TIME: b"%d" % record.timestamp_ms,
        dead_letter.ONLY_RULE: rule.encode(),
    }
    if item is not None:
        added[dead_letter.ONLY_ITEM] = b"%d" % item
    if new_key:
        added[dead_letter.KEY_ROUND] = b"%d" % number
    own = tuple((name, raw) for name, raw in record.headers if not name.startswith(dead_letter.PREFIX))
    return Redriven(record.key, record.value, (*own, *added.items()))
