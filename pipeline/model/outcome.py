"""The final result of one notice, or of a record that produced none."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pipeline.model.event import UNKNOWN_ORIGIN, IntentPosition, Origin, Position
from pipeline.model.once import OnceUntil
from pipeline.model.trace import TraceContext


class OutcomeKind(StrEnum):
    """How a notice ended."""

    ACCEPTED = "accepted"
    """The API accepted it, which does not mean that the customer read it."""
    REJECTED = "rejected"
    """The API rejected it permanently."""
    EXPIRED = "expired"
    """Too late: `expires_after` or the event's `expirytime` passed."""
    EXHAUSTED = "exhausted"
    """Attempts or the retry horizon ran out on transient faults."""
    UNKNOWN = "unknown"
    """It may have been sent, and the rule forbids a repeat in that case."""
    UNRENDERABLE = "unrenderable"
    """A rule matched, but its message does not meet the channel's limits or could not be rendered."""
    UNDECODABLE = "undecodable"
    """The record could not be decoded to an event."""
    UNMATCHED = "unmatched"
    """No rule matched (published only if configured)."""
    SHADOWED = "shadowed"
    """Not sent because the service runs as a shadow. Never on the live service's topic."""
    CANCELLED = "cancelled"
    """Not sent because it is no longer wanted: its rule was removed or switched off while it waited."""
    SUPPRESSED = "suppressed"
    """Not sent because its rule or template is paused, or because the recipient should not get it now."""

    @property
    def leaves_dead_letter(self) -> bool:
        """Whether the source record is kept on the dead-letter topic, unless the outcome says otherwise."""
        return self not in _NO_DEAD_LETTER

    @property
    def is_failure(self) -> bool:
        """Whether something went wrong, as opposed to what the rules, the mode or an operator intended."""
        return self not in _INTENDED


_NO_DEAD_LETTER = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.SHADOWED, OutcomeKind.UNMATCHED})
_INTENDED = _NO_DEAD_LETTER | {OutcomeKind.CANCELLED, OutcomeKind.SUPPRESSED}


ACCEPTED = OutcomeKind.ACCEPTED
"""For the hot path: CPython 3.11 searches for an enum's member, 70 ns each time (docs/decisions/hot-path.md)."""

COUNTED = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN})
"""Kinds that caps and `once` count: what the API accepted, and what may have been sent."""


class Reason(StrEnum):
    """Why a notice ended. Closed: each is a metric label and is documented."""

    OK = "ok"
    # rejected
    RECIPIENT = "rejected_recipient"
    CONTENT = "rejected_content"
    CONFIG = "rejected_config"
    RULE_SUSPENDED = "rule_suspended"
    KEY_REUSED = "key_reused"
    # expired, exhausted, or unknown
    EXPIRED = "expired"
    ATTEMPTS = "attempts_exhausted"
    HORIZON = "horizon_passed"
    AMBIGUOUS = "ambiguous"
    # unrenderable
    EXPRESSION_FAILED = "expression_failed"
    WRONG_TYPE = "wrong_type"
    FIELD_EMPTY = "field_empty"
    FIELD_LIMIT = "field_limit"
    RECIPIENT_EMPTY = "recipient_empty"
    URL_REFUSED = "url_refused"
    BODY_TOO_LARGE = "body_too_large"
    # undecodable
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
    # unmatched
    NO_RULE_FOR_TYPE = "no_rule_for_type"
    NO_RULE_MATCHED = "no_rule_matched"
    # shadowed
    SHADOW = "shadow"
    # cancelled
    RULE_OFF = "rule_off"
    # suppressed
    PAUSED = "paused"
    CAP_REACHED = "cap_reached"
    DUPLICATE = "duplicate"
    OPTED_OUT = "opted_out"
    QUIET_HOURS = "quiet_hours"


class Because(NamedTuple):
    """One condition that decided how a notice ended."""

    what: str
    """Its kind, such as `pause`."""
    name: str | None = None
    value: str | None = None
    """What was found."""
    until: float | None = None
    """When the condition ends, seconds since the epoch."""


PAUSE = "pause"
"""`Because.what` of a notice that a pause suppressed."""
DROPPED = "dropped"
"""Value of a pause that keeps no dead letters."""
CAP, ONCE, OPT_OUT, QUIET_HOURS = "cap", "once", "opt_out", "quiet_hours"
"""`Because.what` of a notice that recipient care suppressed."""
RECIPIENT_CARE = frozenset({Reason.CAP_REACHED, Reason.DUPLICATE, Reason.OPTED_OUT, Reason.QUIET_HOURS})
"""Reasons of recipient care: intended by the rules or the recipient, so that there is nothing to send again."""


class Outcome(NamedTuple):
    """One entry of the ledger. Times are seconds since the epoch."""

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
    """Whether an earlier owner of the partition may already have sent this notice."""
    detail: str
    """A message for operators; never a rendered text or a secret."""
    trace: TraceContext | None = None
    origin: Origin = UNKNOWN_ORIGIN
    """The group, cluster and topic that it belongs to."""
    redrives: int = 0
    """How many times the event was redriven before this outcome."""
    first: Position | None = None
    """Of a redriven event: its first position."""
    because: tuple[Because, ...] = ()
    """Of a suppressed notice: why."""
    reference: str | None = None
    """The business key that the rule names, as the event has it."""
    item: int | None = None
    """Position of the item in the list of the rule's `for_each`; None where the rule makes one message of an event."""
    category: str | None = None
    """The rule's category; None: it has none."""
    once: OnceUntil | None = None
    """Of a message that was sent, or may have been: until when no other of its `once` key is sent."""
    intent: IntentPosition | None = None
    """Where the notice was read, if recipient care is on; None: from its event's partition."""

    def moved(self, seconds: float) -> Outcome:
        """Return it with all times of this service moved by so much."""
        first, once = self.first_attempt_at, self.once
        return self._replace(
            received_at=self.received_at + seconds,
            first_attempt_at=None if first is None else first + seconds,
            finished_at=self.finished_at + seconds,
            once=None if once is None else once._replace(until=once.until + seconds),
        )

    @property
    def leaves_dead_letter(self) -> bool:
        """Whether the source record is kept on the dead-letter topic."""
        if not self.kind.leaves_dead_letter or self.reason in RECIPIENT_CARE:
            return False
        return all(one.value != DROPPED for one in self.because)
