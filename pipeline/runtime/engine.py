"""Carries out what delivery decides: requests, outcomes, token refreshes, commits, demand.

Delivery decides; this executes. Everything runs on the loop's thread. Whatever may give delivery something new to do
calls `progressed`; any number of such calls before the loop's next turn make one `_step`. A reply's way to its commit
reads in this file: `_answered`, `_step`, `_acknowledged`, `_step`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import structlog

from pipeline.errors import OutcomeLost, TokenUnavailable
from pipeline.model.ledger import CommitPoint
from pipeline.model.reply import Reply
from pipeline.model.verdict import ACCEPTED
from pipeline.tasks import Tasks

if TYPE_CHECKING:
    from pipeline.delivery.halt import Halt
    from pipeline.delivery.machine import Attempt, Delivery, PendingOutcome
    from pipeline.model.event import TopicPartition
    from pipeline.ports import Clock, EventSource, NoticesApi, OutcomeLog, Telemetry, TokenSource

POLL_SECONDS = 0.002
"""Between two looks at Kafka's acknowledgements while any is missing: under the producer's linger of 5 ms."""
COMMIT_SECONDS = 0.25
"""Between two commits: little is read (not sent) again after a crash, and the broker has little to do."""
TOKEN_RETRY_SECONDS = 5.0
"""After the token source gave none."""
STANDSTILL_SECONDS = 3.0
"""A loop that did not turn for so long stood still: it turns four times a second. Half of the shortest session timeout
that a broker allows by default: within it our partitions cannot have become another member's."""
MIN_STEP_SECONDS = 0.5
HEAR_SECONDS = 2.5
"""A change of the group reaches the source's thread within this time: it polls once a second when nothing is wanted."""

log = structlog.get_logger("engine")


