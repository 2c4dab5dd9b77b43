"""Events in Avro: what rules are given, and records that are none, each with its reason."""

from __future__ import annotations

import json
import struct
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from pipeline.errors import Undecodable
from pipeline.model.event import Origin
from pipeline.model.outcome import Reason
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.unreadable import Unreadable
from pipeline.rules.timestamp import Timestamp
from tests.unit.adapters.events.records import (
    NOON_MS,
    PAID_BYTES,
    PAID_EVENT,
    PAID_TYPE,
    decoder,
    framed,
    one_field,
    raw,
    record,
    refused,
    seconds_to_decode,
    zigzag,
)

GUID = UUID("6f0c3b6e-a6cb-5d7e-a7a3-c5f1f2d0b911")


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
