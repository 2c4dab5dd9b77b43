"""Outcomes as they stand on their topic, and what is read back of them."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest

from pipeline.adapters.kafka.outcome_record import (
    LEDGER_FIELDS,
    LedgerDecoder,
    LedgerEntry,
    OutcomeDecoder,
    outcome_schema,
)
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder
from pipeline.model.event import Origin, Position
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.rules.schema.event_schema import without_logical_types
from tests.fakes.outcomes import BARE, WHOLE

encode = OutcomeEncoder(7, lambda recipient: recipient, lambda reference: reference)


@pytest.mark.parametrize("outcome", [WHOLE, BARE], ids=["whole", "bare"])
def test_an_outcome_comes_back_as_it_went(outcome: Outcome) -> None:
    """Every field, to the millisecond."""
    assert OutcomeDecoder()(encode(outcome)) == outcome


@pytest.mark.parametrize("seconds", [-1.0, -1.234, -86_400.001, 0.0, 0.001])
def test_an_event_of_long_ago_has_its_time(seconds: float) -> None:
    """To the millisecond, on either side of 1970."""
    read = OutcomeDecoder()(encode(WHOLE._replace(event_time=seconds)))
    assert read is not None
    assert read.event_time == seconds


@pytest.mark.parametrize("kind", OutcomeKind)
@pytest.mark.parametrize("reason", Reason)
def test_every_kind_and_reason_comes_back(kind: OutcomeKind, reason: Reason) -> None:
    """The vocabularies are closed, and the record knows all of them."""
    read = OutcomeDecoder()(encode(WHOLE._replace(kind=kind, reason=reason)))
    assert read is not None
    assert (read.kind, read.reason) == (kind, reason)


def test_the_frame_names_the_schema() -> None:
    """Confluent's framing, so that any consumer with a registry reads it."""
    assert encode(WHOLE)[:5] == b"\x00\x00\x00\x00\x07"


def test_others_read_it_by_the_shipped_schema() -> None:
    """With logical types: times are moments to anyone who decodes with the schema as it is."""
    schema: Any = outcome_schema()
    read: Any = fastavro.schemaless_reader(io.BytesIO(encode(WHOLE)[5:]), fastavro.parse_schema(schema), None)
    assert read["finished_at"].timestamp() == WHOLE.finished_at


def test_the_recipient_stands_as_configured() -> None:
    """Disguised, or not at all."""
    hashed = OutcomeDecoder()(OutcomeEncoder(7, lambda _: "h")(WHOLE))
    omitted = OutcomeDecoder()(OutcomeEncoder(7, lambda _: None)(WHOLE))
    assert hashed is not None
    assert omitted is not None
    assert (hashed.recipient, omitted.recipient) == ("h", None)
    assert b"customer" not in OutcomeEncoder(7, lambda _: "h")(WHOLE)


def test_the_reference_is_written_as_configured() -> None:
    """In its own form, which need not be the recipient's; left out where nothing is configured."""
    hashed = OutcomeDecoder()(OutcomeEncoder(7, lambda _: None, lambda _: "h")(WHOLE))
    omitted = OutcomeDecoder()(OutcomeEncoder(7, lambda recipient: recipient)(WHOLE))
    assert WHOLE.reference is not None
    assert hashed is not None
    assert omitted is not None
    assert (hashed.reference, omitted.reference) == ("h", None)
    encoder = OutcomeEncoder(7, lambda _: None, lambda _: "h")
    assert (encoder.reference(WHOLE), encoder.reference(BARE)) == ("h", None)
    encoder.use(lambda _: None, lambda reference: reference)
    assert encoder.reference(WHOLE) == WHOLE.reference


def test_no_value_of_others_loses_an_outcome() -> None:
    """An API may answer any code, and texts may hold half a character: the outcome is written all the same."""
    read = OutcomeDecoder()(encode(WHOLE._replace(code=2**64, detail="a\ud800b")))
    assert read is not None
    assert (read.code, read.detail, read.id) == (None, "a?b", WHOLE.id)
    moved = OutcomeDecoder()(encode(WHOLE._replace(position=Position("a\ud800", 0, 1))))
    assert moved is not None
    assert moved.position == Position("a?", 0, 1)


