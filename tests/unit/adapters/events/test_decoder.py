"""Records that are events, and records that are none: each with its reason, never with another exception."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from pipeline.adapters.events import writer_schemas as decoding_schemas
from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.events.writer_schemas import SchemaKey, WriterSchemas
from pipeline.errors import SchemaError, SchemaUnavailable, Undecodable
from pipeline.model.event import Origin, Position, Record, Redrive
from pipeline.model.outcome import Reason
from pipeline.model.trace import TraceContext
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.schema.unreadable import Unreadable
from pipeline.rules.timestamp import Timestamp
from tests.unit.adapters.events.records import (
    NOON_MS,
    PAID,
    PAID_BYTES,
    PAID_EVENT,
    PAID_TYPE,
    decoder,
    framed,
    one_field,
    raw,
    record,
    seconds_to_decode,
    zigzag,
)

GUID = UUID("6f0c3b6e-a6cb-5d7e-a7a3-c5f1f2d0b911")
ENVELOPE: dict[str, object] = {"specversion": "1.0", "type": "T", "source": "/shop", "id": "e-1", "data": {"f": 1}}


def refused(given: Record, reason: Reason, *schemas: EventSchema) -> str:
    """The detail with which `given` is refused for `reason`."""
    with pytest.raises(Undecodable) as caught:
        decoder(*schemas).decode(given)
    assert caught.value.reason is reason, caught.value.detail
    return caught.value.detail


def envelope(**changes: object) -> Record:
    """A structured CloudEvent with changes; None removes."""
    merged = {name: value for name, value in {**ENVELOPE, **changes}.items() if value is not None}
    return record(json.dumps(merged).encode(), ("content-type", b"application/cloudevents+json; charset=UTF-8"))


def test_avro_gives_what_rules_are_promised() -> None:
    """Timestamps arrive as moments, decimals as numbers, enums as texts, under the record's full name."""
    event = decoder().decode(record(PAID_BYTES))
    assert event.type == PAID_TYPE
    assert event.data["amount_paid"] == float(str(PAID_EVENT["amount_paid"]))
    assert event.data["pay_channel"] == PAID_EVENT["pay_channel"]
    assert event.data["paid_at"] == Timestamp(1_795_417_260, 0)


def test_an_event_without_attributes_is_its_position() -> None:
    """Read again it is the same event; its time is Kafka's."""
    event = decoder().decode(record(PAID_BYTES))
    assert (event.identity, event.id, event.source) == ("orders/3/17", None, None)
    assert (event.time_ms, event.expires_at_ms, event.trace) == (NOON_MS, None, None)


@pytest.mark.parametrize(
    ("origin", "identity"),
    [
        (Origin("shop", "cluster", "topic-id"), "shop\x1fcluster/topic-id/3/17"),
        (Origin("shop", "cluster"), "shop\x1forders/3/17"),
    ],
)
def test_with_an_origin_the_identity_is_complete(origin: Origin, identity: str) -> None:
    """The first event of a schema, which looks it up, and later ones, with and without headers, have the same."""
    subject = decoder()
    given = [record(PAID_BYTES), record(PAID_BYTES), record(PAID_BYTES, ("anything", b"x"))]
    assert [subject.decode(one, origin).identity for one in given] == [identity] * len(given)
    own = record(PAID_BYTES, ("notice.event-identity", b"orders/1/2"))
    assert subject.decode(own, origin).identity == "shop\x1forders/1/2"