class Engine:
    """One delivery machine, and the adapters that carry out its decisions."""

    def __init__(  # noqa: PLR0913 - one argument for each thing it may touch
        self,
        *,
        delivery: Delivery,
        api: NoticesApi,
        tokens: TokenSource,
        outcomes: OutcomeLog,
        source: EventSource,
        clock: Clock,
        telemetry: Telemetry,
        waiting: Callable[[], int],
        fatal: Callable[[Exception], None],
        waiting_bytes: Callable[[], int] = lambda: 0,
    ) -> None:
        """`waiting` and `waiting_bytes` count what is read but not yet offered; `fatal` ends the service."""
        self._delivery = delivery
        self._api = api
        self._tokens = tokens
        self._outcomes = outcomes
        self._source = source
        self._clock = clock
        self._telemetry = telemetry
        self._waiting = waiting
        self._waiting_bytes = waiting_bytes
        self._fatal = fatal
        self._token: str | None = None
        self._refreshes = Tasks()
        self._refresh: asyncio.Task[None] | None = None
        self._renewal: asyncio.TimerHandle | None = None
        self._unacknowledged = 0
        self._step_due = False
        self._wakeup: asyncio.TimerHandle | None = None
        self._polling: asyncio.TimerHandle | None = None
        self._moved: set[asyncio.Event] = set()
        self._last_commit = 0.0
        self._correction = 0.0
        """From the clock's own seconds to the wall clock."""
        self._held: frozenset[TopicPartition] = frozenset()
        self._halt: Halt | None = None
        self._refusal: Reply | None = None
        """The last reply that did not accept."""
        self._turned_at: float | None = None
        self._quiet_until = 0.0
        self._stopped = False
        self._lost = False

    @property
    def has_token(self) -> bool:
        """Whether there is a token to send with; a refused one does not count."""
        return self._token is not None and not self._delivery.token_wanted()

    def progressed(self) -> None:
        """Delivery may have something new to do: look once, at the loop's next turn."""
        if not self._step_due and not self._stopped:
            self._step_due = True
            asyncio.get_running_loop().call_soon(self._step)

    def _step(self) -> None:
        self._step_due = False
        if self._stopped:
            return
        now = self._clock.now()
        delivery = self._delivery
        if self._token is None or delivery.token_wanted():
            self._start_refresh()
        token = None if self._quiet(now) else self._token
        if token is not None:
            for attempt in delivery.attempts(now):
                answered = partial(self._answered, attempt, self._clock.now())
                self._api.post(attempt.notice, token, attempt.trace, answered)
        for publication in delivery.publications():
            self._unacknowledged += 1
            if self._correction:
                publication = _by_wall_clock(publication, self._correction)  # noqa: PLW2901 - the same one, with true times
            self._outcomes.publish(publication.outcome, publication.record, partial(self._acknowledged, publication))
        self._poll_soon()
        self._update_demand()
        self._log_halt()
        if now - self._last_commit >= COMMIT_SECONDS:
            self._last_commit = now
            self._follow_wall_clock(now)
            points = delivery.commit_points()
            if points:
                self._source.commit(points)
            if self._polling is None:
                self._poll()  # what the producer has to tell of itself, although nothing is waited for
        # What waits for a token or for the group waits for no time: else it would be looked for without a pause.
        self._wake_at(now, delivery.next_wakeup(now) if token is not None else None)
        for moved in self._moved:
            moved.set()

    def _quiet(self, now: float) -> bool:
        """Whether nothing may leave because we, or Kafka, stood still: our partitions may be another member's.

        A process that was frozen (a paused machine, a debugger) would else go on where it stopped, with a buffer full
        of notices that its successor has sent. Once the source has polled again, a loss of partitions was reported.
        """
        before, self._turned_at = self._turned_at, now
        if before is not None and now - before > STANDSTILL_SECONDS:
            self._quiet_until = now + HEAR_SECONDS
            log.warning("stood_still", seconds=round(now - before, 1), quiet_seconds=HEAR_SECONDS)
        return self._source.last_poll_at() < self._quiet_until or self._source.out_of_touch()

    def _follow_wall_clock(self, now: float) -> None:
        """Expire notices, and date outcomes, by a wall clock that is stepped while the service runs.

        A machine that was suspended looks the same, and our partitions may be another member's since.
        """
        correction = self._clock.correction()
        step = correction - self._correction
        if abs(step) < MIN_STEP_SECONDS:
            return
        self._correction = correction
        self._delivery.correct_clock(correction)
        if step > STANDSTILL_SECONDS:
            self._quiet_until = now + HEAR_SECONDS
        log.warning("clock_stepped", seconds=round(step, 1), since_start_seconds=round(correction, 1))

    def _answered(self, attempt: Attempt, started: float, reply: Reply) -> None:
        if self._stopped:
            return
        now = self._clock.now()
        verdict = self._delivery.replied(attempt, reply, now)
        self._telemetry.attempted(verdict, now - started)
        if verdict is not ACCEPTED:
            self._refusal = reply
        if not self._step_due:
            self.progressed()

    def _acknowledged(self, publication: PendingOutcome, partition: int, offset: int) -> None:
        self._unacknowledged -= 1
        self._delivery.acknowledged(publication.ticket, partition, offset)
        self._telemetry.ended(publication.outcome, self._clock.now() + self._correction)

    def _poll_soon(self) -> None:
        if self._unacknowledged and self._polling is None:
            self._polling = asyncio.get_running_loop().call_later(POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        self._polling = None
        try:
            acknowledged = self._outcomes.poll()
        except OutcomeLost as error:
            self._lost = True
            self._fatal(error)
            return
        if acknowledged:
            self.progressed()
        self._poll_soon()

    def _update_demand(self) -> None:
        self._source.demand(
            max(0, self._delivery.demand() - self._waiting()), self._delivery.demand_bytes() - self._waiting_bytes()
        )
        held = self._delivery.held()
        if held != self._held:
            self._held = held
            self._source.hold(held)

    def _log_halt(self) -> None:
        """Log each halt of sending with its reason, and its end."""
        halt = self._delivery.halted()
        if halt is self._halt:
            return
        self._halt = halt
        if halt is None:
            log.info("sending_resumed")
            return
        reply = self._refusal or Reply()
        # The API's own words may speak of a recipient; the client's, of a fault, do not.
        fault = None if reply.fault is None else f"{reply.fault.value}: {reply.detail}"
        log.warning("sending_halted", reason=halt.value, status=reply.status, code=reply.code, fault=fault)

    def _wake_at(self, now: float, due: float | None) -> None:
        """Come back when delivery's next timer is due, or when a commit may be."""
        if self._wakeup is not None:
            self._wakeup.cancel()
        delay = COMMIT_SECONDS if due is None else min(COMMIT_SECONDS, max(0.0, due - now))
        self._wakeup = asyncio.get_running_loop().call_later(delay, self.progressed)

    def _start_refresh(self) -> None:
        if self._refresh is None or self._refresh.done():
            self._refresh = self._refreshes.start(self._fetch_token())

    async def _fetch_token(self) -> None:
        """Get the token, however often it takes; one refresh at a time for all."""
        while True:
            try:
                self._token = await self._tokens.fetch()
            except TokenUnavailable as error:
                self._telemetry.token_refreshed(ok=False)
                log.warning("token_unavailable", error=str(error), retry_in_seconds=TOKEN_RETRY_SECONDS)
                if not self.has_token:
                    self._delivery.token_failed(self._clock.now())
                    self.progressed()
                await asyncio.sleep(TOKEN_RETRY_SECONDS)
            else:
                self._telemetry.token_refreshed(ok=True)
                self._delivery.token_arrived(self._clock.now())
                self._renew_in(self._tokens.refresh_in)
                self.progressed()
                return

    def _renew_in(self, seconds: float | None) -> None:
        """Ask again ahead of the token's end: requests go on with the old one meanwhile, and none has to be refused."""
        if self._renewal is not None:
            self._renewal.cancel()
        self._renewal = asyncio.get_running_loop().call_later(seconds, self._start_refresh) if seconds else None

    async def drain(self, partitions: Sequence[TopicPartition], deadline: float) -> Sequence[CommitPoint]:
        """Give partitions up: let what is in flight end until `deadline`, and return what to commit.

        Where Kafka refused an outcome for good nothing is waited for: no other will be acknowledged either.
        """
        self._delivery.begin_revoke(partitions)
        moved = asyncio.Event()
        self._moved.add(moved)
        try:
            while not (self._lost or self._delivery.drained(partitions)) and (left := deadline - self._clock.now()) > 0:
                moved.clear()
                self.progressed()
                try:
                    await asyncio.wait_for(moved.wait(), timeout=min(left, 1.0))
                except TimeoutError:
                    continue
        finally:
            self._moved.discard(moved)
        if not self._delivery.drained(partitions):
            log.warning("drain_deadline_passed", partitions=len(partitions))
        return self._delivery.release(partitions)

    def forget(self, partitions: Sequence[TopicPartition]) -> None:
        """Partitions are lost: drop them, commit nothing."""
        self._delivery.begin_revoke(partitions)
        self._delivery.release(partitions)
        self.progressed()

    async def stop(self) -> None:
        """Send nothing more; late replies change nothing."""
        self._stopped = True
        for timer in (self._wakeup, self._polling, self._renewal):
            if timer is not None:
                timer.cancel()
        await self._refreshes.cancel()


def _by_wall_clock(pending: PendingOutcome, correction: float) -> PendingOutcome:
    outcome = pending.outcome
    first = outcome.first_attempt_at
    return pending._replace(
        outcome=outcome._replace(
            received_at=outcome.received_at + correction,
            first_attempt_at=None if first is None else first + correction,
            finished_at=outcome.finished_at + correction,
        )
    )
