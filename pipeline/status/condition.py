"""One thing that is wrong with the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """Severity of a message."""

    HALTED = "halted"
    """Nothing is sent."""
    ATTENTION = "attention"
    """Something is wrong; sending continues."""
    NOTE = "note"
    """Nothing is wrong."""


class ConditionName(StrEnum):
    """Everything that can be wrong, the most severe first. Closed: each is a value of a metric's label."""

    READING_STUCK = "reading_stuck"
    KAFKA_UNREACHABLE = "kafka_unreachable"
    SENDING_HALTED = "sending_halted"
    TOKEN_MISSING = "token_missing"  # noqa: S105 - a condition, not a secret
    OUTCOMES_UNACKNOWLEDGED = "outcomes_unacknowledged"
    BROKER_ABSENT = "broker_absent"
    PARTITION_UNREADABLE = "partition_unreadable"
    SCHEMA_UNAVAILABLE = "schema_unavailable"
    PARTITION_BACKPRESSURED = "partition_backpressured"
    PARTITION_BLOCKED = "partition_blocked"
    RULE_FAILING = "rule_failing"
    RULE_SUSPENDED = "rule_suspended"
    PAUSED = "paused"
    NONE_MATCHED = "none_matched"
    RULES_REMOVAL_REFUSED = "rules_removal_refused"
    RULES_REFUSED = "rules_refused"
    RULES_REMOVED = "rules_removed"
    CREDENTIALS_REFUSED = "credentials_refused"
    EVENT_WAITS_LONG = "event_waits_long"
    EVENTS_GONE_UNREAD = "events_gone_unread"
    TOPIC_RECREATED = "topic_recreated"
    LEDGER_POINTER_UNUSABLE = "ledger_pointer_unusable"
    COMMITS_FAILING = "commits_failing"
    LOG_LINES_DROPPED = "log_lines_dropped"


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """One message of the status page."""

    severity: Severity
    message: str
    advice: str = ""
    alert: str | None = None
    """Alert, which is a section of the runbook."""
    condition: ConditionName | None = None
    """None for a note, which says that nothing is wrong."""
    summary: str = ""
    """The condition in one line, for `/readyz` and the log."""
    evidence: Mapping[str, object] = field(default_factory=dict)
    """Figures and names that show it; no personal data."""
    unready: bool = False
    """Whether it makes the member unready."""
