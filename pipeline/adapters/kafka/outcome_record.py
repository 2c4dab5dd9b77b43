"""Decode outcomes from their Avro records (schemas/outcome.avsc).

Later versions of the schema only ever append fields with a default: a member of the group that is one version behind
must still read the ledger that a newer one wrote.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import fastavro

from pipeline.adapters.events.avro import FRAME, MAGIC, parsed
from pipeline.adapters.shipped import shipped
from pipeline.model.event import UNKNOWN_ORIGIN, IntentPosition, Origin, Position
from pipeline.model.once import OnceUntil
from pipeline.model.outcome import Because, Outcome, OutcomeKind, Reason
from pipeline.model.trace import trace_context
from pipeline.rules.schema.avro_values import FIRST_SECOND, LAST_SECOND
from pipeline.rules.schema.event_schema import without_logical_types

LEDGER_FIELDS = ("outcome_id", "kind", "reason", "topic", "partition", "offset", "group", "cluster_id", "topic_id")
"""The schema's first fields: all that reading the ledger needs and decodes."""

LEDGER_IDS = LEDGER_FIELDS[-3:]

FIRST_RELEASE_FIELDS = 37
"""Fields of the first release's records; later releases append, so none was ever shorter."""

_BROKEN = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError)


def outcome_schema() -> dict[str, object]:
    """Return the schema shipped with the program."""
    schema: dict[str, object] = json.loads(shipped("schemas/outcome.avsc").read_bytes())
    return schema


def _numbers_only() -> dict[str, Any]:
    """Return the schema without logical types, so that timestamps are plain milliseconds."""
    plain: Any = without_logical_types(outcome_schema())
    return dict(plain)


def calendar_time(seconds: float | None) -> float | None:
    """Return an event's own time, which its producer chose freely; None outside the years 1 to 9999.

    Readers such as Confluent's deserializer convert it to a date, and must not fail.
    """
    return seconds if seconds is not None and FIRST_SECOND <= seconds <= LAST_SECOND else None


class OutcomeFields:
    """Decodes framed bytes to the values of the schema's fields, for records of any release.

    Avro records do not name the version of the schema that wrote them, and the ledger must be readable without a
    registry. But versions only append: a record that ends where an earlier version's fields end is of that version.
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
        """Each earlier version, the newest first, with the defaults of the fields that it does not have."""

    def __call__(self, value: bytes | None) -> Mapping[str, Any] | None:
        """Return values by field name; fields that an earlier version does not have get their defaults.

        None if the bytes are not an outcome of this product. Fields appended by a later version are ignored.
        """
        raw: Mapping[str, Any] | None = _read(value, self._newest)
        if raw is not None:
            return raw
        for schema, defaults in self._earlier:
            raw = _read(value, schema, whole=True)
            if raw is not None:
                return {**raw, **defaults}
        return None


def is_unreleased(value: bytes | None) -> bool:
    """Whether 0.1.0 wrote this outcome: it had neither group nor ids, and was never released."""
    schema = _numbers_only()
    names = [field["name"] for field in schema["fields"]]
    fields = [field for field in schema["fields"][: names.index("traceparent") + 1] if field["name"] not in LEDGER_IDS]
    return _read(value, parsed({**schema, "fields": fields}, "outcome.avsc"), whole=True) is not None


class OutcomeDecoder:
    """Decodes framed bytes to complete outcomes, for audit and search."""

    def __init__(self) -> None:
        self._fields = OutcomeFields()

    def __call__(self, value: bytes | None) -> Outcome | None:
        """Return the outcome, or None if the bytes are not an outcome: other programs may write to the topic, too."""
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
                event_time=calendar_time(None if raw["event_time"] is None else raw["event_time"] / 1000),
                rule=raw["rule"],
                rules_version=raw["rules_version"],
                template=raw["template"],
                recipient=raw["recipient"],
                attempts=raw["attempts"],
                status=raw["http_status"],
                code=raw["body_code"],
                received_at=_timestamp(raw["received_at"]),
                first_attempt_at=_seconds(raw["first_attempt_at"]),
                finished_at=_timestamp(raw["finished_at"]),
                redelivered=raw["redelivered"],
                detail=raw["detail"],
                trace=trace_context(raw["traceparent"]),
                origin=_origin(raw),
                redrives=raw["redrives"],
                first=_first(raw),
                because=_because(raw["because"]),
                reference=raw["reference"],
                item=raw["item"],
                category=raw["category"],
                once=_once(raw["once"]),
                intent=_intent(raw),
            )
        except ValueError:
            return None


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else _timestamp(milliseconds)


def _timestamp(milliseconds: int) -> float:
    seconds = milliseconds / 1000
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise ValueError("a timestamp outside the years 1 to 9999")
    return seconds


def _origin(raw: Mapping[str, Any]) -> Origin:
    return Origin(raw["group"] or "", raw["cluster_id"], raw["topic_id"])


def _first(raw: Mapping[str, Any]) -> Position | None:
    topic, partition, offset = raw["first_topic"], raw["first_partition"], raw["first_offset"]
    return None if topic is None or partition is None or offset is None else Position(topic, partition, offset)


def _intent(raw: Mapping[str, Any]) -> IntentPosition | None:
    partition, offset = raw["intent_partition"], raw["intent_offset"]
    return None if partition is None or offset is None else IntentPosition(partition, offset)


def _once(raw: Mapping[str, Any] | None) -> OnceUntil | None:
    return None if raw is None else OnceUntil(raw["key"], _timestamp(raw["until"]))


def _because(raw: Sequence[Mapping[str, Any]] | None) -> tuple[Because, ...]:
    return tuple(
        [
            Because(one["what"], one["name"], one["value"], None if one["until"] is None else one["until"] / 1000)
            for one in raw or ()
        ]
    )


class LedgerEntry(NamedTuple):
    """The notice that an outcome ends, and the position of its event."""

    id: str
    position: Position
    origin: Origin = UNKNOWN_ORIGIN
    intent: IntentPosition | None = None
    """Where the notice was read, if recipient care is on. Only `CareLedgerDecoder` reads it."""


class CareLedgerDecoder:
    """Decodes framed bytes to ledger entries with the intent's position, which is at the end of the record."""

    def __init__(self) -> None:
        self._fields = OutcomeFields()

    def __call__(self, value: bytes | None) -> LedgerEntry | None:
        """Return the entry, or None if the bytes are not an outcome."""
        raw = self._fields(value)
        if raw is None or (raw["kind"] not in _KINDS and _KIND.fullmatch(raw["kind"]) is None):
            return None
        position = Position(raw["topic"], raw["partition"], raw["offset"])
        return LedgerEntry(raw["outcome_id"], position, _origin(raw), _intent(raw))


