"""Events of older and newer writers, read as the version that rules know."""

from __future__ import annotations

import copy
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.resolution import resolver
from pipeline.rules.timestamp import Timestamp

DECIMAL_2 = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
DECIMAL_4 = {**DECIMAL_2, "scale": 4}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
OLD = {"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}
NEW = {"type": "enum", "name": "E", "symbols": ["A", "B"], "default": "A"}
ROW = {"type": "record", "name": "Row", "fields": [{"name": "a", "type": "int"}]}
WIDER = {**ROW, "fields": [{"name": "a", "type": "long"}, {"name": "b", "type": "string", "default": "x"}]}
NODE = {"name": "below", "type": ["null", "T"], "default": None}


def schema(*fields: dict[str, object]) -> EventSchema:
    """A record `T` of these fields."""
    return EventSchema({"type": "record", "name": "T", "fields": list(fields)})


def field(name: str, kind: object, **more: object) -> dict[str, object]:
    """One field."""
    return {"name": name, "type": kind, **more}


@pytest.mark.parametrize(
    ("writer", "reader", "value", "expected"),
    [
        ((), (field("g", "string", default="basic"),), {}, {"g": "basic"}),
        ((), (field("g", ["null", "string"], default=None),), {}, {"g": None}),
        ((), (field("g", DECIMAL_2, default="\u0001\u0000"),), {}, {"g": 2.56}),
        ((), (field("g", MILLIS, default=0),), {}, {"g": Timestamp(0, 0)}),
        ((), (field("g", {"type": "array", "items": "int"}, default=[1]),), {}, {"g": [1]}),
        ((), (field("g", WIDER, default={"a": 1}),), {}, {"g": {"a": 1, "b": "x"}}),
        ((field("old", "string"),), (field("new", "string", aliases=["old"]),), {"old": "v"}, {"new": "v"}),
        ((field("f", "int"),), (field("f", "double"),), {"f": 5}, {"f": 5.0}),
        ((field("f", OLD),), (field("f", NEW),), {"f": "C"}, {"f": "A"}),
        ((field("f", OLD),), (field("f", NEW),), {"f": "B"}, {"f": "B"}),
        ((field("f", ROW),), (field("f", WIDER),), {"f": {"a": 1}}, {"f": {"a": 1, "b": "x"}}),
        ((field("f", ROW),), (field("f", ["null", WIDER]),), {"f": {"a": 1}}, {"f": {"a": 1, "b": "x"}}),
        ((field("f", ["null", ROW]),), (field("f", ["null", WIDER]),), {"f": None}, {"f": None}),
        (
            (field("f", {"type": "array", "items": ROW}),),
            (field("f", {"type": "array", "items": WIDER}),),
            {"f": [{"a": 1}]},
            {"f": [{"a": 1, "b": "x"}]},
        ),
        (
            (field("f", {"type": "map", "values": "int"}),),
            (field("f", {"type": "map", "values": "double"}),),
            {"f": {"k": 1}},
            {"f": {"k": 1.0}},
        ),
        ((field("f", ["string", "int"]),), (field("f", ["string", "double"]),), {"f": 1}, {"f": 1.0}),
        ((field("f", "long"),), (field("f", MILLIS),), {"f": 1_000}, {"f": Timestamp(1, 0)}),
        ((field("f", "bytes"),), (field("f", "string"),), {"f": b"x"}, {"f": "x"}),
        ((NODE,), (NODE, field("g", "int", default=7)), {"below": {"below": None}},
         {"below": {"below": None, "g": 7}, "g": 7}),
    ],
    ids=str,
)  # fmt: skip
def test_an_event_is_read_as_the_version_that_rules_know(
    writer: tuple[dict[str, object], ...],
    reader: tuple[dict[str, object], ...],
    value: dict[str, object],
    expected: dict[str, object],
) -> None:
    """Defaults, aliases, symbols, wider numbers, at every depth."""
    resolve = resolver(schema(*writer).root, schema(*reader).root)
    assert resolve is not None
    assert resolve(copy.deepcopy(value)) == expected
    assert resolve(copy.deepcopy(value)) == expected


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        ((field("f", "int"), field("g", "int")), (field("f", "long"),)),
        ((field("f", DECIMAL_2),), (field("f", DECIMAL_4),)),
        ((field("f", MILLIS),), (field("f", {**MILLIS, "logicalType": "timestamp-micros"}),)),
        ((field("f", "string"),), (field("f", ["null", "string"]),)),
        ((field("f", "string"),), (field("f", "int"),)),
        ((), (field("new", "string"),)),
    ],
    ids=str,
)
def test_what_needs_no_change_costs_nothing(
    writer: tuple[dict[str, object], ...], reader: tuple[dict[str, object], ...]
) -> None:
    """A decimal keeps the scale that it was written with; what cannot be resolved stays as written."""
    assert resolver(schema(*writer).root, schema(*reader).root) is None


PLAIN = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "string": st.text(max_size=5),
    "boolean": st.booleans(),
}
WIDER_TYPES = {"int": ["int", "long", "double"], "long": ["long", "double"]}


@st.composite
def _evolutions(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], dict[str, object]]:
    """Two versions of a record, and an event of the first."""
    names = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6))
    written: list[dict[str, Any]] = []
    read: list[dict[str, Any]] = []
    event: dict[str, object] = {}
    for name in names:
        kind = draw(st.sampled_from(list(PLAIN)))
        event[name] = draw(PLAIN[kind])
        written.append({"name": name, "type": kind})
        wider = draw(st.sampled_from(WIDER_TYPES.get(kind, [kind])))
        match draw(st.sampled_from(["same", "gone", "renamed", "nullable"])):
            case "same":
                read.append({"name": name, "type": wider})
            case "renamed":
                read.append({"name": name.upper(), "type": wider, "aliases": [name]})
            case "nullable":
                read.append({"name": name, "type": ["null", wider]})
    for name in draw(st.lists(st.sampled_from("xyz"), unique=True, max_size=3)):
        kind = draw(st.sampled_from(["int", "string"]))
        read.append({"name": name, "type": kind, "default": 7 if kind == "int" else "d"})
    record = {"type": "record", "name": "T"}
    return {**record, "fields": written}, {**record, "fields": read}, event


@settings(deadline=None, max_examples=200)
@given(_evolutions())
def test_it_agrees_with_fastavro(case: tuple[dict[str, Any], dict[str, Any], dict[str, object]]) -> None:
    """Fields that the reader knows have the values that fastavro's own resolution gives."""
    writer, reader, event = case
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(writer), event)
    stream.seek(0)
    expected = fastavro.schemaless_reader(stream, fastavro.parse_schema(writer), fastavro.parse_schema(reader))
    resolve = resolver(EventSchema(writer).root, EventSchema(reader).root)
    read = dict(event) if resolve is None else resolve(dict(event))
    assert isinstance(expected, dict)
    assert {name: read[name] for name in expected} == expected
