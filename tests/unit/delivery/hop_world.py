"""A simulated world around the hop of recipient care: events, intents, ledger, commits, members that crash.

Each of two members has both roles. A member that dies may leave a queue of intents that Kafka appends much later. Every
promise is checked where it could be broken: when an intent is appended, a notice leaves or a commit is made, and at the
end, when everything must have come to its end.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.delivery import pointer
from pipeline.delivery.evaluated_record import Attempt, EvaluatedRecord, PendingOutcome
from pipeline.delivery.hop.checkpoints import PendingCheckpoint
from pipeline.delivery.hop.unwritten_intents import PendingIntent
from pipeline.delivery.machine_with_care import DeliveryWithCare
from pipeline.delivery.route import Route
from pipeline.model.event import Origin, Position, TopicPartition
from pipeline.model.intent import Checkpoint, Intent, RestoredIntents, Seen
from pipeline.model.ledger import Assigned, CommitPoint, LedgerPosition
from pipeline.model.notice import Notice
from pipeline.model.reply import Reply

from .making import OK, T0, arrival, undecodable
from .world import MAX_IN_FLIGHT, SETTINGS, VERDICTS

SOURCES = (TopicPartition("orders", 0), TopicPartition("orders", 1), TopicPartition("refunds", 0))
INTENTS = (TopicPartition("intents", 0), TopicPartition("intents", 1))
PARTITIONS = (*SOURCES, *INTENTS)
RECIPIENTS = ("ann", "bob", "cid")
LEDGER_OF = {partition: number % 2 for number, partition in enumerate(PARTITIONS)}
"""Some partitions share one of the ledger."""
REPLIES = {"ok": OK, "down": Reply(500), "content": Reply(200, 47003)}
URGENT = "urgent"
"""The rule whose notices leave past the hop."""
NEWER = "newer"
"""A rule that only some members have: rules are reloaded between the death of a map role and its successor's start."""


def intents_of(recipient: str) -> TopicPartition:
    """The partition of a recipient's intents."""
    return INTENTS[RECIPIENTS.index(recipient) % len(INTENTS)]


class Fact(NamedTuple):
    """One event."""

    offset: int
    notices: tuple[Notice, ...]
    decodable: bool


class Written(NamedTuple):
    """One record of the intents topic."""

    content: Intent | Checkpoint
    timestamp_ms: int

    def seen(self) -> Seen | None:
        """What is remembered of it."""
        if isinstance(self.content, Checkpoint):
            return None
        record = self.content.event.record
        return Seen(
            self.content.stream, record.offset, self.content.notice.id, self.content.committed, self.timestamp_ms
        )


class Entry(NamedTuple):
    """One record of the ledger."""

    read: TopicPartition
    """The partition that the notice, or the record without one, was read from."""
    offset: int
    id: str


class Queued(NamedTuple):
    """A record for the intents topic, on its way."""

    partition: TopicPartition
    content: Intent | Checkpoint
    pending: PendingIntent | PendingCheckpoint


class Flight(NamedTuple):
    """A request under way."""

    member: Member
    partition: TopicPartition
    attempt: Attempt


class Member:
    """One process of the group."""

    def __init__(self, seed: int, now: float) -> None:
        rng = random.Random(seed).random  # noqa: S311 - a seed that can be replayed
        route = Route(SETTINGS, VERDICTS, max_in_flight=MAX_IN_FLIGHT, rng=rng, now=now)
        self.delivery = DeliveryWithCare(SETTINGS, route, now)
        self.epochs: dict[TopicPartition, int] = {}
        self.read: dict[TopicPartition, int] = {}
        self.committed: dict[TopicPartition, int] = {}
        """What Kafka has acknowledged."""
        self.queue: list[Queued] = []
        """Of the producer of intents."""
        self.appended: list[tuple[Queued, int]] = []
        """Appended with their offset; the member does not know it yet."""
        self.unwritten: list[PendingOutcome] = []
        self.unacknowledged: list[tuple[PendingOutcome, LedgerPosition]] = []
        self.has_newer = seed % 3 == 0
        self.made: set[str] = set()
        """Notices that its rules made."""


