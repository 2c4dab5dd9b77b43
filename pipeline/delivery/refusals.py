"""Whether a refusal is about one message or about everyone: 401 and 403, a used-up quota, an unknown code.

A reply that refuses the service as such may in truth be about one message: a firewall blocks its text, a platform's
limit is one recipient's. The evidence is what happens to others: a request that was sent after the refusal and was
accepted shows that the API serves this service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.delivery.pending_notice import PendingNotice

MOST_CODES = 64
"""Unknown codes that are counted at once; a further one is rejected message by message."""


class Refusals:
    """What is known of the latest refusals and acceptances."""

    def __init__(self, false_alarm_seconds: float, recipients: int) -> None:
        """`recipients`: one unknown code for this many, none accepted between, concerns everyone.

        `false_alarm_seconds`: for how long after a halt that the first probes ended a single refusal starts none.
        """
        self._false_alarm_seconds = false_alarm_seconds
        self._recipients = recipients
        self._accepted_at = 0.0
        """When the latest accepted request was sent."""
        self._accepted_between = False
        """Whether any request was accepted since the latest refusal."""
        self._trusted_until = 0.0
        self._codes: dict[int | str, set[str]] = {}

    def accepted(self, sent_at: float) -> None:
        """A request that was sent at `sent_at` was accepted."""
        self._accepted_at = sent_at
        self._accepted_between = True
        if self._codes:
            self._codes.clear()

    def halt_ended(self, now: float) -> None:
        """A probe was accepted: what halted sending may have been one message."""
        self._trusted_until = now + self._false_alarm_seconds

    def is_own(self, work: PendingNotice, now: float) -> bool:
        """Whether a refusal that arrives now is about `work` alone; remembers it."""
        before, work.refused_at = work.refused_at, now
        between, self._accepted_between = self._accepted_between, False
        if before is not None:
            return self._accepted_at > before
        return now < self._trusted_until and between

    def is_everyones(self, code: int | str, recipient: str) -> bool:
        """Whether an unknown code has met so many recipients that it is not about their messages."""
        if code not in self._codes and len(self._codes) >= MOST_CODES:
            return False
        met = self._codes.setdefault(code, set())
        met.add(recipient)
        return len(met) >= self._recipients
