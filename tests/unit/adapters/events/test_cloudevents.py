"""CloudEvents in both modes, and what headers say of an event."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from pipeline.adapters.events.decoder import EventDecoder
from pipeline.model.event import Position, Record, Redrive
from pipeline.model.outcome import Reason
from pipeline.model.trace import TraceContext
from pipeline.rules.schema.event_schema import SchemaCatalogue
from tests.unit.adapters.events.records import (
    NOON_MS,
    PAID_BYTES,
    PAID_TYPE,
    decoder,
    record,
    refused,
)

ENVELOPE: dict[str, object] = {"specversion": "1.0", "type": "T", "source": "/shop", "id": "e-1", "data": {"f": 1}}


def envelope(**changes: object) -> Record:
    """A structured CloudEvent with changes; None removes."""
    merged = {name: value for name, value in {**ENVELOPE, **changes}.items() if value is not None}
    return record(json.dumps(merged).encode(), ("content-type", b"application/cloudevents+json; charset=UTF-8"))


def test_a_structured_cloudevent_without_its_content_type_is_recognised() -> None:
    """By its attributes, behind white space as well; what it lacks is reported as that of a CloudEvent."""
    plain = record(b" \n" + json.dumps(ENVELOPE).encode())
    assert decoder().decode(plain).data == {"f": 1}
    for changes, detail in (({"id": 5}, "id is missing"), ({"specversion": 1.0}, "`specversion` is not the text 1.0")):
        given = record(json.dumps({**ENVELOPE, **changes}).encode())
        assert detail in refused(given, Reason.MALFORMED_CLOUDEVENT)
    batch = record(json.dumps([ENVELOPE, ENVELOPE]).encode())
    assert "a record holds one event" in refused(batch, Reason.NO_TYPE)
    typed = record(json.dumps({"specversion": 7}).encode(), ("ce_type", b"T"))
    assert decoder().decode(typed).data == {"specversion": 7}, "a field of its own name"


def test_data_of_a_cloudevent_that_is_not_json_is_named() -> None:
    """Text in `data` is JSON that was encoded twice only where it says that it is JSON."""
    xml = envelope(data="<a/>", datacontenttype="text/xml")
    assert "data of the type text/xml is not read" in refused(xml, Reason.MALFORMED_CLOUDEVENT)
    assert "encoded twice" in refused(envelope(data='{"f": 1}'), Reason.SCHEMA_MISMATCH)
    assert "null or missing" in refused(envelope(data=None), Reason.SCHEMA_MISMATCH)


@pytest.mark.parametrize("text", [b'"false"', b"FALSE", b"off", b"0", b"\x00", b" no ", None])
def test_a_header_that_denies_encryption_stops_nothing(text: bytes | None) -> None:
    """As Spring writes texts, and as flags are written in other languages."""
    assert decoder().decode(record(b'{"f": 1}', ("ce_type", b"T"), ("x-encrypted", text))).data == {"f": 1}


@pytest.mark.parametrize("name", ["ce_time", "ce_expirytime", "CE_ExpiryTime"])
def test_a_time_that_is_not_a_text_is_reported(name: str) -> None:
    """A count in eight bytes, for example: an expiry must not be left out in silence."""
    reported: list[str] = []
    reading = EventDecoder(
        look_up=None,
        known={},
        catalogue=SchemaCatalogue(),
        json_types={},
        max_bytes=100,
        unreadable_time=lambda _, attribute: reported.append(attribute),
    )
    reading.decode(record(b"{}", ("ce_type", b"T"), (name, b"\x00\x00\x01\xa2\xff\xff\xff\xff")))
    assert reported == [name.lower().removeprefix("ce_")]
    event = reading.decode(record(b"{}", ("ce_type", b"T"), (name, b"0001-01-01T00:00:00Z")))  # Go's zero
    assert (event.time_ms, event.expires_at_ms) == (NOON_MS, None)
    assert len(reported) == 2


@pytest.mark.parametrize("written", [b" T ", b"T\0", b'" T"', b"T\r\n"])
def test_what_surrounds_a_type_is_not_part_of_it(written: bytes) -> None:
    """No rule could name such a type."""
    assert decoder().decode(record(b"{}", ("ce_type", written))).type == "T"
    assert decoder().decode(record(b"{}", ("ce-type", written))).type == "T"
    assert decoder().decode(envelope(type="T ")).type == "T"


def test_a_structured_cloudevent_is_read() -> None:
    """Identity, times and trace come from the envelope."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    event = decoder().decode(
        envelope(time="2026-11-23T04:00:01.5Z", expirytime="2026-11-24T12:00:00+08:00", traceparent=trace)
    )
    assert (event.type, event.data, event.id, event.source) == ("T", {"f": 1}, "e-1", "/shop")
    assert event.identity == "/shop\x1fe-1"
    assert event.time_ms == int(datetime(2026, 11, 23, 4, 0, 1, 500_000, UTC).timestamp() * 1000)
    assert event.expires_at_ms == int(datetime(2026, 11, 24, 4, 0, 0, 0, UTC).timestamp() * 1000)
    assert event.trace == TraceContext(trace)


