"""The function written for a schema reads what fastavro reads, or gives up."""

from __future__ import annotations

import io
import itertools
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.adapters.avro_direct import GIVING_UP, MAX_BRANCHES, direct_reader

PLAIN: dict[str, st.SearchStrategy[object]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1) | st.integers(-200, 200),
    "long": st.integers(-(2**61), 2**61) | st.integers(0, 2**41) | st.integers(-20_000, 20_000),
    "float": st.floats(width=32),
    "double": st.floats(),
    "bytes": st.binary(max_size=200),
    "string": st.text(max_size=100),
}
NAMES = itertools.count()
Sample = tuple[Any, st.SearchStrategy[Any]]
"""A schema, and values of it."""


def of_record(parts: list[Sample]) -> Sample:
    fields = [{"name": f"f{number}", "type": kind} for number, (kind, _) in enumerate(parts)]
    values = st.fixed_dictionaries({f"f{number}": value for number, (_, value) in enumerate(parts)})
    return {"type": "record", "name": f"R{next(NAMES)}", "fields": fields}, values


def of_enum(count: int) -> Sample:
    symbols = [f"S{number}" for number in range(count)]
    return {"type": "enum", "name": f"E{next(NAMES)}", "symbols": symbols}, st.sampled_from(symbols)


def of_fixed(size: int) -> Sample:
    return {"type": "fixed", "name": f"F{next(NAMES)}", "size": size}, st.binary(min_size=size, max_size=size)


def nullable(one: Sample) -> Sample:
    return ["null", one[0]], st.none() | one[1]


leaves: st.SearchStrategy[Sample] = (
    st.sampled_from(sorted(PLAIN)).map(lambda name: (name, PLAIN[name]))
    | st.sampled_from(sorted(PLAIN)).map(lambda name: ({"type": name}, PLAIN[name]))
    | st.integers(1, 200).map(of_enum)
    | st.integers(1, 20).map(of_fixed)
)
optional = leaves.filter(lambda one: one[0] not in ("null", {"type": "null"})).map(nullable)
kinds = st.recursive(
    leaves | optional,
    lambda inner: (
        st.lists(inner, max_size=4).map(of_record)
        | inner.map(lambda one: ({"type": "array", "items": one[0]}, st.lists(one[1], max_size=4)))
        | inner.map(
            lambda one: (
                {"type": "map", "values": one[0]},
                st.dictionaries(st.text(max_size=5), one[1], max_size=4),
            )
        )
    ),
    max_leaves=8,
)
records = st.lists(kinds, min_size=1, max_size=6).map(of_record)


def by_fastavro(schema: Any, raw: bytes) -> str:  # noqa: ANN401 - a parsed schema
    """What fastavro reads, as a text: no number is equal to itself there, and -0.0 is not 0.0."""
    stream = io.BytesIO(raw)
    try:
        value: object = fastavro.schemaless_reader(stream, schema, None)
    except (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError):
        return "refused"
    return repr(value) if stream.tell() == len(raw) else "refused"


def directly(schema: Any, raw: bytes, start: int = 0) -> str:  # noqa: ANN401 - as above
    read = direct_reader(schema)
    assert read is not None
    try:
        value, end = read(raw, start)
    except GIVING_UP:
        return "gave up"
    return repr(value) if end == len(raw) else "gave up"


@settings(deadline=None, max_examples=300)
@given(records, st.data())
def test_every_value_is_fastavros(sample: Sample, data: st.DataObject) -> None:
    """It does not give up for what fastavro has written, wherever in the bytes the record begins."""
    schema, values = fastavro.parse_schema(sample[0]), sample[1]
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, data.draw(values))
    raw = stream.getvalue()
    expected = by_fastavro(schema, raw)
    assert directly(schema, raw) == expected
    assert directly(schema, b"\x00\x00\x00\x00\x07" + raw, 5) == expected


