"""The AsyncAPI document of what the service publishes: outcomes and dead letters."""

from __future__ import annotations

import json

from pipeline import __version__
from pipeline.adapters.kafka.outcome_record import outcome_schema
from pipeline.model import dead_letter
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.settings.model import DeadLetterSettings, OutcomeSettings

AVRO = "application/vnd.apache.avro+json;version=1.9.0"
ONLY_REDRIVEN = frozenset({dead_letter.DEAD_LETTER})
"""Headers that no dead letter has: a redriven record is an event again."""
_TRACE = {
    "traceparent": "W3C trace context of the notice, where there is one.",
    "tracestate": "The same.",
}


def document() -> str:
    """The document as JSON."""
    outcomes, letters = OutcomeSettings.model_fields["topic"].default, DeadLetterSettings.model_fields["topic"].default
    content = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Notice Pipeline",
            "version": __version__,
            "description": "What the service publishes on Kafka. Generated from its declarations; do not edit. The "
            "topics' names are the defaults of the settings `outcomes.topic` and `dead_letters.topic`.",
        },
        "defaultContentType": "application/octet-stream",
        "channels": {
            "outcomes": {
                "address": outcomes,
                "title": "Outcomes",
                "description": "One record for each notice, and for each record that became none.",
                "messages": {"outcome": {"$ref": "#/components/messages/outcome"}},
            },
            "deadLetters": {
                "address": letters,
                "title": "Dead letters",
                "description": "The events of notices that were not delivered, for `redrive`.",
                "messages": {"deadLetter": {"$ref": "#/components/messages/deadLetter"}},
            },
        },
        "operations": {
            "publishOutcome": {
                "action": "send",
                "channel": {"$ref": "#/channels/outcomes"},
                "messages": [{"$ref": "#/channels/outcomes/messages/outcome"}],
            },
            "publishDeadLetter": {
                "action": "send",
                "channel": {"$ref": "#/channels/deadLetters"},
                "messages": [{"$ref": "#/channels/deadLetters/messages/deadLetter"}],
            },
        },
        "components": {"messages": {"outcome": _outcome(), "deadLetter": _dead_letter()}},
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _outcome() -> dict[str, object]:
    return {
        "name": "Outcome",
        "title": "The end of one notice",
        "summary": "Avro in Confluent's framing: byte 0, four bytes of schema id, the record.",
        "description": f"Kinds: {_listed(OutcomeKind)}. Reasons: {_listed(Reason)}. Later releases append fields with "
        "a default, and may add kinds and reasons.",
        "headers": _texts(_TRACE, required=[]),
        "payload": {"schemaFormat": AVRO, "schema": outcome_schema()},
        "bindings": {"kafka": {"key": _key("The event's key."), "schemaIdLocation": "payload"}},
    }


def _dead_letter() -> dict[str, object]:
    always = [
        dead_letter.OUTCOME_ID,
        dead_letter.KIND,
        dead_letter.REASON,
        dead_letter.RULE,
        dead_letter.DETAIL,
        dead_letter.ATTEMPTS,
        dead_letter.FAILED_AT,
        dead_letter.SOURCE_TOPIC,
        dead_letter.SOURCE_PARTITION,
        dead_letter.SOURCE_OFFSET,
        dead_letter.SOURCE_TIME,
    ]
    meanings = {name: text for name, text in dead_letter.MEANINGS.items() if name not in ONLY_REDRIVEN}
    return {
        "name": "DeadLetter",
        "title": "The event of a notice that was not delivered",
        "summary": "The original record, byte for byte, with headers that say why it is here.",
        "description": "Key, value and headers are those of the original; headers that begin with `notice.` are added.",
        "headers": _texts(meanings, required=always),
        "payload": {"description": "The original value. Null where it was null, or was left out as too large."},
        "bindings": {"kafka": {"key": _key("The original's key.")}},
    }


def _texts(meanings: dict[str, str], *, required: list[str]) -> dict[str, object]:
    properties = {name: {"type": "string", "description": text} for name, text in meanings.items()}
    schema: dict[str, object] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return schema


def _key(meaning: str) -> dict[str, object]:
    return {"type": ["string", "null"], "format": "binary", "description": meaning}


def _listed(values: type[OutcomeKind | Reason]) -> str:
    return ", ".join(f"`{one.value}`" for one in values)
