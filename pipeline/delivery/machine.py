"""Delivery as one state machine: what may be sent, what a reply changes, what has ended, what may be committed.

Pure: the time and the dice are arguments, nothing here waits. One owner calls it from one thread, in this order:
`offer` and `replied` and `acknowledged` as things happen, then `attempts` and `publications` for what to do next.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from pipeline.delivery.authorisation import NEVER
from pipeline.delivery.budget import RetryBudget
from pipeline.delivery.buffers import Buffers
from pipeline.delivery.evaluated_record import Attempt, EvaluatedRecord, PendingOutcome
from pipeline.delivery.gate import Gate
from pipeline.delivery.halt import Halt
from pipeline.delivery.lanes import Lanes
from pipeline.delivery.limit import ConcurrencyLimit
from pipeline.delivery.partition import Partition
from pipeline.delivery.pending_notice import PendingNotice
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.replies import NextStep, ReplyHandler
from pipeline.delivery.snapshot import DeliverySnapshot, Load, taken
from pipeline.delivery.suspension import Suspensions
from pipeline.delivery.unacknowledged import UnacknowledgedOutcomes, final_word
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import Assigned, CommitPoint
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.model.reply import Reply
from pipeline.model.verdict import Verdict

__all__ = ["Attempt", "Delivery", "DeliverySnapshot", "EvaluatedRecord", "PendingOutcome"]

NOTICES_PER_SLOT = 8
"""Notices buffered for each slot of `max_in_flight`: room for a slow Kafka and for lanes that wait for their own
(docs/decisions/delivery-machine.md)."""
LEAST_NOTICES = 2_048
"""Notices buffered however few slots there are: an API that answers at once has 10,000 a second through 64 of them, and
what is read, sent and not yet acknowledged by Kafka within 100 ms must have room."""
UNWRITTEN_PER_SLOT = 4
"""Attempts under way and outcomes that Kafka has not acknowledged, for each slot of `max_in_flight`: at 50 ms a request
Kafka may take 150 ms to acknowledge before sending has to wait for it."""
PROBE_RECORDS = 16
"""Records that may be read while halted, if nothing is left to probe with: not each record becomes a notice."""
_ENDS = NextStep.ENDS
"""Looked up once, not for each reply: CPython 3.11 searches for an enum's member."""
SWEEP_SECONDS = 1.0
"""Between two looks for what has expired while nothing may leave."""


