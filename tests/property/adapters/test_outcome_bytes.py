"""Outcomes are written by hand for speed: byte for byte what fastavro would have written."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.events.avro import frame
from pipeline.adapters.history.outcome_values import OutcomeValues
from pipeline.adapters.kafka import outcome_bytes as avro_bytes
from pipeline.adapters.kafka.outcome_record import OutcomeFields, outcome_schema
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder
from pipeline.model.event import IntentPosition, Origin, Position
from pipeline.model.once import OnceUntil
from pipeline.model.outcome import Because, Outcome, OutcomeKind, Reason
from pipeline.model.trace import TraceContext
from pipeline.rules.schema.event_schema import without_logical_types

_PLAIN: Any = without_logical_types(outcome_schema())
_PARSED = fastavro.parse_schema(_PLAIN)
_TEXTS = st.text("aA1 é中😀\x00", max_size=4) | st.sampled_from(["", "x" * 63, "x" * 64, "x" * 2_048, "x" * 10_000])
_EDGES = [0, -1, 63, 64, 2_047, 2_048, 8_191, 8_192, -8_192, -8_193, 2**21, 2**63 - 1, -(2**63)]
_LONGS = st.integers(-(2**63), 2**63 - 1) | st.integers(1_795_406_400_000, 1_795_406_500_000) | st.sampled_from(_EDGES)
_INTS = st.integers(-(2**31), 2**31 - 1)
_MILLISECONDS = st.integers(-62_135_596_800_000, 253_402_300_799_000) | st.integers(-2_000, 2_000)
"""From the first to the last moment that a calendar has."""


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000


_OUTCOMES = st.builds(
    Outcome,
    id=_TEXTS,
    kind=st.sampled_from(OutcomeKind),
    reason=st.sampled_from(Reason),
    position=st.builds(Position, _TEXTS, _INTS, _LONGS),
    event_type=st.none() | _TEXTS,
    event_id=st.none() | _TEXTS,
    event_source=st.none() | _TEXTS,
    event_time=st.none() | _MILLISECONDS.map(_seconds),
    rule=st.none() | _TEXTS,
    rules_version=_TEXTS,
    template=st.none() | _TEXTS,
    recipient=st.none() | _TEXTS,
    attempts=_INTS,
    status=st.none() | _INTS,
    code=st.none() | _LONGS,
    received_at=_MILLISECONDS.map(_seconds),
    first_attempt_at=st.none() | _MILLISECONDS.map(_seconds),
    finished_at=_MILLISECONDS.map(_seconds),
    redelivered=st.booleans(),
    detail=_TEXTS,
    trace=st.none() | _TEXTS.map(TraceContext),
    origin=st.builds(Origin, _TEXTS, st.none() | _TEXTS, st.none() | _TEXTS),
    redrives=_INTS,
    first=st.none() | st.builds(Position, _TEXTS, _INTS, _LONGS),
    because=st.lists(
        st.builds(Because, _TEXTS, st.none() | _TEXTS, st.none() | _TEXTS, st.none() | _MILLISECONDS.map(_seconds)),
        max_size=2,
    ).map(tuple),
    reference=st.none() | _TEXTS,
    item=st.none() | _INTS,
    category=st.none() | _TEXTS,
    once=st.none() | st.builds(OnceUntil, _TEXTS, _MILLISECONDS.map(_seconds)),
    intent=st.none() | st.builds(IntentPosition, _INTS, _LONGS),
)


def _written(schema: Any, value: object) -> bytes:  # noqa: ANN401 - fastavro's form of a schema
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, value)
    return stream.getvalue()


def _fields(outcome: Outcome) -> dict[str, object]:
    """The schema's fields by their names."""
    defaults = {field["name"]: field["default"] for field in _PLAIN["fields"] if "default" in field}
    same = {name: value for name, value in outcome._asdict().items() if name in {f["name"] for f in _PLAIN["fields"]}}
    moments = {
        name: None if same[name] is None else round(same[name] * 1000)
        for name in ("event_time", "received_at", "first_attempt_at", "finished_at")
    }
    return {
        **defaults,
        **same,
        **outcome.position._asdict(),
        **outcome.origin._asdict(),
        **{f"first_{name}": getattr(outcome.first, name, None) for name in Position._fields},
        **moments,
        "because": [
            {**one._asdict(), "until": None if one.until is None else round(one.until * 1000)}
            for one in outcome.because
        ]
        or None,
        "once": outcome.once and {"key": outcome.once.key, "until": round(outcome.once.until * 1000)},
        "intent_partition": outcome.intent and outcome.intent.partition,
        "intent_offset": outcome.intent and outcome.intent.offset,
        "outcome_id": outcome.id,
        "http_status": outcome.status,
        "body_code": outcome.code,
        "traceparent": outcome.trace.traceparent if outcome.trace else None,
    }


@given(_OUTCOMES)
def test_the_bytes_are_those_of_fastavro(outcome: Outcome) -> None:
    """Any values that the schema's fields may have."""
    encode = OutcomeEncoder(7, lambda recipient: recipient, lambda reference: reference)
    assert encode(outcome) == frame(7) + _written(_PARSED, _fields(outcome))


@given(_LONGS, _TEXTS)
def test_numbers_and_texts_are_those_of_fastavro(number: int, text: str) -> None:
    """Each encoder by itself."""
    assert avro_bytes.long(number) == avro_bytes.timestamp(number) == _written("long", number)
    assert avro_bytes.text(text) == _written("string", text)
    assert avro_bytes.VALUE + avro_bytes.long(number) == _written(["null", "long"], number)
    assert avro_bytes.VALUE + avro_bytes.text(text) == _written(["null", "string"], text)


def test_null_is_that_of_fastavro() -> None:
    """The first branch of a nullable field."""
    assert _written(["null", "long"], None) == avro_bytes.NULL


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**80])
def test_a_number_beyond_64_bits_is_refused(number: int) -> None:
    """Avro has no bytes for it."""
    with pytest.raises(OverflowError, match="64 bits"):
        avro_bytes.long(number)


_NAMES = tuple(field["name"] for field in _PLAIN["fields"])
_values, _by_fastavro = OutcomeValues(_NAMES), OutcomeFields()


@given(_OUTCOMES)
def test_the_history_reads_what_fastavro_reads(outcome: Outcome) -> None:
    """Its decoder is generated for speed, too."""
    value = OutcomeEncoder(7, lambda recipient: recipient, lambda reference: reference)(outcome)
    read = _values(value)
    assert read is not None
    assert dict(zip(_NAMES, read, strict=True)) == _by_fastavro(value)


@given(_OUTCOMES, st.data())
def test_the_history_reads_broken_bytes_as_fastavro_does(outcome: Outcome, data: st.DataObject) -> None:
    """Cut, longer, or with other bytes; where fastavro takes a number that is too large, it is not an outcome."""
    value = bytearray(OutcomeEncoder(7, lambda recipient: recipient, lambda reference: reference)(outcome))
    for _ in range(data.draw(st.integers(0, 2))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.sampled_from(b"\x00\x01\x02\x03\x7f\x80\xff"))
    del value[data.draw(st.integers(len(value) // 2, len(value))) :]
    value += data.draw(st.binary(max_size=4))
    read, expected = _values(bytes(value)), _by_fastavro(bytes(value))
    if read is not None:
        assert dict(zip(_NAMES, read, strict=True)) == expected
    elif expected is not None:
        ints = [field["name"] for field in _PLAIN["fields"] if "int" in (field["type"], *field["type"])]
        assert any(abs(expected[name] or 0) >= 2**31 for name in ints)
