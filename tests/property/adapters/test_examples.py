"""Examples made from schemas: whichever way they travel, the same event arrives."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.writer import Encoding, EventEncoder
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.examples import example
from pipeline.rules.schema.json_events import from_json
from tests.unit.adapters.events.records import CATALOGUE, decoder, record

NESTED = EventSchema(
    {
        "type": "record",
        "name": "shop.Everything",
        "fields": [
            {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}], "default": None},
            {"name": "opens", "type": {"type": "int", "logicalType": "date"}},
            {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3}},
            {"name": "raw", "type": "bytes"},
            {"name": "weight", "type": "double"},
            {"name": "labels", "type": {"type": "map", "values": ["null", "string"]}},
            {
                "name": "items",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "Item",
                        "fields": [
                            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
                            {"name": "gift", "type": "boolean"},
                        ],
                    },
                },
            },
        ],
    }
)
SCHEMAS = [*(version for name in CATALOGUE for version in CATALOGUE.versions(name)), NESTED]
SUBJECT = decoder(NESTED)


@given(st.sampled_from(SCHEMAS), st.integers(0, 2**32), st.integers(0, 10**6))
def test_every_encoding_carries_the_same_event(schema: EventSchema, seed: int, number: int) -> None:
    """Avro, JSON and CloudEvents of one example decode to what its JSON reads as."""
    event = example(schema, random.Random(seed).random, number)  # noqa: S311 - an example, not a secret
    expected = from_json(schema, event)
    for encoding in Encoding:
        value, headers = EventEncoder(schema, folder_id(schema.fingerprint), encoding).encode(event, number)
        read = SUBJECT.decode(record(value, *headers))
        assert (read.type, read.data) == (schema.name, expected)