@pytest.mark.parametrize(
    ("kind", "given", "arrives"),
    [
        ({"type": "int", "logicalType": "date"}, date(2026, 11, 30), "2026-11-30"),
        ({"type": "long", "logicalType": "timestamp-micros"}, 1_500_000, Timestamp(1, 500_000_000)),
        ({"type": "long", "logicalType": "timestamp-millis"}, -1, Timestamp(-1, 999_000_000)),
        ({"type": "int", "logicalType": "time-millis"}, 54_060_000, "15:01:00"),
        ({"type": "long", "logicalType": "time-micros"}, 1_000_000, "00:00:01"),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, 1_795_402_860_000, "2026-11-23T03:01:00"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 15, "scale": 2}, Decimal("-0.01"), -0.01),
        (
            {"type": "fixed", "name": "F", "size": 8, "logicalType": "decimal", "precision": 15, "scale": 2},
            Decimal("9999999999999.99"),
            9999999999999.99,
        ),
        ({"type": "string", "logicalType": "uuid"}, GUID, str(GUID)),
        ({"type": "fixed", "name": "F", "size": 2}, b"\x00\xff", b"\x00\xff"),
        (["null", {"type": "int", "logicalType": "date"}], None, None),
        ({"type": "array", "items": {"type": "int", "logicalType": "date"}}, [date(1970, 1, 2)], ["1970-01-02"]),
        (
            {"type": "map", "values": {"type": "int", "logicalType": "date"}},
            {"a": date(1970, 1, 2)},
            {"a": "1970-01-02"},
        ),
        (["string", "long"], 7, 7),
        ("double", 0.1, 0.1),
    ],
    ids=lambda value: json.dumps(value, default=str)[:40],
)
def test_each_type_arrives_as_promised(kind: object, given: object, arrives: object) -> None:
    """Avro's types in the form of `pipeline.rules.schema.types`."""
    schema = one_field(kind)
    assert decoder(schema).decode(record(framed(schema, given))).data == {"f": arrives}


DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
NAMED_DECIMAL = {"type": "fixed", "name": "D", "size": 8, "logicalType": "decimal", "precision": 9, "scale": 3}
MEMBERS: dict[str, tuple[object, bytes, object]] = {
    "decimal": (DECIMAL, zigzag(2) + b"\x32\x32", 128.5),
    "fixed decimal": (NAMED_DECIMAL, b"\x00" * 7 + b"\x05", 0.005),
    "millis": ({"type": "long", "logicalType": "timestamp-millis"}, zigzag(1_500), Timestamp(1, 500_000_000)),
    "date": ({"type": "int", "logicalType": "date"}, zigzag(20_780), "2026-11-23"),
    "uuid": ({"type": "string", "logicalType": "uuid"}, zigzag(36) + str(GUID).encode(), str(GUID)),
    "fixed uuid": (
        {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"},
        GUID.bytes,
        str(GUID),
    ),
    "duration": ({"type": "fixed", "name": "Du", "size": 12, "logicalType": "duration"}, b"\x01" * 12, b"\x01" * 12),
    "string": ("string", zigzag(1) + b"x", "x"),
    "boolean": ("boolean", b"\x01", True),
    "double": ("double", struct.pack("<d", 0.5), 0.5),
    "record": ({**one_field(DECIMAL).avro, "name": "R"}, zigzag(1) + b"\x05", {"f": 0.05}),
    "list": ({"type": "array", "items": DECIMAL}, zigzag(1) + zigzag(1) + b"\x05" + b"\x00", [0.05]),
    "map": ({"type": "map", "values": "long"}, zigzag(1) + zigzag(1) + b"k" + zigzag(5) + b"\x00", {"k": 5}),
}
SAME_AVRO_TYPE = [{"uuid", "string"}]


@pytest.mark.parametrize("with_null", [False, True])
@pytest.mark.parametrize("second", MEMBERS)
@pytest.mark.parametrize("first", MEMBERS)
def test_logical_types_in_a_union_of_several_types_are_converted(first: str, second: str, with_null: bool) -> None:  # noqa: FBT001 - a parameter
    """Whichever branch is written, and wherever null is."""
    if first == second or {first, second} in SAME_AVRO_TYPE:
        return
    branches = ["null"] * with_null + [MEMBERS[first][0], MEMBERS[second][0]]
    schema = one_field(branches)
    for number, name in enumerate((first, second), with_null):
        _, encoded, arrives = MEMBERS[name]
        assert decoder(schema).decode(record(raw(schema, zigzag(number) + encoded))).data == {"f": arrives}
    if with_null:
        assert decoder(schema).decode(record(raw(schema, zigzag(0)))).data == {"f": None}


@pytest.mark.parametrize(
    ("kind", "payload", "arrives"),
    [
        ({"type": "enum", "name": "E", "symbols": ["A-1", "已付"]}, zigzag(1), "已付"),
        ({"type": "array", "items": "null"}, zigzag(3) + b"\x00", [None, None, None]),
        ({"type": "array", "items": {"type": "record", "name": "Empty", "fields": []}}, zigzag(2) + b"\x00", [{}, {}]),
        ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}, zigzag(1) + b"\x00", [b""]),
        (["string"], zigzag(0) + zigzag(1) + b"x", "x"),
        (["null"], zigzag(0), None),
        ({"type": "record", "name": "a.b-c.订单", "namespace": None, "fields": []}, b"", {}),
    ],
    ids=str,
)
def test_unusual_types_are_read(kind: object, payload: bytes, arrives: object) -> None:
    """As Avro's own clients read them."""
    schema = one_field(kind)
    assert decoder(schema).decode(record(raw(schema, payload))).data == {"f": arrives}