class HopWorld:
    """Two members share three partitions of events and two of intents."""

    def __init__(self, seed: int) -> None:
        self.now = T0
        self.seed = seed
        self.epoch = 0
        self.events: dict[TopicPartition, list[Fact]] = {partition: [] for partition in SOURCES}
        self.intents: dict[TopicPartition, list[Written]] = {partition: [] for partition in INTENTS}
        self.ledger: dict[int, list[Entry]] = {0: [], 1: []}
        self.commits: dict[TopicPartition, CommitPoint] = {}
        self.home: dict[str, TopicPartition] = {}
        """From which partition each notice is sent."""
        self.of_event: dict[str, tuple[TopicPartition, int]] = {}
        self.order: dict[tuple[TopicPartition, str], list[str]] = defaultdict(list)
        """Notices by partition of events and recipient, past the hop or not."""
        self.landed: dict[str, list[str]] = defaultdict(list)
        """Notices by recipient, in the order in which their first intents were appended."""
        self.owed: set[str] = set()
        """Notices of committed events."""
        self.disowned: set[str] = set()
        """Notices of committed events that the rules of the member which committed did not make. If a dead member
        writes them late, nothing follows."""
        self.ended: set[str] = set()
        """Notices whose outcome is in the ledger."""
        self.decided: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.excused: set[str] = set()
        """Notices that may be sent twice: in flight, or not yet acknowledged, when their owner was lost."""
        self.flights: list[Flight] = []
        self.late: list[list[Queued]] = []
        """Queues of dead members."""
        self.members = [self._born(), self._born()]
        for number, partition in enumerate(PARTITIONS):
            self.assign(partition, self.members[number % 2])

    def _born(self) -> Member:
        self.seed += 1
        return Member(self.seed, self.now)

    def owner(self, partition: TopicPartition) -> Member:
        """Whose it is."""
        return next(member for member in self.members if partition in member.epochs)

    # Events

    def produce(self, partition: TopicPartition, gap: int, notices: Sequence[tuple[str, str]]) -> None:
        """An event is written, with the notices that follow from it: (recipient, rule)."""
        log = self.events[partition]
        offset = (log[-1].offset + 1 if log else 0) + gap
        made = []
        for index, (recipient, rule) in enumerate(notices):
            name = f"{partition.topic}/{partition.partition}/{offset}/{index}"
            made.append(Notice(name, rule, "template", recipient, b"{}", None))
            self.home[name] = partition if rule == URGENT else intents_of(recipient)
            self.of_event[name] = (partition, offset)
            if rule not in {URGENT, NEWER}:
                self.order[partition, recipient].append(name)
        log.append(Fact(offset, tuple(made), decodable=True))

    def produce_rubbish(self, partition: TopicPartition) -> None:
        """A record is written that is not an event."""
        log = self.events[partition]
        log.append(Fact(log[-1].offset + 1 if log else 0, (), decodable=False))

    # The two roles

    def consume(self, member: Member) -> None:
        """As the source does: as many as are wanted, none of what is held."""
        delivery = member.delivery
        wanted, held = delivery.demand(), delivery.held()
        for partition in list(member.epochs):
            while wanted > 0 and partition not in held and self._read(member, partition):
                wanted -= 1
        self.collect(member)

    def _read(self, member: Member, partition: TopicPartition) -> bool:
        return self._read_intent(member, partition) if partition in INTENTS else self._read_event(member, partition)

    def _read_event(self, member: Member, partition: TopicPartition) -> bool:
        fact = next((one for one in self.events[partition] if one.offset >= member.read[partition]), None)
        if fact is None:
            return False
        member.read[partition] = fact.offset + 1
        outcomes = () if fact.decodable else (undecodable(fact.offset, partition),)
        evaluated = arrival(fact.offset, partition=partition, epoch=member.epochs[partition], outcomes=outcomes)
        made = [notice for notice in fact.notices if member.has_newer or notice.rule != NEWER]
        member.made |= {notice.id for notice in made}
        evaluated.notices = [notice for notice in made if notice.rule == URGENT]
        evaluated.intents = [notice for notice in made if notice.rule != URGENT]
        member.delivery.offer_mapped(evaluated, self.now)
        return True

    def _read_intent(self, member: Member, partition: TopicPartition) -> bool:
        offset = member.read[partition]
        log = self.intents[partition]
        if offset >= len(log):
            return False
        member.read[partition] = offset + 1
        read, epoch = Position(*partition, offset), member.epochs[partition]
        intent, seen = log[offset].content, log[offset].seen()
        if isinstance(intent, Checkpoint) or seen is None:
            member.delivery.pass_over(read, epoch, self.now)
            return True
        evaluated = EvaluatedRecord(
            intent.event.record,
            intent.event,
            epoch,
            [intent.notice],
            (),
            intent.received_at,
            intent.rules_version,
            intent=intent,
        )
        member.delivery.offer_intent(evaluated, read, seen, self.now)
        return True

    def collect(self, member: Member) -> None:
        """Intents, checkpoints and outcomes go to the producers."""
        for pending in member.delivery.intents():
            record, event, notice = pending.arrival.record, pending.arrival.event, pending.content
            assert event is not None
            assert isinstance(notice, Notice)
            source = TopicPartition(record.topic, record.partition)
            assert source in member.epochs, "an intent of a partition that is not ours"
            intent = Intent(
                notice,
                event,
                pending.mapped.origin,
                "v1",
                self.now,
                pending.mapped.stream,
                member.committed.get(source, 0),
            )
            member.queue.append(Queued(intents_of(notice.recipient), intent, pending))
        for publication in member.delivery.publications():
            self.decided[publication.outcome.id] += 1
            member.unwritten.append(publication)

    def checkpoint(self, member: Member) -> None:
        """As the engine does, every now and then."""
        for pending in member.delivery.checkpoints(self.now):
            member.queue.append(Queued(pending.partition, pending.checkpoint, pending))

    def append(self, member: Member, count: int) -> None:
        """Kafka appends the next intents of the member's queue, which does not know it yet."""
        for queued in member.queue[:count]:
            member.appended.append((queued, self._append(queued)))
        del member.queue[:count]

    def append_late(self, count: int) -> None:
        """Kafka appends what a dead member had sent."""
        for queue in self.late[:1]:
            for queued in queue[:count]:
                self._append(queued)
            del queue[:count]
        self.late = [queue for queue in self.late if queue]

    def _append(self, queued: Queued) -> int:
        log = self.intents[queued.partition]
        log.append(Written(queued.content, int(self.now * 1000)))
        if isinstance(queued.content, Intent):
            notice = queued.content.notice
            landed = self.landed[notice.recipient]
            if notice.id not in landed:
                source, _ = self.of_event[notice.id]
                mine = self.order[source, notice.recipient]
                before = mine[: mine.index(notice.id)] if notice.rule != NEWER else ()
                missing = set(before) - set(landed)
                assert not missing, f"{notice.id} was appended before {missing}"
                landed.append(notice.id)
        return len(log) - 1

    def hear(self, member: Member, count: int) -> None:
        """The member learns what of its intents Kafka has appended."""
        for queued, offset in member.appended[:count]:
            if isinstance(queued.pending, PendingIntent):
                member.delivery.intent_written(queued.pending.ticket)
            else:
                member.delivery.checkpoint_written(queued.pending, offset)
        del member.appended[:count]

    # Commits and assignments

    def commit(self, member: Member, *, heard: bool = True) -> None:
        """The member commits; `heard` tells whether it gets Kafka's answer."""
        self._commit(member, member.delivery.commit_points(), heard=heard)

    def _commit(self, member: Member, points: Sequence[CommitPoint], *, heard: bool) -> None:
        for point in points:
            assert point.offset >= self.commits[point.partition].offset, "the frontier went back"
            assert len(point.metadata) <= pointer.MAX_LENGTH
            self._check_done(member, point)
            self.commits[point.partition] = point
            if heard:
                member.committed[point.partition] = point.offset

    def _check_done(self, member: Member, point: CommitPoint) -> None:
        if point.partition in INTENTS:
            for written in self.intents[point.partition][: point.offset]:
                if not isinstance(written.content, Intent):
                    continue
                notice = written.content.notice
                if notice.id not in self.disowned:
                    assert notice.id in self.ended, "committed past an intent that has not ended"
            return
        for fact in self.events[point.partition]:
            for notice in fact.notices if fact.offset < point.offset else ():
                if notice.id not in member.made:
                    self.disowned.update({notice.id} - self.owed)
                    continue
                self.owed.add(notice.id)
                done = self.ended if notice.rule == URGENT else self.landed[notice.recipient]
                assert notice.id in done, f"committed past {notice.id}"

    def assign(self, partition: TopicPartition, member: Member) -> None:
        """As membership, the ledger's reader and the intents' reader do."""
        self.epoch += 1
        ledger = LEDGER_OF[partition]
        entries = self.ledger[ledger]
        end = LedgerPosition(ledger, len(entries))
        point = self.commits.setdefault(partition, CommitPoint(partition, 0, pointer.write(end)))
        found = pointer.read(point.metadata)
        assert isinstance(found, pointer.Pointer), "a commit without a pointer"
        done = {
            (entries[at].offset, entries[at].id): LedgerPosition(ledger, at)
            for at in range(found.ledger.offset, len(entries))
            if entries[at].read == partition and entries[at].offset >= point.offset
        }
        reached = max((offset for offset, _ in done), default=-1)
        restored = self._restored(partition, point.offset, found) if partition in INTENTS else None
        member.epochs[partition] = self.epoch
        member.read[partition] = point.offset
        member.committed[partition] = point.offset
        member.delivery.assign(
            Assigned(partition, self.epoch, point.offset, done, reached, end, Origin("group"), intents=restored)
        )

    def _restored(self, partition: TopicPartition, frontier: int, found: pointer.Pointer) -> RestoredIntents:
        log = self.intents[partition]
        begin, position = found.scan if found.scan is not None else (frontier, None)
        checkpoint = Checkpoint(begin, {})
        if position is not None:
            content = log[position].content
            assert isinstance(content, Checkpoint)
            assert content.at == begin
            checkpoint = content
        assert begin <= frontier
        since = [seen for written in log[begin:frontier] if (seen := written.seen()) is not None]
        return RestoredIntents(checkpoint, position, since)

    def _other(self, member: Member) -> Member:
        return self.members[1 - self.members.index(member)]

    def crash(self, member: Member, appended: int, written: int, *, lingers: bool) -> None:
        """kill -9; of what was on its way to Kafka a part arrives, and with `lingers` the rest of the intents later."""
        for queued in member.queue[:appended]:
            self._append(queued)
        rest = member.queue[appended:]
        if lingers and rest:
            self.late.append(rest)
        for publication in member.unwritten[:written]:
            self._write(publication)
        self._excuse(member, list(member.epochs))
        self.flights = [flight for flight in self.flights if flight.member is not member]
        lost = list(member.epochs)
        self.members[self.members.index(member)] = fresh = self._born()
        for partition in lost:
            self.assign(partition, self._other(fresh) if self.seed % 2 else fresh)

    def _excuse(self, member: Member, partitions: Sequence[TopicPartition]) -> None:
        names = [flight.attempt.notice.id for flight in self.flights if flight.member is member]
        names += [publication.outcome.id for publication in member.unwritten]
        names += [publication.outcome.id for publication, _ in member.unacknowledged]
        self.excused.update(name for name in names if self.home.get(name) in partitions)

    def hand_over(self, partition: TopicPartition) -> None:
        """A rebalance in good time: drained and committed."""
        member = self.owner(partition)
        self.collect(member)
        member.delivery.begin_revoke([partition])
        for flight in [one for one in self.flights if one.member is member and one.partition == partition]:
            self.reply(self.flights.index(flight), "ok")
        self._settle(member)
        assert member.delivery.drained([partition])
        self._commit(member, member.delivery.release([partition]), heard=True)
        self._move(partition, member)

    def tear_away(self, partition: TopicPartition, *, lost: bool) -> None:
        """A rebalance whose drain deadline passed, or a partition lost: late results come, and change nothing."""
        member = self.owner(partition)
        self.collect(member)
        self._excuse(member, [partition])
        member.delivery.begin_revoke([partition])
        points = member.delivery.release([partition])
        if not lost:
            self._commit(member, points, heard=True)
        self._move(partition, member)

    def _move(self, partition: TopicPartition, member: Member) -> None:
        del member.epochs[partition]
        del member.read[partition]
        del member.committed[partition]
        self.assign(partition, self._other(member))

    # The API and the ledger

    def send(self, member: Member) -> None:
        """Whatever delivery wants to leave, leaves."""
        for attempt in member.delivery.attempts(self.now):
            notice = attempt.notice
            partition = self.home[notice.id]
            assert partition in member.epochs, "sent for a partition that is not ours"
            self.flights.append(Flight(member, partition, attempt))
            if attempt.number == 1 and notice.rule != URGENT:
                landed = self.landed[notice.recipient]
                for earlier in landed[: landed.index(notice.id)]:
                    ended = earlier in self.ended or self.decided[earlier] or earlier in self.disowned
                    assert ended, f"{notice.id} left before {earlier}"
        self.collect(member)
        busy = Counter(
            flight.attempt.notice.recipient for flight in self.flights if flight.member is member
        )  # past the hop, too: lanes are the process's
        assert max(busy.values(), default=0) <= 1, "two at once for one recipient"

    def reply(self, index: int, kind: str) -> None:
        """One request ends."""
        flight = self.flights.pop(index)
        name = flight.attempt.notice.id
        if kind == "ok":
            self.accepted[name] += 1
            assert self.accepted[name] == 1 or name in self.excused, f"{name} was sent twice for no reason"
        flight.member.delivery.replied(flight.attempt, REPLIES[kind], self.now)
        self.collect(flight.member)

    def write(self, member: Member, count: int) -> None:
        """Kafka appends the next outcomes; that they stand there is not yet known here."""
        for publication in member.unwritten[:count]:
            member.unacknowledged.append((publication, self._write(publication)))
        del member.unwritten[:count]

    def _write(self, publication: PendingOutcome) -> LedgerPosition:
        outcome = publication.outcome
        source = TopicPartition(*outcome.position[:2])
        if outcome.id in self.of_event:
            assert self.of_event[outcome.id] == (source, outcome.position.offset), "the outcome names another event"
        read, offset = source, outcome.position.offset
        if outcome.intent is not None:
            read, offset = INTENTS[outcome.intent.partition], outcome.intent.offset
        ledger = LEDGER_OF[read]
        self.ledger[ledger].append(Entry(read, offset, outcome.id))
        self.ended.add(outcome.id)
        return LedgerPosition(ledger, len(self.ledger[ledger]) - 1)

    def acknowledge(self, member: Member, count: int) -> None:
        """The producer learns of what was appended."""
        for publication, position in member.unacknowledged[:count]:
            member.delivery.acknowledged(publication.ticket, position.partition, position.offset)
        del member.unacknowledged[:count]

    def _settle(self, member: Member) -> None:
        self.collect(member)
        self.append(member, len(member.queue))
        self.hear(member, len(member.appended))
        self.write(member, len(member.unwritten))
        self.acknowledge(member, len(member.unacknowledged))

    # The end

    def heal(self) -> None:
        """Everything works again: all must come to its end, by itself, and be committed."""
        for _ in range(3_000):
            self.append_late(1)
            for member in self.members:
                self.consume(member)
                self.send(member)
            for _ in range(len(self.flights)):
                self.reply(0, "ok")
            for member in self.members:
                self.checkpoint(member)
                self._settle(member)
                self.commit(member)
            if self.finished:
                return
            dues = [due for member in self.members if (due := member.delivery.next_wakeup(self.now)) is not None]
            self.now = max(self.now + 0.05, min(dues, default=self.now + 0.25))
        raise AssertionError("does not come to an end")

    @property
    def finished(self) -> bool:
        """Whether every record is committed."""
        ends = {partition: log[-1].offset + 1 for partition, log in self.events.items() if log}
        ends |= {partition: len(log) for partition, log in self.intents.items()}
        return not self.late and all(self.commits[partition].offset >= end for partition, end in ends.items())

    def check_end(self) -> None:
        """Nothing lost, nothing left over, and little to read again."""
        for name in self.owed:
            assert name in self.ended, f"{name} is lost"
        for member in self.members:
            state = member.delivery.snapshot(self.now)
            assert (state.in_flight, state.buffered, state.lanes) == (0, 0, 0)
            assert not member.delivery.unwritten_intents
