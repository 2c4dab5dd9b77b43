"""Encode and decode the records of the intents topic.

Each notice is written and read here once more, so the form is made for the time that this takes: what many records
share is in two blocks whose texts are remembered, what differs is in a third, and bytes are kept as they are.
docs/decisions/intents-hop.md compares it with Avro.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from pipeline.model.event import EVENT_BYTES, Event, Headers, Origin, Position, Record, Redrive
from pipeline.model.intent import Checkpoint, ChoiceIntent, Intent, PreferencesChoice, StreamState
from pipeline.model.make import make
from pipeline.model.notice import Notice, OnAmbiguous
from pipeline.model.once import Once
from pipeline.model.trace import TraceContext

FORM = 1
"""The first byte of each record. A later form gets another number."""
INTENT, CHECKPOINT, CHOICE = 1, 2, 3
"""The second byte: what the record is. JSON follows, and before it in an intent the lengths of its parts."""
_KINDS = {kind: bytes([FORM, kind]) for kind in (INTENT, CHECKPOINT, CHOICE)}
_HEAD = struct.Struct("<BBIIIIii")
"""Form, kind, and the bytes of six parts in their order: where the event is from, what made the notice of it, what
differs, all three in JSON; the body, and the event's key and value, which may be absent (-1)."""
_CACHED = 4_096
"""Remembered blocks of each kind: about as many as there are partitions of events, and rules."""
_BEYOND = 1 << 63
"""Of a time in the outcome, in 64 bits."""
_BROKEN = (ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError, struct.error, binascii.Error)
_REPEAT, _GIVE_UP = OnAmbiguous.REPEAT, OnAmbiguous.GIVE_UP
"""Looked up once: CPython 3.11 searches for an enum's member (docs/decisions/hot-path.md)."""
_NO_DATA: Mapping[str, object] = {}

_NUMBER, _TEXT = frozenset({int}), frozenset({str})
_TIME = frozenset({int, float})
_NOTHING = frozenset({type(None)})
_SOME_NUMBER, _SOME_TEXT, _SOME_TIME = _NUMBER | _NOTHING, _TEXT | _NOTHING, _TIME | _NOTHING
_SOURCE = (_TEXT, _TEXT, _TEXT, _NUMBER, _SOME_TEXT, _SOME_TEXT)
"""Types of the first block: group, stream, topic, partition, cluster id, topic id."""
_MADE_BY = (_TEXT, _SOME_TEXT, _TEXT, _TEXT, _TEXT, frozenset({bool}), frozenset({bool}), _TEXT, _SOME_TEXT, _SOME_TIME)
"""Of the second: event type, source of the event's time, rule, rules' version, template, whether it is ordered and
given up if ambiguous, API, category, seconds of `once`."""
_FACTS = (
    *(_NUMBER, _NUMBER, _NUMBER, _NUMBER, _TIME, _TEXT, _TEXT, _SOME_TEXT, _SOME_TEXT, _SOME_TIME, _SOME_TEXT),
    *(_SOME_NUMBER, _SOME_TEXT, frozenset({list}) | _NOTHING),
)
"""Of the third: committed, the event's offset, Kafka's and its own time, when it was read; the notice's id and
recipient; the event's id and source; when the notice expires; its reference, item and key of `once`; and what most
notices do not have (`_Rare`)."""


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


class _Source(NamedTuple):
    """Where events are from."""

    group: str
    stream: str
    topic: str
    partition: int
    origin: Origin


class _MadeBy(NamedTuple):
    """What made notices of events."""

    type: str
    time_source: str | None
    rule: str
    rules_version: str
    template: str
    ordered: bool
    on_ambiguous: OnAmbiguous
    api: str
    category: str | None
    within: float | None


class _Rare(NamedTuple):
    """What most notices do not have."""

    key: str | None
    expires_at_ms: int | None
    trace: TraceContext | None
    redrive: Redrive | None
    headers: Headers


_NONE_OF_THESE = _Rare(None, None, None, None, ())


