"""Outcomes are written by hand for speed: byte for byte what fastavro would have written."""

from __future__ import annotations

import io
from typing import Any

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.avro import frame
from pipeline.adapters.avro_flat import FlatWriter
from pipeline.adapters.outcome_record import RECURRING, outcome_schema
from pipeline.rules.schema import without_logical_types

_PLAIN: Any = without_logical_types(outcome_schema())
_PARSED = fastavro.parse_schema(_PLAIN)
_TEXTS = st.text("aA1 é中😀\x00", max_size=4) | st.sampled_from(["", "x" * 63, "x" * 64, "x" * 10_000])
_INTS = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, -1, 63, 64, 2_047, 2_048, 8_191, 8_192, -8_193])
_LONGS = _INTS | st.integers(-(2**63), 2**63 - 1) | st.integers(1_795_406_400_000, 1_795_406_500_000)
_KINDS: dict[str, st.SearchStrategy[object]] = {
    "string": _TEXTS,
    "int": _INTS,
    "long": _LONGS,
    "boolean": st.booleans(),
}


def _values(kind: Any) -> st.SearchStrategy[object]:  # noqa: ANN401 - a schema's JSON
    if isinstance(kind, list):
        return st.none() | _values(kind[1])
    return _KINDS[kind["type"] if isinstance(kind, dict) else kind]


@given(st.fixed_dictionaries({field["name"]: _values(field["type"]) for field in _PLAIN["fields"]}))
def test_the_bytes_are_those_of_fastavro(record: dict[str, object]) -> None:
    """Any values that the schema's fields may have."""
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, _PARSED, record)
    writer = FlatWriter(outcome_schema(), frame(7), RECURRING)
    assert writer.write(tuple(record[name] for name in writer.names)) == frame(7) + stream.getvalue()
