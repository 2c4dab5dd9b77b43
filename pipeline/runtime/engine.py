"""Carries out what delivery decides: requests, outcomes, commits, demand; what belongs to one API is in `Sender`.

Everything runs on the loop's thread. Any change that may give delivery something to do calls `progressed`; all such
calls before the loop's next turn result in one `_step`. The path from a reply to its commit is `_answered`, `_step`,
`_acknowledged`, `_step`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pipeline.errors import OutcomeLost
from pipeline.model.ledger import CommitPoint
from pipeline.model.reply import Reply
from pipeline.model.verdict import ACCEPTED
from pipeline.runtime.sender import Sender

if TYPE_CHECKING:
    from pipeline.delivery.machine import Attempt, Delivery, PendingOutcome
    from pipeline.model.event import TopicPartition
    from pipeline.model.pause import Pause
    from pipeline.ports import Api, Clock, EventSource, OutcomeLog, Telemetry
    from pipeline.runtime.care_records import CareRecords
    from pipeline.runtime.intent_writing import IntentWriting

POLL_SECONDS = 0.002
"""Interval between polls for missing acknowledgements: below the producer's linger of 5 ms."""
COMMIT_SECONDS = 0.25
"""Interval between commits: short enough to read (not send) little again after a crash, and cheap for the broker."""
STANDSTILL_SECONDS = 3.0
"""The process counts as frozen if the loop, which turns four times a second, did not turn for this long. Half of the
shortest session timeout that a broker allows by default: within it no other member can get our partitions."""
MIN_STEP_SECONDS = 0.5
SETTLE_SECONDS = 2.5
"""A change of the group reaches the source's thread within this time: without demand it polls once a second."""

log = structlog.get_logger("engine")


