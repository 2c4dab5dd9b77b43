"""Which newer schemas read which older events."""

from __future__ import annotations

import pytest

from pipeline.rules.schema.check import check_versions
from pipeline.rules.schema.compatibility import incompatibilities
from pipeline.rules.schema.event_schema import EventSchema


def schema(kind: object, path: str = "new", **more: object) -> EventSchema:
    """A record with one field `f`."""
    return EventSchema({"type": "record", "name": "T", "fields": [{"name": "f", "type": kind, **more}]}, path)


def enum(*symbols: str, **more: object) -> dict[str, object]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def inner(*fields: dict[str, object]) -> dict[str, object]:
    return {"type": "record", "name": "Inner", "fields": list(fields)}


def decimal(scale: int) -> dict[str, object]:
    return {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": scale}


A: dict[str, object] = {"name": "a", "type": "string"}


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("string", "string"),
        ({"type": "string"}, "string"),
        ("long", "int"),
        ("double", "long"),
        ("bytes", "string"),
        (["null", "string"], "string"),
        (["null", "long"], "int"),
        (["null", "string"], ["null", "string"]),
        (["null", "string", "long"], ["null", "string"]),
        ("string", ["string"]),
        (enum("A", "B"), enum("A")),
        (enum("A", default="A"), enum("A", "B")),
        ({"type": "array", "items": "long"}, {"type": "array", "items": "int"}),
        ({"type": "map", "values": "long"}, {"type": "map", "values": "int"}),
        (inner(A), inner(A, {"name": "b", "type": "int"})),
        (inner(A, {"name": "b", "type": "int", "default": 0}), inner(A)),
        (inner({"name": "c", "type": "string", "aliases": ["a"]}), inner(A)),
        ({"type": "string", "logicalType": "uuid"}, "string"),
        (decimal(2), decimal(2)),
    ],
    ids=str,
)
def test_these_read_older_events(new: object, old: object) -> None:
    """Avro's rules of schema resolution."""
    assert incompatibilities(schema(new), schema(old)) == []


@pytest.mark.parametrize(
    ("new", "old", "message"),
    [
        ("string", "int", "$.f: was int, is string"),
        ("int", "long", "$.f: was long, is int"),
        ("string", ["null", "string"], "$.f: was null, is string"),
        (["null", "string"], "int", "$.f: int is none of null, string"),
        (enum("A"), enum("A", "B"), "$.f: the enum has no B any more, and no default"),
        (
            {"type": "array", "items": "int"},
            {"type": "array", "items": "string"},
            "$.f[]: was string, is int",
        ),
        ({"type": "map", "values": "int"}, {"type": "map", "values": "string"}, "$.f.*: was string, is int"),
        (inner(A, {"name": "b", "type": "int"}), inner(A), "$.f.b: is not in those events, and has no default"),
        (
            {"type": "fixed", "name": "F", "size": 4},
            {"type": "fixed", "name": "F", "size": 5},
            "$.f: was 5 bytes, is 4",
        ),
        (decimal(3), decimal(2), "$.f: meant a decimal of 2 places, means a decimal of 3 places"),
        (
            {"type": "long", "logicalType": "timestamp-micros"},
            {"type": "long", "logicalType": "timestamp-millis"},
            "$.f: meant timestamp-millis, means timestamp-micros",
        ),
        (
            "long",
            {"type": "long", "logicalType": "timestamp-millis"},
            "$.f: meant timestamp-millis, means a plain value",
        ),
    ],
    ids=str,
)
def test_these_do_not(new: object, old: object, message: str) -> None:
    """Each fault with its place."""
    assert incompatibilities(schema(new), schema(old)) == [message]


def test_named_types_are_looked_up_on_both_sides() -> None:
    """Whatever name a type was used by."""
    money = {"type": "record", "name": "Money", "namespace": "shop", "fields": [A]}
    both = {"type": "record", "name": "T", "namespace": "shop", "fields": []}
    old = EventSchema({**both, "fields": [{"name": "x", "type": money}, {"name": "y", "type": "Money"}]})
    new = EventSchema({**both, "fields": [{"name": "y", "type": money}, {"name": "x", "type": "shop.Money"}]})
    assert incompatibilities(new, old) == []


def test_versions_in_files_are_held_against_each_other() -> None:
    """The later file must read the earlier one's events, and be another schema."""
    problems = check_versions([schema("int", "1.avsc"), schema("string", "2.avsc"), schema("string", "3.avsc")])
    assert [str(problem) for problem in problems] == [
        "2.avsc: error: cannot read events of 1.avsc: $.f: was int, is string",
        "3.avsc: error: defines T just as 2.avsc does",
    ]
