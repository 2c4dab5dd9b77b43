"""Select the dead letters to send again: by filters, and by kinds that are safe without being named."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.operations.redrive.letter import Letter

SAFE_KINDS = frozenset({OutcomeKind.REJECTED, OutcomeKind.EXHAUSTED, OutcomeKind.UNRENDERABLE})
"""Kinds that are selected without being named: sending them again can help and does no harm.

The others must be named by kind or reason: expired notices would expire again, unknown ones may have reached the
customer, and undecodable bytes stay undecodable until a schema or a setting is fixed.
"""
BY_REASON = frozenset({Reason.KEY_REUSED, Reason.SKIPPED})
"""Reasons that must be named, whatever the kind: the API knows the notice's key with another body, so the customer may
have the message; a skipped record could not be read, and its letter has no value.
"""


class RedriveDecision(StrEnum):
    """What one run does with a dead letter. Closed."""

    SEND = "send"
    NOT_ASKED_FOR = "not-asked-for"
    """The filters exclude it."""
    ASK_BY_NAME = "ask-by-name"
    """It is sent only if its kind or reason is named."""
    DONE = "done"
    """An earlier run has sent it again."""
    TWICE = "twice"
    """The same failure has another letter: after a crash between letter and outcome both were written again."""
    LOOP_GUARD = "loop-guard"
    """It has reached the maximum number of redrives."""
    OTHER_TOPIC = "other-topic"
    """This service does not read its source topic."""
    OTHER_GROUP = "other-group"
    """It belongs to another consumer group, or to a release before groups were recorded."""
    NOT_OURS = "not-ours"
    """The record is not a dead letter of this service."""
    SOURCE_GONE = "source-gone"
    """It was cut, and the complete record is no longer at its source."""
    REFUSED = "refused"
    """Kafka refused it."""


class Selection(NamedTuple):
    """The filters of a run. An empty set does not filter."""

    reasons: frozenset[Reason] = frozenset()
    rules: frozenset[str] = frozenset()
    kinds: frozenset[OutcomeKind] = frozenset()
    keys: frozenset[bytes] = frozenset()
    pauses: frozenset[str] = frozenset()
    """Scopes of pauses, as `Scope` prints them."""
    max_redrives: int = 3
    group: str = ""
    """The consumer group whose letters are selected."""

    def fate(self, letter: Letter, topics: frozenset[str], done: frozenset[str] | set[str]) -> RedriveDecision:
        """Return the decision; `topics` are read by the service, `done` are names of letters sent again."""
        if letter.origin.group != self.group:
            return RedriveDecision.OTHER_GROUP
        if not self._matches(letter):
            return RedriveDecision.NOT_ASKED_FOR
        if not self._is_permitted(letter):
            return RedriveDecision.ASK_BY_NAME
        if letter.name in done:
            return RedriveDecision.DONE
        if letter.source.topic not in topics:
            return RedriveDecision.OTHER_TOPIC
        if letter.redrives >= self.max_redrives:
            return RedriveDecision.LOOP_GUARD
        return RedriveDecision.SEND

    def _matches(self, letter: Letter) -> bool:
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.rules or letter.rule in self.rules)
            and (not self.kinds or letter.kind in self.kinds)
            and (not self.keys or letter.record.key in self.keys)
            and (not self.pauses or letter.pause in self.pauses)
        )

    def _is_permitted(self, letter: Letter) -> bool:
        """Whether it may be sent: its kind is safe, or its kind or reason was named."""
        if self.reasons:
            return True
        if letter.reason in BY_REASON:
            return False
        return bool(self.kinds) or letter.kind in SAFE_KINDS
