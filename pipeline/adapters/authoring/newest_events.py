"""The newest events of topics, for authors: decoded as the service does, masked, and as the JSON that authors edit.

Reading uses no consumer group and commits nothing. Events are masked as soon as they are read; what they were before is
not kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pipeline.adapters.events.strict_json import dumps
from pipeline.adapters.kafka.range import Span, TopicRange
from pipeline.authoring.event_json import event_json
from pipeline.authoring.masking.event import EventMasking
from pipeline.authoring.masking.mask import Mask
from pipeline.authoring.masking.recipients import Recipients
from pipeline.errors import Undecodable, UserError
from pipeline.model.event import Event, Record
from pipeline.phrases import phrase
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.timestamp import EPOCH

PREFIX = "newest:"
"""How the keys of these events begin."""
LAST_RECORDS = 200
"""Of each partition."""
MOST_BYTES = 64 * 1024 * 1024
"""Of all records of one reading, each counted with `EVENT_BYTES`."""
MOST_SECONDS = 15.0
"""Of one reading. An answer of Kafka that is under way is awaited beyond."""
MOST_KEPT = 50
"""Events of one type that can be chosen."""


class Source(NamedTuple):
    """What one reading needs."""

    properties: Mapping[str, Any]
    """Librdkafka's."""
    topics: Sequence[str]
    decode: Callable[[Record], Event]
    """May wait for a registry; raises `Undecodable`, or `UserError` where the registry does not answer."""
    catalogue: SchemaCatalogue
    """The schemas in whose newest versions events are decoded."""


class Reading(NamedTuple):
    """What became of one reading."""

    records: int
    faults: int = 0
    """Records that cannot be decoded."""
    fault: str = ""
    """Position and reason of the first one of them."""
    is_whole: bool = True
    """False: one of the limits was reached first."""
    problem: str = ""
    """Why a topic, or all of them, could not be read."""
    hint: str = ""


class _Limit(Exception):
    """A limit of the reading is reached, or it is not wanted any more."""


class NewestEvents:
    """Reads the newest events when asked, and keeps the last reading."""

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Source]],
        find_recipients: Callable[[], Recipients],
        key: bytes,
        show_time: Callable[[datetime], str],
    ) -> None:
        """`opened` gives what is read, for one reading; `find_recipients` the fields that name recipients now.

        Each may raise `UserError`. `key` is a secret of the masks; `show_time` writes the time of an event.
        """
        self._opened = opened
        self._find_recipients = find_recipients
        self._mask = Mask(key)
        self._show_time = show_time
        self._ended = threading.Event()
        self._names: Mapping[str, Sequence[tuple[str, str]]] = {}
        self._texts: Mapping[str, str] = {}

    def choices(self, event_type: str) -> list[dict[str, str]]:
        """The events of that type of the last reading, the newest first: `key` and `name` of each."""
        return [{"key": key, "name": name} for key, name in self._names.get(event_type, ())]

    def event(self, key: str) -> str | None:
        """The event of that key as JSON; None if the last reading does not have it."""
        return self._texts.get(key)

    def end(self) -> None:
        """Let a reading that is under way end soon; called on another thread."""
        self._ended.set()

    def read(self) -> Reading:
        """Read the topics again. Blocks for some seconds; never raises an error of Kafka, registry or rules."""
        try:
            recipients = self._find_recipients()
            with self._opened() as source:
                return self._read(source, EventMasking(self._mask, recipients))
        except UserError as error:
            return Reading(0, problem=error.message, hint=error.hint or "")

    def _read(self, source: Source, masking: EventMasking) -> Reading:
        shown: dict[str, list[Event]] = {}
        state = _State(self._ended, time.monotonic() + MOST_SECONDS)
        reading = Reading(0)
        try:
            for topic in source.topics:
                reading = self._read_topic(topic, source, state, shown, reading)
        except _Limit:
            reading = reading._replace(is_whole=False)
        if state.records or not reading.problem:
            self._keep(source, masking, shown, state)
        return reading._replace(records=state.records, faults=state.faults, fault=state.fault)

    def _read_topic(
        self, topic: str, source: Source, state: _State, shown: dict[str, list[Event]], reading: Reading
    ) -> Reading:
        """Read one topic; a problem is in the result, for others may be readable."""
        state.require_more()
        try:
            with TopicRange(source.properties, topic, Span(last=LAST_RECORDS)) as records:
                for record in records.records(lambda _read, _total: state.require_more()):
                    event = state.event(record, source.decode)
                    if event is None:
                        continue
                    events = shown.setdefault(event.type, [])
                    events.append(event)
                    if len(events) > 2 * MOST_KEPT:
                        shown[event.type] = _newest(events)
        except UserError as error:
            return reading if reading.problem else reading._replace(problem=error.message, hint=error.hint or "")
        return reading

    def _keep(self, source: Source, masking: EventMasking, shown: Mapping[str, list[Event]], state: _State) -> None:
        names: dict[str, list[tuple[str, str]]] = {}
        texts: dict[str, str] = {}
        for event_type, events in shown.items():
            schema = source.catalogue.newest(event_type)
            for event in _newest(events):
                position, happened = event.record.position, EPOCH + timedelta(milliseconds=event.time_ms)
                key, time_text = f"{PREFIX}{position}", happened.isoformat(timespec="milliseconds")
                whole: dict[str, object] = {"type": event_type, "time": time_text.replace("+00:00", "Z")}
                try:
                    whole["data"] = event_json(masking.masked(event, schema).data, schema)
                    texts[key] = dumps(whole, indented=True)
                except RecursionError:
                    state.add_fault(event.record, phrase("nested too deeply"))
                    continue
                names.setdefault(event_type, []).append((key, f"{self._show_time(happened)} {position}"))
        self._names, self._texts = names, texts


class _State:
    """How far one reading has come."""

    def __init__(self, ended: threading.Event, deadline: float) -> None:
        self._ended = ended
        self._deadline = deadline
        self._size = 0
        self.records = 0
        self.faults = 0
        self.fault = ""

    def require_more(self) -> None:
        """Raise `_Limit` where no more is to be read."""
        if self._ended.is_set() or time.monotonic() > self._deadline or self._size > MOST_BYTES:
            raise _Limit

    def event(self, record: Record, decode: Callable[[Record], Event]) -> Event | None:
        """The event of a record; None for one without, or that cannot be decoded, which is counted.

        Raises:
            UserError: the registry does not answer.
        """
        self.require_more()
        self.records += 1
        self._size += record.size
        if record.value is None:
            return None  # it deletes
        try:
            return decode(record)
        except Undecodable as fault:
            self.add_fault(record, str(fault))
            return None

    def add_fault(self, record: Record, reason: str) -> None:
        """Count a record that cannot be shown; the first one is named."""
        self.faults += 1
        self.fault = self.fault or f"{record.position}: {reason}"


def _newest(events: Sequence[Event]) -> list[Event]:
    """The newest, by the time that Kafka has of them."""
    return sorted(events, key=lambda one: (one.record.timestamp_ms, one.record.offset), reverse=True)[:MOST_KEPT]
