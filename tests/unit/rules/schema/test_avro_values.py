"""Avro's plain values in the form in which expressions read them."""

from __future__ import annotations

import math
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.schema.avro_values import shortest
from pipeline.rules.schema.event_schema import EventSchema


@pytest.mark.parametrize(
    ("kind", "decoded", "expected"),
    [
        ("float", 0.10000000149011612, 0.1),
        ({"type": "float"}, 9.989999771118164, 9.99),
        (["null", "float"], 1.2000000476837158, 1.2),
        (["null", "float"], None, None),
        ({"type": "array", "items": "float"}, [0.10000000149011612, 2.5], [0.1, 2.5]),
        ({"type": "map", "values": "float"}, {"a": 0.30000001192092896}, {"a": 0.3}),
        (["float", "string"], {"0": 0.10000000149011612}, 0.1),
        ("double", 0.10000000149011612, 0.10000000149011612),
    ],
    ids=str,
)
def test_a_float_of_32_bits_is_the_number_that_its_writer_had(kind: object, decoded: object, expected: object) -> None:
    """A customer reads 0.1, not the nearest number of 64 bits; a double is not changed."""
    schema = EventSchema({"type": "record", "name": "a.paid.v1", "fields": [{"name": "price", "type": kind}]}, "paid")
    read = schema.from_avro({"price": decoded}) if schema.root.fields else {}
    assert read == {"price": expected}


@given(st.floats(width=32, allow_nan=False))
def test_the_shortest_number_is_the_same_one_in_32_bits(single: float) -> None:
    """Infinity and -0.0 as well."""
    assert pack("<f", shortest(single)) == pack("<f", single)
    assert len(repr(shortest(single))) <= len(repr(single))


def test_what_is_not_a_number_stays_so() -> None:
    """A rule refuses it, as it does with doubles."""
    assert math.isnan(shortest(math.nan))
