"""What a reply changes: for this notice, and for everybody."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from pipeline.delivery.breaker import BreakerState
from pipeline.delivery.budget import RetryBudget
from pipeline.delivery.gate import Gate
from pipeline.delivery.limit import ConcurrencyLimit
from pipeline.delivery.pending_notice import PendingNotice
from pipeline.delivery.policy import RetrySettings
from pipeline.delivery.retry import backoff, exhausted, retry_after
from pipeline.delivery.suspension import Suspensions
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.notice import OnAmbiguous
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.reply import Fault, Reply
from pipeline.model.verdict import ACCEPTED, Verdict

UNAVAILABLE = 503
"""RFC 9110, section 15.6.4: the API says itself that it is too much."""

_REJECTED = {
    Verdict.REJECTED_RECIPIENT: Reason.RECIPIENT,
    Verdict.REJECTED_CONTENT: Reason.CONTENT,
    Verdict.REJECTED_CONFIG: Reason.CONFIG,
    Verdict.KEY_REUSED: Reason.KEY_REUSED,
}


class NextStep(StrEnum):
    """What becomes of a notice after a reply."""

    ENDS = "ends"
    WAITS = "waits"
    NEXT = "next"
    """It may go as soon as anything may."""
    LAST = "last"
    """It may go after all others that are ready: what stopped it may be its own, and must not stop the others."""


class Decision(NamedTuple):
    """What a reply meant, and what becomes of the notice."""

    verdict: Verdict
    turn: NextStep
    kind: OutcomeKind = OutcomeKind.ACCEPTED
    """How it ended, where it did."""
    reason: Reason = Reason.OK
    wait_until: float = 0.0


_ENDS_WELL = Decision(Verdict.ACCEPTED, NextStep.ENDS)
_SHADOWED = Decision(Verdict.SHADOWED, NextStep.ENDS, OutcomeKind.SHADOWED, Reason.SHADOW)


class ReplyHandler:
    """Reads replies, and tells limit, breaker, budget and gate what they show."""

    def __init__(
        self,
        settings: RetrySettings,
        table: VerdictTable,
        gate: Gate,
        limit: ConcurrencyLimit,
        budget: RetryBudget,
        suspensions: Suspensions,
        rng: Callable[[], float],
    ) -> None:
        """Shares its parts with the machine."""
        self._settings = settings
        self._table = table
        self._gate = gate
        self._limit = limit
        self._budget = budget
        self._suspensions = suspensions
        self._dice = rng

    def consequence(self, work: PendingNotice, reply: Reply, now: float) -> Decision:
        """What follows for `work`; everybody else's share is noted on the way."""
        verdict = self._table.judge(reply)
        if verdict is ACCEPTED:
            return self._accepted(work, now)
        failed = verdict is Verdict.RETRY or verdict is Verdict.AMBIGUOUS
        suspect = None if not failed or reply.fault is Fault.CONNECT else work.notice.recipient
        self._note_health(work, now, failed=failed, suspect=suspect)
        self._limit.replied(now - work.sent_at, now, ok=verdict is Verdict.SHADOWED)
        if verdict is Verdict.SHADOWED:
            return _SHADOWED
        self._note_overload(reply, verdict, now)
        consequence = self._not_accepted(work, reply, verdict, now)
        self._note_access(work, consequence.verdict, now, failed=failed)
        return consequence

    def _accepted(self, work: PendingNotice, now: float) -> Decision:
        """As nearly all are."""
        self._note_health(work, now, failed=False, suspect=None)
        self._limit.replied(now - work.sent_at, now, ok=True)
        work.attempts += 1
        self._budget.succeeded(retried=work.attempts > 1)
        self._suspensions.lift(work.notice.rule)
        access = self._gate.authorisation
        if access.ended(work.ticket):
            access.grant()
            self._gate.mark(now)
        return _ENDS_WELL

    def _note_health(self, work: PendingNotice, now: float, *, failed: bool, suspect: str | None) -> None:
        breaker = self._gate.breaker
        before = breaker.state
        breaker.replied(work.ticket, now, ok=not failed, suspect=suspect)
        if breaker.state is not before:
            self._gate.mark(now)
            self._limit.restart()

    def _note_access(self, work: PendingNotice, verdict: Verdict, now: float, *, failed: bool) -> None:
        """Whether the API lets us in as such, judged by refusals and by the probes that follow them."""
        access = self._gate.authorisation
        probed = access.ended(work.ticket)
        if verdict is Verdict.UNAUTHORISED:
            access.refuse(now)
        elif probed and failed:
            access.postpone(now)
        elif probed and verdict is not Verdict.REFRESH_TOKEN:
            access.grant()
        else:
            return
        self._gate.mark(now)

    def _note_overload(self, reply: Reply, verdict: Verdict, now: float) -> None:
        if verdict is Verdict.THROTTLED or reply.fault is Fault.TIMEOUT or reply.status == UNAVAILABLE:
            self._limit.overloaded(now)
            asked = retry_after(reply.retry_after, now, self._settings.max_retry_after_seconds)
            if asked is not None:
                self._gate.pause(now + asked)

    def _not_accepted(self, work: PendingNotice, reply: Reply, verdict: Verdict, now: float) -> Decision:
        if verdict is Verdict.REFRESH_TOKEN:
            return self._refresh(work)
        work.token_refused = False
        if verdict in _REJECTED:
            work.attempts += 1
            if verdict is Verdict.REJECTED_CONFIG:
                self._suspensions.suspend(work.notice.rule, now)
            return Decision(verdict, NextStep.ENDS, OutcomeKind.REJECTED, _REJECTED[verdict])
        if verdict is Verdict.UNAUTHORISED:
            return Decision(verdict, NextStep.LAST)
        if verdict is Verdict.QUOTA_SPENT:
            self._gate.rate.spent(now)
            self._gate.mark(now)
            return Decision(verdict, NextStep.NEXT)
        if verdict is Verdict.AMBIGUOUS and work.notice.on_ambiguous is OnAmbiguous.GIVE_UP:
            work.attempts += 1
            return Decision(verdict, NextStep.ENDS, OutcomeKind.UNKNOWN, Reason.AMBIGUOUS)
        return self._again(work, reply, verdict, now)

    def _refresh(self, work: PendingNotice) -> Decision:
        """A fresh token once; refused with that too, it is the API that refuses us."""
        if work.token == self._gate.token:
            if work.token_refused:
                return Decision(Verdict.UNAUTHORISED, NextStep.LAST)
            self._gate.token_wanted = True
        work.token_refused = True
        return Decision(Verdict.REFRESH_TOKEN, NextStep.NEXT)

    def _again(self, work: PendingNotice, reply: Reply, verdict: Verdict, now: float) -> Decision:
        """Try again later, or give up. An outage of the whole API, and what made it known, is no notice's fault."""
        if self._gate.breaker.state is BreakerState.CLOSED:
            work.attempts += 1
        reason = self.exhausted(work, now)
        if reason is not None:
            return Decision(verdict, NextStep.ENDS, OutcomeKind.EXHAUSTED, reason)
        wait = backoff(self._settings, max(1, work.attempts), self._dice)
        asked = retry_after(reply.retry_after, now, self._settings.max_retry_after_seconds)
        return Decision(verdict, NextStep.WAITS, wait_until=now + max(wait, asked or 0.0))

    def exhausted(self, work: PendingNotice, now: float) -> Reason | None:
        """Why `work` must not be tried again; None where it may. Halted time does not count."""
        if work.first_attempt_at is None or self._gate.breaker.state is not BreakerState.CLOSED:
            return None
        halted = self._gate.halted_seconds(now) - work.halted_before
        return exhausted(self._settings, work.attempts, now - work.first_attempt_at - halted)
