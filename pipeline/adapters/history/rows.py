"""Rows of the table of outcomes: made from the fields of a record, and read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Text

from pipeline.adapters.history.tables import OUTCOMES
from pipeline.model.event import Position
from pipeline.operations.find.ended import Ended, ended

DAY_MS = 86_400_000
COLUMNS = tuple(column.name for column in OUTCOMES.columns)
_OWN = 3
"""Columns that are not named as the fields of an outcome: where and when the outcome was written."""
FIELDS = COLUMNS[_OWN:]
"""Fields of an outcome whose values `make_row` needs, in this order."""

Row = tuple[Any, ...]


def day_of(timestamp_ms: int) -> int:
    """Return the day of a Kafka timestamp, in days since the epoch."""
    return timestamp_ms // DAY_MS


_BECAUSE = FIELDS.index("because")
_KEYS = frozenset({FIELDS.index(name) for name in ("recipient", "reference", "event_id")})
_texts = itemgetter(*[number for number, column in enumerate(OUTCOMES.columns[_OWN:]) if isinstance(column.type, Text)])
MOST_OF_KEY = 500
"""Characters that are stored of a value that is looked up. PostgreSQL refuses a row with more than 2,704 bytes in an
index, and producers choose the ids of their events."""


def make_row(day: int, partition: int, offset: int, values: Sequence[Any]) -> Row:
    """Return the row of an outcome with the values of `FIELDS`, written at a position of the outcomes topic."""
    if values[_BECAUSE] is not None:
        values = [*values[:_BECAUSE], json.dumps(values[_BECAUSE]), *values[_BECAUSE + 1 :]]
    text = "".join(filter(None, _texts(values)))
    if "\x00" in text or len(text) > MOST_OF_KEY:
        values = [_text(value, number) if isinstance(value, str) else value for number, value in enumerate(values)]
    return (day, partition, offset, *values)


def stored_key(value: str) -> str:
    """Return how a recipient, reference or event id is stored; a user may search for what is not even a text."""
    return _without_nul(value.encode("utf-8", "replace").decode()[:MOST_OF_KEY])


def _text(value: str, number: int) -> str:
    return stored_key(value) if number in _KEYS else _without_nul(value)


def _without_nul(text: str) -> str:
    return text.replace("\x00", "\ufffd")  # PostgreSQL's text has none


def read_row(topic: str, group: str) -> Callable[[Sequence[Any]], Ended]:
    """Return what makes an outcome of a row, whose columns are `COLUMNS`; `topic` is the one of outcomes."""

    def read(row: Sequence[Any]) -> Ended:
        values = dict(zip(COLUMNS, row, strict=True))
        values["because"] = json.loads(values["because"]) if values["because"] else None
        values["group"] = group
        return ended(values, Position(topic, values["written_partition"], values["written_offset"]))

    return read
