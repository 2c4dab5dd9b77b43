"""Outcome to and from its Avro record (schemas/outcome.avsc)."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import fastavro

from pipeline.adapters.avro import FRAME, AvroWriter
from pipeline.adapters.shipped import shipped
from pipeline.model.event import Position
from pipeline.model.outcome import Outcome, OutcomeKind, Reason

Disguise = Callable[[str], str | None]
"""How a recipient stands in outcomes: clear, hashed, or not at all."""


def outcome_schema() -> dict[str, object]:
    """The schema, as shipped with the program."""
    schema: dict[str, object] = json.loads(shipped("schemas/outcome.avsc").read_bytes())
    return schema


class OutcomeEncoder:
    """Outcome to framed bytes."""

    def __init__(self, schema_id: int, disguise: Disguise) -> None:
        self._writer = AvroWriter(outcome_schema(), schema_id)
        self._disguise = disguise

    def __call__(self, outcome: Outcome) -> bytes:
        """The record's value."""
        position = outcome.position
        return self._writer.write(
            {
                "outcome_id": outcome.id,
                "kind": outcome.kind,
                "reason": outcome.reason,
                "topic": position.topic,
                "partition": position.partition,
                "offset": position.offset,
                "event_type": outcome.event_type,
                "event_id": outcome.event_id,
                "event_source": outcome.event_source,
                "event_time": _milliseconds(outcome.event_time),
                "rule": outcome.rule,
                "rules_version": outcome.rules_version,
                "template": outcome.template,
                "recipient": self._disguise(outcome.recipient) if outcome.recipient is not None else None,
                "attempts": outcome.attempts,
                "http_status": outcome.status,
                "body_code": outcome.code,
                "received_at": _milliseconds(outcome.received_at),
                "first_attempt_at": _milliseconds(outcome.first_attempt_at),
                "finished_at": _milliseconds(outcome.finished_at),
                "redelivered": outcome.redelivered,
                "detail": outcome.detail,
                "traceparent": outcome.traceparent,
            }
        )


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)


class OutcomeDecoder:
    """Framed bytes to outcome, for replay, audit and people."""

    def __init__(self) -> None:
        self._schema = fastavro.parse_schema(outcome_schema())

    def __call__(self, value: bytes | None) -> Outcome | None:
        """The outcome, or None where the bytes are none that we know: the ledger is ours, but topics can be shared."""
        if value is None or value[:1] != b"\x00":
            return None
        stream = io.BytesIO(value)
        stream.seek(FRAME)
        try:
            raw: Any = fastavro.schemaless_reader(stream, self._schema, None)
            kind, reason = OutcomeKind(raw["kind"]), Reason(raw["reason"])
        except (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError):
            return None
        return Outcome(
            id=raw["outcome_id"],
            kind=kind,
            reason=reason,
            position=Position(raw["topic"], raw["partition"], raw["offset"]),
            event_type=raw["event_type"],
            event_id=raw["event_id"],
            event_source=raw["event_source"],
            event_time=raw["event_time"].timestamp() if raw["event_time"] else None,
            rule=raw["rule"],
            rules_version=raw["rules_version"],
            template=raw["template"],
            recipient=raw["recipient"],
            attempts=raw["attempts"],
            status=raw["http_status"],
            code=raw["body_code"],
            received_at=raw["received_at"].timestamp(),
            first_attempt_at=raw["first_attempt_at"].timestamp() if raw["first_attempt_at"] else None,
            finished_at=raw["finished_at"].timestamp(),
            redelivered=raw["redelivered"],
            detail=raw["detail"],
            traceparent=raw["traceparent"],
        )
