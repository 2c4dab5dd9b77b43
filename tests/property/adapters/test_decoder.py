"""Whatever bytes come: an event or a reason, soon, and never anything else."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model.event import Headers
from tests.unit.adapters.events.records import (
    PAID_BYTES,
    PAID_EVENT,
    PAID_TYPE,
    decoder,
    one_field,
    raw,
    record,
    seconds_to_decode,
)

SECONDS = 0.05
EVERYTHING = one_field(
    {
        "type": "record",
        "name": "All",
        "fields": [
            {"name": "a", "type": ["null", "boolean", {"type": "long", "logicalType": "timestamp-micros"}, "string"]},
            {"name": "b", "type": {"type": "map", "values": {"type": "array", "items": ["null", "double"]}}},
            {"name": "c", "type": {"type": "enum", "name": "E", "symbols": ["X", "Y"]}},
            {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3}},
            {"name": "e", "type": {"type": "int", "logicalType": "date"}},
            {"name": "g", "type": ["null", {"type": "fixed", "name": "F", "size": 3}]},
            {"name": "h", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        ],
    }
)
SUBJECT = decoder(EVERYTHING, json_types={"orders": PAID_TYPE})

HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "ce_type",
                "type",
                "ce_id",
                "ce_source",
                "ce_specversion",
                "ce_time",
                "content-type",
                "traceparent",
                "__value_schema_id",
                "notice.event-identity",
                "notice.event-time",
                "notice.redrives",
                "notice.only-rule",
                "notice.key-round",
                "x",
            ]
        ),
        st.none()
        | st.binary(max_size=20)
        | st.sampled_from([b"1.0", PAID_TYPE.encode(), b"application/cloudevents+json", b"2026-11-23T04:00:00Z"]),
    ),
    max_size=6,
).map(tuple)


def decoded(value: bytes | None, headers: Headers = ()) -> None:
    """An event or a reason, in time."""
    assert seconds_to_decode(SUBJECT, record(value, *headers)) < SECONDS


@settings(deadline=None)
@given(st.binary(max_size=200) | st.none(), HEADERS)
def test_random_bytes_are_reported(value: bytes | None, headers: Headers) -> None:
    """Any bytes with any headers."""
    decoded(value, headers)


@settings(deadline=None, max_examples=settings().max_examples * 5)
@given(st.binary(max_size=100))
def test_random_payloads_of_every_type_are_reported(payload: bytes) -> None:
    """Behind a frame that names a schema with everything in it."""
    decoded(raw(EVERYTHING, payload))


@settings(deadline=None, max_examples=settings().max_examples * 5)
@given(st.integers(5, len(PAID_BYTES) - 1), st.binary(min_size=1, max_size=9), st.integers(0, 9))
def test_mutated_events_are_reported(at: int, bytes_there: bytes, cut: int) -> None:
    """Bytes of a true event exchanged, added and taken away."""
    decoded(PAID_BYTES[:at] + bytes_there + PAID_BYTES[at + cut :])


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*PAID_EVENT, "other"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=12,
    )
)
def test_json_of_any_shape_is_reported(changes: dict[str, object]) -> None:
    """A known type's fields with anything in them."""
    decoded(json.dumps({**PAID_EVENT, **changes}).encode())
