"""How it ended: the final word on one notice (or on a record that became none)."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pipeline.model.event import UNKNOWN_ORIGIN, Origin, Position
from pipeline.model.trace import TraceContext


class OutcomeKind(StrEnum):
    """How a notice ended. Everything but `accepted`, `shadowed` and `unmatched` also leaves a dead letter."""

    ACCEPTED = "accepted"
    """The API took it. Not: the customer read it."""
    REJECTED = "rejected"
    """The API refused it for good."""
    EXPIRED = "expired"
    """Too late: `expires_after` or the event's `expirytime` passed."""
    EXHAUSTED = "exhausted"
    """Attempts or the retry horizon ran out on transient faults."""
    UNKNOWN = "unknown"
    """It may have been sent; the rule says not to repeat in that case."""
    UNRENDERABLE = "unrenderable"
    """A rule matched, but no message that the channel takes could be made."""
    UNDECODABLE = "undecodable"
    """The record's bytes are no event."""
    UNMATCHED = "unmatched"
    """No rule matched (published only if configured)."""
    SHADOWED = "shadowed"
    """Ready to be sent, and not sent: the service runs as a shadow. Never on the live service's topic."""

    @property
    def leaves_dead_letter(self) -> bool:
        """Whether the source record is kept on the dead-letter topic."""
        return self not in _NO_DEAD_LETTER


_NO_DEAD_LETTER = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.SHADOWED, OutcomeKind.UNMATCHED})


ACCEPTED = OutcomeKind.ACCEPTED
"""For the hot path: CPython 3.11 searches for an enum's member, 70 ns each time (docs/decisions/hot-path.md)."""


class Reason(StrEnum):
    """Why it ended so. Closed: each is a metric label and a documented word."""

    OK = "ok"
    # rejected by the API
    RECIPIENT = "rejected_recipient"
    CONTENT = "rejected_content"
    CONFIG = "rejected_config"
    RULE_SUSPENDED = "rule_suspended"
    KEY_REUSED = "key_reused"
    # too late, too often, or not known
    EXPIRED = "expired"
    ATTEMPTS = "attempts_exhausted"
    HORIZON = "horizon_passed"
    AMBIGUOUS = "ambiguous"
    # a rule that could not make a message
    EXPRESSION_FAILED = "expression_failed"
    WRONG_TYPE = "wrong_type"
    FIELD_EMPTY = "field_empty"
    FIELD_LIMIT = "field_limit"
    RECIPIENT_EMPTY = "recipient_empty"
    URL_REFUSED = "url_refused"
    BODY_TOO_LARGE = "body_too_large"
    # bytes that are no event
    TOMBSTONE = "tombstone"
    NOT_FRAMED = "not_framed"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNSUPPORTED_SCHEMA = "unsupported_schema"
    MALFORMED_AVRO = "malformed_avro"
    MALFORMED_JSON = "malformed_json"
    MALFORMED_CLOUDEVENT = "malformed_cloudevent"
    MALFORMED_HEADERS = "malformed_headers"
    NO_TYPE = "no_type"
    SCHEMA_MISMATCH = "schema_mismatch"
    TOO_LARGE = "too_large"
    SKIPPED = "skipped"
    INTERNAL_ERROR = "internal_error"
    # no rule
    NO_RULE_FOR_TYPE = "no_rule_for_type"
    NO_RULE_MATCHED = "no_rule_matched"
    # nothing is sent
    SHADOW = "shadow"


class Outcome(NamedTuple):
    """One line of the ledger. Times are seconds since the epoch."""

    id: str
    """The notice's id; for a record without a notice, the id made of its position and the kind."""
    kind: OutcomeKind
    reason: Reason
    position: Position
    event_type: str | None
    event_id: str | None
    event_source: str | None
    event_time: float | None
    rule: str | None
    rules_version: str
    template: str | None
    recipient: str | None
    attempts: int
    status: int | None
    code: int | None
    received_at: float
    first_attempt_at: float | None
    finished_at: float
    redelivered: bool
    """Whether this notice was already under way before this process took the partition over, as far as known."""
    detail: str
    """Words for people; never a rendered text or a secret."""
    trace: TraceContext | None = None
    origin: Origin = UNKNOWN_ORIGIN
    """Whose outcome it is, and of which topic."""
    redrives: int = 0
    """How many times the event was redriven before this outcome."""
    first: Position | None = None
    """Of a redriven event: its first position."""
