"""What a reply changes: for its notice, and for the API's limit, breaker, budget and gate."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from pipeline.delivery.breaker import BreakerState
from pipeline.delivery.budget import RetryBudget
from pipeline.delivery.gate import Gate
from pipeline.delivery.limit import ConcurrencyLimit
from pipeline.delivery.pending_notice import PendingNotice
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.probed_halt import ProbedHalt
from pipeline.delivery.refusals import Refusals
from pipeline.delivery.retry import backoff, exhausted, retry_after
from pipeline.delivery.stops.suspension import Suspensions
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.notice import OnAmbiguous
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.reply import Fault, Reply
from pipeline.model.verdict import ACCEPTED, Verdict

UNAVAILABLE = 503
"""RFC 9110, section 15.6.4: the server reports that it is overloaded."""

_REJECTED = {
    Verdict.REJECTED_RECIPIENT: Reason.RECIPIENT,
    Verdict.REJECTED_CONTENT: Reason.CONTENT,
    Verdict.REJECTED_CONFIG: Reason.CONFIG,
    Verdict.KEY_REUSED: Reason.KEY_REUSED,
}
_SHOWS_NOTHING = frozenset(
    {Verdict.RETRY, Verdict.AMBIGUOUS, Verdict.THROTTLED, Verdict.IN_PROGRESS, Verdict.UNAUTHORISED}
)
"""Replies to a probe after which it is still unknown whether the halt's cause is gone."""


class NextStep(StrEnum):
    """What happens to a notice after a reply."""

    ENDS = "ends"
    WAITS = "waits"
    NEXT = "next"
    """It may be tried as soon as any notice may."""
    DEFERRED = "deferred"
    """It is tried after all others, until the halt ends: its refusal may be its own."""


class Decision(NamedTuple):
    """What a reply means, and what happens to the notice."""

    verdict: Verdict
    step: NextStep
    kind: OutcomeKind = OutcomeKind.ACCEPTED
    """How the notice ends, where it does."""
    reason: Reason = Reason.OK
    wait_until: float = 0.0


_ENDS_WELL = Decision(Verdict.ACCEPTED, NextStep.ENDS)
_SHADOWED = Decision(Verdict.SHADOWED, NextStep.ENDS, OutcomeKind.SHADOWED, Reason.SHADOW)