def test_a_recursive_type_is_read() -> None:
    """With its logical types at every level; nested beyond reason it is malformed, and the process lives."""
    kind = {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}
    schema = EventSchema(
        {"type": "record", "name": "Note", "fields": [kind, {"name": "reply", "type": ["null", "Note"]}]}
    )
    two = zigzag(1_000) + zigzag(1) + zigzag(2_000) + zigzag(0)
    event = decoder(schema).decode(record(raw(schema, two)))
    assert event.data == {"at": Timestamp(1, 0), "reply": {"at": Timestamp(2, 0), "reply": None}}
    refused(record(raw(schema, (zigzag(0) + zigzag(1)) * 200_000)), Reason.MALFORMED_AVRO, schema)


def test_a_list_of_items_without_bytes_is_bounded() -> None:
    """A few bytes can declare 2^62 of them."""
    schema = one_field({"type": "array", "items": "null"})
    given = record(raw(schema, zigzag(2**62)))
    refused(given, Reason.MALFORMED_AVRO, schema)
    assert seconds_to_decode(decoder(schema), given) < 0.1


def test_a_guid_in_fixed_bytes_is_a_text() -> None:
    """Avro 1.12's uuid of sixteen bytes reads like the older one of text."""
    schema = one_field({"type": "fixed", "name": "F", "size": 16, "logicalType": "uuid"})
    assert decoder(schema).decode(record(raw(schema, GUID.bytes))).data == {"f": str(GUID)}


def test_a_record_without_value_is_a_tombstone() -> None:
    """Compacted topics have them; they are not events."""
    refused(record(None), Reason.TOMBSTONE)


def test_a_large_value_is_refused_unread() -> None:
    """The limit stands before any decoder."""
    with pytest.raises(Undecodable) as caught:
        decoder(max_bytes=10).decode(record(b"x" * 11))
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("length", range(1, 5))
def test_a_frame_cut_short_is_no_frame(length: int) -> None:
    """Fewer than five bytes name no schema."""
    refused(record(PAID_BYTES[:length]), Reason.NOT_FRAMED)


@pytest.mark.parametrize("length", range(5, len(PAID_BYTES)))
def test_avro_cut_short_is_malformed(length: int) -> None:
    """Wherever it is cut."""
    refused(record(PAID_BYTES[:length]), Reason.MALFORMED_AVRO)


