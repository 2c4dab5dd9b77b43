"""Events written as JSON: what each type takes, and each fault with its place."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.json_events import JsonReader, SchemaMismatch, from_json, plain_json
from pipeline.rules.schema.unreadable import WRONG_UNIT, Unreadable
from pipeline.rules.timestamp import Timestamp

TIMESTAMP = {"type": "long", "logicalType": "timestamp-millis"}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
DATE = {"type": "int", "logicalType": "date"}
TIME = {"type": "int", "logicalType": "time-millis"}
LOCAL = {"type": "long", "logicalType": "local-timestamp-millis"}
ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
INNER = {"type": "record", "name": "Inner", "fields": [{"name": "a", "type": "int", "default": 7}]}


def schema(kind: object, **more: object) -> EventSchema:
    """A record with one field `f`."""
    return EventSchema({"type": "record", "name": "T", "fields": [{"name": "f", "type": kind, **more}]})


@pytest.mark.parametrize(
    ("kind", "given", "arrives"),
    [
        (TIMESTAMP, "2026-11-23T12:00:00+08:00", Timestamp(1_795_406_400, 0)),
        (TIMESTAMP, "2026-11-23T04:00:00.001Z", Timestamp(1_795_406_400, 1_000_000)),
        (TIMESTAMP, 1_795_406_400_001, Timestamp(1_795_406_400, 1_000_000)),
        (TIMESTAMP, datetime(2026, 11, 23, 4, tzinfo=UTC), Timestamp(1_795_406_400, 0)),
        (TIMESTAMP, datetime(2026, 11, 23, 4), Timestamp(1_795_406_400, 0)),  # noqa: DTZ001 - as YAML reads one
        (DECIMAL, "128.50", 128.5),
        (DECIMAL, 128, 128.0),
        ("double", "1e3", 1000.0),
        (DATE, "2026-11-30", "2026-11-30"),
        (DATE, 1, "1970-01-02"),
        (DATE, date(2026, 11, 30), "2026-11-30"),
        (TIME, "15:01:00", "15:01:00"),
        (TIME, 54_060_000, "15:01:00"),
        (TIME, time(15, 1), "15:01:00"),
        (LOCAL, "2026-11-30T15:01:00", "2026-11-30T15:01:00"),
        (LOCAL, 0, "1970-01-01T00:00:00"),
        ("bytes", "AP8=", b"\x00\xff"),
        ("string", date(2026, 11, 30), "2026-11-30"),
        (ENUM, "B", "B"),
        ("null", None, None),
        ("boolean", True, True),
        ("long", -(2**63), -(2**63)),
        (["null", "string"], None, None),
        ({"type": "array", "items": DATE}, [0], ["1970-01-01"]),
        ({"type": "map", "values": "double"}, {"a": 1}, {"a": 1.0}),
        (INNER, {"a": 1}, {"a": 1}),
        (INNER, {}, {"a": 7}),
    ],
    ids=str,
)
def test_each_type_takes_what_people_write(kind: object, given: object, arrives: object) -> None:
    """And gives what Avro would have given."""
    assert from_json(schema(kind), {"f": given}) == {"f": arrives}


@pytest.mark.parametrize(
    ("kind", "default", "arrives"),
    [
        ("string", "CNY", "CNY"),
        ("bytes", "\u0000\u00ff", b"\x00\xff"),
        (DECIMAL, "\u0001\u0000", 2.56),
        (TIMESTAMP, 1_000, Timestamp(1, 0)),
        (DATE, 1, "1970-01-02"),
        (["null", "string"], None, None),
        (["string", "null"], "x", "x"),
        ({"type": "array", "items": "int"}, [], []),
        ({"type": "map", "values": "int"}, {"a": 1}, {"a": 1}),
        (INNER, {}, {"a": 7}),
    ],
    ids=str,
)
def test_defaults_are_read_as_avro_writes_them(kind: object, default: object, arrives: object) -> None:
    """Bytes and decimals stand as characters 0 to 255, times as counts."""
    assert from_json(schema(kind, default=default), {}) == {"f": arrives}


def test_a_default_is_created_again_for_each_event() -> None:
    """What one event's rules do to a list, the next event does not see."""
    reader = JsonReader(schema({"type": "array", "items": "int"}, default=[]))
    first = reader.read({})["f"]
    assert isinstance(first, list)
    first.append(1)
    assert reader.read({}) == {"f": []}


