"""Encode and decode the records of the intents topic (schemas/intent.avsc).

Notices are encoded field by field, as outcomes are: fastavro tries out the branches of each nullable field. A property
test compares the bytes with fastavro's.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import fastavro

from pipeline.adapters.events.avro import FRAME, MAGIC, frame, parsed
from pipeline.adapters.kafka.outcome_bytes import FALSE, NULL, TRUE, VALUE, long, text
from pipeline.adapters.shipped import shipped
from pipeline.model.event import EVENT_BYTES, Event, Headers, Origin, Position, Record, Redrive
from pipeline.model.intent import Checkpoint, ChoiceIntent, Intent, PreferencesChoice, StreamState
from pipeline.model.notice import Notice, OnAmbiguous
from pipeline.model.once import Once
from pipeline.model.trace import trace_context
from pipeline.rules.schema.event_schema import without_logical_types

_LONG_BITS = 63
_BROKEN = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, struct.error)
_END = b"\x00"
"""Of an array."""
_NO_NOTICE = NULL * 3
"""A record without source, event and notice."""
_NEITHER = NULL * 2
"""A record without checkpoint and choice."""


class IntentRecord(NamedTuple):
    """One record of the intents topic."""

    group: str
    content: Intent | Checkpoint | PreferencesChoice
    stream: str = ""
    """Of a choice: as `Intent.stream`."""
    committed: int = 0
    """Of a choice: as `Intent.committed`."""
    position: Position | None = None
    """Of a choice: where the map role read it."""


def intent_schema() -> dict[str, Any]:
    """Return the schema shipped with the program."""
    schema: dict[str, Any] = json.loads(shipped("schemas/intent.avsc").read_bytes())
    return schema


class IntentEncoder:
    """Intents and checkpoints to framed bytes."""

    def __init__(self, schema_id: int, group: str) -> None:
        """`schema_id` is written into each record's frame."""
        self._frame = frame(schema_id)
        self._head = self._frame + text(group)

    def intent(self, intent: Intent) -> bytes:
        """Return the record's value; what Avro cannot encode is replaced, so that no notice is lost."""
        try:
            return self._written(intent)
        except (ValueError, OverflowError):
            return self._written(_writable(intent))

    def _written(self, intent: Intent) -> bytes:
        notice, event, origin, rules_version, received_at, stream, committed = intent
        topic, partition, offset, key, value, headers, timestamp_ms, _ = event.record
        trace, redrive = event.trace, event.redrive
        first = None if redrive is None else redrive.first
        once = notice.once
        return b"".join(
            (
                self._head,
                text(stream),
                long(committed),
                VALUE,  # source
                text(topic),
                long(partition),
                long(offset),
                _text(origin.topic_id),
                _text(origin.cluster_id),
                long(timestamp_ms),
                _bytes(key),
                _bytes(value),
                _headers(headers),
                VALUE,  # event
                text(event.type),
                _text(event.id),
                _text(event.source),
                long(event.time_ms),
                _text(event.time_source),
                _long(event.expires_at_ms),
                _text(None if trace is None else trace.traceparent),
                text("" if trace is None else trace.tracestate),
                long(0 if redrive is None else redrive.number),
                _text(None if first is None else first.topic),
                _long(None if first is None else first.partition),
                _long(None if first is None else first.offset),
                _pack(received_at),
                VALUE,  # notice
                text(notice.id),
                text(notice.rule),
                text(rules_version),
                text(notice.template),
                text(notice.recipient),
                long(len(notice.body)),
                notice.body,
                NULL if notice.expires_at is None else VALUE + _pack(notice.expires_at),
                TRUE if notice.ordered else FALSE,
                text(notice.on_ambiguous),
                _text(notice.key),
                text(notice.api),
                _text(notice.reference),
                _long(notice.item),
                _text(notice.category),
                NULL if once is None else VALUE + text(once.key) + _pack(once.within),
                NULL,  # due
                _NEITHER,
            )
        )

    def choice(self, intent: ChoiceIntent) -> bytes:
        """Return the record's value."""
        (recipient, preferences), (topic, partition, offset), timestamp_ms, stream, committed = intent
        return b"".join(
            (
                self._head,
                text(stream),
                long(committed),
                VALUE,  # source
                text(topic),
                long(partition),
                long(offset),
                NULL,  # topic_id
                NULL,  # cluster_id
                long(timestamp_ms),
                NULL,  # key
                NULL,  # value
                _headers(()),
                NULL,  # event
                NULL,  # notice
                NULL,  # checkpoint
                VALUE,  # choice
                text(recipient),
                _text(preferences),
            )
        )

    def checkpoint(self, checkpoint: Checkpoint) -> bytes:
        """Return the record's value."""
        streams = [
            text(name) + long(state.committed) + long(state.last_ms) + _seen(state.seen)
            for name, state in checkpoint.streams.items()
        ]
        body = (VALUE, long(checkpoint.at), _array(streams), NULL)
        return b"".join((self._head, text(""), long(0), _NO_NOTICE, *body))