def test_a_recipient_is_disguised_as_they_came() -> None:
    """Also where something else has to be left out: else one recipient would have two hashes."""
    hashed = OutcomeEncoder(7, lambda recipient: recipient.encode("utf-8", "surrogatepass").hex())
    read = OutcomeDecoder()(hashed(WHOLE._replace(code=2**64, recipient="a\ud800")))
    assert read is not None
    assert (read.code, read.recipient) == (None, "61eda080")


@pytest.mark.parametrize("seconds", [-62_135_647_200.0, 253_402_343_999.0, 2.0**62], ids=["year 0", "10000", "never"])
def test_an_event_of_no_year_stops_no_reader(seconds: float) -> None:
    """Anybody may write such a time, and a reader that makes a date of it would fall over it forever."""
    value = encode(WHOLE._replace(event_time=seconds))
    schema: Any = outcome_schema()
    read: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), fastavro.parse_schema(schema), None)
    assert read["event_time"] is None
    assert OutcomeDecoder()(value) == WHOLE._replace(event_time=None)


def test_an_event_of_no_year_has_its_outcome() -> None:
    """What an earlier release wrote as it came is read all the same: an audit would call the event lost."""
    numbers: Any = without_logical_types(outcome_schema())
    raw: Any = fastavro.schemaless_reader(io.BytesIO(encode(WHOLE)[5:]), numbers, None)
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, numbers, {**raw, "event_time": 2**62})
    assert OutcomeDecoder()(encode(WHOLE)[:5] + stream.getvalue()) == WHOLE._replace(event_time=None)


@pytest.mark.parametrize(
    "value", [None, b"", b"\x00", b"\x00\x00\x00\x00\x07", b"text", b"\x00" * 40, encode(WHOLE)[:60]], ids=repr
)
def test_what_is_no_outcome_is_none(value: bytes | None) -> None:
    """Topics can be shared: foreign records are passed over."""
    assert OutcomeDecoder()(value) is None


@pytest.mark.parametrize("outcome", [WHOLE, BARE], ids=["whole", "bare"])
def test_what_is_cut_short_is_none(outcome: Outcome) -> None:
    """Wherever it is cut, but where the fields of an earlier release end: it is a record of that release."""
    value = encode(outcome)
    read = [OutcomeDecoder()(value[:length]) for length in range(len(value))]
    earlier = [outcome._replace(item=None, once=None), outcome._replace(once=None)]
    assert [one for one in read if one is not None] == earlier


def test_the_ledger_reads_what_it_needs() -> None:
    """Id, position and origin, from the first bytes alone: a later version's further fields cannot disturb it."""
    assert LedgerDecoder()(encode(WHOLE)) == LedgerEntry(WHOLE.id, WHOLE.position, WHOLE.origin)
    assert LedgerDecoder()(encode(WHOLE) + b"more") == LedgerEntry(WHOLE.id, WHOLE.position, WHOLE.origin)
    assert [LedgerDecoder()(value) for value in (None, b"\x00" * 40, b"text")] == [None, None, None]


def test_the_ledger_reads_each_entry_s_own_origin() -> None:
    """Also where one topic's entries are of several groups, clusters and topic ids, and where one is cut short."""
    decode = LedgerDecoder()
    origins = [WHOLE.origin, Origin("shop"), Origin("other", "c", "t"), Origin("shop", None, "t"), WHOLE.origin]
    for origin in (*origins, *origins):
        value = encode(WHOLE._replace(origin=origin))
        assert decode(value) == LedgerEntry(WHOLE.id, WHOLE.position, origin)
        assert decode(value[:100]) is None


def test_the_ledger_takes_a_later_release_s_kind_as_an_end() -> None:
    """A member that is one release behind must not send the notice again; other texts are not kinds."""
    later = encode(WHOLE).replace(b"\x10rejected", b"\x10deferred", 1)
    assert LedgerDecoder()(later) == LedgerEntry(WHOLE.id, WHOLE.position, WHOLE.origin)
    assert LedgerDecoder()(later.replace(b"deferred", b"Deferr d", 1)) is None


def test_the_ledger_s_fields_come_first() -> None:
    """The schema must keep them there."""
    fields: Any = outcome_schema()["fields"]
    assert tuple(field["name"] for field in fields[: len(LEDGER_FIELDS)]) == LEDGER_FIELDS


def test_every_field_says_what_it_is() -> None:
    """Others script against the record."""
    fields: Any = outcome_schema()["fields"]
    assert all(field.get("doc") for field in fields)