@settings(deadline=None, max_examples=300)
@given(records, st.data())
def test_other_bytes_are_fastavros_or_given_up(sample: Sample, data: st.DataObject) -> None:
    """Bytes exchanged, added and taken away, and bytes of no schema at all."""
    schema, values = fastavro.parse_schema(sample[0]), sample[1]
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, data.draw(values))
    raw = stream.getvalue()
    at, cut = data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, 9))
    mutated = raw[:at] + data.draw(st.binary(max_size=9)) + raw[at + cut :]
    for given_bytes in (mutated, data.draw(st.binary(max_size=60))):
        found = directly(schema, given_bytes)
        assert found in ("gave up", by_fastavro(schema, given_bytes))


UNION = fastavro.parse_schema(
    {"type": "record", "name": "U", "fields": [{"name": "f", "type": ["string", "null", "long", "boolean"]}]}
)


@pytest.mark.parametrize("payload", [b"\x00\x02a", b"\x02", b"\x04\x05", b"\x06\x01", b"\x08", b"\x01", b"\x80\x01"])
def test_branches_are_told_by_their_number(payload: bytes) -> None:
    """The last three are of no branch."""
    found = directly(UNION, payload)
    assert found == by_fastavro(UNION, payload).replace("refused", "gave up")


BLOCKS = fastavro.parse_schema(
    {"type": "record", "name": "B", "fields": [{"name": "f", "type": {"type": "array", "items": "int"}}]}
)


@pytest.mark.parametrize("payload", [b"\x03\x04\x02\x04\x02\x08\x00", b"\x03\x80\x01\x02\x04\x00", b"\x00"])
def test_blocks_may_say_their_size(payload: bytes) -> None:
    """A count below zero is followed by the size in bytes."""
    assert directly(BLOCKS, payload) == by_fastavro(BLOCKS, payload) != "refused"


@pytest.mark.parametrize("size", [1, 3])
def test_a_list_ends_where_the_bytes_end(size: int) -> None:
    """However many items it says it has: 2^61 here."""
    item = {"type": "fixed", "name": "F", "size": size}
    schema = fastavro.parse_schema(
        {"type": "record", "name": "H", "fields": [{"name": "f", "type": {"type": "array", "items": item}}]}
    )
    assert directly(schema, b"\xfe" + b"\xff" * 7 + b"\x7f" + b"abc") == "gave up"


def test_numbers_of_more_than_63_bits_are_fastavros() -> None:
    """Its arithmetic ends at 64; ours has no end."""
    schema = fastavro.parse_schema({"type": "record", "name": "N", "fields": [{"name": "f", "type": "long"}]})
    assert directly(schema, b"\xff" * 9 + b"\x01") == "gave up"


def test_a_named_type_is_read_where_its_name_stands() -> None:
    """Once described, then named, in a namespace of its own."""
    address = {"type": "record", "name": "a.b.Address", "fields": [{"name": "city", "type": "string"}]}
    fields = [{"name": "one", "type": address}, {"name": "other", "type": ["null", "a.b.Address"]}]
    schema = fastavro.parse_schema({"type": "record", "name": "P", "fields": fields})
    assert directly(schema, b"\x02x\x02\x02y") == by_fastavro(schema, b"\x02x\x02\x02y") != "refused"


def test_what_a_schema_says_is_never_read_as_python() -> None:
    """Not even by a parser that lets any name pass."""
    hostile = '"]);\nraise SystemExit #'
    enum = {"type": "enum", "name": "E", "symbols": [hostile]}
    schema = {"type": "record", "name": "X", "fields": [{"name": hostile, "type": enum}]}
    assert directly(schema, b"\x00") == repr({hostile: hostile})


@pytest.mark.parametrize("kind", [["null"] + ["string"] * MAX_BRANCHES, "unheard", {"type": "error", "fields": []}])
def test_what_only_fastavro_reads_is_left_to_it(kind: object) -> None:
    """Unions of too many branches, and types that are none of Avro's own."""
    assert direct_reader({"type": "record", "name": "X", "fields": [{"name": "f", "type": kind}]}) is None


def test_a_schema_without_measure_is_left_to_fastavro() -> None:
    """Python would take long to compile it."""
    fields = [{"name": f"f{number}", "type": "string"} for number in range(2_000)]
    assert direct_reader({"type": "record", "name": "X", "fields": fields}) is None
