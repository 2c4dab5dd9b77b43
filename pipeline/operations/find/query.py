"""What is searched for, and whether an outcome or an event has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pipeline.model.event import Event, Position, Record
from pipeline.operations.find.ended import Ended


class Field(StrEnum):
    """What of an outcome is compared."""

    REFERENCE = "reference"
    RECIPIENT = "recipient"
    EVENT = "event_id"


class ByField(NamedTuple):
    """Outcomes with this value."""

    field: Field
    values: frozenset[str]
    """The forms in which outcomes may have it: in clear, and as a hash where that is configured."""

    def matches(self, one: Ended) -> bool:
        """Whether the outcome has the value."""
        return getattr(one, self.field) in self.values


class ByEvents(NamedTuple):
    """Outcomes of these records, or of events that were first at one of them."""

    events: frozenset[Position]

    def matches(self, one: Ended) -> bool:
        """Whether the outcome is about one of them."""
        return one.source in self.events or one.first in self.events


def has_bytes(record: Record, text: str) -> bool:
    """Whether value or key contain the text; a shell may have given it bytes that are not UTF-8."""
    forms = {form.encode(errors="surrogateescape") for form in (text, text.lower(), text.upper())}
    return any(form in part for form in forms for part in (record.value or b"", record.key or b""))


def fields_with(event: Event, text: str) -> list[str]:
    """Return the paths of the fields whose value contains the text, the event's id, source and key among them.

    Upper and lower case are alike: people type order numbers as they like.
    """
    text = text.casefold()
    values: dict[str, object] = {"id": event.id, "source": event.source, "key": event.record.key}
    about = [name for name, value in values.items() if text in _text(value).casefold()]
    return [*about, *(path for path, value in _leaves(event.data, "event") if text in _text(value).casefold())]


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _leaves(one, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _leaves(one, f"{path}[{number}]")
    else:
        yield path, value


def _text(value: object) -> str:
    """Return a value as people write it; numbers without an exponent or a needless fraction."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bytes():
            return value.decode("utf-8", "replace")
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return f"{value:.0f}"
        case datetime():
            return value.isoformat()
        case _:
            return str(value)
