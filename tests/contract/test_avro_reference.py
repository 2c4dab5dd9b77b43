"""Bytes that Apache Avro's own package wrote, and schemas that it resolved: the decoder gives the same values.

`avro_reference.json` holds encodings (schema, bytes, value as rules see it) and resolutions (writer's and reader's
schema, bytes, value that the package gives for the reader); it says which release made it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.events.avro import AvroReader
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.timestamp import Timestamp

REFERENCE: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "avro_reference.json").read_text(encoding="utf-8")
)


def _expected(value: object) -> object:
    return Timestamp(value["$seconds"], 0) if isinstance(value, dict) and "$seconds" in value else value


@pytest.mark.parametrize("case", REFERENCE["encodings"], ids=lambda case: json.dumps(case["schema"]["fields"])[:70])
def test_what_the_reference_wrote_is_read(case: dict[str, Any]) -> None:
    """Every type of Avro's, in the form that rules see."""
    read = AvroReader(EventSchema(case["schema"])).read(bytes.fromhex(case["hex"]))
    assert read == {"f": _expected(case["value"])}


@pytest.mark.parametrize("case", REFERENCE["resolutions"], ids=lambda case: case["hex"])
def test_what_the_reference_resolves_is_resolved_alike(case: dict[str, Any]) -> None:
    """Fields of the reader's schema have the reference's values; others may be there, and no rule knows them."""
    reader = AvroReader(EventSchema(case["writer"]), EventSchema(case["reader"]))
    read = reader.read(bytes.fromhex(case["hex"]))
    assert {name: read[name] for name in case["value"]} == case["value"]
