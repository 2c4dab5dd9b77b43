"""The AsyncAPI document is valid, and describes every field and header that the service writes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft7Validator

from docs.asyncapi import document
from pipeline.adapters.kafka.dead_letters import Cut, content
from pipeline.adapters.kafka.outcome_record import outcome_schema
from pipeline.model import dead_letter
from pipeline.model.event import Origin, Position, Record
from pipeline.model.outcome import PAUSE, Because, Outcome, OutcomeKind, Reason

SCHEMA = Path(__file__).parent / "asyncapi" / "schema-3.0.0.json.gz"
LETTER = Record("orders", 0, 5, b"k", b"v", ((dead_letter.REDRIVES, b"1"), ("own", b"x")), 7)


def message(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(document())["components"]["messages"][name]


def an_outcome() -> Outcome:
    """One with everything that becomes a header."""
    because = (Because(PAUSE, "rule paid"),)
    return Outcome(
        "id", OutcomeKind.SUPPRESSED, Reason.PAUSED, Position("orders", 0, 5), "T", None, None, None, "paid", "v", "t",
        "u", 1, None, None, 1.0, None, 2.0, detail="detail", redelivered=False,
        origin=Origin("group", "cluster", "topic"), because=because,
    )  # fmt: skip


def test_it_is_valid_by_asyncapi_s_own_schema() -> None:
    """Version 3.0.0, Avro and Kafka bindings included."""
    validator = Draft7Validator(json.loads(gzip.decompress(SCHEMA.read_bytes())))
    assert [str(error) for error in validator.iter_errors(json.loads(document()))] == []
    assert not validator.is_valid({**json.loads(document()), "channels": {"outcomes": {"address": 1}}})


def test_every_field_of_an_outcome_has_a_meaning() -> None:
    """Also those of records within it."""
    assert message("outcome")["payload"]["schema"] == outcome_schema()

    def undocumented(schema: Any) -> list[str]:  # noqa: ANN401 - a schema's JSON
        if isinstance(schema, list):
            return [name for one in schema for name in undocumented(one)]
        if not isinstance(schema, dict):
            return []
        below = [name for key in ("type", "items", "values") for name in undocumented(schema.get(key))]
        for field in schema.get("fields", ()):
            below += ([] if field.get("doc") else [field["name"]]) + undocumented(field["type"])
        return below

    assert undocumented(outcome_schema()) == []


def test_every_header_of_a_dead_letter_has_a_meaning_and_those_that_are_required_are_there() -> None:
    """Whatever is left out of it."""
    declared = message("deadLetter")["headers"]
    constants = {
        value for value in vars(dead_letter).values() if isinstance(value, str) and value.startswith("notice.")
    }
    assert constants - {dead_letter.PREFIX} == dead_letter.MEANINGS.keys()
    for cut in Cut:
        written = {name for name, _ in content(an_outcome(), LETTER, cut)[1]} - {"own"}
        assert set(declared["required"]) <= written <= declared["properties"].keys()