@pytest.mark.parametrize(
    "given",
    [
        envelope(specversion=None),
        envelope(specversion="0.3"),
        envelope(specversion=1.0),
        envelope(type=None),
        envelope(type=""),
        envelope(type=7),
        envelope(id=None),
        envelope(id="\ud83d"),
        envelope(type="\ud83d"),
        envelope(source=None),
        envelope(id="x" * 3_000),
        envelope(data=None, data_base64="AAAA"),
        record(b"[]", ("content-type", b"application/cloudevents+json")),
        record(b"{", ("content-type", b"application/cloudevents+json")),
        record(b"[]", ("content-type", b"application/cloudevents-batch+json")),
        record(b"{}", ("ce_specversion", b"1.0"), ("ce_type", b"T"), ("ce_id", b"1")),
        record(b"{}", ("ce_specversion", b"2.0"), ("ce_type", b"T"), ("ce_id", b"1"), ("ce_source", b"/")),
    ],
)
def test_a_malformed_cloudevent_is_reported(given: Record) -> None:
    """What claims to be one must be one."""
    refused(given, Reason.MALFORMED_CLOUDEVENT)


@pytest.mark.parametrize("packed", ["eyJmIjogIj4/In0=", "eyJmIjogIj4_In0=", "eyJmIjogIj4/In0", "eyJmIjog\r\nIj4/In0="])
def test_data_in_base64_is_read_as_encoders_write_it(packed: str) -> None:
    """With padding or without, in the alphabet of URLs (RFC 4648), in lines (MIME)."""
    assert decoder().decode(envelope(data=None, data_base64=packed)).data == {"f": ">?"}


@pytest.mark.parametrize("name", ["globalId", "contentId", "contentHash", "encoding"])
def test_a_schema_in_apicurio_s_headers_is_named(name: str) -> None:
    """Its serializers have four of them, by their settings; the hint says how to write what is read."""
    given = record(b"\x02a", (f"apicurio.value.{name}", b"1"))
    assert "apicurio.registry.headers.enabled=false" in refused(given, Reason.NOT_FRAMED)


@pytest.mark.parametrize("data", [None, [], "text", 7])
def test_a_cloudevent_s_data_must_be_an_object(data: object) -> None:
    """There are no fields in anything else."""
    refused(envelope(data=data), Reason.SCHEMA_MISMATCH)


def test_binary_mode_takes_attributes_from_headers() -> None:
    """Names in any case; the value is JSON or framed Avro."""
    headers = (("CE_SpecVersion", b"1.0"), ("ce_type", b"T"), ("ce_id", b"1"), ("ce_source", b"/s"))
    as_json = decoder().decode(record(b'{"f": 1}', *headers, ("content-type", b"application/json")))
    as_avro = decoder().decode(record(PAID_BYTES, *headers, ("content-type", b"application/avro")))
    assert (as_json.type, as_json.identity) == ("T", "/s\x1f1")
    assert (as_avro.type, as_avro.identity) == (PAID_TYPE, "/s\x1f1")


