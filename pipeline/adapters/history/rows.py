"""Rows of the table of outcomes: made from the fields of a record, and read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.adapters.history.tables import OUTCOMES
from pipeline.model.event import Position, Record
from pipeline.operations.find.ended import Ended, ended

DAY_MS = 86_400_000
COLUMNS = tuple(column.name for column in OUTCOMES.columns)
_FIELDS = COLUMNS[3:]
"""Columns that are named as the fields of an outcome."""

Row = tuple[Any, ...]


def day_of(timestamp_ms: int) -> int:
    """Return the day of a Kafka timestamp, in days since the epoch."""
    return timestamp_ms // DAY_MS


def make_row(record: Record, fields: Mapping[str, Any], today: int) -> Row:
    """Return the row of an outcome. A timestamp of the future counts as tomorrow's: it must not make a partition."""
    values = [fields[name] for name in _FIELDS]
    day = min(day_of(record.timestamp_ms), today + 1)
    return (day, record.partition, record.offset, *map(_stored, values))


def _stored(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd") if "\x00" in value else value  # PostgreSQL's text has no NUL
    return json.dumps(value) if isinstance(value, list) else value


def read_row(topic: str, group: str) -> Callable[[Sequence[Any]], Ended]:
    """Return what makes an outcome of a row, whose columns are `COLUMNS`; `topic` is the one of outcomes."""

    def read(row: Sequence[Any]) -> Ended:
        values = dict(zip(COLUMNS, row, strict=True))
        values["because"] = json.loads(values["because"]) if values["because"] else None
        values["group"] = group
        return ended(values, Position(topic, values["written_partition"], values["written_offset"]))

    return read
