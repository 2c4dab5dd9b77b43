"""What is written to the intents topic is read again, whatever texts and numbers events bring."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.kafka.intents.record import CHECKPOINT, CHOICE, FORM, INTENT, IntentDecoder, IntentEncoder
from pipeline.model.event import EVENT_BYTES, Event, Origin, Position, Record, Redrive
from pipeline.model.intent import Checkpoint, ChoiceIntent, Intent, PreferencesChoice, StreamState
from pipeline.model.notice import Notice, OnAmbiguous
from pipeline.model.once import Once
from pipeline.model.trace import TraceContext

_ENCODE, _DECODE = IntentEncoder("group"), IntentDecoder()
_TEXTS = st.text("aA1 é中😀\x00\ud800", max_size=4) | st.sampled_from(["", "x" * 64, "x" * 10_000])
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


@given(_INTENTS)
def test_an_intent_is_read_as_it_was_written(intent: Intent) -> None:
    """All that delivery, outcome and dead letter need arrives in the send role."""
    written = _ENCODE.intent(intent)
    found = _DECODE(written)
    assert found is not None
    assert found.group == "group"
    assert found.content == intent


@given(_CHECKPOINTS)
def test_a_checkpoint_is_read_as_it_was_written(checkpoint: Checkpoint) -> None:
    """With every partition of events and every intent that may be repeated."""
    written = _ENCODE.checkpoint(checkpoint)
    found = _DECODE(written)
    assert found is not None
    assert found.content == checkpoint


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


@given(st.none() | st.binary(max_size=60))
def test_foreign_bytes_are_not_an_intent(value: bytes | None) -> None:
    """Whatever another program writes to the topic."""
    found = _DECODE(value)
    assert found is None or found.group == "group" or not isinstance(found.content, Intent)


@given(_INTENTS, st.data())
def test_an_intent_with_a_changed_byte_is_none_or_whole(intent: Intent, data: st.DataObject) -> None:
    """Whatever is read has the types that delivery expects."""
    written = bytearray(_ENCODE.intent(intent))
    written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    found = _DECODE(bytes(written))
    if found is not None and isinstance(found.content, Intent):
        _DECODE(_ENCODE.intent(found.content))
        assert type(found.content.notice.recipient) is type(found.content.notice.id) is str
        assert type(found.content.event.record.offset) is type(found.content.committed) is int


@given(_INTENTS)
def test_a_time_beyond_64_bits_is_that_of_kafka(intent: Intent) -> None:
    """An outcome could not say it."""
    event = replace(intent.event, time_ms=10**5_000)
    found = _DECODE(_ENCODE.intent(intent._replace(event=event)))
    assert found is not None
    assert isinstance(found.content, Intent)
    assert found.content.event.time_ms == intent.event.record.timestamp_ms


@pytest.mark.parametrize("kind", [INTENT, CHECKPOINT, CHOICE, 9])
@pytest.mark.parametrize("content", [None, [], {}, ["group"], ["group", 1, {"a": [1, 2, [["x", 1]]]}], [1] * 8])
def test_other_json_is_not_a_record(kind: int, content: object) -> None:
    """Also in the form of this release."""
    assert _DECODE(bytes([FORM, kind]) + orjson.dumps(content)) is None


def test_another_form_is_not_read() -> None:
    """A later release may write one."""
    assert _DECODE(bytes([FORM + 1, CHECKPOINT]) + b'["group",1,{}]') is None
    assert _DECODE(bytes([FORM, CHECKPOINT]) + b'["group",1,{}]') is not None


def test_a_list_is_no_recipient() -> None:
    """Types are checked for each combination that comes, not for the first record alone."""
    record = Record("orders", 1, 2, b"k", b"v", (), 3)
    event = Event("order.paid", {}, record, "", None, None, 5, None, None)
    notice = Notice("an id", "rule", "template", "a recipient", b"{}", None)
    written = _ENCODE.intent(Intent(notice, event, Origin("group"), "v1", 4.0, "orders/1", 0))
    assert _DECODE(written) is not None
    assert _DECODE(written.replace(b'"a recipient"', b"[1,2,3,4,5,6]")) is None
