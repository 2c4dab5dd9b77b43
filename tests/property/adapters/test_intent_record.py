"""Intents are written by hand for speed: byte for byte what fastavro would have written."""

from __future__ import annotations

import io
from typing import Any

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.events.avro import FRAME
from pipeline.adapters.kafka.intents.record import IntentDecoder, IntentEncoder, intent_schema
from pipeline.model.event import EVENT_BYTES, Event, Origin, Position, Record, Redrive
from pipeline.model.intent import Checkpoint, ChoiceIntent, Intent, PreferencesChoice, StreamState
from pipeline.model.notice import Notice, OnAmbiguous
from pipeline.model.once import Once
from pipeline.model.trace import TraceContext
from pipeline.rules.schema.event_schema import without_logical_types

_PLAIN: Any = without_logical_types(intent_schema())
_PARSED: Any = fastavro.parse_schema(_PLAIN)
_ENCODE, _DECODE = IntentEncoder(7, "group"), IntentDecoder()
_TEXTS = st.text("aA1 é中😀\x00", max_size=4) | st.sampled_from(["", "x" * 64, "x" * 10_000])
_SOME = st.none() | _TEXTS
_LONGS = st.integers(-(2**63), 2**63 - 1) | st.integers(1_795_406_400_000, 1_795_406_500_000)
_OFFSETS = st.integers(0, 2**63 - 1)
_INTS = st.integers(0, 2**31 - 1)
_BYTES = st.binary(max_size=5)
_TIMES = st.floats(allow_nan=False, allow_infinity=False)


def _record(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: list[tuple[str, bytes | None]],
) -> Record:
    size = EVENT_BYTES + len(key or b"") + len(value or b"")
    return Record(topic, partition, offset, key, value, tuple(headers), 1_795_406_400_000, size)


_RECORDS = st.builds(
    _record,
    _TEXTS,
    _INTS,
    _OFFSETS,
    st.none() | _BYTES,
    st.none() | _BYTES,
    st.lists(st.tuples(_TEXTS, st.none() | _BYTES), max_size=2),
)
_TRACES = st.none() | st.just(TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1"))
_REDRIVES = st.none() | st.builds(
    Redrive,
    rule=st.none(),
    key_round=st.just(0),
    number=st.integers(1, 9),
    first=st.none() | st.builds(Position, _TEXTS, _INTS, _OFFSETS),
    item=st.none(),
)
_EVENTS = st.builds(
    Event,
    type=_TEXTS,
    data=st.just({}),
    record=_RECORDS,
    identity=st.just(""),
    id=_SOME,
    source=_SOME,
    time_ms=_LONGS,
    expires_at_ms=st.none() | _LONGS,
    trace=_TRACES,
    redrive=_REDRIVES,
    time_source=_SOME,
)
_NOTICES = st.builds(
    Notice,
    id=_TEXTS,
    rule=_TEXTS,
    template=_TEXTS,
    recipient=_TEXTS,
    body=st.binary(max_size=200),
    expires_at=st.none() | _TIMES,
    ordered=st.booleans(),
    on_ambiguous=st.sampled_from(OnAmbiguous),
    key=_SOME,
    api=_TEXTS,
    reference=_SOME,
    item=st.none() | _INTS,
    category=_SOME,
    once=st.none() | st.builds(Once, _TEXTS, _TIMES),
)
_INTENTS = st.builds(
    Intent,
    notice=_NOTICES,
    event=_EVENTS,
    origin=st.builds(Origin, st.just("group"), _SOME, _SOME),
    rules_version=_TEXTS,
    received_at=_TIMES,
    stream=_TEXTS,
    committed=_OFFSETS,
)
_CHECKPOINTS = st.builds(
    Checkpoint,
    _OFFSETS,
    st.dictionaries(
        _TEXTS,
        st.builds(StreamState, _OFFSETS, _OFFSETS, st.lists(st.tuples(_OFFSETS, _TEXTS), max_size=3).map(tuple)),
        max_size=3,
    ),
)


def _by_fastavro(framed: bytes) -> bytes:
    """What fastavro writes of what it reads."""
    read = fastavro.schemaless_reader(io.BytesIO(framed[FRAME:]), _PARSED, None)
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, _PARSED, read)
    return framed[:FRAME] + stream.getvalue()


@given(_INTENTS)
def test_an_intent_is_read_as_it_was_written(intent: Intent) -> None:
    """All that delivery, outcome and dead letter need arrives in the send role, in bytes that any Avro reader reads."""
    written = _ENCODE.intent(intent)
    found = _DECODE(written)
    assert found is not None
    assert found.group == "group"
    assert found.content == intent
    assert _by_fastavro(written) == written


@given(_CHECKPOINTS)
def test_a_checkpoint_is_read_as_it_was_written(checkpoint: Checkpoint) -> None:
    """With every partition of events and every intent that may be repeated."""
    written = _ENCODE.checkpoint(checkpoint)
    found = _DECODE(written)
    assert found is not None
    assert found.content == checkpoint
    assert _by_fastavro(written) == written


@given(
    st.builds(
        ChoiceIntent,
        st.builds(PreferencesChoice, _TEXTS, _SOME),
        st.builds(Position, _TEXTS, _INTS, _OFFSETS),
        _OFFSETS,
        _TEXTS,
        _OFFSETS,
    )
)
def test_a_choice_is_read_as_it_was_written(choice: ChoiceIntent) -> None:
    """With where the map role has read it, so that its repetition is recognised."""
    written = _ENCODE.choice(choice)
    found = _DECODE(written)
    assert found is not None
    assert found.content == choice.choice
    assert (found.stream, found.committed, found.position) == (choice.stream, choice.committed, choice.position)
    assert _by_fastavro(written) == written


@given(st.none() | st.binary(max_size=60))
def test_foreign_bytes_are_not_an_intent(value: bytes | None) -> None:
    """Whatever another program writes to the topic."""
    found = _DECODE(value)
    assert found is None or found.group == "group" or not isinstance(found.content, Intent)


@given(
    st.builds(
        lambda intent, text: intent._replace(notice=intent.notice._replace(reference=text)), _INTENTS, st.just("\ud800")
    )
)
def test_what_utf8_cannot_encode_is_replaced(intent: Intent) -> None:
    """The notice is not lost for it."""
    found = _DECODE(_ENCODE.intent(intent))
    assert found is not None
    assert isinstance(found.content, Intent)
    assert found.content.notice.reference == "?"
