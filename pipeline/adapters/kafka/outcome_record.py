"""Outcome to and from its Avro record (schemas/outcome.avsc).

Later versions of the schema only ever append fields with a default: a member of the group that is one version behind
must still read the ledger that a newer one wrote.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import floor
from typing import Any, NamedTuple

import fastavro

from pipeline.adapters.events.avro import FRAME, MAGIC, frame, parsed
from pipeline.adapters.kafka.outcome_bytes import (
    EMPTY,
    FALSE,
    NULL,
    TRUE,
    VALUE,
    long,
    long_or_null,
    moment,
    text,
    text_or_null,
)
from pipeline.adapters.shipped import shipped
from pipeline.model.event import Position
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.model.trace import trace_context
from pipeline.rules.schema.avro_values import FIRST_SECOND, LAST_SECOND
from pipeline.rules.schema.event_schema import without_logical_types

RecipientEncoding = Callable[[str], str | None]
"""How a recipient stands in outcomes: clear, hashed, or not at all."""

LEDGER_FIELDS = ("outcome_id", "kind", "reason", "topic", "partition", "offset")
"""The schema's first fields: what reading the ledger back needs, and all that it decodes."""

FIRST_RELEASE_FIELDS = 23
"""Fields of the first release's records; later releases append, so none was ever shorter."""

_BROKEN = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError)
_LONG_BITS = 63


def outcome_schema() -> dict[str, object]:
    """The schema, as shipped with the program."""
    schema: dict[str, object] = json.loads(shipped("schemas/outcome.avsc").read_bytes())
    return schema


def _numbers_only() -> dict[str, Any]:
    """The schema without logical types: whole milliseconds go in and out, and no moment is made on the way."""
    plain: Any = without_logical_types(outcome_schema())
    return dict(plain)


class OutcomeEncoder:
    """Outcome to framed bytes."""

    def __init__(self, schema_id: int, disguise: RecipientEncoding) -> None:
        self._frame = frame(schema_id)
        self._disguise = disguise

    def __call__(self, outcome: Outcome) -> bytes:
        """The record's value; what Avro cannot hold (see `_writable`) is left out rather than the outcome lost."""
        try:
            return self._encode(outcome, self._disguise)
        except (ValueError, OverflowError):
            disguised = None if outcome.recipient is None else self._disguise(outcome.recipient)
            writable = None if disguised is None else _whole_characters(disguised)
            return self._encode(Outcome._make(map(_writable, outcome)), lambda _: writable)

    def _encode(self, outcome: Outcome, disguise: RecipientEncoding) -> bytes:
        """The values in the schema's order, each as its bytes."""
        (  # at once: each field by its name costs a search in the class
            outcome_id,
            kind,
            reason,
            (topic, partition, offset),
            event_type,
            event_id,
            event_source,
            event_time,
            rule,
            rules_version,
            template,
            recipient,
            attempts,
            status,
            code,
            received_at,
            first_attempt_at,
            finished_at,
            redelivered,
            detail,
            trace,
        ) = outcome
        if event_time is not None and not FIRST_SECOND <= event_time <= LAST_SECOND:
            event_time = None  # as in `_of_the_event`
        event_type_bytes, rule_bytes, reply_bytes = _of_rule_and_reply(
            event_type, rule, rules_version, template, attempts, status, code
        )
        return b"".join(
            (
                self._frame,
                text(outcome_id),
                _of_ending_and_place(kind, reason, topic, partition),
                long(offset),
                event_type_bytes,
                NULL if event_id is None else VALUE + text(event_id),
                NULL if event_source is None else VALUE + text(event_source),
                NULL if event_time is None else VALUE + moment(floor(event_time * 1000 + 0.5)),
                rule_bytes,
                NULL if recipient is None else text_or_null(disguise(recipient)),
                reply_bytes,
                moment(floor(received_at * 1000 + 0.5)),  # round() costs three times as much
                NULL if first_attempt_at is None else VALUE + moment(floor(first_attempt_at * 1000 + 0.5)),
                moment(floor(finished_at * 1000 + 0.5)),
                TRUE if redelivered else FALSE,
                text(detail) if detail else EMPTY,
                NULL if trace is None else VALUE + text(trace.traceparent),
            )
        )


@lru_cache(maxsize=4_096)
def _of_ending_and_place(kind: OutcomeKind, reason: Reason, topic: str, partition: int) -> bytes:
    """Fields of a few different values, that stand side by side."""
    return text(kind) + text(reason) + text(topic) + long(partition)


@lru_cache(maxsize=4_096)
def _of_rule_and_reply(
    event_type: str | None,
    rule: str | None,
    rules_version: str,
    template: str | None,
    attempts: int,
    status: int | None,
    code: int | None,
) -> tuple[bytes, bytes, bytes]:
    """Event type; rule, version and template; what the API said: of a few different values, and looked up at once."""
    return (
        text_or_null(event_type),
        text_or_null(rule) + text(rules_version) + text_or_null(template),
        long(attempts) + long_or_null(status) + long_or_null(code),
    )


