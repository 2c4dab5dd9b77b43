"""Delivery as one state machine: what may be sent, what a reply changes, what has ended, what may be committed.

Pure: time and random numbers are arguments, and nothing here waits. One owner calls it from one thread: `offer`,
`replied` and `acknowledged` as things happen, then `attempts` and `publications` for what to do next.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from pipeline.delivery.buffers import Buffers
from pipeline.delivery.condition import NEVER
from pipeline.delivery.evaluated_record import Attempt, EvaluatedRecord, PendingOutcome
from pipeline.delivery.frontier import Unfinished
from pipeline.delivery.lanes import Lanes
from pipeline.delivery.partition import Partition
from pipeline.delivery.pending_notice import PendingNotice
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.replies import NextStep
from pipeline.delivery.route import Route
from pipeline.delivery.snapshot import DeliverySnapshot, Load, taken
from pipeline.delivery.stops.pauses import because
from pipeline.delivery.stops.stops import Stops
from pipeline.delivery.unacknowledged import UnacknowledgedOutcomes, final_outcome
from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt
from pipeline.model.ledger import Assigned, CommitPoint
from pipeline.model.notice import DEFAULT_API, Notice
from pipeline.model.outcome import Because, Outcome, OutcomeKind, Reason
from pipeline.model.pause import Pause
from pipeline.model.reply import Reply
from pipeline.model.verdict import Verdict

__all__ = ["Attempt", "Delivery", "DeliverySnapshot", "EvaluatedRecord", "PendingOutcome"]

NOTICES_PER_SLOT = 8
"""Notices buffered for each slot of `max_in_flight`: capacity for a slow Kafka and for lanes that wait for a retry
(docs/decisions/delivery-machine.md)."""
LEAST_NOTICES = 2_048
"""Notices buffered at least: an API that answers at once takes 10,000 a second through 64 slots, and what is read, sent
and not yet acknowledged by Kafka within 100 ms must fit."""
UNWRITTEN_PER_SLOT = 4
"""Attempts in flight and outcomes that Kafka has not acknowledged, for each slot of `max_in_flight`: at 50 ms a request
Kafka may take 150 ms to acknowledge before sending waits for it."""
PROBE_RECORDS = 16
"""Records that may be read at once while halted and nothing is left to probe with; not each becomes a notice."""
MEGABYTE = 1_048_576
_ENDS = NextStep.ENDS
"""Looked up once, not for each reply: CPython 3.11 searches for an enum's member."""
SWEEP_SECONDS = 1.0
"""Interval between two searches for expired notices while nothing may leave."""