class Engine:
    """One delivery machine, and the adapters that carry out its decisions."""

    def __init__(  # noqa: PLR0913 - one argument for each dependency
        self,
        *,
        delivery: Delivery,
        apis: Sequence[Api],
        outcomes: OutcomeLog,
        source: EventSource,
        clock: Clock,
        telemetry: Telemetry,
        waiting: Callable[[], int],
        fatal: Callable[[Exception], None],
        waiting_bytes: Callable[[], int] = lambda: 0,
        fan_out: Callable[[], int] = lambda: 1,
        share: Callable[[Sequence[Pause]], None] = lambda _: None,
        care: CareRecords | None = None,
        intents: IntentWriting | None = None,
    ) -> None:
        """`apis` are those of `delivery`; `fatal` ends the service; `share` gets pauses that delivery has decided.

        `care` writes the records of recipient care, and `intents` those of the intents topic, where it is on.
        `waiting` and `waiting_bytes` count records read but not yet offered; `fan_out` estimates the notices of one.
        """
        self._delivery = delivery
        self._acknowledge = delivery.acknowledged
        self._outcomes = outcomes
        self._intents = intents
        self._source = source
        self._clock = clock
        self._telemetry = telemetry
        self._waiting = waiting
        self._waiting_bytes = waiting_bytes
        self._fan_out = fan_out
        self._fatal = fatal
        self._share = share
        self._care = care
        self._senders = deque(
            Sender(
                api,
                delivery=delivery,
                clock=clock,
                telemetry=telemetry,
                progressed=self.progressed,
                is_named=len(apis) > 1,
            )
            for api in apis
        )
        self._step_due = False
        self._wakeup: asyncio.TimerHandle | None = None
        self._polling: asyncio.TimerHandle | None = None
        self._drain_events: set[asyncio.Event] = set()
        self._last_commit = 0.0
        self._correction = 0.0
        """Seconds to add to the clock's time for the wall clock."""
        self._held: frozenset[TopicPartition] = frozenset()
        self._turned_at: float | None = None
        self._quiet_until = 0.0
        self._stopped = False
        self._lost = False

    @property
    def without_token(self) -> Sequence[str]:
        """Names of the APIs for which there is no token, or one that is refused."""
        return sorted(sender.name for sender in self._senders if not sender.has_token)

    def progressed(self) -> None:
        """Schedule one step at the loop's next turn, because delivery may have something to do."""
        if not self._step_due and not self._stopped:
            self._step_due = True
            asyncio.get_running_loop().call_soon(self._step)

    def pause(self, pauses: Sequence[Pause]) -> None:
        """Put these pauses in force, instead of all earlier ones, and log what has changed."""
        now = self._clock.now()
        before = {pause.scope: pause for pause in self._delivery.pauses(now)}
        self._delivery.pause(pauses, now)
        for pause in self._delivery.pauses(now):
            if before.pop(pause.scope, None) != pause:
                log.warning("paused", scope=str(pause.scope), by=pause.by, reason=pause.reason, drop=pause.drop)
        for scope in before:
            log.warning("resumed", scope=str(scope))
        self.progressed()

    def _step(self) -> None:
        self._step_due = False
        if self._stopped:
            return
        now = self._clock.now()
        delivery = self._delivery
        for sender in self._senders:
            sender.refresh_if_wanted()
        quiet = self._quiet(now)
        sending = [] if quiet else self._send(now)
        for publication in delivery.publications():
            if self._correction:
                moved = publication.outcome.moved(self._correction)
                publication = replace(publication, outcome=moved)  # noqa: PLW2901 - the same outcome, with corrected times
            self._outcomes.publish(publication.outcome, publication.record, partial(self._acknowledged, publication))
        if self._intents is not None:
            self._intents.write(self._correction)
        self._poll_soon()
        self._update_demand()
        for sender in self._senders:
            sender.log_halt()
        if now - self._last_commit >= COMMIT_SECONDS:
            self._last_commit = now
            self._commit(now, is_quiet=quiet)
        # Without a token or group contact the next wake-up is not timed; otherwise overdue notices would busy-loop.
        self._wake_at(now, delivery.next_wakeup(now, sending) if sending else None)
        for stepped in self._drain_events:
            stepped.set()

    def _commit(self, now: float, *, is_quiet: bool) -> None:
        """Do what is due four times a second."""
        self._follow_wall_clock(now)
        if self._care is not None and not is_quiet:
            self._care.write(now)
        points = self._delivery.commit_points()
        if points:
            self._source.commit(points)
        if self._intents is not None:
            self._intents.write_checkpoints(now)
        decided = self._delivery.decided_pauses()
        if decided:
            self._share(decided)
        if self._polling is None:
            self._poll()  # serves the producer's error callbacks when no acknowledgement is missing

    def _send(self, now: float) -> Sequence[str]:
        """Start what may leave now, and return the APIs that have a token."""
        delivery = self._delivery
        sending: list[str] = []
        for sender in self._senders:
            token = sender.token
            if token is None:
                continue
            sending.append(sender.name)
            post = sender.client.post
            for attempt in delivery.attempts(now, sender.name):
                answered = partial(self._answered, sender, attempt, self._clock.now())
                post(attempt.notice, token, attempt.trace, answered)
        self._senders.rotate()  # while Kafka limits what may leave, each API is the first in turn
        return sending

    def _quiet(self, now: float) -> bool:
        """Whether nothing may be sent because this process was frozen or Kafka does not answer.

        Another member may own our partitions then: a process that was frozen (a paused machine, a debugger) has a
        buffer full of notices that its successor has sent. After the next poll of the source a loss is known.
        """
        before, self._turned_at = self._turned_at, now
        if before is not None and now - before > STANDSTILL_SECONDS:
            self._quiet_until = now + SETTLE_SECONDS
            log.warning("stood_still", seconds=round(now - before, 1), quiet_seconds=SETTLE_SECONDS)
        return self._source.last_poll_at() < self._quiet_until or self._source.out_of_touch()

    def _follow_wall_clock(self, now: float) -> None:
        """Follow steps of the wall clock, by which notices expire and outcomes are dated.

        A suspended machine looks the same, and another member may own our partitions since.
        """
        correction = self._clock.correction()
        step = correction - self._correction
        if abs(step) < MIN_STEP_SECONDS:
            return
        self.correct_clock(correction)
        if step > STANDSTILL_SECONDS:
            self._quiet_until = now + SETTLE_SECONDS
        log.warning("clock_stepped", seconds=round(step, 1), since_start_seconds=round(correction, 1))

    def correct_clock(self, correction: float) -> None:
        """Add so many seconds to the clock's time from now on, where it is the wall clock's."""
        self._correction = correction
        self._delivery.correct_clock(correction)

    def _answered(self, sender: Sender, attempt: Attempt, started: float, reply: Reply) -> None:
        if self._stopped:
            return
        now = self._clock.now()
        verdict = self._delivery.replied(attempt, reply, now)
        self._telemetry.attempted(sender.name, verdict, now - started)
        if verdict is not ACCEPTED:
            sender.refusal = reply
        if not self._step_due:
            self.progressed()

    def _acknowledged(self, publication: PendingOutcome, partition: int, offset: int) -> None:
        acknowledge = self._acknowledge  # CPython 3.11 looks `self.name(…)` up slowly if it is not a method
        acknowledge(publication.ticket, partition, offset)
        self._telemetry.ended(publication.outcome, self._clock.now() + self._correction)

    def _poll_soon(self) -> None:
        awaits = self._delivery.unacknowledged or (self._intents is not None and self._intents.awaits)
        if awaits and self._polling is None:
            self._polling = asyncio.get_running_loop().call_later(POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        self._polling = None
        if self._care is not None:
            self._care.poll()
        try:
            acknowledged = self._outcomes.poll()
            if self._intents is not None:
                acknowledged += self._intents.poll()
        except OutcomeLost as error:
            self._lost = True
            self._fatal(error)
            return
        if acknowledged:
            self.progressed()
        self._poll_soon()

    def _update_demand(self) -> None:
        demand, fan_out = self._delivery.demand(), self._fan_out()
        if fan_out > 1:
            demand = -(-demand // fan_out)
        self._source.demand(max(0, demand - self._waiting()), self._delivery.demand_bytes() - self._waiting_bytes())
        held = self._delivery.held()
        if held != self._held:
            self._held = held
            self._source.hold(held)

    def _wake_at(self, now: float, due: float | None) -> None:
        """Schedule a step for delivery's next timer or the next commit."""
        if self._wakeup is not None:
            self._wakeup.cancel()
        delay = COMMIT_SECONDS if due is None else min(COMMIT_SECONDS, max(0.0, due - now))
        self._wakeup = asyncio.get_running_loop().call_later(delay, self.progressed)

    async def drain(self, partitions: Sequence[TopicPartition], deadline: float) -> Sequence[CommitPoint]:
        """Wait until `deadline` for requests in flight of revoked partitions; return what to commit.

        Does not wait after Kafka has refused an outcome permanently: no other would be acknowledged either.
        """
        self._delivery.begin_revoke(partitions)
        stepped = asyncio.Event()
        self._drain_events.add(stepped)
        try:
            while not (self._lost or self._delivery.drained(partitions)) and (left := deadline - self._clock.now()) > 0:
                stepped.clear()
                self.progressed()
                try:
                    await asyncio.wait_for(stepped.wait(), timeout=min(left, 1.0))
                except TimeoutError:
                    continue
        finally:
            self._drain_events.discard(stepped)
        if not self._delivery.drained(partitions):
            log.warning("drain_deadline_passed", partitions=len(partitions))
        return self._delivery.release(partitions)

    def forget(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop lost partitions; commit nothing."""
        self._delivery.begin_revoke(partitions)
        self._delivery.release(partitions)
        self.progressed()

    async def stop(self) -> None:
        """Stop sending; late replies are ignored."""
        self._stopped = True
        for timer in (self._wakeup, self._polling):
            if timer is not None:
                timer.cancel()
        for sender in self._senders:
            await sender.stop()
