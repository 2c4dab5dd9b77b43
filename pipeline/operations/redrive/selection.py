"""Which dead letters are to be sent again: what was asked for, and what must not be sent unasked."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.operations.redrive.letter import Letter

UNASKED = frozenset({OutcomeKind.REJECTED, OutcomeKind.EXHAUSTED, OutcomeKind.UNRENDERABLE})
"""Kinds for which sending again can help and cannot harm.

The others must be asked for by kind or reason: what expired would expire again, an unknown one may have reached the
customer, and bytes that are no event stay so until a schema or a setting is fixed.
"""
MAY_HAVE_ARRIVED = frozenset({Reason.KEY_REUSED})
"""Reasons that must be asked for whatever their kind: the API knows the notice's key with another body."""


class RedriveDecision(StrEnum):
    """What becomes of a dead letter in one run. Closed."""

    SEND = "send"
    NOT_ASKED_FOR = "not-asked-for"
    """The filters leave it out."""
    ASK_BY_NAME = "ask-by-name"
    """Only sent where its kind or reason is named."""
    DONE = "done"
    """An earlier run has sent it again."""
    TWICE = "twice"
    """The same failure's letter stands there once more: a crash came between letter and outcome, and both were written
    again."""
    LOOP_GUARD = "loop-guard"
    """It has been sent again as often as is allowed."""
    OTHER_TOPIC = "other-topic"
    """Its source is no topic that this service reads: nobody would take it."""
    OTHER_GROUP = "other-group"
    """It belongs to another consumer group, or to a release before groups were recorded."""
    NOT_OURS = "not-ours"
    """The record is no dead letter of this service."""
    SOURCE_GONE = "source-gone"
    """It was cut, and the whole record is no longer at its source."""
    REFUSED = "refused"
    """Kafka would not take it."""


class Selection(NamedTuple):
    """What was asked for. An empty set asks for nothing in particular."""

    reasons: frozenset[Reason] = frozenset()
    rules: frozenset[str] = frozenset()
    kinds: frozenset[OutcomeKind] = frozenset()
    keys: frozenset[bytes] = frozenset()
    max_redrives: int = 3
    group: str = ""
    """The consumer group whose letters are meant."""

    def fate(self, letter: Letter, topics: frozenset[str], done: frozenset[str] | set[str]) -> RedriveDecision:
        """What is to become of it; `topics` are read by the service, `done` are names of letters sent again."""
        if letter.origin.group != self.group:
            return RedriveDecision.OTHER_GROUP
        if not self._asks_for(letter):
            return RedriveDecision.NOT_ASKED_FOR
        if not self._names(letter):
            return RedriveDecision.ASK_BY_NAME
        if letter.name in done:
            return RedriveDecision.DONE
        if letter.source.topic not in topics:
            return RedriveDecision.OTHER_TOPIC
        if letter.redrives >= self.max_redrives:
            return RedriveDecision.LOOP_GUARD
        return RedriveDecision.SEND

    def _asks_for(self, letter: Letter) -> bool:
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.rules or letter.rule in self.rules)
            and (not self.kinds or letter.kind in self.kinds)
            and (not self.keys or letter.record.key in self.keys)
        )

    def _names(self, letter: Letter) -> bool:
        """Whether it may be sent: by its nature, or because its kind or reason was named."""
        if self.reasons:
            return True
        if letter.reason in MAY_HAVE_ARRIVED:
            return False
        return bool(self.kinds) or letter.kind in UNASKED
