"""A simulated world around delivery: Kafka's log and commits, the ledger, an API with moods, members that crash.

Every promise of delivery is checked where it could be broken: when a notice leaves, when a commit is made, and at the
end, when all is healed and everything must have come to its end.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.delivery import pointer
from pipeline.delivery.evaluated_record import Attempt, PendingOutcome
from pipeline.delivery.machine import PROBE_RECORDS, UNWRITTEN_PER_SLOT, Delivery
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.route import Route
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt
from pipeline.model.ledger import Assigned, CommitPoint, LedgerPosition
from pipeline.model.notice import DEFAULT_API, Notice, OnAmbiguous
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.model.pause import EVERYTHING, Pause, Scope, ScopeKind
from pipeline.model.reply import Fault, Reply

from .making import OK, P0, P1, T0, arrival, undecodable

PARTITIONS = (P0, P1)
VERDICTS = VerdictTable()
LEDGER_OF = {P0: 0, P1: 1}
MAX_IN_FLIGHT = 4
CAPACITY = 12
FAN_OUT = 3
MOST_IDLE_STEPS = 100
"""Wake-ups without any request after which the end of a day is waited for."""
SETTINGS = DeliverySettings.model_validate(
    {
        "retry": {"base_seconds": 1, "cap_seconds": 8, "max_attempts": 4, "horizon_seconds": 120},
        "budget": {"capacity": 30, "retry_cost": 5, "success_gain": 1, "refill_per_second": 1},
        "concurrency": {"initial": 2},
        "breaker": {"minimum_attempts": 5, "open_seconds": 5, "open_cap_seconds": 20, "probes": 2},
        "buffers": {"notices": CAPACITY, "span": 100},
        "suspension": {"probe_seconds": 20},
        "authorisation": {"probe_seconds": 10},
        "quota": {"probe_seconds": 10},
        "unknown_code": {"recipients": 2, "probe_seconds": 10},
    }
)
REPLIES = {
    "ok": OK,
    "down": Reply(500),
    "refused connection": Reply(fault=Fault.CONNECT),
    "timeout": Reply(fault=Fault.TIMEOUT),
    "throttled": Reply(429, 429, retry_after="3"),
    "throttled recipient": Reply(200, 43117),
    "quota": Reply(200, 45009),
    "token": Reply(200, 42001),
    "forbidden": Reply(403),
    "content": Reply(200, 47003),
    "template": Reply(200, 40037),
    "in progress": Reply(409),
    "unknown code": Reply(200, 99_999),
    "nonsense": Reply(200, None, Fault.BODY_INVALID, detail="<html>"),
}
LEGITIMATE_ENDS = {
    (OutcomeKind.ACCEPTED, Reason.OK),
    (OutcomeKind.REJECTED, Reason.CONTENT),
    (OutcomeKind.REJECTED, Reason.CONFIG),
    (OutcomeKind.REJECTED, Reason.RULE_SUSPENDED),
    (OutcomeKind.CANCELLED, Reason.RULE_OFF),
    (OutcomeKind.EXPIRED, Reason.EXPIRED),
    (OutcomeKind.UNKNOWN, Reason.AMBIGUOUS),
    (OutcomeKind.EXHAUSTED, Reason.ATTEMPTS),
    (OutcomeKind.EXHAUSTED, Reason.HORIZON),
    (OutcomeKind.UNDECODABLE, Reason.MALFORMED_AVRO),
    (OutcomeKind.SUPPRESSED, Reason.PAUSED),
}


MAY_HIDE_SUCCESS = {"timeout", "nonsense"}
"""Replies after which the API may have accepted the notice."""
CAREFUL = "careful"
"""The rule that says `on_ambiguous: give_up`."""
SECOND_API = "second"
OF_SECOND_API = "shipped"
"""The rule whose notices go through the second API, where there is one."""
UNKNOWN_CODE = 99_999
PROBED = {Halt.UNAUTHORISED, Halt.QUOTA, Halt.UNKNOWN_CODE}


class Fact(NamedTuple):
    """One event of the log."""

    offset: int
    notices: tuple[Notice, ...]
    decodable: bool

    @property
    def ids(self) -> list[str]:
        """The outcomes that must come of it."""
        return [notice.id for notice in self.notices] if self.decodable else [f"undecodable-{self.offset}"]


class Flight(NamedTuple):
    """A request under way."""

    member: Member
    partition: TopicPartition
    attempt: Attempt
    epoch: int


class Member:
    """One process of the group."""

    def __init__(self, seed: int, now: float, apis: Sequence[str]) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - a seed that can be replayed
        route, *further = (
            Route(SETTINGS, VERDICTS, max_in_flight=MAX_IN_FLIGHT, rng=self.rng.random, now=now) for _ in apis
        )
        self.delivery = Delivery(SETTINGS, route, now, dict(zip(apis[1:], further, strict=True)))
        self.epochs: dict[TopicPartition, int] = {}
        self.read: dict[TopicPartition, int] = {}
        self.unwritten: list[PendingOutcome] = []
        self.unacknowledged: list[tuple[PendingOutcome, LedgerPosition]] = []
        self.decided: set[str] = set()
        self.unknown: dict[str, set[str]] = {api: set() for api in apis}
        """Recipients rejected for the unknown code since the last accepted notice, by API, as the next two."""
        self.born = now
        self.retries = dict.fromkeys(apis, 0)
        self.earned = dict.fromkeys(apis, 0.0)


class World:
    """Two members share two partitions."""

    def __init__(self, seed: int, *, two_apis: bool = False) -> None:
        """With `two_apis` the notices of one rule go through an API of their own."""
        self.now = T0
        self.apis = (DEFAULT_API, SECOND_API) if two_apis else (DEFAULT_API,)
        self.seed = seed
        self.epoch = 0
        self.log: dict[TopicPartition, list[Fact]] = {partition: [] for partition in PARTITIONS}
        self.home: dict[str, tuple[TopicPartition, int]] = {}
        self.api_of: dict[str, str] = {}
        self.order: dict[tuple[TopicPartition, str], list[str]] = defaultdict(list)
        self.committed: dict[TopicPartition, CommitPoint] = {}
        self.ledger: dict[int, list[Outcome]] = {0: [], 1: []}
        self.written: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.excused: set[str] = set()
        """Notices of which a duplicate is allowed: in flight, or not yet acknowledged, when their owner was lost."""
        self.pauses: dict[Scope, Pause] = {}
        """The control topic, which every member follows at once."""
        self.flights: list[Flight] = []
        self.members = [self._born(), self._born()]
        for partition, member in zip(PARTITIONS, self.members, strict=True):
            self.assign(partition, member)

    def _born(self) -> Member:
        self.seed += 1
        member = Member(self.seed, self.now, self.apis)
        member.delivery.pause(list(self.pauses.values()), self.now)
        return member

    def owner(self, partition: TopicPartition) -> Member:
        """Whose it is."""
        return next(member for member in self.members if partition in member.epochs)

    # Operators

    def pause(self, scope: Scope, seconds: float | None) -> None:
        """An operator pauses something, until it is resumed or for some time."""
        self.pauses[scope] = Pause(scope, self.now, None if seconds is None else self.now + seconds)
        self._follow()

    def resume(self, scope: Scope) -> None:
        """An operator lifts a pause, if there is one."""
        self.pauses.pop(scope, None)
        self._follow()

    def _follow(self) -> None:
        for member in self.members:
            member.delivery.pause(list(self.pauses.values()), self.now)
            self.collect(member)

    def _is_paused(self, notice: Notice) -> bool:
        scopes = (EVERYTHING, Scope(ScopeKind.RULE, notice.rule), Scope(ScopeKind.TEMPLATE, notice.template))
        pauses = (self.pauses.get(scope) for scope in scopes)
        return any(pause is not None and pause.in_force(self.now) for pause in pauses)

    # Kafka

    def produce(self, partition: TopicPartition, gap: int, notices: list[tuple[str, bool, float | None, str]]) -> None:
        """An event is written, with the notices that will follow from it: (recipient, ordered, expiry, rule)."""
        log = self.log[partition]
        offset = (log[-1].offset + 1 if log else 0) + gap
        made = []
        for index, (recipient, ordered, expires_after, rule) in enumerate(notices):
            name = f"{partition.partition}/{offset}/{index}"
            expires_at = None if expires_after is None else self.now + expires_after
            ambiguous = OnAmbiguous.GIVE_UP if rule == CAREFUL else OnAmbiguous.REPEAT
            api = self.apis[-1] if rule == OF_SECOND_API else DEFAULT_API
            made.append(Notice(name, rule, "template", recipient, b"{}", expires_at, ordered, ambiguous, None, api))
            self.api_of[name] = api
            self.home[name] = (partition, offset)
            if ordered:
                self.order[partition, recipient].append(name)
        log.append(Fact(offset, tuple(made), decodable=True))

    def produce_rubbish(self, partition: TopicPartition) -> None:
        """A record is written that is not an event."""
        log = self.log[partition]
        log.append(Fact(log[-1].offset + 1 if log else 0, (), decodable=False))

    def consume(self, member: Member) -> None:
        """As the source does: as many as are wanted, none of what is held."""
        delivery = member.delivery
        wanted, held = delivery.demand(), delivery.held()
        assert 0 <= wanted <= 2 * CAPACITY
        if delivery.halted() is not None:
            assert wanted <= PROBE_RECORDS
        for partition, epoch in member.epochs.items():
            for fact in self.log[partition]:
                if wanted <= 0 or partition in held:
                    break
                if fact.offset < member.read[partition]:
                    continue
                wanted -= max(1, len(fact.notices))
                member.read[partition] = fact.offset + 1
                outcomes = () if fact.decodable else (undecodable(fact.offset, partition),)
                delivery.offer(
                    arrival(fact.offset, *fact.notices, partition=partition, epoch=epoch, outcomes=outcomes), self.now
                )

    def commit(self, member: Member) -> None:
        """As the engine does, every now and then."""
        self._commit(member.delivery.commit_points())

    def _commit(self, points: list[CommitPoint]) -> None:
        for point in points:
            before = self.committed[point.partition]
            assert point.offset >= before.offset, "the frontier went back"
            assert len(point.metadata) <= pointer.MAX_LENGTH
            for fact in self.log[point.partition]:
                if fact.offset < point.offset:
                    missing = [name for name in fact.ids if not self._in_ledger(name, point.partition)]
                    assert not missing, f"committed past {missing}, which did not end"
            self.committed[point.partition] = point

    def _in_ledger(self, name: str, partition: TopicPartition) -> bool:
        return self.written[f"{partition.partition}:{name}"] > 0

    def assign(self, partition: TopicPartition, member: Member) -> None:
        """As the ledger's reader does: from the pointer to the end, what is at or above the frontier is done."""
        self.epoch += 1
        ledger = LEDGER_OF[partition]
        entries = self.ledger[ledger]
        end = LedgerPosition(ledger, len(entries))
        point = self.committed.setdefault(partition, CommitPoint(partition, 0, pointer.write(end)))
        found = pointer.read(point.metadata)
        assert isinstance(found, pointer.Pointer), "a commit without a pointer"
        begin = found.ledger
        assert begin.partition == ledger
        done = {
            (entries[offset].position.offset, entries[offset].id): LedgerPosition(ledger, offset)
            for offset in range(begin.offset, len(entries))
            if entries[offset].position.offset >= point.offset
        }
        reached = max(
            (entries[at.offset].position.offset for at in done.values()),
            default=-1,
        )
        member.epochs[partition] = self.epoch
        member.read[partition] = point.offset
        member.delivery.assign(Assigned(partition, self.epoch, point.offset, done, reached, end))

    # Members come and go

    def other(self, member: Member) -> Member:
        """The other one."""
        return self.members[1 - self.members.index(member)]

    def crash(self, member: Member, written: int) -> None:
        """kill -9: what was under way may have arrived; of the outcomes handed out the first `written` were written."""
        for publication in member.unwritten[:written]:
            self._write(publication)
        self._excuse(member, list(member.epochs))
        self.flights = [flight for flight in self.flights if flight.member is not member]
        lost = list(member.epochs)
        self.members[self.members.index(member)] = fresh = self._born()
        for partition in lost:
            self.assign(partition, self.other(fresh) if self.seed % 2 else fresh)

    def _excuse(self, member: Member, partitions: list[TopicPartition]) -> None:
        names = [flight.attempt.notice.id for flight in self.flights if flight.member is member]
        names += [publication.outcome.id for publication in member.delivery.publications()]
        names += [publication.outcome.id for publication in member.unwritten]
        names += [publication.outcome.id for publication, _ in member.unacknowledged]
        self.excused.update(name for name in names if name in self.home and self.home[name][0] in partitions)

    def hand_over(self, partition: TopicPartition) -> None:
        """A rolling restart or a rebalance in good time: drained, committed, no duplicates."""
        member = self.owner(partition)
        member.delivery.begin_revoke([partition])
        for flight in [one for one in self.flights if one.member is member and one.partition == partition]:
            self.reply(self.flights.index(flight), "ok")
        self.send(member)
        assert not [one for one in self.flights if one.member is member and one.partition == partition]
        self.collect(member)
        self.write(member, len(member.unwritten))
        self.acknowledge(member, len(member.unacknowledged))
        assert member.delivery.drained([partition])
        self._commit(member.delivery.release([partition]))
        self._forget(member, partition)
        self.assign(partition, self.other(member))

    def tear_away(self, partition: TopicPartition, *, lost: bool) -> None:
        """A rebalance whose drain deadline passed, or a partition lost: late results come, and change nothing."""
        member = self.owner(partition)
        self.collect(member)
        self._excuse(member, [partition])
        self.excused.update(
            name for name in member.decided if self.home.get(name, (None,))[0] == partition and not self._acked(name)
        )
        member.delivery.begin_revoke([partition])
        points = member.delivery.release([partition])
        if not lost:
            self._commit(points)
        self._forget(member, partition)
        self.assign(partition, self.other(member))

    def _acked(self, name: str) -> bool:
        return self._in_ledger(name, self.home[name][0])

    def _forget(self, member: Member, partition: TopicPartition) -> None:
        del member.epochs[partition]
        del member.read[partition]
        member.decided = {name for name in member.decided if self.home.get(name, (None,))[0] != partition}

    # The API

    def send(self, member: Member) -> None:
        """Whatever delivery wants to leave, leaves."""
        for attempt in self._attempts(member):
            partition = self.home[attempt.notice.id][0]
            self.flights.append(Flight(member, partition, attempt, member.epochs[partition]))
        state = member.delivery.snapshot(self.now)
        assert state.in_flight == sum(flight.member is member for flight in self.flights)
        assert all(api.in_flight <= MAX_IN_FLIGHT for api in state.apis.values())
        # Bounds what a crash now would send twice, however long Kafka has been away. Rubbish is written, but not sent.
        handed_out = [*member.unwritten, *(publication for publication, _ in member.unacknowledged)]
        sent = [one for one in handed_out if one.outcome.first_attempt_at is not None]
        assert state.in_flight + len(sent) <= UNWRITTEN_PER_SLOT * MAX_IN_FLIGHT * len(self.apis)
        assert state.buffered <= 2 * CAPACITY + 2 * FAN_OUT
        if state.buffered == 0:
            assert state.lanes <= state.in_flight

    def _attempts(self, member: Member) -> list[Attempt]:
        attempts: list[Attempt] = []
        for api in self.apis:
            halted = member.delivery.halted(api)
            leaving = member.delivery.attempts(self.now, api)
            if halted in PROBED and member.delivery.halted(api) is halted:
                assert len(leaving) <= 1, "more than a probe left while sending was halted"
            assert all(attempt.notice.api == api for attempt in leaving), "sent to another API than the notice names"
            attempts += leaving
        self.collect(member)
        busy = Counter(
            flight.attempt.notice.recipient
            for flight in self.flights
            if flight.member is member and flight.attempt.notice.ordered
        )
        for attempt in attempts:
            self._check(member, attempt)
            if attempt.notice.ordered:
                busy[attempt.notice.recipient] += 1
                assert busy[attempt.notice.recipient] == 1, "two at once for one recipient"
        return attempts

    def _check(self, member: Member, attempt: Attempt) -> None:
        notice = attempt.notice
        partition, _ = self.home[notice.id]
        assert partition in member.epochs, "sent for a partition that is not ours"
        assert notice.id not in member.decided, "sent although its end was decided"
        assert not self._acked(notice.id) or notice.id in self.excused, "sent although the ledger has its outcome"
        assert notice.expires_at is None or self.now < notice.expires_at, "sent too late"
        assert not self._is_paused(notice), "sent although it is paused"
        assert attempt.number <= SETTINGS.retry.max_attempts, "too many attempts"
        if notice.ordered:
            mine = self.order[partition, notice.recipient]
            for earlier in mine[: mine.index(notice.id)]:
                assert earlier in member.decided or self._acked(earlier), "sent before an earlier one had ended"
        if attempt.number > 1:
            member.retries[notice.api] += 1
            granted = SETTINGS.budget.capacity + (self.now - member.born) * SETTINGS.budget.refill_per_second
            spent = member.retries[notice.api] * SETTINGS.budget.retry_cost
            assert spent <= granted + member.earned[notice.api] + 1e-3, "more retries than the budget holds"

    def reply(self, index: int, kind: str, *, arrived: bool = True) -> None:
        """One request ends; `arrived` tells whether a timeout hides a success."""
        flight = self.flights.pop(index)
        name, api, member = flight.attempt.notice.id, flight.attempt.notice.api, flight.member
        if kind == "ok" or (kind in MAY_HIDE_SUCCESS and arrived):
            self.accepted[name] += 1
            assert self.accepted[name] == 1 or name in self.excused, "sent twice for no reason"
        if kind in MAY_HIDE_SUCCESS:
            self.excused.add(name)  # only the idempotency key can help
        if kind == "ok":
            self.collect(member)
            member.unknown[api].clear()
            again = flight.attempt.number > 1
            member.earned[api] += SETTINGS.budget.retry_cost if again else SETTINGS.budget.success_gain
        member.delivery.replied(flight.attempt, REPLIES[kind], self.now)
        careful = flight.attempt.notice.on_ambiguous is OnAmbiguous.GIVE_UP
        if kind in MAY_HIDE_SUCCESS and careful and member.epochs.get(flight.partition) == flight.epoch:
            self.collect(member)
            assert name in member.decided, "an ambiguous reply did not end a notice whose rule gives up"

    def token(self, member: Member, *, comes: bool) -> None:
        """The token sources answer, if they were asked."""
        for api in self.apis:
            if member.delivery.token_needed(api):
                if comes:
                    member.delivery.token_arrived(self.now, api)
                else:
                    member.delivery.token_failed(self.now, api)

    def switch_off(self, member: Member, rule: str, *, stays_off: bool) -> None:
        """A reload takes a rule out of use; the next one may bring it back."""
        member.delivery.rules_off(frozenset({rule}), self.now)
        self.collect(member)
        in_flight = {flight.attempt.notice.id for flight in self.flights if flight.member is member}
        for partition in member.epochs:
            for fact in self.log[partition]:
                for notice in fact.notices if fact.offset < member.read[partition] else ():
                    if notice.rule == rule and notice.id not in in_flight:
                        ended = notice.id in member.decided or self._acked(notice.id)
                        assert ended, "a notice of a rule that is off stays buffered"
        if not stays_off:
            member.delivery.rules_off(frozenset(), self.now)

    # The ledger

    def collect(self, member: Member) -> None:
        """Outcomes go to the producer."""
        for publication in member.delivery.publications():
            outcome = publication.outcome
            partition = TopicPartition(outcome.position.topic, outcome.position.partition)
            assert partition in member.epochs, "an outcome of a partition that is not ours"
            assert (outcome.kind, outcome.reason) in LEGITIMATE_ENDS
            name = outcome.id
            if outcome.reason is Reason.CONTENT and outcome.code == UNKNOWN_CODE and outcome.recipient:
                unknown = member.unknown[self.api_of[name]]
                unknown.add(outcome.recipient)
                assert len(unknown) < SETTINGS.unknown_code.recipients, "an unknown code for everyone was final"
            if name in self.home:
                assert name not in member.decided, "two outcomes for one notice"
                member.decided.add(name)
                assert self.home[name] == (partition, outcome.position.offset)
            member.unwritten.append(publication)

    def write(self, member: Member, count: int) -> None:
        """Kafka appends the next outcomes; that they stand there is not yet known here."""
        for publication in member.unwritten[:count]:
            member.unacknowledged.append((publication, self._write(publication)))
        del member.unwritten[:count]

    def _write(self, publication: PendingOutcome) -> LedgerPosition:
        outcome = publication.outcome
        partition = TopicPartition(outcome.position.topic, outcome.position.partition)
        ledger = LEDGER_OF[partition]
        self.ledger[ledger].append(outcome)
        key = f"{partition.partition}:{outcome.id}"
        self.written[key] += 1
        assert self.written[key] == 1 or outcome.id in self.excused or outcome.id not in self.home
        return LedgerPosition(ledger, len(self.ledger[ledger]) - 1)

    def acknowledge(self, member: Member, count: int) -> None:
        """The producer learns of what was appended."""
        for publication, position in member.unacknowledged[:count]:
            member.delivery.acknowledged(publication.ticket, position.partition, position.offset)
        del member.unacknowledged[:count]

    # The end

    def heal(self) -> None:
        """Everything works again: all must come to its end, by itself, and be committed."""
        self.pauses.clear()
        self._follow()
        idle = 0
        for _ in range(3_000):
            idle = 0 if self.flights else idle + 1
            for member in self.members:
                self.consume(member)
                self.send(member)
                self.token(member, comes=True)
            for _ in range(len(self.flights)):
                self.reply(0, "ok")
            for member in self.members:
                self.collect(member)
                self.write(member, len(member.unwritten))
                self.acknowledge(member, len(member.unacknowledged))
                self.commit(member)
            if self.finished:
                return
            self._sleep()
            if idle > MOST_IDLE_STEPS:
                self.now += 3_600  # a spent quota comes back with the day, and nothing else would take so long
        raise AssertionError(f"does not come to an end: {[m.delivery.snapshot(self.now) for m in self.members]}")

    def _sleep(self) -> None:
        """As the engine does: until the machine says, but no longer than a commit's interval if it says nothing."""
        dues = [due for member in self.members if (due := member.delivery.next_wakeup(self.now)) is not None]
        self.now = max(self.now + 0.05, min(dues, default=self.now + 0.25))

    @property
    def finished(self) -> bool:
        """Whether every record is committed."""
        return all(not log or self.committed[partition].offset > log[-1].offset for partition, log in self.log.items())

    def check_end(self) -> None:
        """Nothing lost, nothing left over."""
        for partition, log in self.log.items():
            for fact in log:
                for name in fact.ids:
                    assert self._in_ledger(name, partition), f"{name} is lost"
        for member in self.members:
            state = member.delivery.snapshot(self.now)
            assert (state.in_flight, state.buffered, state.lanes) == (0, 0, 0)
            assert not member.delivery._in_flight
            assert not member.delivery._unacknowledged._unacknowledged
            for owned in member.delivery._partitions.values():
                assert not owned.frontier._open