def test_a_nullable_field_may_be_left_out() -> None:
    """It is null then, default or not."""
    assert from_json(schema(["null", "int"]), {}) == {"f": None}


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("int", "1", "$.f: should be a whole number, not a text"),
        ("int", True, "$.f: should be a whole number, not true or false"),
        ("long", 2**63, "$.f: a number beyond 64 bits"),
        ("boolean", 1, "$.f: should be true or false, not a whole number"),
        ("string", 1, "$.f: should be a text, not a whole number"),
        ("string", "\ud800", "$.f: half a character (a lone surrogate)"),
        ("null", 1, "$.f: should be null"),
        ("double", "abc", "$.f: should be a number"),
        ("double", float("nan"), "$.f: should be a finite number"),
        ("double", "1" * 1_000_000, "$.f: should be a number of fewer digits"),
        ("double", 10**400, "$.f: should be a number that is not that large"),
        ("double", [], "$.f: should be a number"),
        (TIMESTAMP, "2026-11-23T04:00:00", "$.f: the time has no zone; write Z or +08:00 after it"),
        (TIMESTAMP, "soon", "$.f: should be a time such as 2026-11-23T15:01:00Z"),
        (TIMESTAMP, 2**62, "$.f: outside the calendar (years 1 to 9999)"),
        (DATE, "30.11.2026", "$.f: should be a date such as 2026-11-30"),
        (DATE, 10**9, "$.f: outside the calendar (years 1 to 9999)"),
        (TIME, 10**9, "$.f: a time of day that no day has"),
        (LOCAL, 1_795_417_260, "$.f: a count in another unit than the schema's"),
        (LOCAL, "2026-11-30T15:01:00[Asia/Shanghai]", "$.f: should be a local time such as 2026-11-30T15:01:00"),
        (TIME, "25:00", "$.f: should be a time of day such as 15:01:00"),
        (LOCAL, "x", "$.f: should be a local time such as 2026-11-30T15:01:00"),
        (LOCAL, "2026-11-30", "$.f: should be a local time such as 2026-11-30T15:01:00"),
        ("bytes", "???", "$.f: bytes are written in base64"),
        ("bytes", 7, "$.f: bytes are written in base64"),
        (ENUM, "C", "$.f: `C` is none of A, B"),
        (ENUM, 1, "$.f: a whole number is none of A, B"),
        (INNER, [], "$.f: should be an object"),
        (INNER, {"a": "x"}, "$.f.a: should be a whole number, not a text"),
        (INNER, {"b": 1}, "$.f.b: `Inner` has no such field"),
        ({"type": "array", "items": INNER}, [{}, {"a": None}], "$.f[1].a: should be a whole number, not null"),
        ({"type": "array", "items": "int"}, {}, "$.f: should be a list"),
        ({"type": "map", "values": "int"}, {"k": "x"}, "$.f.k: should be a whole number, not a text"),
        ({"type": "map", "values": "int"}, [], "$.f: should be an object"),
        (["string", "long"], 2**70, "$.f: a number beyond 64 bits"),
        (["string", "long"], [1, {"a": None}], "$.f: fits none of the types that the schema allows here"),
        (["string", "long"], True, "$.f: fits none of the types that the schema allows here"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_fault_names_its_place(kind: object, given: object, message: str) -> None:
    """As a JSON path, clearly a rule author can act on."""
    with pytest.raises(SchemaMismatch) as caught:
        from_json(schema(kind), {"f": given})
    assert caught.value.message == message


@pytest.mark.parametrize("given", [None, [], "text", 7])
def test_an_event_is_an_object(given: object) -> None:
    """Nothing else has fields."""
    with pytest.raises(SchemaMismatch, match="should be an object"):
        from_json(schema("int"), given)


def test_what_is_missing_or_unknown_is_named() -> None:
    """With the fields there are: most faults are a slip of the pen."""
    with pytest.raises(SchemaMismatch, match=r"^\$\.f: is missing"):
        from_json(schema("int"), {})
    with pytest.raises(SchemaMismatch, match=r"^\$\.g: `T` has no such field") as caught:
        from_json(schema("int"), {"f": 1, "g": 2})
    assert caught.value.hint == "it has f"


def test_a_sender_may_be_ahead_of_its_schema() -> None:
    """Fields that the schema lacks are passed over where the reader reports it."""
    assert JsonReader(schema("int"), is_lenient=True).read({"f": 1, "g": 2}) == {"f": 1}


def test_messages_contain_nothing_of_the_event() -> None:
    """Keys of maps and values of enums are the sender's."""
    for kind, given in (({"type": "map", "values": "int"}, {"13800000000": "x"}), (ENUM, "13800000000")):
        with pytest.raises(SchemaMismatch) as caught:
            from_json(schema(kind), {"f": given})
        assert "13800000000" in caught.value.message
        assert "13800000000" not in caught.value.impersonal


def test_json_without_a_schema_stays_as_it_is() -> None:
    """A value that expressions cannot hold fails only the rules that use it."""
    value = {"a": [1, 2.5, "x", None, True], "b": {"c": -(2**63)}}
    assert plain_json(value) == value
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    for bad in (2**63, float("inf"), "\udfff", {1, 2}):
        read = plain_json({"a": bad, "b": 1})
        assert isinstance(read, dict)
        assert isinstance(read["a"], Unreadable)
        assert read["b"] == 1
    assert plain_json({"\ud800": 1, "b": 1}) == {"b": 1}
    assert "Unreadable" in repr(plain_json(deep))


@pytest.mark.parametrize(
    ("kind", "given", "arrives"),
    [
        ("long", "9007199254740993", 9007199254740993),
        ("long", 5.0, 5),
        ("long", " 5 ", 5),
        ("int", 1e3, 1000),
        (DATE, [2026, 11, 30], "2026-11-30"),
        (LOCAL, [2026, 11, 30, 15, 1], "2026-11-30T15:01:00"),
        (LOCAL, [2026, 11, 30, 15, 1, 2, 500_000_000], "2026-11-30T15:01:02"),
        (TIME, [15, 1], "15:01:00"),
        ("string", 7, "7"),
        ("boolean", "true", True),
        ("boolean", "True", True),
        ("boolean", "FALSE", False),
        ("string", 12345678901234567890, "12345678901234567890"),
        (["null", ENUM], {"com.example.E": "B"}, "B"),
        (["null", {"type": "array", "items": "string"}], {"array": ["a"]}, ["a"]),
        (["null", DECIMAL], {"bytes": "22"}, 128.5),
        (["null", DECIMAL, "string"], {"bytes": "\u0000\u00ff"}, 2.55),
        (TIMESTAMP, "2026-11-23T15:01:00+08:00[Asia/Shanghai][u-ca=gregory]", Timestamp(1_795_417_260, 0)),
        (TIMESTAMP, " 2026-11-23T07:01:00Z ", Timestamp(1_795_417_260, 0)),
        ("bytes", "\u00ff\u0001", b"\xff\x01"),
        (["null", "string"], {"string": "abc"}, "abc"),
        (["null", "string", "long"], {"long": 5}, 5),
        (TIMESTAMP, "1795417260000", Timestamp(1_795_417_260, 0)),
        (TIMESTAMP, 1795417260.5, Timestamp(1_795_417_260, 500_000_000)),
        (TIMESTAMP, Decimal("1795417260.123456789"), Timestamp(1_795_417_260, 123_456_789)),
        ("long", Decimal("5.0"), 5),
        (TIMESTAMP, "2026-11-23t07:01:00z", Timestamp(1_795_417_260, 0)),
        (TIMESTAMP, "2026-11-23T15:01:00+08:00[Asia/Shanghai]", Timestamp(1_795_417_260, 0)),
        (TIMESTAMP, "2016-12-31T23:59:60Z", Timestamp(1_483_228_800, 0)),
        (TIMESTAMP, "2016-12-31T24:00:00Z", Timestamp(1_483_228_800, 0)),
        (TIMESTAMP, "2016-12-31T24:00+08:00", Timestamp(1_483_200_000, 0)),
        (TIMESTAMP, 1_795_417_260, WRONG_UNIT),
        (ENUM, "b", "B"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"], "default": "A"}, "NEW", "A"),
    ],
    ids=str,
)
def test_a_lenient_reader_takes_what_has_one_meaning(kind: object, given: object, arrives: object) -> None:
    """Other JSON libraries write the same values in other forms."""
    assert JsonReader(schema(kind), is_lenient=True).read({"f": given}) == {"f": arrives}


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("long", 5.5, "should be a whole number, not one with a fraction"),
        (DATE, [2026, 13, 1], "should be a date such as"),
        (DATE, [2026, 11], "should be a date such as"),
        (DATE, [2026, 11, True], "should be a date such as"),
        (LOCAL, [2026, 11, 30], "should be a text, not a list"),
        (TIME, [15, 1, 0, -1], "should be a text, not a list"),
        ("long", Decimal("9007199254740993.0"), "should be a whole number with all its digits"),
        ("long", 1.2345678901234e18, "should be a whole number with all its digits"),
        ("long", math.inf, "a number beyond 64 bits"),
        (["null", DECIMAL], {"bytes": "128.50"}, "its bytes"),
        (["null", DECIMAL], {"bytes": "订"}, "U+0000 to U+00FF"),
        ("long", True, "should be a whole number"),
        ("boolean", 1, "true or false"),
        (LOCAL, "2026-11-23T07:01:00Z", "a local time has no zone"),
        (TIME, "15:01:00+08:00", "a time of day has no zone"),
        (TIMESTAMP, "2026-11-23T07:01:00", "no zone"),
        (DECIMAL, "MTAw", "should be a number"),
        (DECIMAL, "1000", "base64"),
        (DECIMAL, "1,280.00", "should be a number"),
        (DECIMAL, "１２８", "should be a number"),
        (ENUM, "NEW", "none of"),
    ],
    ids=str,
)
def test_a_lenient_reader_refuses_what_could_mean_two_things(kind: object, given: object, message: str) -> None:
    """A wrong message is worse than none: what reads the field fails, and nothing else does."""
    found = JsonReader(schema(kind), is_lenient=True).read({"f": given})["f"]
    assert isinstance(found, Unreadable)
    assert message in found.reason


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"f": {"g": [{"h": "x"}]}}, "I.h: should be a whole number"),
        ({"f": {"g": [{}]}}, "I.h: is missing"),
        ({"f": {"g": ["x"]}}, "R.g[0]: should be an object"),
        ({"f": []}, "T.f: should be an object"),
        ({}, "T.f: is missing"),
    ],
    ids=str,
)
def test_a_lenient_reader_marks_the_innermost_field_that_does_not_fit(given: object, reason: str) -> None:
    """With its location in the schema."""
    item = {"type": "record", "name": "I", "fields": [{"name": "h", "type": "long"}]}
    group = {"type": "record", "name": "R", "fields": [{"name": "g", "type": {"type": "array", "items": item}}]}
    read = JsonReader(schema(group), is_lenient=True).read(given)
    assert reason in repr(read)


def test_of_a_union_of_records_the_one_that_fits_is_read() -> None:
    """A fault within one of them chooses the other."""
    one = {"type": "record", "name": "A", "fields": [{"name": "a", "type": "long"}]}
    other = {"type": "record", "name": "B", "fields": [{"name": "b", "type": "long"}]}
    assert JsonReader(schema([one, other]), is_lenient=True).read({"f": {"b": "5"}}) == {"f": {"b": 5}}