class ReplyHandler:
    """Turns replies into decisions, and passes on to limit, breaker, budget and gate what they show."""

    def __init__(
        self,
        settings: DeliverySettings,
        table: VerdictTable,
        gate: Gate,
        limit: ConcurrencyLimit,
        budget: RetryBudget,
        suspensions: Suspensions,
        rng: Callable[[], float],
    ) -> None:
        """`rng` returns numbers uniform in [0, 1)."""
        self._settings = settings.retry
        self._table = table
        self._gate = gate
        self._probed = (gate.authorisation, gate.unknown_code, gate.quota)
        self._limit = limit
        self._budget = budget
        self._suspensions = suspensions
        self._refusals = Refusals(settings.authorisation.probe_seconds, settings.unknown_code.recipients)
        self._rng = rng

    def decide(self, work: PendingNotice, reply: Reply, now: float) -> Decision:
        """What happens to `work` after its reply."""
        verdict = self._table.judge(reply)
        if verdict is ACCEPTED:
            return self._accepted(work, now)
        breaker = self._gate.breaker
        before = breaker.state
        if verdict is Verdict.RETRY or verdict is Verdict.AMBIGUOUS:
            breaker.failed(work.ticket, now, None if reply.fault is Fault.CONNECT else work.notice.recipient)
        else:
            breaker.succeeded(work.ticket, now)
        if breaker.state is not before:
            self._breaker_changed(now)
        if verdict is Verdict.SHADOWED:
            self._limit.accepted(now - work.sent_at, now)
            return _SHADOWED
        self._limit.refused(now)
        self._note_overload(reply, verdict, now)
        decision = self._not_accepted(work, reply, verdict, now)
        self._note_probe(work, decision.verdict, now)
        return decision

    def _accepted(self, work: PendingNotice, now: float) -> Decision:
        breaker = self._gate.breaker
        before = breaker.state
        breaker.succeeded(work.ticket, now)
        if breaker.state is not before:
            self._breaker_changed(now)
        self._limit.accepted(now - work.sent_at, now)
        work.attempts += 1
        self._budget.accepted(work.attempts)
        if self._suspensions.any_suspended:
            self._suspensions.lift(work.notice.rule)
        self._refusals.accepted(work.sent_at)
        if self._gate.halt is not None:
            self._note_probe(work, ACCEPTED, now)
        return _ENDS_WELL

    def _breaker_changed(self, now: float) -> None:
        self._gate.mark(now)
        self._limit.restart()

    def _note_probe(self, work: PendingNotice, verdict: Verdict, now: float) -> None:
        """A reply to the probe of a halt may end it; refusals are noted where they are decided."""
        for halt in self._probed:
            if halt.probe != work.ticket:
                continue
            if verdict is Verdict.REFRESH_TOKEN:
                halt.repeat()
            elif verdict in _SHOWS_NOTHING:
                halt.postpone(now)
            else:
                halt.end()
                self._refusals.halt_ended(now)
            self._gate.mark(now)

    def _note_overload(self, reply: Reply, verdict: Verdict, now: float) -> None:
        if verdict is Verdict.THROTTLED or reply.fault is Fault.TIMEOUT or reply.status == UNAVAILABLE:
            self._limit.overloaded(now)
            wait = retry_after(reply.retry_after, now, self._settings.max_retry_after_seconds)
            if wait is not None:
                self._gate.retry_after.extend(now + wait)

    def _not_accepted(self, work: PendingNotice, reply: Reply, verdict: Verdict, now: float) -> Decision:
        if verdict is Verdict.REFRESH_TOKEN:
            return self._refresh(work, reply, now)
        work.token_refused = False
        if verdict in _REJECTED:
            return self._rejected(work, reply, verdict, now)
        if verdict is Verdict.UNAUTHORISED:
            return self._refused(work, reply, verdict, self._gate.authorisation, now)
        if verdict is Verdict.QUOTA_SPENT:
            return self._refused(work, reply, verdict, self._gate.quota, now)
        if verdict is Verdict.AMBIGUOUS and work.notice.on_ambiguous is OnAmbiguous.GIVE_UP:
            work.attempts += 1
            return Decision(verdict, NextStep.ENDS, OutcomeKind.UNKNOWN, Reason.AMBIGUOUS)
        return self._again(work, reply, verdict, now)

    def _refresh(self, work: PendingNotice, reply: Reply, now: float) -> Decision:
        """Request a new token once; if that is refused too, the API refuses this service."""
        if work.token == self._gate.token.generation:
            if work.token_refused:
                return self._refused(work, reply, Verdict.UNAUTHORISED, self._gate.authorisation, now)
            self._gate.token.needed = True
        work.token_refused = True
        return Decision(Verdict.REFRESH_TOKEN, NextStep.NEXT)

    def _rejected(self, work: PendingNotice, reply: Reply, verdict: Verdict, now: float) -> Decision:
        """The message is permanently refused, unless every recipient gets this code."""
        if reply.code is not None and self._table.is_unknown(reply):
            halt = self._gate.unknown_code
            if halt.in_force(now) or self._refusals.is_everyones(reply.code, work.notice.recipient):
                return self._halt(work, verdict, halt, now)
        work.attempts += 1
        if verdict is Verdict.REJECTED_CONFIG:
            self._suspensions.suspend(work.notice.rule, now)
        return Decision(verdict, NextStep.ENDS, OutcomeKind.REJECTED, _REJECTED[verdict])

    def _refused(self, work: PendingNotice, reply: Reply, verdict: Verdict, halt: ProbedHalt, now: float) -> Decision:
        """Halt, unless the API accepts others: then the refusal is this notice's own, and bounded like any failure."""
        if not self._refusals.is_own(work, now):
            return self._halt(work, verdict, halt, now)
        if halt.probe == work.ticket:
            halt.postpone(now)
        decision = self._again(work, reply, verdict, now)
        if decision.step is NextStep.ENDS and verdict is Verdict.UNAUTHORISED:
            return Decision(verdict, NextStep.ENDS, OutcomeKind.REJECTED, Reason.CONTENT)
        return decision

    def _halt(self, work: PendingNotice, verdict: Verdict, halt: ProbedHalt, now: float) -> Decision:
        halt.refuse(work.ticket, now)
        self._gate.mark(now)
        return Decision(verdict, NextStep.DEFERRED)

    def _again(self, work: PendingNotice, reply: Reply, verdict: Verdict, now: float) -> Decision:
        """Try again later, or give up.

        While the breaker is not closed attempts do not count, nor does the one that opens it.
        """
        if self._gate.breaker.state is BreakerState.CLOSED:
            work.attempts += 1
        reason = self.exhausted(work, now)
        if reason is not None:
            return Decision(verdict, NextStep.ENDS, OutcomeKind.EXHAUSTED, reason)
        wait = backoff(self._settings, max(1, work.attempts), self._rng)
        least = retry_after(reply.retry_after, now, self._settings.max_retry_after_seconds)
        return Decision(verdict, NextStep.WAITS, wait_until=now + max(wait, least or 0.0))

    def exhausted(self, work: PendingNotice, now: float) -> Reason | None:
        """Why `work` must not be tried again; None if it may. Halted time does not count."""
        if work.first_attempt_at is None or self._gate.breaker.state is not BreakerState.CLOSED:
            return None
        halted = self._gate.halted_seconds(now) - work.halted_before
        return exhausted(self._settings, work.attempts, now - work.first_attempt_at - halted)
