"""The JSON Schema of an event type takes what the service reads, and finds what it would not."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from jsonschema_rs import Draft202012Validator

from pipeline.adapters.events.schema_files import read_schema, schema_files
from pipeline.authoring.event_json_schema import event_json_schema
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.examples import example
from pipeline.rules.schema.json_events import from_json
from tests.unit.authoring.domains import DOMAINS

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = [read_schema(path) for path in schema_files(ROOT / "schemas" / "events")]
NEW = [EventSchema(avro) for avro in DOMAINS.values()]


@pytest.mark.parametrize("schema", SHIPPED + NEW, ids=lambda schema: schema.name)
def test_examples_of_a_type_are_valid_and_are_read(schema: EventSchema) -> None:
    """Twenty of each type, by both."""
    validator = Draft202012Validator(event_json_schema(schema))
    rng = random.Random(7)  # noqa: S311 - the same in every run
    for number in range(20):
        event = example(schema, rng.random, number)
        assert [str(error) for error in validator.iter_errors(event)] == []
        from_json(schema, event)


NODE = {
    "type": "record",
    "name": "Node",
    "fields": [{"name": "label", "type": "string"}, {"name": "next", "type": ["null", "Node"], "default": None}],
}


@pytest.mark.parametrize(
    ("avro", "valid", "invalid"),
    [
        ("long", [0, -(2**63), 2**63 - 1], [2**63, "1", 1.5, True, None]),
        ("boolean", [True], ["true", 1]),
        ("double", [1.5, 1], ["1.5", None]),
        ("string", ["", "订单"], [1, None]),
        ("bytes", ["", "QUI=", "QUJD"], ["QUI", "订单", 1]),
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2},
            ["128.50", "-1.00"],
            ["128.5", "1000", "12345.00", "1e3", 1],
        ),
        (
            {"type": "long", "logicalType": "timestamp-millis"},
            ["2026-11-23T15:01:00Z", "2026-11-23T15:01:00.123+08:00"],
            ["2026-11-23T15:01:00", "2026-13-01T00:00:00Z", 1],
        ),
        ({"type": "int", "logicalType": "date"}, ["2026-11-30"], ["30.11.2026", "2026-11-30T00:00:00Z"]),
        ({"type": "int", "logicalType": "time-millis"}, ["15:01", "15:01:00"], ["25:00", "3 pm"]),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, ["2026-11-23T15:01:00"], ["2026-11-23T15:01:00Z"]),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, ["A"], ["C", None]),
        ({"type": "array", "items": "int"}, [[], [1, 2]], [["1"], 1]),
        ({"type": "map", "values": "string"}, [{}, {"a": "b"}], [{"a": 1}, []]),
        (["null", "string"], [None, "a"], [1]),
        (["string", "long"], ["a", 1], [True, None]),
        (
            NODE,
            [{"label": "a"}, {"label": "a", "next": {"label": "b", "next": None}}],
            [{}, {"label": "a", "next": {}}],
        ),
    ],
    ids=lambda value: str(value)[:40] if not isinstance(value, list) else "",
)
def test_each_type_takes_its_values_and_no_others(avro: object, valid: list[object], invalid: list[object]) -> None:
    """What is valid is also read by the service."""
    schema = EventSchema({"type": "record", "name": "x.Event", "fields": [{"name": "value", "type": avro}]})
    validator = Draft202012Validator(json.loads(json.dumps(event_json_schema(schema))))
    for value in valid:
        assert validator.is_valid({"value": value}), value
        from_json(schema, {"value": value})
    for value in invalid:
        assert not validator.is_valid({"value": value}), value


def test_only_fields_without_null_and_default_are_required() -> None:
    """Further fields are allowed; descriptions are those of the Avro schema."""
    schema = event_json_schema(
        EventSchema(
            {
                "type": "record",
                "name": "shop.Paid",
                "doc": "An order\n was paid.",
                "fields": [
                    {"name": "no", "type": "string", "doc": "Its number."},
                    {"name": "note", "type": ["null", "string"]},
                    {"name": "count", "type": "int", "default": 1},
                ],
            }
        )
    )
    assert (schema["title"], schema["description"], schema["required"]) == ("shop.Paid", "An order was paid.", ["no"])
    assert schema["properties"]["no"] == {"type": "string", "description": "Its number."}  # type: ignore[index]
    assert Draft202012Validator(schema).is_valid({"no": "1", "else": True})
