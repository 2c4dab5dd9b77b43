"""What a reply changes: for this notice, and for everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pipeline.delivery.breaker import BreakerState
from pipeline.delivery.budget import RetryBudget
from pipeline.delivery.gate import Gate
from pipeline.delivery.limit import ConcurrencyLimit
from pipeline.delivery.policy import RetrySettings
from pipeline.delivery.retry import backoff, exhausted, retry_after
from pipeline.delivery.suspension import Suspensions
from pipeline.delivery.verdicts import VerdictTable
from pipeline.delivery.work import Work
from pipeline.model.notice import OnAmbiguous
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.reply import Fault, Reply
from pipeline.model.verdict import Verdict

THROTTLED_RECIPIENT = 43117
"""This recipient alone is asked too often (WeChat): its lane waits, nobody else."""

_REJECTED = {
    Verdict.REJECTED_RECIPIENT: Reason.RECIPIENT,
    Verdict.REJECTED_CONTENT: Reason.CONTENT,
    Verdict.REJECTED_CONFIG: Reason.CONFIG,
    Verdict.KEY_REUSED: Reason.KEY_REUSED,
}
_API_FAILS = frozenset({Verdict.RETRY, Verdict.AMBIGUOUS})
_OVERLOAD = frozenset({Verdict.THROTTLED})


class Consequence(NamedTuple):
    """For one notice: it has ended (`kind`), or it waits until `wait_until`."""

    verdict: Verdict
    kind: OutcomeKind | None
    reason: Reason
    wait_until: float = 0.0

    @classmethod
    def end(cls, kind: OutcomeKind, reason: Reason) -> Consequence:
        """It ends without an attempt of its own."""
        return cls(Verdict.RETRY, kind, reason)


class Judge:
    """Reads replies, and tells limit, breaker, budget and gate what they show."""

    def __init__(
        self,
        settings: RetrySettings,
        table: VerdictTable,
        gate: Gate,
        limit: ConcurrencyLimit,
        budget: RetryBudget,
        suspensions: Suspensions,
        dice: Callable[[], float],
    ) -> None:
        """Shares its parts with the machine."""
        self._settings = settings
        self._table = table
        self._gate = gate
        self._limit = limit
        self._budget = budget
        self._suspensions = suspensions
        self._dice = dice

    def consequence(self, work: Work, reply: Reply, now: float) -> Consequence:
        """What follows for `work`; everybody else's share is noted on the way."""
        verdict = self._table.judge(reply)
        was_closed = self._gate.breaker.state is BreakerState.CLOSED
        self._note(work, reply, verdict, now)
        if verdict is Verdict.ACCEPTED:
            work.attempts += 1
            self._budget.succeeded()
            self._suspensions.lift(work.notice.rule)
            return Consequence(verdict, OutcomeKind.ACCEPTED, Reason.OK)
        if verdict in _REJECTED:
            work.attempts += 1
            if verdict is Verdict.REJECTED_CONFIG:
                self._suspensions.suspend(work.notice.rule, now)
            return Consequence(verdict, OutcomeKind.REJECTED, _REJECTED[verdict])
        if verdict is Verdict.REFRESH_TOKEN:
            return self._refresh(work, now)
        work.token_refused = False
        if verdict is Verdict.UNAUTHORISED:
            self._gate.refused(now)
            return Consequence(verdict, None, Reason.OK)
        if verdict is Verdict.QUOTA_SPENT:
            self._gate.rate.spent(now)
            return Consequence(verdict, None, Reason.OK)
        if verdict is Verdict.AMBIGUOUS and work.notice.on_ambiguous is OnAmbiguous.GIVE_UP:
            work.attempts += 1
            return Consequence(verdict, OutcomeKind.UNKNOWN, Reason.AMBIGUOUS)
        return self._again(work, reply, verdict, now, counts=was_closed)

    def _note(self, work: Work, reply: Reply, verdict: Verdict, now: float) -> None:
        """Tell the shared parts what this reply shows of the API's health."""
        failed = verdict in _API_FAILS
        breaker = self._gate.breaker
        before = breaker.state
        breaker.replied(now, ok=not failed, probe=work.probe)
        if before is BreakerState.CLOSED and breaker.state is BreakerState.OPEN:
            self._limit.restart()
        crowded = verdict in _OVERLOAD and reply.code != THROTTLED_RECIPIENT
        if crowded or reply.fault is Fault.TIMEOUT or reply.status == 503:  # noqa: PLR2004 - RFC 9110, section 15.6.4
            self._limit.overloaded(now)
        self._limit.replied(now - work.sent_at, now, ok=verdict is Verdict.ACCEPTED)
        if verdict not in {Verdict.UNAUTHORISED, Verdict.REFRESH_TOKEN}:
            if not failed:
                self._gate.taken()
            elif self._gate.probing_authorisation:
                self._gate.refused(now)

    def _refresh(self, work: Work, now: float) -> Consequence:
        """A fresh token once; refused with that too, it is the API that refuses us."""
        if work.token == self._gate.token and work.token_refused:
            self._gate.refused(now)
            return Consequence(Verdict.UNAUTHORISED, None, Reason.OK)
        if work.token == self._gate.token:
            self._gate.token_wanted = True
        work.token_refused = True
        return Consequence(Verdict.REFRESH_TOKEN, None, Reason.OK)

    def _again(self, work: Work, reply: Reply, verdict: Verdict, now: float, *, counts: bool) -> Consequence:
        """Try again later, or give up. During an outage of the whole API nothing is held against a notice."""
        first = work.first_attempt_at if work.first_attempt_at is not None else now
        outage = self._gate.breaker.outage_seconds(now) - work.outage_before
        if counts:
            work.attempts += 1
        closed = self._gate.breaker.state is BreakerState.CLOSED
        reason = exhausted(self._settings, work.attempts, first, now - outage) if closed else None
        if reason is not None:
            return Consequence(verdict, OutcomeKind.EXHAUSTED, reason)
        wait = backoff(self._settings, max(1, work.attempts), self._dice)
        asked = retry_after(reply.retry_after, now, self._settings.max_retry_after_seconds)
        if asked is not None:
            wait = max(wait, asked)
            if verdict is Verdict.THROTTLED and reply.code != THROTTLED_RECIPIENT:
                self._gate.pause(now + asked)
        return Consequence(verdict, None, Reason.OK, now + wait)