@pytest.mark.parametrize("number", [-1, -2, -3, 2])
def test_a_number_without_a_symbol_is_malformed(number: int) -> None:
    """A negative one, too: it counts from the end of a list in Python. Also where the enum is named a second time."""
    fields = [{"name": "f", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}}, {"name": "g", "type": "E"}]
    schema = EventSchema({"type": "record", "name": "T", "fields": fields})
    good = zigzag(1)
    assert decoder(schema).decode(record(raw(schema, good + good))).data == {"f": "B", "g": "B"}
    refused(record(raw(schema, zigzag(number) + good)), Reason.MALFORMED_AVRO, schema)
    refused(record(raw(schema, good + zigzag(number))), Reason.MALFORMED_AVRO, schema)


def test_bytes_left_over_are_malformed() -> None:
    """A value of another schema often begins like ours."""
    assert "1 bytes are left over" in refused(record(PAID_BYTES + b"\x00"), Reason.MALFORMED_AVRO)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("string", zigzag(2**60) + b"a"),
        ("bytes", zigzag(2**40) + b"a"),
        ("string", zigzag(-5) + b"abcde"),
        ("string", zigzag(2) + b"\xff\xfe"),
        ("long", b"\xff" * 30),
        ("double", b"\x00" * 7),
        ({"type": "array", "items": "string"}, zigzag(2**50) + zigzag(1) + b"a"),
        ({"type": "array", "items": "string"}, zigzag(-(2**63)) + zigzag(1) + b"a"),
        ({"type": "map", "values": "int"}, zigzag(2**62)),
        (["null", "string"], zigzag(7)),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, zigzag(9)),
        ({"type": "fixed", "name": "F", "size": 2**40}, b"a"),
        (["null", "string"], zigzag(-1) + zigzag(1) + b"a"),
        (["null", "string"], zigzag(-2)),
        (["string", ["null", "string"]], zigzag(1) + zigzag(-1) + zigzag(1) + b"a"),
        ({"type": "array", "items": ["null", "string"]}, zigzag(1) + zigzag(-2) + zigzag(0)),
        (
            {"type": "map", "values": ["null", "long"]},
            zigzag(1) + zigzag(1) + b"k" + zigzag(-1) + zigzag(7) + zigzag(0),
        ),
        (
            ["null", {"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "R"]}]}],
            zigzag(1) + zigzag(-2),
        ),
    ],
    ids=str,
)
def test_hostile_avro_is_malformed_at_once(kind: object, payload: bytes) -> None:
    """Lengths and numbers beyond all measure cost neither memory nor time."""
    schema = one_field(kind)
    given = record(raw(schema, payload))
    refused(given, Reason.MALFORMED_AVRO, schema)
    assert seconds_to_decode(decoder(schema), given) < 0.5


@pytest.mark.parametrize(
    ("kind", "payload", "reason"),
    [
        ({"type": "long", "logicalType": "timestamp-millis"}, zigzag(2**62), "outside the calendar"),
        ({"type": "long", "logicalType": "timestamp-micros"}, zigzag(2**63 - 1), "outside the calendar"),
        ({"type": "long", "logicalType": "timestamp-millis"}, zigzag(1_795_417_260), "another unit"),
        ({"type": "long", "logicalType": "timestamp-nanos"}, zigzag(1_795_417_260_000), "another unit"),
        ({"type": "long", "logicalType": "timestamp-nanos"}, zigzag(1_795_417_260_000_000), "another unit"),
        ({"type": "long", "logicalType": "local-timestamp-micros"}, zigzag(-(2**63)), "outside the calendar"),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, zigzag(1_795_417_260), "another unit"),
        ({"type": "int", "logicalType": "date"}, zigzag(2**31 - 1), "outside the calendar"),
        ({"type": "int", "logicalType": "time-millis"}, zigzag(-1), "no day has"),
        ({"type": "int", "logicalType": "time-millis"}, zigzag(86_400_000), "no day has"),
        ({"type": "long", "logicalType": "time-micros"}, zigzag(86_400_000_000), "no day has"),
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
            zigzag(300) + b"\x7f" * 300,
            "beyond the range",
        ),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": -2}, zigzag(1) + b"0", "scale"),
        ({"type": "bytes", "logicalType": "big-decimal"}, zigzag(3) + b"\x02\x30\x04", "scale"),
    ],
    ids=str,
)
def test_a_count_that_means_nothing_harms_only_rules_that_read_it(kind: object, payload: bytes, reason: str) -> None:
    """PostgreSQL's `infinity` and `24:00:00` come so from Debezium; the event's other fields are as good as before."""
    for whole, bytes_ in (
        (kind, payload),
        ({"type": "array", "items": kind}, zigzag(1) + payload + zigzag(0)),
        (["null", kind, "boolean"], zigzag(1) + payload),
    ):
        schema = one_field(whole)
        found = decoder(schema).decode(record(raw(schema, bytes_))).data["f"]
        value = found[0] if isinstance(found, list) else found
        assert isinstance(value, Unreadable)
        assert reason in value.reason


