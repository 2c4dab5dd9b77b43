"""The fields of an event's own data that carry its id and its time, where no CloudEvents attributes do."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from pipeline.rules.schema.time_texts import milliseconds_of
from pipeline.rules.timestamp import Timestamp, stands_for_none

MOST_CHARACTERS = 2_048
SECONDS_BEFORE = 100_000_000_000
"""A smaller count is of seconds: as milliseconds it would be before 1973, and as seconds it is before the year 5138."""
MILLISECONDS_BEFORE = 100_000_000_000_000


class EventFields(NamedTuple):
    """Paths of field names; empty where the setting is not given."""

    id: tuple[str, ...] = ()
    time: tuple[str, ...] = ()

    @staticmethod
    def of(id_field: str | None, time_field: str | None) -> EventFields:
        """From settings: `event_id`, or with dots for a field within a record: `meta.id`."""
        return EventFields(
            tuple(id_field.split(".")) if id_field else (), tuple(time_field.split(".")) if time_field else ()
        )


def event_id(data: Mapping[str, object], path: tuple[str, ...]) -> str | None:
    """The event's id; None where the field is missing, empty or neither a text nor a whole number."""
    value = _at(data, path)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if 0 < len(text) <= MOST_CHARACTERS else None


def event_time(data: Mapping[str, object], path: tuple[str, ...]) -> int | None:
    """The event's time in milliseconds since 1970; None where the field is missing, not a time, or zero.

    Without a schema, a time is a text with its offset or a count of seconds or milliseconds.
    """
    value = _at(data, path)
    if isinstance(value, Timestamp):
        return None if stands_for_none(value.seconds) else value.seconds * 1_000 + value.nanos // 1_000_000
    if isinstance(value, str):
        return milliseconds_of(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 < value < MILLISECONDS_BEFORE:
        return None
    return int(value * 1_000) if value < SECONDS_BEFORE else int(value)


def _at(data: object, path: tuple[str, ...]) -> object:
    for name in path:
        if not isinstance(data, Mapping):
            return None
        data = data.get(name)
    return data