class IntentEncoder:
    """Intents, checkpoints and choices to bytes."""

    def __init__(self, group: str) -> None:
        """`group` is the consumer group whose records these are."""
        self._group = group
        self._source = lru_cache(_CACHED)(self._written_source)

    def intent(self, intent: Intent) -> bytes:
        """Return the record's value."""
        notice, event, origin, rules_version, received_at, stream, committed = intent
        topic, partition, offset, key, value, headers, timestamp_ms, _ = event.record
        (
            notice_id,
            rule,
            template,
            to,
            body,
            expires_at,
            ordered,
            ambiguous,
            own_key,
            api,
            named,
            item,
            category,
            once,
        ) = notice
        once_key, within = (None, None) if once is None else once
        source = self._source(stream, topic, partition, origin)
        gives_up = ambiguous is _GIVE_UP
        made_by = _written_maker(
            event.type, event.time_source, rule, rules_version, template, ordered, gives_up, api, category, within
        )
        rare = None
        if headers or own_key is not None or event.trace or event.redrive or event.expires_at_ms is not None:
            rare = _written_rare(own_key, event, headers)
        facts = _json(
            (
                committed,
                offset,
                timestamp_ms,
                event.time_ms if -_BEYOND <= event.time_ms < _BEYOND else timestamp_ms,
                received_at,
                notice_id,
                to,
                event.id,
                event.source,
                expires_at,
                named,
                item,
                once_key,
                rare,
            )
        )
        head = _HEAD.pack(
            FORM,
            INTENT,
            len(source),
            len(made_by),
            len(facts),
            len(body),
            -1 if key is None else len(key),
            -1 if value is None else len(value),
        )
        return b"".join((head, source, made_by, facts, body, key or b"", value or b""))

    def _written_source(self, stream: str, topic: str, partition: int, origin: Origin) -> bytes:
        return _json((self._group, stream, topic, partition, origin.cluster_id, origin.topic_id))

    def choice(self, intent: ChoiceIntent) -> bytes:
        """Return the record's value."""
        (recipient, preferences), position, _, stream, committed = intent
        return _KINDS[CHOICE] + _json((self._group, stream, committed, *position, recipient, preferences))

    def checkpoint(self, checkpoint: Checkpoint) -> bytes:
        """Return the record's value."""
        streams = {
            name: (committed, last_ms, tuple(seen)) for name, (committed, last_ms, seen) in checkpoint.streams.items()
        }
        return _KINDS[CHECKPOINT] + _json((self._group, checkpoint.at, streams))


class IntentDecoder:
    """Bytes to records of the intents topic."""

    def __init__(self) -> None:
        self._source = lru_cache(_CACHED)(_read_source)
        self._made_by = lru_cache(_CACHED)(_read_maker)
        self._shapes: set[tuple[type, ...]] = set()
        """Types of the values of third blocks that were checked: there are few."""

    def __call__(self, value: bytes | None) -> IntentRecord | None:
        """Return the record; None if the bytes are not one: other programs may write to the topic, too."""
        if value is None or len(value) < len(_KINDS) or value[0] != FORM:
            return None
        try:
            if value[1] == INTENT:
                return self._intent(value)
            return _read_checkpoint(value) if value[1] == CHECKPOINT else _read_choice(value)
        except _BROKEN:
            return None

    def _intent(self, value: bytes) -> IntentRecord:
        _, _, source, maker, facts, body, key, raw = _HEAD.unpack_from(value)
        maker_at = _HEAD.size + source
        facts_at = maker_at + maker
        body_at = facts_at + facts
        key_at = body_at + body
        value_at = key_at + max(key, 0)
        if value_at + max(raw, 0) != len(value):
            raise ValueError("its length is wrong")
        group, stream, topic, partition, origin = self._source(value[_HEAD.size : maker_at])
        made_by = self._made_by(value[maker_at:facts_at])
        event_type, time_source, rule, rules_version, template, ordered, ambiguous, api, category, within = made_by
        values = _parsed(value[facts_at:body_at])
        if tuple(map(type, values)) not in self._shapes:
            self._shapes.add(_checked(values, _FACTS))
        committed, offset, timestamp_ms, time_ms, received_at, notice_id, recipient, *others = values
        event_id, event_source, expires_at, reference, item, once_key, given = others
        notice_key, expires_at_ms, trace, redrive, headers = _NONE_OF_THESE if given is None else _read_rare(given)
        record = make(
            Record,
            (
                topic,
                partition,
                offset,
                None if key < 0 else value[key_at:value_at],
                None if raw < 0 else value[value_at:],
                headers,
                timestamp_ms,
                EVENT_BYTES + max(key, 0) + max(raw, 0),
            ),
        )
        once = None if once_key is None or within is None else make(Once, (once_key, within))
        notice = make(
            Notice,
            (
                notice_id,
                rule,
                template,
                recipient,
                value[body_at:key_at],
                expires_at,
                ordered,
                ambiguous,
                notice_key,
                api,
                reference,
                item,
                category,
                once,
            ),
        )
        event = Event(
            event_type,
            _NO_DATA,
            record,
            "",
            event_id,
            event_source,
            time_ms,
            expires_at_ms,
            trace,
            redrive,
            time_source,
        )
        intent = make(Intent, (notice, event, origin, rules_version, received_at, stream, committed))
        return make(IntentRecord, (group, intent, "", 0, None))