def test_nan_in_avro_arrives() -> None:
    """Avro has it, and a field that no rule reads must not stop the event."""
    schema = one_field("double")
    value = decoder(schema).decode(record(raw(schema, struct.pack("<d", float("nan"))))).data["f"]
    assert value != value  # noqa: PLR0124 - so it is with NaN


def test_without_a_registry_an_unknown_schema_is_refused() -> None:
    """There is no one to ask."""
    assert "no registry" in refused(record(b"\x00\x00\x00\x00\x07abc"), Reason.UNKNOWN_SCHEMA)


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


def test_a_schema_named_by_header_needs_no_frame() -> None:
    """Both forms of Confluent's newer way are read."""
    by_id = (b"\x00" + PAID_BYTES[1:5],)
    event = decoder().decode(record(PAID_BYTES[5:], ("__value_schema_id", *by_id)))
    assert event.type == PAID_TYPE
    for broken in (b"", b"\x02" + GUID.bytes, b"\x01" + GUID.bytes[:15], b"\x00" * 9):
        refused(record(PAID_BYTES[5:], ("__value_schema_id", broken)), Reason.NOT_FRAMED)


class Registry:
    """Answers from a list, then from `schemas`."""

    def __init__(self, schemas: Mapping[SchemaKey, Mapping[str, object]], *faults: Exception | None) -> None:
        self.schemas = dict(schemas)
        self.faults = list(faults)
        self.requested: list[SchemaKey] = []

    def look_up(self, key: SchemaKey) -> Mapping[str, object] | None:
        self.requested.append(key)
        if self.faults:
            fault = self.faults.pop(0)
            if fault is not None:
                raise fault
            return None
        return self.schemas.get(key)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding_schemas, "FIRST_WAIT", 0.001)


@pytest.mark.usefixtures("_impatient")
async def test_a_schema_is_requested_once_and_until_it_arrives() -> None:
    """The record waits while the registry is away; all that wait for the same schema share one question."""
    registry = Registry({7: PAID.avro}, SchemaUnavailable("away"), SchemaUnavailable("away"))
    subject = decoder(look_up=registry.look_up)
    given = record(b"\x00\x00\x00\x00\x07" + PAID_BYTES[5:])
    with pytest.raises(SchemaUnavailable):
        subject.decode(given)
    await asyncio.gather(*(subject.prepare(given) for _ in range(5)))
    assert subject.decode(given).type == PAID_TYPE
    assert registry.requested == [7, 7, 7]


