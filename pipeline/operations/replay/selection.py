"""Select the events to replay for a rule: those that the group has passed and of which the rule has no outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from pipeline.model.event import Event
from pipeline.model.notice import Notice, Refusal
from pipeline.model.outcome import OutcomeKind

OF_MESSAGE = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN})
"""Kinds of outcomes after which the recipient has the message, or may have it."""


class ReplayDecision(StrEnum):
    """What one run does with an event. Closed."""

    SEND = "send"
    TWICE = "twice"
    """The recipient has the message, or may have it: left out unless it is asked for."""
    REDRIVE = "redrive"
    """The rule's notice failed or was suppressed: it has a dead letter, which `redrive` or `resume --send` sends."""
    HELD_BACK = "held-back"
    """Recipient care held the rule's notice back, and there is no dead letter: sent, and decided again, only if its
    position is named."""
    NOT_MATCHED = "not-matched"
    """The rule does not match it."""
    AHEAD = "ahead"
    """The group has not passed it, and will evaluate it with the rules of the service; or its message is on its way."""
    EXPIRED = "expired"
    """Its message would be too late."""
    DONE = "done"
    """An earlier replay has written it."""
    NOT_ASKED_FOR = "not-asked-for"
    """Its position is not among those that are named."""
    COPY = "copy"
    """A record that a redrive or replay wrote; its original counts."""
    NOT_AN_EVENT = "not-an-event"
    """It cannot be decoded, or has no value."""
    REFUSED = "refused"
    """Kafka refused it."""


class Notices(NamedTuple):
    """What a rule makes of an event."""

    event: Event
    items: Sequence[Notice | Refusal]
    """At least one."""
    item: int | None = None
    """The position of the only item, where the items of a list are decided on one by one."""


class Replay(NamedTuple):
    """What is known when the decisions are taken."""

    rule: str
    round: int
    """Counts the replays of this rule that are meant: what was written in a round is not written in it again."""
    twice: bool
    """Whether those are written, too, whose recipients have the message."""
    now: float
    """Seconds since the epoch."""
    outcomes: Mapping[str, OutcomeKind]
    """The last outcome of each notice of the rule, by its id."""
    done: frozenset[str] | set[str]
    """Names of what was written."""
    held_back: frozenset[str] | set[str] = frozenset()
    """Ids of notices whose last outcome is that recipient care held them back."""
    named: bool = False
    """Whether the positions of events were named."""

    def parts(self, notices: Notices) -> Sequence[Notices]:
        """Return what is decided on: the event as a whole, or each item of its list where they ended differently.

        Then some recipients have the message, and others never got it: the list was longer than the rule took, say.
        """
        ends = {self._end(one.id) for one in notices.items}
        if len(ends) == 1 or any(one.item is None for one in notices.items):
            return (notices,)
        return [Notices(notices.event, [one], one.item) for one in notices.items]

    def _end(self, notice: str) -> bool | None:
        """Return whether the recipient has the message or may have it; None without an outcome."""
        kind = self.outcomes.get(notice)
        return None if kind is None else kind in OF_MESSAGE

    def fate(self, notices: Notices) -> ReplayDecision:
        """Return the decision for a part of an event that the rule matches and that the group has passed."""
        if {self.mark(notices), self.mark(notices._replace(item=None))} & self.done:
            return ReplayDecision.DONE
        kinds = {self.outcomes[item.id] for item in notices.items if item.id in self.outcomes}
        if kinds & OF_MESSAGE and not self.twice:
            return ReplayDecision.TWICE
        without = [
            item.id for item in notices.items if self.outcomes.get(item.id, OutcomeKind.ACCEPTED) not in OF_MESSAGE
        ]
        if any(name not in self.held_back for name in without):
            return ReplayDecision.REDRIVE
        if without and not self.named:
            return ReplayDecision.HELD_BACK
        if all(self._is_late(item) for item in notices.items):
            return ReplayDecision.EXPIRED
        return ReplayDecision.SEND

    def _is_late(self, item: Notice | Refusal) -> bool:
        return isinstance(item, Notice) and item.expires_at is not None and item.expires_at <= self.now

    def mark(self, notices: Notices) -> str:
        """Return the name by which it is remembered that an event, or one item of its list, was written."""
        whole = f"replay {self.round} {self.rule} {notices.event.record.position}"
        return whole if notices.item is None else f"{whole} {notices.item}"