def _of_the_event(seconds: float | None) -> float | None:
    """The event's own time, which anybody may write; none where calendars end.

    Readers make a date of it (Confluent's deserializer does), and an outcome that stops its readers is none.
    """
    return seconds if seconds is not None and FIRST_SECOND <= seconds <= LAST_SECOND else None


def _writable(value: object) -> object:
    """The value as far as Avro can hold it: an API may answer with a code beyond 64 bits."""
    if isinstance(value, str):
        return _whole_characters(value)
    if isinstance(value, Position):
        return Position._make(map(_writable, value))
    if isinstance(value, int) and value.bit_length() > _LONG_BITS:
        return None
    return value


def _whole_characters(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


class OutcomeFields:
    """Framed bytes to the values of the schema's fields, from the first release's records on.

    Avro's records do not say which version of the schema wrote them, and a registry is not to be asked for the ledger.
    But versions only append: a record that ends where an earlier version's fields end is of that version.
    """

    def __init__(self, schema: Mapping[str, Any] | None = None) -> None:
        """`schema` without logical types; the shipped one by default."""
        whole = schema or _numbers_only()
        fields: Sequence[Mapping[str, Any]] = whole["fields"]
        self._newest = parsed(whole, "outcome.avsc")
        self._earlier = [
            (
                parsed({**whole, "fields": fields[:count]}, "outcome.avsc"),
                {field["name"]: field["default"] for field in fields[count:]},
            )
            for count in range(len(fields) - 1, FIRST_RELEASE_FIELDS - 1, -1)
        ]
        """Each earlier version, the newest first; and the values of the fields that it does not have."""

    def __call__(self, value: bytes | None) -> Mapping[str, Any] | None:
        """Values by the fields' names, of an earlier version's records with the defaults of what came later.

        None where the bytes are no outcome of ours. What a later version than this one appended is passed over.
        """
        raw: Mapping[str, Any] | None = _read(value, self._newest)
        if raw is not None:
            return raw
        for schema, defaults in self._earlier:
            raw = _read(value, schema, whole=True)
            if raw is not None:
                return {**raw, **defaults}
        return None


class OutcomeDecoder:
    """Framed bytes to outcome, for audit and people."""

    def __init__(self) -> None:
        self._fields = OutcomeFields()

    def __call__(self, value: bytes | None) -> Outcome | None:
        """The outcome, or None where the bytes are none that we know: the ledger is ours, but topics can be shared."""
        raw = self._fields(value)
        if raw is None:
            return None
        try:
            return Outcome(
                id=raw["outcome_id"],
                kind=OutcomeKind(raw["kind"]),
                reason=Reason(raw["reason"]),
                position=Position(raw["topic"], raw["partition"], raw["offset"]),
                event_type=raw["event_type"],
                event_id=raw["event_id"],
                event_source=raw["event_source"],
                event_time=_of_the_event(None if raw["event_time"] is None else raw["event_time"] / 1000),
                rule=raw["rule"],
                rules_version=raw["rules_version"],
                template=raw["template"],
                recipient=raw["recipient"],
                attempts=raw["attempts"],
                status=raw["http_status"],
                code=raw["body_code"],
                received_at=_moment(raw["received_at"]),
                first_attempt_at=_seconds(raw["first_attempt_at"]),
                finished_at=_moment(raw["finished_at"]),
                redelivered=raw["redelivered"],
                detail=raw["detail"],
                trace=trace_context(raw["traceparent"]),
            )
        except ValueError:
            return None


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else _moment(milliseconds)


def _moment(milliseconds: int) -> float:
    seconds = milliseconds / 1000
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise ValueError("a moment outside the years 1 to 9999")
    return seconds


class LedgerEntry(NamedTuple):
    """What an outcome says of progress: which notice is done, and where its event stands."""

    id: str
    position: Position


class LedgerDecoder:
    """Framed bytes to what reading the ledger back needs: a quarter of the time of the whole outcome."""

    def __init__(self) -> None:
        schema = _numbers_only()
        begin = schema["fields"][: len(LEDGER_FIELDS)]
        self._schema = parsed({**schema, "fields": begin}, "outcome.avsc")

    def __call__(self, value: bytes | None) -> LedgerEntry | None:
        """The entry, or None where the bytes are no outcome."""
        raw = _read(value, self._schema)
        if raw is None or raw["kind"] not in _KINDS:
            return None
        return LedgerEntry(raw["outcome_id"], Position(raw["topic"], raw["partition"], raw["offset"]))


_KINDS = frozenset(kind.value for kind in OutcomeKind)


def _read(value: bytes | None, schema: Any, *, whole: bool = False) -> Any:  # noqa: ANN401 - fastavro's form of a schema, and its record
    """The record; None where there is none, or (`whole`) where bytes are left."""
    if value is None or value[:1] != MAGIC or len(value) < FRAME:
        return None
    stream = io.BytesIO(value)
    stream.seek(FRAME)
    try:
        read = fastavro.schemaless_reader(stream, schema, None)
    except _BROKEN:
        return None
    return None if whole and stream.tell() < len(value) else read