class Delivery:
    """All notices of one process that have not ended."""

    def __init__(
        self,
        settings: DeliverySettings,
        route: Route,
        now: float,
        further: Mapping[str, Route] | None = None,
    ) -> None:
        """`now` is seconds since the epoch, here and everywhere.

        `route` is the API of `DEFAULT_API`, `further` are others by name; each notice names its own.
        """
        self._routes: Mapping[str, Route] = {DEFAULT_API: route, **(further or {})}
        self._writes_body = any(each.writes_body for each in self._routes.values())
        max_in_flight = sum(each.max_in_flight for each in self._routes.values())
        self._buffers = Buffers(
            settings.buffers.notices or max(LEAST_NOTICES, NOTICES_PER_SLOT * max_in_flight),
            settings.buffers.span,
            settings.buffers.megabytes * MEGABYTE,
        )
        self._lanes = Lanes([each.ready for each in self._routes.values()])
        self._partitions: dict[TopicPartition, Partition] = {}
        self._unacknowledged = UnacknowledgedOutcomes(settings.buffers.unwritten or UNWRITTEN_PER_SLOT * max_in_flight)
        self.publications = self._unacknowledged.collect
        """Returns the outcomes decided since the last call."""
        self.acknowledged = self._unacknowledged.acknowledged
        """To be called when Kafka has acknowledged an outcome, with its ticket and its place in the ledger."""
        self._waiting: list[tuple[float, int, PendingNotice]] = []
        self._stops = Stops()
        self._ticket = 0
        self._backpressured: dict[TopicPartition, float] = {}
        """Since when each of these partitions is not read because its share of the buffers is used up."""
        self._now = now
        self._next_sweep = now
        self._correction = 0.0
        self._rules_off: frozenset[str] = frozenset()

    # Partitions

    def assign(self, assigned: Assigned) -> None:
        """The partition is ours from now on; what the ledger holds of it is not sent again."""
        self.release([assigned.partition])
        self._partitions[assigned.partition] = self._made(assigned)
        self._share()

    def _made(self, assigned: Assigned) -> Partition:
        return Partition(assigned)

    def _share(self) -> None:
        """Adapt what members have in common to the partitions that are ours now."""
        self._stops.owned(len(self._partitions))
        for route in self._routes.values():
            route.gate.rate.owns(self._partitions)

    def begin_revoke(self, partitions: Iterable[TopicPartition]) -> None:
        """Stop sending notices of these partitions; attempts in flight continue."""
        revoked = {self._partitions[key] for key in partitions if key in self._partitions}
        for partition in revoked:
            partition.revoking = True
        if revoked:
            self._lanes.remove(lambda work: work.partition in revoked)
            self._waiting = [entry for entry in self._waiting if entry[2].partition not in revoked]
            heapq.heapify(self._waiting)

    def drained(self, partitions: Iterable[TopicPartition]) -> bool:
        """Whether nothing of these is in flight or waits for an acknowledgement by Kafka."""
        return all(self._partitions[key].drained for key in partitions if key in self._partitions)

    def release(self, partitions: Iterable[TopicPartition]) -> list[CommitPoint]:
        """Forget these and return the last commits; their late replies and acknowledgements change nothing."""
        keys = [key for key in partitions if key in self._partitions]
        self.begin_revoke(keys)
        points: list[CommitPoint] = []
        for key in keys:
            partition = self._partitions.pop(key)
            self._unacknowledged.release(partition)
            point = partition.frontier.current()
            if point is not None:
                points.append(point)
        self._share()
        return points

    # Events

    def offer(self, arrival: EvaluatedRecord, now: float) -> None:
        """Take a record with its notices and outcomes. Records of one partition come in the order of their offsets."""
        self._now = now
        record = arrival.record
        topic, number, offset, _, _, _, timestamp_ms, size = record  # by name it takes four times as long
        partition = self._partitions.get((topic, number))  # type: ignore[call-overload] # equal to a TopicPartition and cheaper
        if partition is None or partition.revoking or partition.epoch != arrival.epoch:
            return
        notices, outcomes = arrival.notices, arrival.outcomes
        if partition.done:
            notices, outcomes = partition.remaining(arrival, offset)
        left = len(notices) + len(outcomes)
        since = arrival.event.time_ms if arrival.event is not None else timestamp_ms
        event = partition.frontier.offered(offset, left, since / 1000)
        if event is None or not left:
            return
        if outcomes:  # what ends at once is a dead letter, of which Kafka's client holds a copy while it writes it
            size *= 2
        self._queue(arrival, notices, outcomes, partition, event, size)

    def _queue(
        self,
        arrival: EvaluatedRecord,
        notices: Sequence[Notice],
        outcomes: Sequence[Outcome],
        partition: Partition,
        event: Unfinished,
        size: int,
    ) -> None:
        """Publish the outcomes, put the notices into their lanes, and count what `event` waits for.

        `size` is the memory that it takes without the bodies of these notices.
        """
        for outcome in outcomes:
            self._unacknowledged.publish(outcome, arrival.record, partition, event)
        routes = self._routes
        if self._writes_body:
            notices = [routes[notice.api].written(notice) for notice in notices]
        for notice in notices:
            size += len(notice.body)
            self._ticket += 1
            self._lanes.add(PendingNotice(self._ticket, notice, arrival, event, partition, routes[notice.api]))
        event.size = size
        self._unacknowledged.expect(partition, event.left, event)

    def rules_off(self, rules: frozenset[str], now: float) -> int:
        """End the buffered notices of `rules`, which are not in use any more; return how many ended.

        `rules` replaces the set of the last call. A notice in flight ends with its reply: as that says where it is
        final, else as cancelled.
        """
        self._now = now
        self._rules_off = rules
        cancelled = self._take_out(lambda work: work.notice.rule in rules) if rules else []
        for work in cancelled:
            self._publish(work, OutcomeKind.CANCELLED, Reason.RULE_OFF, now)
        return len(cancelled)

    def _take_out(self, wanted: Callable[[PendingNotice], bool]) -> list[PendingNotice]:
        """Take out every notice that is `wanted` and not in flight, wherever it waits."""
        taken = [work for _, _, work in self._waiting if not work.notice.ordered and wanted(work)]
        taken += self._lanes.remove(wanted)
        self._waiting = [entry for entry in self._waiting if not wanted(entry[2])]
        heapq.heapify(self._waiting)
        return taken

    def demand(self) -> int:
        """Number of records that may be read now; 0 during a halt, unless a notice is needed to probe with.

        While one API of several is halted, records are read for the others: its own notices fill the buffers meanwhile.
        """
        running = self._running()
        busy = any(route.ready.any_ready for route in running or self._routes.values())
        room = self._buffers.room(self._partitions, self._unacknowledged.buffered, busy=busy)
        if running or not room:
            return room
        if any(route.gate.halt is Halt.PAUSED for route in self._routes.values()):  # nothing is probed
            return 0
        return 0 if all(map(self._can_probe, self._routes.values())) else min(room, PROBE_RECORDS)

    def _running(self) -> list[Route]:
        """The routes that are not halted."""
        return [route for route in self._routes.values() if route.gate.halt is None]

    def _can_probe(self, route: Route) -> bool:
        """Whether a notice of the route that was not refused is in memory."""
        return route.ready.any_unrefused or any(
            work.refused_at is None for _, _, work in self._waiting if work.route is route
        )

    def demand_bytes(self) -> int:
        """How many more bytes of records may be read now; one record more may always come while there is any room."""
        return self._buffers.room_bytes(self._partitions, self._unacknowledged.bytes)

    def held(self) -> frozenset[TopicPartition]:
        """Partitions that are not read while others are."""
        routes = self._running() or self._routes.values()
        stuck = all(not route.ready.any_ready and route.room > 0 for route in routes)
        held = self._buffers.held(
            self._partitions, self._unacknowledged.buffered, self._unacknowledged.bytes, stuck=stuck
        )
        if held or self._backpressured:
            self._backpressured = {key: self._backpressured.get(key, self._now) for key in held}
        return held

    def backpressured(self) -> Mapping[TopicPartition, float]:
        """Return the partitions that `held` named last, each with the time since when."""
        return self._backpressured

    # Attempts and replies

    @property
    def apis(self) -> Collection[str]:
        """The names of all APIs, `DEFAULT_API` first."""
        return self._routes.keys()

    def attempts(self, now: float, api: str = DEFAULT_API) -> list[Attempt]:
        """The attempts to send now to one API."""
        self._now = now
        waiting, route = self._waiting, self._routes[api]
        ready, gate = route.ready, route.gate
        while waiting and waiting[0][0] <= now:
            work = heapq.heappop(waiting)[2]
            work.route.ready.fresh.append(work)
        attempts: list[Attempt] = []
        room = route.room
        unwritten = self._unacknowledged.room(self._in_flight)
        clear = gate.clear(now)
        if ready.any_deferred and gate.halt is None:
            ready.restore()
        while ready.fresh or ready.any_ready:  # most are fresh, and a property is a call
            if not clear and gate.blocked_until(now) is not None:
                self._sweep(now)
                break
            if room <= 0:
                route.limit.reached()
                break
            if unwritten <= 0:
                break  # Kafka is away: what is sent now would be sent again after a crash
            work = ready.take()
            if self._may_leave(work, now):
                room -= 1
                unwritten -= 1
                if not clear:
                    gate.sent(work.ticket)
                attempts.append(self._send(work, now))
        return attempts

    @property
    def _in_flight(self) -> int:
        """Attempts under way, of all APIs."""
        return sum([len(route.in_flight) for route in self._routes.values()])

    def _sweep(self, now: float) -> None:
        """End what has expired while nothing may leave."""
        if now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP_SECONDS
        for work in self._lanes.remove(lambda work: work.has_expired(now + self._correction)):
            self._publish(work, OutcomeKind.EXPIRED, Reason.EXPIRED, now)

    def _may_leave(self, work: PendingNotice, now: float) -> bool:
        if work.notice.expires_at is not None and work.has_expired(now + self._correction):
            self._end(work, OutcomeKind.EXPIRED, Reason.EXPIRED, now)
            return False
        if self._stops.any and self._stopped(work, now):
            return False
        suspensions = work.route.suspensions
        if suspensions.any_suspended and suspensions.refuses(work.notice.rule, work.ticket, now):
            self._end(work, OutcomeKind.REJECTED, Reason.RULE_SUSPENDED, now)
            return False
        care = work.partition.care
        if care is not None and (end := care.decide(work.notice, now + self._correction)) is not None:
            self._end(work, end.kind, end.reason, now, end.because)
            return False
        return not work.attempts or self._may_retry(work, now)

    def _stopped(self, work: PendingNotice, now: float) -> bool:
        """End a notice that is paused by rule or template, and pause a rule that is over its limit."""
        rule, wall = work.notice.rule, now + self._correction
        pause = self._stops.of(work.notice, wall)
        if pause is None:
            if work.first_attempt_at is not None or self._stops.may_leave(rule, now):
                return False
            pause = self._stops.pause(rule, wall)
            self._apply_pauses(now)
        if not work.gone:
            self._end(work, OutcomeKind.SUPPRESSED, Reason.PAUSED, now, (because(pause),))
        return True

    def _may_retry(self, work: PendingNotice, now: float) -> bool:
        budget = work.route.budget
        reason = work.route.replies.exhausted(work, now)
        if reason is not None:
            self._end(work, OutcomeKind.EXHAUSTED, reason, now)
            return False
        if not budget.take(now):
            self._wait(work, budget.available_at(now))
            return False
        return True

    def _send(self, work: PendingNotice, now: float) -> Attempt:
        route = work.route
        if work.first_attempt_at is None:
            work.first_attempt_at = now
            work.halted_before = route.gate.halted_seconds(now)
        work.in_flight = True
        work.sent_at = now
        work.token = route.gate.token.generation
        work.partition.in_flight += 1
        route.in_flight[work.ticket] = work
        event = work.arrival.event
        return Attempt(work.ticket, work.notice, work.attempts + 1, event.trace if event is not None else None)

    def _wait(self, work: PendingNotice, until: float) -> None:
        expires_at = work.notice.expires_at
        due = until if expires_at is None else min(until, expires_at - self._correction)
        heapq.heappush(self._waiting, (due, work.ticket, work))

    def replied(self, attempt: Attempt, reply: Reply, now: float) -> Verdict:
        """An attempt has ended; return what its reply means."""
        self._now = now
        route = self._routes[attempt.notice.api]
        work = route.in_flight.pop(attempt.ticket)
        work.in_flight = False
        work.partition.in_flight -= 1
        work.reply = reply
        verdict, step, kind, reason, wait_until = route.replies.decide(work, reply, now)
        if step is _ENDS:
            self._end(work, kind, reason, now)
        elif work.partition.revoking:
            self._lanes.leave(work)  # the partition's next owner tries it again
        elif work.notice.rule in self._rules_off:
            self._end(work, OutcomeKind.CANCELLED, Reason.RULE_OFF, now)
        elif step is NextStep.WAITS:
            self._wait(work, wait_until)
        elif step is NextStep.NEXT:
            route.ready.resume(work)
        else:
            route.ready.defer(work)
        return verdict

    def _end(
        self, work: PendingNotice, kind: OutcomeKind, reason: Reason, now: float, why: tuple[Because, ...] = ()
    ) -> None:
        self._lanes.leave(work)
        self._publish(work, kind, reason, now, why)

    # Outcomes

    def _publish(
        self, work: PendingNotice, kind: OutcomeKind, reason: Reason, now: float, why: tuple[Because, ...] = ()
    ) -> None:
        if not work.partition.released:
            self._unacknowledged.publish(
                final_outcome(work, kind, reason, now, why), work.arrival.record, work.partition, work.event
            )

    @property
    def unacknowledged(self) -> int:
        """How many outcomes are decided and not acknowledged by Kafka."""
        return len(self._unacknowledged)

    def commit_points(self) -> list[CommitPoint]:
        """What to commit: partitions whose frontier or pointer has moved since the last call."""
        points = (partition.frontier.commit_point() for partition in self._partitions.values())
        return [point for point in points if point is not None]

    # Pauses, token, time, state

    def pause(self, pauses: Sequence[Pause], now: float) -> None:
        """These pauses are in force from now on, instead of all earlier ones.

        Notices of paused rules and templates end at once, wherever they wait; attempts in flight end as usual.
        """
        self._now = now
        self._stops.follow(pauses)
        self._apply_pauses(now)

    def limit_rules(self, limits: Mapping[str, int], partitions: int) -> None:
        """Pause a rule once more of its notices leave within a minute than `limits` has for it.

        `limits` replace those of the last call and are the whole group's, which reads so many `partitions`.
        """
        self._stops.limit(limits, partitions)
        self._stops.owned(len(self._partitions))

    def decided_pauses(self) -> Sequence[Pause]:
        """Return the pauses decided here, until `pause` was given them: they are to be in force in all members."""
        return self._stops.decided

    def _apply_pauses(self, now: float) -> None:
        self._pause_everything(now)
        if not self._stops.pauses.any_scoped:
            return
        wall = now + self._correction
        for work in self._take_out(lambda work: self._stops.of(work.notice, wall) is not None):
            pause = self._stops.of(work.notice, wall)
            if pause is not None:
                self._publish(work, OutcomeKind.SUPPRESSED, Reason.PAUSED, now, (because(pause),))

    def _pause_everything(self, now: float) -> None:
        """Halt sending as the pause of everything says; again after each step of the clock, by which it ends."""
        pause = self._stops.pauses.everything
        for route in self._routes.values():
            if pause is None:
                route.gate.paused.resume()
            else:
                route.gate.paused.pause(None if pause.until is None else pause.until - self._correction)
            route.gate.mark(now)

    def pauses(self, now: float) -> Sequence[Pause]:
        """The pauses in force, the pause of everything first."""
        return self._stops.pauses.in_force(now + self._correction)

    def token_needed(self, api: str = DEFAULT_API) -> bool:
        """Whether a new token is needed before anything leaves for this API."""
        return self._routes[api].gate.token.needed

    def token_arrived(self, now: float, api: str = DEFAULT_API) -> None:
        """A new token is in use from now on."""
        self._now = now
        self._routes[api].gate.token_arrived(now)

    def token_failed(self, now: float, api: str = DEFAULT_API) -> None:
        """Record that the token source gave no token and no other is usable; the caller queries it again."""
        self._now = now
        self._routes[api].gate.token_failed(now)

    def correct_clock(self, correction: float) -> None:
        """The wall clock is `correction` seconds ahead of the times that are passed here; notices expire by it."""
        self._correction = self._unacknowledged.correction = correction
        self._pause_everything(self._now)
        for route in self._routes.values():
            route.gate.rate.correct_clock(correction, self._now)

    def next_wakeup(self, now: float, apis: Iterable[str] = (DEFAULT_API,)) -> float | None:
        """When there may be something to send to `apis` even if nothing happens until then; None: not by time alone."""
        times = [self._waiting[0][0]] if self._waiting else []
        may_write = self._unacknowledged.room(self._in_flight) > 0
        for route in map(self._routes.__getitem__, apis):
            if not route.ready.any_ready or not route.room > 0:
                continue  # a record or a reply comes first
            blocked = route.gate.blocked_until(now)
            if blocked is not None:
                times += [blocked, max(now, self._next_sweep)]
            elif may_write:
                times.append(now)
        soonest = min(times, default=NEVER)
        return None if soonest == NEVER else soonest

    def halted(self, api: str = DEFAULT_API) -> Halt | None:
        """The current halt of one API; None if sending is not halted."""
        return self._routes[api].gate.halt

    def snapshot(self, now: float) -> DeliverySnapshot:
        """The present state, for metrics and pages."""
        outcomes = self._unacknowledged
        load = Load(len(self._lanes), len(self._waiting), outcomes.buffered, len(outcomes), outcomes.oldest)
        return taken(now, self._correction, load, self._routes, self._partitions, backpressured=self._backpressured)
