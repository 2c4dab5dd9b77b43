"""An event that was decoded, as the JSON that authors edit: read again it is the same event."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest

from pipeline.adapters.events.avro import AvroReader, AvroWriter
from pipeline.adapters.events.strict_json import dumps, loads
from pipeline.authoring.event_json import event_json
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.json_events import JsonReader, SchemaMismatch, plain_json
from pipeline.rules.schema.unreadable import WRONG_UNIT
from pipeline.rules.timestamp import Timestamp
from tests.unit.adapters.events.records import PAID, PAID_BYTES, one_field

NOW = datetime(2026, 11, 23, 7, 1, 5, 123_456, tzinfo=UTC)
CARD = {"type": "record", "name": "Card", "fields": [{"name": "no", "type": "string"}]}
CASH = {"type": "record", "name": "Cash", "fields": [{"name": "no", "type": "string"}]}
TREE = {"type": "record", "name": "Tree", "fields": [{"name": "below", "type": ["null", "Tree"]}]}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}


def logical(kind: str, name: str, **more: object) -> dict[str, object]:
    return {"type": kind, "logicalType": name, **more}


def read_from_avro(schema: EventSchema, written: object) -> dict[str, object]:
    framed = AvroWriter(schema.avro, 1).write({"f": written})
    return AvroReader(schema).read(framed, 5)


def read_again(schema: EventSchema, data: dict[str, object]) -> dict[str, object]:
    """As Studio reads what is in its editor."""
    text = dumps(event_json(data, schema), indented=True)
    return JsonReader(schema, is_lenient=True, keeps_unreadable=False).read(loads(text))


@pytest.mark.parametrize(
    ("kind", "written", "shown"),
    [
        ("boolean", True, True),
        ("int", -7, -7),
        ("long", 2**63 - 1, 2**63 - 1),
        ("float", 0.1, 0.1),
        ("double", 128.5, 128.5),
        ("double", 3.0, 3.0),
        ("double", 1e300, 1e300),
        ("string", '订单"\\\n', '订单"\\\n'),
        ("bytes", b"\x00\xff", "AP8="),
        ({"type": "fixed", "name": "F", "size": 2}, b"ab", "YWI="),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", "B"),
        (["null", {"type": "enum", "name": "E", "symbols": ["A", "B"]}], "B", "B"),
        (MONEY, Decimal("1000.00"), "1000.00"),
        (MONEY, Decimal("-0.10"), "-0.10"),
        (["null", MONEY], None, None),
        (["null", MONEY], Decimal(1234), "1234.00"),
        (logical("bytes", "decimal", precision=30, scale=0), Decimal(12345678901234567890), "12345678901234567890"),
        (
            logical("bytes", "decimal", precision=30, scale=4),
            Decimal("12345678901234567.8901"),
            "12345678901234567.8901",
        ),
        (logical("bytes", "decimal", precision=90, scale=2), Decimal("9" * 70 + ".25"), Decimal("9" * 70 + ".25")),
        ({**logical("fixed", "decimal", precision=9, scale=3), "name": "D", "size": 4}, Decimal("1.250"), "1.250"),
        (logical("int", "date"), date(2026, 11, 30), "2026-11-30"),
        (logical("int", "time-millis"), time(15, 1, 5), "15:01:05"),
        (logical("long", "time-micros"), time(15, 1, 5), "15:01:05"),
        (logical("long", "timestamp-millis"), NOW, "2026-11-23T07:01:05.123000Z"),
        (logical("long", "timestamp-micros"), NOW, "2026-11-23T07:01:05.123456Z"),
        (logical("long", "timestamp-nanos"), 1_795_406_400_123_456_000, "2026-11-23T04:00:00.123456Z"),
        (logical("long", "timestamp-nanos"), 1_795_406_400_123_456_789, 1_795_406_400_123_456_789),
        (logical("long", "timestamp-millis"), -62_135_596_800_000, "0001-01-01T00:00:00Z"),
        (logical("long", "local-timestamp-millis"), NOW, "2026-11-23T07:01:05"),
        (logical("long", "local-timestamp-micros"), NOW, "2026-11-23T07:01:05"),
        (logical("long", "local-timestamp-nanos"), 1_795_406_400_000_000_000, "2026-11-23T04:00:00"),
        (logical("string", "uuid"), str(UUID(int=7)), str(UUID(int=7))),
        ({**logical("fixed", "uuid"), "name": "U", "size": 16}, UUID(int=7).bytes, str(UUID(int=7))),
        ({"type": "array", "items": MONEY}, [Decimal("1.00")], ["1.00"]),
        ({"type": "map", "values": logical("int", "date")}, {"a": date(2026, 11, 30)}, {"a": "2026-11-30"}),
        (CARD, {"no": "1"}, {"no": "1"}),
        (TREE, {"below": {"below": None}}, {"below": {"below": None}}),
        (["string", "long"], "7", "7"),
        (["string", "long"], 7, 7),
        (["null", "string", logical("long", "timestamp-millis")], NOW, {"long": "2026-11-23T07:01:05.123000Z"}),
        (["string", "bytes"], b"abc", {"bytes": "YWJj"}),
        (["string", MONEY], Decimal("12.00"), {"bytes": "\x04\xb0"}),
        (["double", "long"], 3.0, 3.0),
        ([CARD, CASH], {"no": "1"}, {"no": "1"}),
        ([{"type": "array", "items": "string"}, "string"], ["a"], ["a"]),
    ],
)
def test_read_again_it_is_the_same_value(kind: object, written: object, shown: object) -> None:
    schema = one_field(kind)
    data = read_from_avro(schema, written)
    assert event_json(data, schema) == {"f": shown}
    again = read_again(schema, data)
    assert again == data
    assert type(again["f"]) is type(data["f"])


def test_a_whole_event_is_the_same() -> None:
    data = AvroReader(PAID).read(PAID_BYTES, 5)
    assert read_again(PAID, data) == data


def test_it_is_read_alike_by_another_version_of_the_schema() -> None:
    """Fields that it lacks are ignored, as in the service."""
    data = AvroReader(PAID).read(PAID_BYTES, 5)
    fields = [field for field in PAID.avro["fields"] if field["name"] != "amount_paid"]  # type: ignore[attr-defined]
    other = EventSchema({**PAID.avro, "fields": fields})
    again = JsonReader(other, is_lenient=True, keeps_unreadable=False).read(loads(dumps(event_json(data, PAID))))
    assert again == {name: value for name, value in data.items() if name != "amount_paid"}


def test_without_a_schema_numbers_keep_all_their_digits() -> None:
    data = {"amount": Decimal("12345678901234567.89"), "count": 3, "none": None, "list": [{"a": True}]}
    assert plain_json(loads(dumps(event_json(data, None), indented=True))) == data


def test_without_a_schema_times_and_bytes_are_texts() -> None:
    data = {"at": Timestamp(0, 0), "raw": b"abc"}
    assert event_json(data, None) == {"at": "1970-01-01T00:00:00Z", "raw": "YWJj"}


@pytest.mark.parametrize("value", [WRONG_UNIT, float("nan"), float("inf")])
def test_what_cannot_be_read_is_reported_at_its_field(value: object) -> None:
    """Rather than read as something else: the editor says which field it is, and the event why."""
    schema = one_field("double")
    text = dumps(event_json({"f": value}, schema))
    assert "unreadable" in text
    with pytest.raises(SchemaMismatch, match=r"\$\.f"):
        JsonReader(schema, is_lenient=True, keeps_unreadable=False).read(loads(text))