class Delivery:
    """All notices of one process on their way."""

    def __init__(
        self,
        settings: DeliverySettings,
        verdicts: VerdictTable,
        *,
        max_in_flight: int,
        rng: Callable[[], float],
        now: float,
    ) -> None:
        """`dice` gives numbers uniform in [0, 1); `now` is seconds since the epoch, here and everywhere."""
        self._gate = Gate(settings, now)
        self._limit = ConcurrencyLimit(settings.concurrency, max_in_flight, now)
        self._budget = RetryBudget(settings.budget, now)
        self._suspensions = Suspensions(settings.suspension)
        self._judge = ReplyHandler(
            settings.retry, verdicts, self._gate, self._limit, self._budget, self._suspensions, rng
        )
        self._buffers = Buffers(
            settings.buffers.notices or max(LEAST_NOTICES, NOTICES_PER_SLOT * max_in_flight), settings.buffers.span
        )
        self._lanes = Lanes()
        self._partitions: dict[TopicPartition, Partition] = {}
        self._outbox = UnacknowledgedOutcomes(settings.buffers.unwritten or UNWRITTEN_PER_SLOT * max_in_flight)
        self._in_flight: dict[int, PendingNotice] = {}
        self._waiting: list[tuple[float, int, PendingNotice]] = []
        self._ticket = 0
        self._now = now
        self._next_sweep = now
        self._correction = 0.0

    # Partitions

    def assign(self, assigned: Assigned) -> None:
        """The partition is ours from now on; what the ledger holds of it will not be sent again."""
        self.release([assigned.partition])
        self._partitions[assigned.partition] = Partition(assigned)

    def begin_revoke(self, partitions: Iterable[TopicPartition]) -> None:
        """Send nothing more of these; what is under way goes on."""
        going = {self._partitions[key] for key in partitions if key in self._partitions}
        for partition in going:
            partition.revoking = True
        if going:
            self._lanes.remove(lambda work: work.partition in going)
            self._waiting = [entry for entry in self._waiting if entry[2].partition not in going]
            heapq.heapify(self._waiting)

    def drained(self, partitions: Iterable[TopicPartition]) -> bool:
        """Whether nothing of these is under way, nor waits for Kafka's acknowledgement."""
        return all(self._partitions[key].drained for key in partitions if key in self._partitions)

    def release(self, partitions: Iterable[TopicPartition]) -> list[CommitPoint]:
        """Forget these, and tell what to commit last; their late replies and acknowledgements change nothing."""
        keys = [key for key in partitions if key in self._partitions]
        self.begin_revoke(keys)
        points: list[CommitPoint] = []
        for key in keys:
            partition = self._partitions.pop(key)
            self._outbox.release(partition)
            point = partition.frontier.current()
            if point is not None:
                points.append(point)
        return points

    # Events

    def offer(self, arrival: EvaluatedRecord, now: float) -> None:
        """Take a record and what follows from it. Records of one partition come in the order of their offsets."""
        self._now = now
        record = arrival.record
        partition = self._partitions.get((record.topic, record.partition))  # type: ignore[call-overload] # equal to a TopicPartition and cheaper
        if partition is None or partition.revoking or partition.epoch != arrival.epoch:
            return
        notices, outcomes = partition.still_to_do(arrival)
        left = len(notices) + len(outcomes)
        since = arrival.event.time_ms if arrival.event is not None else record.timestamp_ms
        event = partition.frontier.offered(record.offset, left, since / 1000)
        if event is None or not left:
            return
        self._outbox.expect(partition, left)
        for outcome in outcomes:
            self._outbox.publish(outcome, record, partition, event)
        for notice in notices:
            self._ticket += 1
            self._lanes.add(PendingNotice(self._ticket, notice, arrival, event, partition))

    def demand(self) -> int:
        """How many more records may be read now; while halted none, but for something to probe with."""
        room = self._buffers.room(self._partitions, self._outbox.buffered, busy=self._lanes.any_ready)
        if self._gate.halted(self._now) is None:
            return room
        if self._outbox.buffered or self._gate.blocked_until(self._now) is not None:
            return 0
        return min(room, PROBE_RECORDS)

    def held(self) -> frozenset[TopicPartition]:
        """Partitions of which nothing more may be read while others go on."""
        stuck = not self._lanes.any_ready and len(self._in_flight) < self._limit.value
        return self._buffers.held(self._partitions, self._outbox.buffered, stuck=stuck)

    # Attempts and replies

    def attempts(self, now: float) -> list[Attempt]:
        """What is to be sent now."""
        self._now = now
        waiting, lanes, gate = self._waiting, self._lanes, self._gate
        while waiting and waiting[0][0] <= now:
            lanes.ready(heapq.heappop(waiting)[2])
        attempts: list[Attempt] = []
        room = self._limit.value - len(self._in_flight)
        unwritten = self._outbox.room(len(self._in_flight))
        clear = gate.clear(now)
        while lanes.any_ready:
            if not clear and gate.blocked_until(now) is not None:
                self._sweep(now)
                break
            if room <= 0:
                self._limit.reached()
                break
            if unwritten <= 0:
                break  # Kafka is away: whatever was sent now would come again if we died
            work = lanes.take()
            if self._may_leave(work, now):
                room -= 1
                unwritten -= 1
                if not clear:
                    gate.sent(work.ticket)
                attempts.append(self._send(work, now))
        return attempts

    def _sweep(self, now: float) -> None:
        """End what has expired while nothing may leave: too late is too late, also in an outage."""
        if now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP_SECONDS
        for work in self._lanes.remove(lambda work: work.has_expired(now + self._correction)):
            self._publish(work, OutcomeKind.EXPIRED, Reason.EXPIRED, now)

    def _may_leave(self, work: PendingNotice, now: float) -> bool:
        if work.has_expired(now + self._correction):
            self._end(work, OutcomeKind.EXPIRED, Reason.EXPIRED, now)
            return False
        if self._suspensions.refuses(work.notice.rule, work.ticket, now):
            self._end(work, OutcomeKind.REJECTED, Reason.RULE_SUSPENDED, now)
            return False
        return not work.attempts or self._may_retry(work, now)

    def _may_retry(self, work: PendingNotice, now: float) -> bool:
        reason = self._judge.exhausted(work, now)
        if reason is not None:
            self._end(work, OutcomeKind.EXHAUSTED, reason, now)
            return False
        if not self._budget.take(now):
            self._wait(work, self._budget.available_at(now))
            return False
        return True

    def _send(self, work: PendingNotice, now: float) -> Attempt:
        if work.first_attempt_at is None:
            work.first_attempt_at = now
            work.halted_before = self._gate.halted_seconds(now)
        work.in_flight = True
        work.sent_at = now
        work.token = self._gate.token
        work.partition.in_flight += 1
        self._in_flight[work.ticket] = work
        event = work.arrival.event
        return Attempt(work.ticket, work.notice, work.attempts + 1, event.trace if event is not None else None)

    def _wait(self, work: PendingNotice, until: float) -> None:
        expires_at = work.notice.expires_at
        due = until if expires_at is None else min(until, expires_at - self._correction)
        heapq.heappush(self._waiting, (due, work.ticket, work))

    def replied(self, attempt: Attempt, reply: Reply, now: float) -> Verdict:
        """An attempt has ended; tells what its reply meant."""
        self._now = now
        work = self._in_flight.pop(attempt.ticket)
        work.in_flight = False
        work.partition.in_flight -= 1
        work.reply = reply
        verdict, turn, kind, reason, wait_until = self._judge.consequence(work, reply, now)
        if turn is _ENDS:
            self._end(work, kind, reason, now)
        elif work.partition.revoking:
            self._lanes.leave(work)  # its next owner tries it again
        elif turn is NextStep.WAITS:
            self._wait(work, wait_until)
        elif turn is NextStep.NEXT:
            self._lanes.resume(work)
        else:
            self._lanes.ready(work)
        return verdict

    def _end(self, work: PendingNotice, kind: OutcomeKind, reason: Reason, now: float) -> None:
        self._lanes.leave(work)
        self._publish(work, kind, reason, now)

    # Outcomes

    def _publish(self, work: PendingNotice, kind: OutcomeKind, reason: Reason, now: float) -> None:
        if not work.partition.released:
            self._outbox.publish(final_word(work, kind, reason, now), work.arrival.record, work.partition, work.event)

    def publications(self) -> list[PendingOutcome]:
        """Outcomes decided since last asked."""
        return self._outbox.collect()

    def acknowledged(self, ticket: int, partition: int, offset: int) -> None:
        """Kafka has acknowledged an outcome; it stands at `partition` and `offset` of the ledger."""
        self._outbox.acknowledged(ticket, partition, offset)

    def commit_points(self) -> list[CommitPoint]:
        """What to commit: partitions whose frontier or pointer has moved since last asked."""
        points = (partition.frontier.commit_point() for partition in self._partitions.values())
        return [point for point in points if point is not None]

    # Token, time, state

    def token_wanted(self) -> bool:
        """Whether a fresh token must be got before anything leaves."""
        return self._gate.token_wanted

    def token_arrived(self, now: float) -> None:
        """A fresh token is in use from now on."""
        self._now = now
        self._gate.token_arrived()

    def token_failed(self, now: float) -> None:
        """No token could be had; it is asked for again by whoever fetches it."""
        self._now = now

    def correct_clock(self, correction: float) -> None:
        """The wall clock is `correction` seconds ahead of the times that are passed here; notices expire by it."""
        self._correction = correction

    def next_wakeup(self, now: float) -> float | None:
        """When there may be something new to do although nothing happens until then; None: not by time alone."""
        times = [self._waiting[0][0]] if self._waiting else []
        blocked = self._gate.blocked_until(now)
        if self._lanes.any_ready:
            if blocked is not None:
                times += [blocked, max(now, self._next_sweep)]
            elif len(self._in_flight) < self._limit.value and self._outbox.room(len(self._in_flight)) > 0:
                times.append(now)
        elif blocked is not None and not self._outbox.buffered:
            times.append(blocked)  # then something to probe with is asked for
        soonest = min(times, default=NEVER)
        return None if soonest == NEVER else soonest

    def halted(self) -> Halt | None:
        """Why nothing is sent; None while all is well."""
        return self._gate.halted(self._now)

    def snapshot(self, now: float) -> DeliverySnapshot:
        """How things stand."""
        load = Load(
            len(self._in_flight), self._limit.value, len(self._lanes), len(self._waiting), self._outbox.buffered
        )
        return taken(now, self._correction, load, self._gate, self._budget, self._suspensions, self._partitions)