async def test_a_schema_s_guid_is_requested() -> None:
    """The header's GUID goes to the registry as such."""
    registry = Registry({GUID: PAID.avro})
    subject = decoder(look_up=registry.look_up)
    given = record(PAID_BYTES[5:], ("__value_schema_id", b"\x01" + GUID.bytes))
    await subject.prepare(given)
    assert subject.decode(given).type == PAID_TYPE


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("fault", "reason"), [(None, Reason.UNKNOWN_SCHEMA), (SchemaError("is Protobuf"), Reason.UNSUPPORTED_SCHEMA)]
)
async def test_what_the_registry_lacks_is_requested_again_later(fault: Exception | None, reason: Reason) -> None:
    """ "There is none" is believed for half a minute: long enough to spare the registry, too short to lose a day."""
    now = 0.0
    registry = Registry({7: PAID.avro}, fault)
    registry.faults *= decoding_schemas.MISSING_REQUESTS if fault is None else 1
    subject = WriterSchemas(registry.look_up, {}, monotonic=lambda: now)
    await subject.prepare(7)
    refusal = subject.refuse(7)
    assert isinstance(refusal, Undecodable)
    assert refusal.reason is reason
    requested = list(registry.requested)
    await subject.prepare(7)
    assert registry.requested == requested
    now += 31
    assert isinstance(subject.refuse(7), SchemaUnavailable)
    await subject.prepare(7)
    assert 7 in subject.readers


async def test_an_unbounded_schema_is_unsupported() -> None:
    """Two uses of a type at each level, for example, double its fields without end."""
    fields: list[object] = [{"name": "f0", "type": {**one_field("int").avro, "name": "T0"}}]
    for level in range(1, 40):
        below = [{"name": name, "type": f"T{level - 1}"} for name in "ab"]
        fields.append({"name": f"f{level}", "type": {"type": "record", "name": f"T{level}", "fields": below}})
    subject = WriterSchemas(Registry({7: {"type": "record", "name": "T", "fields": fields}}).look_up, {})
    await subject.prepare(7)
    refusal = subject.refuse(7)
    assert isinstance(refusal, Undecodable)
    assert refusal.reason is Reason.UNSUPPORTED_SCHEMA


async def test_a_schema_whose_reading_raises_refuses_its_events_alone() -> None:
    """Whatever a registry answers, the task that waits for it ends, and the partition continues."""
    subject = WriterSchemas(Registry({}, TypeError("unhashable type: 'list'")).look_up, {})
    await subject.prepare(7)
    refusal = subject.refuse(7)
    assert isinstance(refusal, Undecodable)
    assert (refusal.reason, refusal.detail) == (Reason.INTERNAL_ERROR, "reading the schema raised TypeError")


@pytest.mark.usefixtures("_impatient")
async def test_a_schema_that_comes_late_is_found() -> None:
    """A registry's replica may lag behind its writer: one "not found" is not believed."""
    registry = Registry({7: PAID.avro}, None, None, None)
    subject = decoder(look_up=registry.look_up)
    given = record(b"\x00\x00\x00\x00\x07" + PAID_BYTES[5:])
    await subject.prepare(given)
    assert subject.decode(given).type == PAID_TYPE


async def test_waiting_for_missing_schemas_is_bounded() -> None:
    """Records of random bytes must not stop a partition for seconds each."""
    registry = Registry({})
    subject = WriterSchemas(registry.look_up, {}, monotonic=lambda: 0.0)
    subject._allowance = 0.0
    for key in range(50):
        await subject.prepare(key)
    assert registry.requested == list(range(50))


async def test_refusals_are_bounded() -> None:
    """Random bytes name as many ids as they like."""
    subject = WriterSchemas(Registry({}).look_up, {}, monotonic=lambda: 0.0)
    for key in range(decoding_schemas.MAX_REFUSALS + 5):
        subject._remember(key, Reason.UNKNOWN_SCHEMA, "")
    assert len(subject._refusals) == decoding_schemas.MAX_REFUSALS


async def test_nothing_is_requested_without_need() -> None:
    """A record of another kind, or no registry: preparing returns at once."""
    registry = Registry({})
    await decoder(look_up=registry.look_up).prepare(record(b"{}"))
    await decoder(look_up=registry.look_up).prepare(record(None))
    await decoder().prepare(record(b"\x00\x00\x00\x00\x07"))
    assert registry.requested == []