@lru_cache(_CACHED)
def _written_maker(*values: object) -> bytes:
    return _json(values)


def _written_rare(key: str | None, event: Event, headers: Headers) -> tuple[object, ...]:
    trace, redrive = event.trace, event.redrive
    first = None if redrive is None or redrive.first is None else tuple(redrive.first)
    return (
        key,
        event.expires_at_ms,
        None if trace is None else tuple(trace),
        None if redrive is None else (redrive.number, first),
        [(name, None if value is None else base64.b64encode(value).decode()) for name, value in headers],
    )


def _read_source(block: bytes) -> _Source:
    values = _parsed(block)
    _checked(values, _SOURCE)
    group, stream, topic, partition, cluster_id, topic_id = values
    return _Source(group, stream, topic, partition, Origin(group, cluster_id, topic_id))


def _read_maker(block: bytes) -> _MadeBy:
    values = _parsed(block)
    _checked(values, _MADE_BY)
    event_type, time_source, rule, rules_version, template, ordered, gives_up, api, category, within = values
    ambiguous = _GIVE_UP if gives_up else _REPEAT
    return _MadeBy(event_type, time_source, rule, rules_version, template, ordered, ambiguous, api, category, within)


def _read_rare(values: Sequence[Any]) -> _Rare:
    key, expires_at_ms, trace, redrive, headers = values
    _checked((key, expires_at_ms), (_SOME_TEXT, _SOME_NUMBER))
    if trace is not None:
        _checked(trace, (_TEXT, _TEXT))
    again = None
    if redrive is not None:
        number, first = redrive
        _checked((number,), (_NUMBER,))
        again = Redrive(None, 0, number, None if first is None else _position(first))
    pairs: list[tuple[str, bytes | None]] = []
    for name, value in headers:
        _checked((name, value), (_TEXT, _SOME_TEXT))
        pairs.append((name, None if value is None else base64.b64decode(value, validate=True)))
    return _Rare(key, expires_at_ms, None if trace is None else TraceContext(*trace), again, tuple(pairs))


def _read_choice(value: bytes) -> IntentRecord:
    values = _parsed(value[len(_KINDS[CHOICE]) :])
    _checked(values, (_TEXT, _TEXT, _NUMBER, _TEXT, _NUMBER, _NUMBER, _TEXT, _SOME_TEXT))
    group, stream, committed, topic, partition, offset, recipient, preferences = values
    return IntentRecord(
        group, PreferencesChoice(recipient, preferences), stream, committed, Position(topic, partition, offset)
    )


def _read_checkpoint(value: bytes) -> IntentRecord:
    group, at, given = _parsed(value[len(_KINDS[CHECKPOINT]) :])
    _checked((group, at), (_TEXT, _NUMBER))
    streams: dict[str, StreamState] = {}
    for name, (committed, last_ms, seen) in given.items():
        _checked((committed, last_ms), (_NUMBER, _NUMBER))
        for one in seen:
            _checked(one, (_NUMBER, _TEXT))
        streams[name] = StreamState(committed, last_ms, tuple(map(tuple, seen)))
    return IntentRecord(group, Checkpoint(at, streams))


def _position(values: Sequence[Any]) -> Position:
    _checked(values, (_TEXT, _NUMBER, _NUMBER))
    return Position(*values)


def _checked(values: Sequence[Any], types: Sequence[frozenset[type]]) -> tuple[type, ...]:
    """Return the types of the values.

    Raises:
        TypeError: they are not such values.
    """
    if len(values) != len(types) or any(type(value) not in known for value, known in zip(values, types, strict=True)):
        raise TypeError("it has other values")
    return tuple(map(type, values))


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # a text that UTF-8 cannot encode
        return json.dumps(value).encode()


def _parsed(raw: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw)  # as above, in escapes