def test_an_envelope_counts_more_than_headers() -> None:
    """Headers of other systems cannot put another identity over the envelope's."""
    given = envelope()
    event = decoder().decode(given._replace(headers=(*given.headers, ("ce_id", b"other"), ("ce_time", b"1999"))))
    assert (event.id, event.time_ms) == ("e-1", NOON_MS)


def test_unframed_avro_is_reported() -> None:
    """A content type alone names no schema."""
    refused(record(PAID_BYTES[5:], ("content-type", b"avro/binary")), Reason.NOT_FRAMED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_time", b"yesterday"),
        ("ce_time", b"2026-11-23T04:00:00"),
        ("ce_expirytime", b"0000-00-00T00:00:00Z"),
        ("traceparent", b"00-x\r\nEvil: 1"),
        ("ce_id", b"\xff\xfe"),
        ("content-type", None),
        ("anything", b"\xff"),
    ],
)
def test_a_bad_attribute_stops_no_event(name: str, value: bytes | None) -> None:
    """It is skipped, and never forwarded."""
    event = decoder().decode(record(PAID_BYTES, (name, value)))
    assert (event.time_ms, event.expires_at_ms, event.trace, event.id) == (NOON_MS, None, None, None)


def test_a_redriven_record_keeps_its_first_identity() -> None:
    """Its notices keep their ids, and so their idempotency keys."""
    event = decoder().decode(record(PAID_BYTES, ("notice.event-identity", b"orders/1/2")))
    assert event.identity == "orders/1/2"


def test_a_cloudevents_own_identity_and_time_count_for_a_redriven_record_too() -> None:
    """They are the same in every round; ours are in for them only where there are none."""
    headers = (("ce_source", b"shop"), ("ce_id", b"7"), ("ce_time", b"2026-11-23T04:00:00Z"))
    first = decoder().decode(record(PAID_BYTES, *headers))
    ours = (("notice.event-identity", b"orders/1/2"), ("notice.event-time", b"1700000000123"))
    again = decoder().decode(record(PAID_BYTES, *headers, *ours))
    assert (again.identity, again.time_ms) == (first.identity, first.time_ms)
    assert decoder().decode(record(PAID_BYTES, *ours)).time_ms == 1_700_000_000_123


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ((), None),
        ((("notice.redrives", b"1"),), Redrive(None, 0)),
        ((("notice.redrives", b"2"), ("notice.only-rule", b"order-paid"), ("notice.key-round", b"2")),
         Redrive("order-paid", 2, 2)),
        ((("notice.redrives", b"\xff"), ("notice.only-rule", b"order-paid")), None),
        ((("notice.redrives", b""), ("notice.only-rule", b""), ("notice.key-round", b"-1")), Redrive(None, 0, 0)),
        ((("notice.redrives", b"9" * 12), ("notice.first-position", b"orders/3/17")),
         Redrive(None, 0, 2**31 - 1, Position("orders", 3, 17))),
        ((("notice.redrives", b"1"), ("notice.first-position", b"orders/x/17")), Redrive(None, 0)),
        ((("notice.redrives", b"1"), ("notice.key-round", "\u0663".encode())), Redrive(None, 0)),
        ((("notice.redrives", b"1"), ("notice.key-round", b"9" * 5_000)), Redrive(None, 0)),
        ((("notice.only-rule", b"order-paid"),), None),
    ],
)  # fmt: skip
def test_what_a_redriven_record_requests_is_read(
    headers: tuple[tuple[str, bytes], ...], wanted: Redrive | None
) -> None:
    """Only of a record that says it was redriven; numbers that are none count as none."""
    assert decoder().decode(record(PAID_BYTES, *headers)).redrive == wanted
