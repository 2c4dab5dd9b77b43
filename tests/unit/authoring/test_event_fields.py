"""The fields of an event type, as authors write them."""

from __future__ import annotations

from pipeline.authoring.event_fields import MOST_FIELDS, FieldRow, event_fields
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.examples import example

DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
VISIT = EventSchema(
    {
        "type": "record",
        "name": "visit",
        "namespace": "org.clinic",
        "fields": [
            {"name": "sub", "type": "string", "doc": "The patient's\n  id."},
            {"name": "begins_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "day", "type": {"type": "int", "logicalType": "date"}},
            {"name": "fee", "type": ["null", DECIMAL], "default": None},
            {"name": "paid", "type": "boolean"},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["FIRST", "AGAIN"]}},
            {
                "name": "doctor",
                "type": [
                    "null",
                    {
                        "type": "record",
                        "name": "Doctor",
                        "fields": [{"name": "name", "type": "string"}, {"name": "room-no", "type": "int"}],
                    },
                ],
            },
            {
                "name": "people",
                "type": {
                    "type": "array",
                    "items": {"type": "record", "name": "Person", "fields": [{"name": "age", "type": ["null", "int"]}]},
                },
            },
            {"name": "tiers", "type": {"type": "map", "values": "long"}},
            {"name": "either", "type": ["string", "long"]},
        ],
    }
)


def test_each_field_has_its_path_its_type_in_plain_words_and_its_example() -> None:
    """Nested ones below theirs; what is below a nullable record may be missing."""
    rows = event_fields(VISIT, example(VISIT, lambda: 0.5))
    assert [(row.path, row.type, row.may_be_missing) for row in rows] == [
        ("event.sub", "text", False),
        ("event.begins_at", "time", False),
        ("event.day", "date", False),
        ("event.fee", "decimal (2 digits after the point)", True),
        ("event.paid", "true or false", False),
        ("event.kind", "one of", False),
        ("event.doctor", "record", True),
        ("event.doctor.name", "text", True),
        ("event.doctor.room-no", "whole number", True),
        ("event.people", "list of records", False),
        ("event.people[].age", "whole number", True),
        ("event.tiers", "map of whole number", False),
        ("event.either", "text or whole number", False),
    ]
    by_path = {row.path: row for row in rows}
    assert by_path["event.sub"].doc == "The patient's id."
    assert by_path["event.kind"].values == ("FIRST", "AGAIN")
    assert by_path["event.fee"].example == "251.00"
    assert by_path["event.people[].age"].example == 51
    assert [row.path for row in rows if not row.is_readable] == ["event.doctor.room-no"]


def test_an_event_without_the_field_has_no_example_of_it() -> None:
    """Whatever the event is."""
    assert event_fields(VISIT, {"people": 1, "doctor": []})[0] == FieldRow(
        "event.sub", "text", may_be_missing=False, doc="The patient's id."
    )


def test_the_number_of_fields_is_bounded() -> None:
    """One record used in many places makes more fields than anybody reads."""
    names = [{"name": f"f{number}", "type": "int"} for number in range(200)]
    first: dict[str, object] = {"name": "a", "type": {"type": "record", "name": "Part", "fields": names}}
    others = [{"name": f"p{number}", "type": "Part"} for number in range(20)]
    wide = EventSchema({"type": "record", "name": "wide", "fields": [first, *others]})
    assert len(event_fields(wide, {})) == MOST_FIELDS
