"""Delivery as one state machine: what may be sent, what a reply changes, what has ended, what may be committed.

Pure: the time and the dice are arguments, nothing here waits. One owner calls it from one thread, in this order:
`offer` and `replied` and `acknowledged` as things happen, then `attempts` and `publications` for what to do next.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping

from pipeline.delivery.arrival import Arrival, Attempt, DeliverySnapshot, Publication
from pipeline.delivery.budget import RetryBudget
from pipeline.delivery.frontier import Unfinished
from pipeline.delivery.gate import NEVER, Gate
from pipeline.delivery.halt import Halt
from pipeline.delivery.lanes import Lanes
from pipeline.delivery.limit import ConcurrencyLimit
from pipeline.delivery.partition import Partition
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.replies import Consequence, Judge
from pipeline.delivery.suspension import Suspensions
from pipeline.delivery.verdicts import VerdictTable
from pipeline.delivery.work import Work
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import Assigned, CommitPoint, LedgerPosition
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.model.reply import Reply
from pipeline.model.verdict import Verdict

__all__ = ["Arrival", "Attempt", "Delivery", "DeliverySnapshot", "Publication"]

NOTICES_PER_SLOT = 16
"""Notices buffered for each slot of `max_in_flight`: with recipients drawn Zipf(0.5) over 50,000, four a slot left a
third of 512 slots idle behind their own lanes; sixteen keep more than 98 % busy (bench/delivery_machine.py)."""
RESUME_SHARE = 0.5
"""A partition held for its span is read again when the span has halved: stopping and starting a fetch is dear."""


class Delivery:
    """All notices of one process on their way."""

    def __init__(
        self,
        settings: DeliverySettings,
        verdicts: VerdictTable,
        *,
        max_in_flight: int,
        dice: Callable[[], float],
        now: float,
    ) -> None:
        """`dice` gives numbers uniform in [0, 1); `now` is seconds since the epoch, here and everywhere."""
        self._settings = settings
        self._capacity = settings.buffers.notices or NOTICES_PER_SLOT * max_in_flight
        self._gate = Gate(settings, now)
        self._limit = ConcurrencyLimit(settings.concurrency, max_in_flight, now)
        self._budget = RetryBudget(settings.budget, now)
        self._suspensions = Suspensions(settings.suspension)
        self._judge = Judge(settings.retry, verdicts, self._gate, self._limit, self._budget, self._suspensions, dice)
        self._lanes = Lanes()
        self._partitions: dict[TopicPartition, Partition] = {}
        self._held: frozenset[TopicPartition] = frozenset()
        self._in_flight: dict[int, Work] = {}
        self._waiting: list[tuple[float, int, Work]] = []
        self._publications: list[Publication] = []
        self._unacknowledged: dict[int, tuple[Partition, Unfinished]] = {}
        self._buffered = 0
        self._ticket = 0
        self._now = now

    # Partitions

    def assign(self, assigned: Assigned) -> None:
        """The partition is ours from now on; what the ledger holds of it will not be sent again."""
        if assigned.partition in self._partitions:
            self.release([assigned.partition])
        partition = self._partitions[assigned.partition] = Partition(assigned)
        for position in sorted(partition.done.values(), key=lambda position: position.offset):
            # What the ledger says stands above the frontier; of which event is not known, so none is let go of early.
            partition.frontier.noted(max(assigned.reached, 0), position)

    def begin_revoke(self, partitions: Iterable[TopicPartition]) -> None:
        """Send nothing more of these; what is under way goes on."""
        for key in partitions:
            partition = self._partitions.get(key)
            if partition is not None:
                partition.revoking = True
                self._lanes.discard(partition)

    def drained(self, partitions: Iterable[TopicPartition]) -> bool:
        """Whether nothing of these is under way, nor waits for Kafka's acknowledgement."""
        return all(self._partitions[key].drained for key in partitions if key in self._partitions)

    def release(self, partitions: Iterable[TopicPartition]) -> list[CommitPoint]:
        """Forget these, and tell what to commit last; their late replies and acknowledgements change nothing."""
        points: list[CommitPoint] = []
        for key in partitions:
            partition = self._partitions.pop(key, None)
            if partition is None:
                continue
            partition.revoking = True
            self._lanes.discard(partition)
            self._buffered -= partition.buffered
            partition.buffered = 0
            self._drop_publications(partition)
            point = partition.frontier.current()
            if point is not None:
                points.append(point)
        return points

    def _drop_publications(self, partition: Partition) -> None:
        kept: list[Publication] = []
        for publication in self._publications:
            if self._unacknowledged[publication.ticket][0] is partition:
                del self._unacknowledged[publication.ticket]
            else:
                kept.append(publication)
        self._publications = kept

    # Events

    def offer(self, arrival: Arrival, now: float) -> None:
        """Take a record and what follows from it. Records of one partition come in the order of their offsets."""
        self._now = now
        record = arrival.record
        partition = self._partitions.get(TopicPartition(record.topic, record.partition))
        if partition is None or partition.revoking or partition.epoch != arrival.epoch:
            return
        done = partition.done
        notices = (
            [notice for notice in arrival.notices if done.pop(notice.id, None) is None] if done else arrival.notices
        )
        outcomes = [one for one in arrival.outcomes if done.pop(one.id, None) is None] if done else arrival.outcomes
        since = arrival.event.time_ms / 1000 if arrival.event else record.timestamp_ms / 1000
        event = partition.frontier.offered(record.offset, len(notices) + len(outcomes), since)
        if event is None:
            return
        partition.buffered += event.left
        self._buffered += event.left
        redelivered = record.offset <= partition.reached
        for outcome in outcomes:
            self._publish(outcome, arrival, partition, event)
        for notice in notices:
            self._ticket += 1
            self._lanes.add(Work(self._ticket, notice, arrival, event, partition, redelivered=redelivered))

    def demand(self) -> int:
        """How many more records may be read now; none while sending is halted."""
        if self._gate.halted(self._now) is not None:
            return 0
        return max(0, self._capacity - self._buffered)

    def held(self) -> frozenset[TopicPartition]:
        """Partitions of which nothing more may be read: their span is full. Others are not to wait for them."""
        bound = self._settings.buffers.span
        self._held = frozenset(
            key
            for key, partition in self._partitions.items()
            if partition.frontier.span >= (bound * RESUME_SHARE if key in self._held else bound)
        )
        return self._held

    # Attempts and replies

    def attempts(self, now: float) -> list[Attempt]:
        """What is to be sent now."""
        self._now = now
        self._wake(now)
        attempts: list[Attempt] = []
        while self._lanes.any_ready:
            if len(self._in_flight) >= self._limit.value:
                self._limit.reached()
                break
            if self._gate.blocked_until(now) is not None:
                break
            work = self._lanes.take()
            if work is not None and self._may_leave(work, now):
                attempts.append(self._send(work, now))
        return attempts

    def _wake(self, now: float) -> None:
        waiting = self._waiting
        while waiting and waiting[0][0] <= now:
            work = heapq.heappop(waiting)[2]
            if not work.partition.revoking:
                self._lanes.ready(work)

    def _may_leave(self, work: Work, now: float) -> bool:
        expires_at = work.notice.expires_at
        if expires_at is not None and now >= expires_at:
            self._end(work, Consequence.end(OutcomeKind.EXPIRED, Reason.EXPIRED), now)
            return False
        if self._suspensions.refuses(work.notice.rule, now):
            self._end(work, Consequence.end(OutcomeKind.REJECTED, Reason.RULE_SUSPENDED), now)
            return False
        if work.attempts and not self._budget.take(now):
            self._wait(work, self._budget.available_at(now))
            return False
        return True

    def _send(self, work: Work, now: float) -> Attempt:
        if work.first_attempt_at is None:
            work.first_attempt_at = now
            work.outage_before = self._gate.breaker.outage_seconds(now)
        work.in_flight = True
        work.sent_at = now
        work.token = self._gate.token
        work.probe = self._gate.sent()
        work.partition.in_flight += 1
        self._in_flight[work.ticket] = work
        event = work.arrival.event
        return Attempt(work.ticket, work.notice, work.attempts + 1, event.traceparent if event else None)

    def _wait(self, work: Work, until: float) -> None:
        expires_at = work.notice.expires_at
        work.due = until if expires_at is None else min(until, expires_at)
        heapq.heappush(self._waiting, (work.due, work.ticket, work))

    def replied(self, attempt: Attempt, reply: Reply, now: float) -> Verdict:
        """An attempt has ended; tells what its reply meant."""
        self._now = now
        work = self._in_flight.pop(attempt.ticket)
        work.in_flight = False
        work.partition.in_flight -= 1
        work.reply = reply
        consequence = self._judge.consequence(work, reply, now)
        if work.partition.revoking and consequence.kind is None:
            self._lanes.leave(work)  # its next owner tries it again
        elif consequence.kind is not None:
            self._end(work, consequence, now)
        elif consequence.wait_until <= now:
            self._lanes.first(work)
        else:
            self._wait(work, consequence.wait_until)
        return consequence.verdict

    def _end(self, work: Work, consequence: Consequence, now: float) -> None:
        self._lanes.leave(work)
        if self._is_ours(work.partition):
            self._publish(_outcome(work, consequence, now), work.arrival, work.partition, work.event)

    def _is_ours(self, partition: Partition) -> bool:
        return self._partitions.get(partition.frontier.partition) is partition

    # Outcomes

    def _publish(self, outcome: Outcome, arrival: Arrival, partition: Partition, event: Unfinished) -> None:
        self._ticket += 1
        partition.unacknowledged += 1
        self._unacknowledged[self._ticket] = (partition, event)
        self._publications.append(Publication(self._ticket, outcome, arrival.record))

    def publications(self) -> list[Publication]:
        """Outcomes decided since last asked."""
        publications, self._publications = self._publications, []
        return publications

    def acknowledged(self, ticket: int, partition: int, offset: int) -> None:
        """Kafka has acknowledged an outcome; it stands at `partition` and `offset` of the ledger."""
        source, event = self._unacknowledged.pop(ticket)
        source.unacknowledged -= 1
        if not self._is_ours(source):
            return
        source.buffered -= 1
        self._buffered -= 1
        source.frontier.acknowledged(event, LedgerPosition(partition, offset))

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

    def next_wakeup(self, now: float) -> float | None:
        """When `attempts` may have something new although nothing happens until then; None: not by time alone."""
        times = [self._waiting[0][0]] if self._waiting else []
        if self._lanes.any_ready and len(self._in_flight) < self._limit.value:
            blocked = self._gate.blocked_until(now)
            if blocked != NEVER:
                times.append(now if blocked is None else blocked)
        return min(times, default=None)

    def halted(self) -> Halt | None:
        """Why nothing is sent; None while all is well."""
        return self._gate.halted(self._now)

    def snapshot(self, now: float) -> DeliverySnapshot:
        """How things stand."""
        oldest: Mapping[TopicPartition, float] = {
            key: 0.0 if partition.frontier.oldest is None else max(0.0, now - partition.frontier.oldest)
            for key, partition in self._partitions.items()
        }
        return DeliverySnapshot(
            in_flight=len(self._in_flight),
            limit=self._limit.value,
            lanes=len(self._lanes),
            lanes_waiting=len(self._waiting),
            buffered=self._buffered,
            breaker=self._gate.breaker.state,
            halted=self._gate.halted(now),
            retry_budget=self._budget.tokens(now),
            suspended=self._suspensions.rules,
            oldest=oldest,
            spans={key: partition.frontier.span for key, partition in self._partitions.items()},
        )


def _outcome(work: Work, consequence: Consequence, now: float) -> Outcome:
    arrival, notice, reply = work.arrival, work.notice, work.reply
    event = arrival.event
    if consequence.kind is None:
        raise ValueError("this notice has not ended")
    return Outcome(
        id=notice.id,
        kind=consequence.kind,
        reason=consequence.reason,
        position=arrival.record.position,
        event_type=event.type if event else None,
        event_id=event.id if event else None,
        event_source=event.source if event else None,
        event_time=event.time_ms / 1000 if event else None,
        rule=notice.rule,
        rules_version=arrival.rules_version,
        template=notice.template,
        recipient=notice.recipient,
        attempts=work.attempts,
        status=reply.status if reply else None,
        code=reply.code if reply else None,
        received_at=arrival.received_at,
        first_attempt_at=work.first_attempt_at,
        finished_at=now,
        redelivered=work.redelivered,
        detail=reply.detail if reply and consequence.kind is not OutcomeKind.ACCEPTED else "",
        traceparent=event.traceparent if event else None,
    )
