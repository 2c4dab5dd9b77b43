"""Recipient care in virtual time: the decisions and the counting of the service, for one notice after the other."""

from __future__ import annotations

from pipeline.care.decision import Decision, End, decide
from pipeline.care.declaration import Care
from pipeline.care.facts import CareFacts
from pipeline.care.preferences import NO_PREFERENCES, Preferences
from pipeline.care.recipient import Accepted, Recipient, key_number, milliseconds
from pipeline.model.notice import Notice

FORGET_AFTER = 64
"""Messages after which a recipient's state is cut to what a decision can see."""


class VirtualCare:
    """The state of every recipient; each message that may leave is taken as sent and accepted at once."""

    def __init__(self, care: Care, preferences: Preferences = NO_PREFERENCES) -> None:
        """`preferences` are those of every recipient."""
        self._care = care
        self._preferences = preferences
        self._recipients: dict[str, Recipient] = {}

    def decide(self, recipient: str, facts: CareFacts, now: float) -> Decision:
        """Decide about a message at `now`, seconds since the epoch, and count it if it may leave."""
        state = self._recipients.get(recipient)
        if state is None:
            state = self._recipients[recipient] = Recipient()
            state.preferences = self._preferences
        decision = decide(self._care, facts, state, now)
        category = self._care.categories.get(facts.category or "")
        if not isinstance(decision, End) and not (category is not None and category.urgent):
            state.fold(_accepted(facts, now))
            if len(state.sends) % FORGET_AFTER == 0 or len(state.taken) > FORGET_AFTER:
                state.forget(self._care, now)
        return decision


def facts_of(notice: Notice) -> CareFacts:
    """What a decision reads of a notice."""
    return CareFacts(notice.id, notice.rule, notice.category, notice.once)


def _accepted(facts: CareFacts, now: float) -> Accepted:
    once = facts.once
    number = None if once is None else key_number(once.key)
    taken = None if once is None or number is None else (number, milliseconds(now + once.within))
    return Accepted(facts.notice_id, facts.category, facts.rule, milliseconds(now), taken)