class IntentDecoder:
    """Framed bytes to records of the intents topic."""

    def __init__(self) -> None:
        self._schema = parsed(_numbers_only(), "intent.avsc")

    def __call__(self, value: bytes | None) -> IntentRecord | None:
        """Return the record; None if the bytes are not one: other programs may write to the topic, too.

        Fields appended by a later version are ignored.
        """
        if value is None or value[:1] != MAGIC or len(value) < FRAME:
            return None
        stream = io.BytesIO(value)
        stream.seek(FRAME)
        try:
            raw: Any = fastavro.schemaless_reader(stream, self._schema, None)
            return _record(raw)
        except _BROKEN:
            return None


def _record(raw: Mapping[str, Any]) -> IntentRecord | None:
    group: str = raw["group"]
    if raw["notice"] is not None:
        return IntentRecord(group, _intent(raw, group))
    if raw["checkpoint"] is not None:
        return IntentRecord(group, _checkpoint(raw["checkpoint"]))
    if raw["choice"] is not None:
        source, choice = raw["source"], raw["choice"]
        position = None if source is None else Position(source["topic"], source["partition"], source["offset"])
        content = PreferencesChoice(choice["recipient"], choice["preferences"])
        return IntentRecord(group, content, raw["stream"], raw["committed"], position)
    return None


def _intent(raw: Mapping[str, Any], group: str) -> Intent:
    source, facts, given = raw["source"], raw["event"], raw["notice"]
    headers = tuple([(one["name"], one["value"]) for one in source["headers"]])
    record = Record(
        source["topic"],
        source["partition"],
        source["offset"],
        source["key"],
        source["value"],
        headers,
        source["timestamp"],
        EVENT_BYTES + len(source["key"] or b"") + len(source["value"] or b""),
    )
    once = given["once"]
    notice = Notice(
        given["id"],
        given["rule"],
        given["template"],
        given["recipient"],
        given["body"],
        given["expires_at"],
        given["ordered"],
        OnAmbiguous(given["on_ambiguous"]),
        given["key"],
        given["api"],
        given["reference"],
        given["item"],
        given["category"],
        None if once is None else Once(once["key"], once["within"]),
    )
    return Intent(
        notice,
        _event(facts, record),
        Origin(group, source["cluster_id"], source["topic_id"]),
        given["rules_version"],
        facts["received_at"],
        raw["stream"],
        raw["committed"],
    )


def _event(facts: Mapping[str, Any], record: Record) -> Event:
    first = (facts["first_topic"], facts["first_partition"], facts["first_offset"])
    parent = facts["traceparent"]
    redrive = None
    if facts["redrives"]:
        redrive = Redrive(None, 0, facts["redrives"], None if first[0] is None else Position(*first))
    return Event(
        facts["type"],
        {},
        record,
        "",
        facts["id"],
        facts["source"],
        facts["time"],
        facts["expires_at"],
        None if parent is None else trace_context(parent, facts["tracestate"]),
        redrive,
        facts["time_source"],
    )


def _checkpoint(raw: Mapping[str, Any]) -> Checkpoint:
    return Checkpoint(
        raw["at"],
        {
            one["stream"]: StreamState(
                one["committed"], one["last"], tuple([(seen["offset"], seen["id"]) for seen in one["seen"]])
            )
            for one in raw["streams"]
        },
    )


def _numbers_only() -> dict[str, Any]:
    plain: Any = without_logical_types(intent_schema())
    return dict(plain)


def _writable(intent: Intent) -> Intent:
    """Return the intent with texts that UTF-8 can encode and numbers of 64 bits."""
    event, record = intent.event, intent.event.record
    return intent._replace(
        notice=Notice._make(map(_whole, intent.notice)),
        event=replace(
            event,
            type=_whole(event.type),
            id=_whole(event.id),
            source=_whole(event.source),
            time_source=_whole(event.time_source),
            time_ms=event.time_ms if event.time_ms.bit_length() <= _LONG_BITS else record.timestamp_ms,
            expires_at_ms=None,  # the notice has its own
            record=record._replace(headers=tuple((_whole(name), value) for name, value in record.headers)),
        ),
    )


def _whole(value: Any) -> Any:  # noqa: ANN401 - texts become texts, and everything else stays
    return value.encode("utf-8", "replace").decode() if type(value) is str else value


def _text(value: str | None) -> bytes:
    return NULL if value is None else VALUE + text(value)


def _long(value: int | None) -> bytes:
    return NULL if value is None else VALUE + long(value)


def _bytes(value: bytes | None) -> bytes:
    return NULL if value is None else b"".join((VALUE, long(len(value)), value))


_pack = struct.Struct("<d").pack


def _headers(headers: Headers) -> bytes:
    return _array([text(name) + _bytes(value) for name, value in headers]) if headers else _END


def _seen(seen: Sequence[tuple[int, str]]) -> bytes:
    return _array([long(offset) + text(key) for offset, key in seen])


def _array(items: list[bytes]) -> bytes:
    return b"".join((long(len(items)), *items, _END)) if items else _END