class LedgerDecoder:
    """Decodes framed bytes to ledger entries, in a quarter of the time of the complete outcome."""

    def __init__(self) -> None:
        schema = _numbers_only()
        fields = schema["fields"][: len(LEDGER_FIELDS)]
        self._notice = parsed({**schema, "fields": fields[: -len(LEDGER_IDS)]}, "outcome.avsc")
        self._ids = parsed({**schema, "fields": fields[-len(LEDGER_IDS) :]}, "outcome.avsc")
        self._origins: dict[str, tuple[bytes, Origin]] = {}
        """The last origin of each topic, with its bytes: comparing them takes a tenth of decoding them."""

    def __call__(self, value: bytes | None) -> LedgerEntry | None:
        """Return the entry, or None if the bytes are not an outcome.

        An outcome of a kind that a later release writes is an entry, too: its notice has ended.
        """
        if value is None or value[:1] != MAGIC or len(value) < FRAME:
            return None
        stream = io.BytesIO(value)
        stream.seek(FRAME)
        try:
            raw: Any = fastavro.schemaless_reader(stream, self._notice, None)
            if raw["kind"] not in _KINDS and _KIND.fullmatch(raw["kind"]) is None:
                return None
            origin = self._origin(value, stream, raw["topic"])
        except _BROKEN:
            return None
        return LedgerEntry(raw["outcome_id"], Position(raw["topic"], raw["partition"], raw["offset"]), origin)

    def _origin(self, value: bytes, stream: io.BytesIO, topic: str) -> Origin:
        at = stream.tell()
        known = self._origins.get(topic)
        if known is not None and value.startswith(known[0], at):
            return known[1]
        raw: Any = fastavro.schemaless_reader(stream, self._ids, None)
        origin = _origin(raw)
        if len(self._origins) < _MOST_TOPICS or known is not None:
            self._origins[topic] = value[at : stream.tell()], origin
        return origin


_KINDS = frozenset(kind.value for kind in OutcomeKind)
_KIND = re.compile(r"[a-z][a-z_]{0,39}")
"""The form of kinds, also of later ones."""
_MOST_TOPICS = 1_000


def _read(value: bytes | None, schema: Any, *, whole: bool = False) -> Any:  # noqa: ANN401 - fastavro's schemas and records have no type
    """Return the record; None if the bytes do not hold one, or (`whole`) if bytes are left over."""
    if value is None or value[:1] != MAGIC or len(value) < FRAME:
        return None
    stream = io.BytesIO(value)
    stream.seek(FRAME)
    try:
        read = fastavro.schemaless_reader(stream, schema, None)
    except _BROKEN:
        return None
    return None if whole and stream.tell() < len(value) else read
