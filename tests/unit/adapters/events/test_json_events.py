"""Events in JSON, and what comes instead of them."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from pipeline.model.outcome import Reason
from pipeline.rules.schema.unreadable import Unreadable
from tests.unit.adapters.events.records import (
    PAID_BYTES,
    PAID_EVENT,
    PAID_TYPE,
    decoder,
    record,
    refused,
    seconds_to_decode,
)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"nul",
        b'\xff\xfe{"f": 1}',
        b'{"f": "\xe4"}',
        b"[" * 100_000,
        b'{"f":' * 100_000,
        b'{"f": 1} x',
    ],
    ids=lambda value: repr(value[:20]),
)
def test_malformed_json_is_reported(value: bytes) -> None:
    """What readers could read differently, or not at all, is not an event."""
    given = record(value, ("ce_type", b"T"))
    refused(given, Reason.MALFORMED_JSON)
    assert seconds_to_decode(decoder(), given) < 0.05


@pytest.mark.parametrize(
    "value",
    [
        b"[1]",
        b"null",
        b'"text"',
    ],
    ids=lambda value: repr(value[:20]),
)
def test_json_that_rules_cannot_read_is_reported(value: bytes) -> None:
    """Without a schema, too."""
    refused(record(value, ("ce_type", b"T")), Reason.SCHEMA_MISMATCH)


def test_plain_json_needs_a_type() -> None:
    """A header, or the topic's own."""
    refused(record(b"{}"), Reason.NO_TYPE)
    refused(record(b"{}", ("ce_type", b"")), Reason.NO_TYPE)
    by_topic = decoder(json_types={"orders": "T"}).decode(record(b'{"f": 1}'))
    by_header = decoder(json_types={"orders": "T"}).decode(record(b'{"f": 1}', ("type", b"U")))
    assert (by_topic.type, by_header.type) == ("T", "U")


def test_json_of_a_known_type_reads_like_avro() -> None:
    """The same data whichever way the event came; fields the schema lacks are passed over."""
    value = json.dumps({**PAID_EVENT, "new_field": 1}).encode()
    read = decoder().decode(record(value, ("ce_type", PAID_TYPE.encode())))
    assert read.data == decoder().decode(record(PAID_BYTES)).data


def test_a_field_that_does_not_fit_is_marked_without_content_of_the_event() -> None:
    """It harms the rules that read it. Details are in outcomes and logs: an event's data must not be."""
    value = json.dumps({**PAID_EVENT, "pay_channel": "SECRET"}).encode()
    read = decoder().decode(record(value, ("ce_type", PAID_TYPE.encode())))
    assert read.data["pay_channel"] == Unreadable(f"{PAID_TYPE}.pay_channel: none of the enum's values")
    assert "sub" in read.data


def test_an_integer_of_too_many_digits_harms_only_rules_that_read_it() -> None:
    """Python reads at most 4,300 digits; as any integer beyond 64 bits, a longer one is not a value."""
    digits = "9" * 4_301
    value = f'{{"f": {digits}, "g": {{"h": [-{digits}, 10]}}, "i": {digits[:-1]}, "j": 0.5}}'.encode()
    read = decoder(json_types={"orders": "T"}).decode(record(value)).data
    unreadable = Unreadable("a number beyond 64 bits")
    assert read == {"f": unreadable, "g": {"h": [unreadable, 10]}, "i": unreadable, "j": Decimal("0.5")}


def test_a_fraction_of_too_many_digits_harms_only_rules_that_read_it() -> None:
    """BigDecimal writes a third with as many digits as its context has."""
    value = b'{"f": 0.' + b"3" * 2_000 + b', "g": 0.5, "h": ' + b"9" * 5_000 + b"}"
    data = decoder().decode(record(value, ("ce_type", b"T"))).data
    assert isinstance(data["f"], Unreadable)
    assert isinstance(data["h"], Unreadable)
    assert data["g"] == 0.5


@pytest.mark.parametrize("deep", [b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 3_000 + b'"}]"' + b"}" * 3_000])
def test_what_is_nested_too_deeply_harms_only_rules_that_read_it(deep: bytes) -> None:
    """What is beside it arrives whole, brackets within texts included."""
    data = decoder().decode(record(b'{"f": "[{", "deep": ' + deep + b', "g": [[1]]}', ("ce_type", b"T"))).data
    assert (data["f"], data["g"]) == ("[{", [[1]])
    assert "Unreadable" in repr(data["deep"])


@pytest.mark.parametrize("value", [b"[" * 5_000, b'{"f": "' + b"[" * 5_000 + b"}", b"[" * 60_000 + b"]" * 60_000])
def test_deep_json_that_does_not_close_or_is_long_is_malformed(value: bytes) -> None:
    """The search for its brackets is bounded."""
    refused(record(value, ("ce_type", b"T")), Reason.MALFORMED_JSON)


def test_control_characters_within_a_text_are_taken_as_they_are() -> None:
    """JSON wants them escaped; what a line feed or tab means is plain all the same."""
    assert decoder().decode(record(b'{"f": "a\nb\tc"}', ("ce_type", b"T"))).data == {"f": "a\nb\tc"}


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (b'{"f": 1}\x00', "not JSON at character 8"),
        (b'{"f": 1} {"f": 2}', "more than one JSON value; the second begins at character 9"),
        ('{"f": 1}'.encode("utf-16"), "it looks like UTF-16, which is not read: write UTF-8"),
        ('{"f": 1}'.encode("utf-16-le"), "it looks like UTF-16, which is not read: write UTF-8"),
        (b"BZh91AY&SY", "it looks like bzip2, which is not read"),
        (b"\x04\x22\x4d\x18", "it looks like LZ4, which is not read"),
        (b"\x82SNAPPY\x00", "it looks like Snappy, which is not read"),
        (b"\xac\xed\x00\x05sr", "it looks like Java's serialization, which is not read"),
        (b"\x03\x05" + b"x" * 16, "it looks like AWS Glue's framing, which is not read"),
        (b"\x01" + bytes(7) + b"\x05\x00\x00\x00\x01", "it looks like Hortonworks' framing, which is not read"),
        (b"\x80\x05\x95\x0b", "it looks like Python's pickle, which is not read"),
        (b"\x80\x03}q\x00", "it looks like Python's pickle, which is not read"),
        (b"\x78\x5e\xab\x56", "it looks like zlib, which is not read"),
        (b"PK\x03\x04\x14\x00", "it looks like zip, which is not read"),
        (b"eyJmIjogMX0=", "it looks like JSON in base64, which is not read: write the JSON itself"),
        (b"<event/>", "it looks like XML, which is not read: write JSON or Avro"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_came_instead_of_json_is_named(value: bytes, detail: str) -> None:
    """As far as its first bytes show it."""
    assert detail in refused(record(value, ("ce_type", b"T")), Reason.MALFORMED_JSON)


def test_a_content_type_that_is_not_read_is_named() -> None:
    """Where the value is not JSON; JSON under another content type is read."""
    xml = ("content-type", b"application/xml")
    assert "content type application/xml" in refused(record(b"<a/>", ("ce_type", b"T"), xml), Reason.MALFORMED_JSON)
    assert decoder().decode(record(b'{"f": 1}', ("ce_type", b"T"), xml)).data == {"f": 1}
