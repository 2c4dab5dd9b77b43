"""A simulated world around recipient care: one partition, its ledger, the compacted topic, and owners that crash.

The machine, the state, the records and the restoring are the real ones. What must hold is counted here by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.care.caps import reached
from pipeline.care.decision import clock_of
from pipeline.care.declaration import DAY, Cap, Care, Category
from pipeline.care.preferences import Choice, Preferences
from pipeline.care.recipient import CHOICE_MS, Accepted, Recipient
from pipeline.care.recipients import CareTerms
from pipeline.care.record import RECIPIENT, read_key, read_state, written_key, written_state
from pipeline.care.restore import Restoring
from pipeline.delivery import pointer
from pipeline.delivery.evaluated_record import Attempt, CareRecord, PendingOutcome
from pipeline.delivery.machine_with_care import DeliveryWithCare
from pipeline.delivery.policy import DeliverySettings
from pipeline.delivery.route import Route
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.event import TopicPartition
from pipeline.model.ledger import Assigned, LedgerPosition
from pipeline.model.once import Once, once_key
from pipeline.model.outcome import COUNTED, Outcome, OutcomeKind
from tests.unit.delivery.making import BAD_CONTENT, OK, T0, arrival, notice

PLACE = TopicPartition("intents", 0)
VERDICTS = VerdictTable()
ONE_A_DAY = Cap("one-a-day", frozenset({"marketing"}), 1, DAY, {})
CARE = Care({"marketing": Category("marketing", (ONE_A_DAY,), opt_out="promotions")}, {"one-a-day": ONE_A_DAY})
OUT = Preferences(frozenset({"promotions"}))
WITHIN = 86_400.0


class Intent(NamedTuple):
    """What one record of the partition says."""

    to: str
    once: str | None = None
    """The value of its key of `once`: a message without a category."""
    choice: Preferences | None = None
    """What the recipient has chosen, instead of a message."""


MESSAGE_A, MESSAGE_B = Intent("ann"), Intent("bob")
OUT_A = Intent("ann", choice=OUT)
IN_A = Intent("ann", choice=Preferences())
ONCE_A, ONCE_OTHER = Intent("ann", once="parcel"), Intent("ann", once="letter")


class Written(NamedTuple):
    """A record of the compacted topic."""

    key: bytes
    value: bytes | None
    writer: bytes


class Owner:
    """One owner of the partition, from assignment to crash."""

    def __init__(self, delivery: DeliveryWithCare, writer: bytes, begin: int, seen: int) -> None:
        self.delivery = delivery
        self.writer = writer
        self.next = begin
        self.seen = seen
        """Up to where it has read the compacted topic."""
        self.flights: list[Attempt] = []
        self.outcomes: list[PendingOutcome] = []
        self.written: list[tuple[PendingOutcome, int]] = []
        """In the ledger, not acknowledged."""
        self.records: list[CareRecord] = []
        """On their way to the compacted topic."""
        self.landed: list[CareRecord] = []
        """On the compacted topic, not acknowledged."""


class World:
    """Kafka, and one owner after the other."""

    def __init__(self, intents: Sequence[Intent], *, care: Care = CARE) -> None:
        self.intents = intents
        self.care = care
        self.now = T0
        self.ledger: list[Outcome] = []
        self.log: list[Written] = []
        """The compacted topic."""
        self.late: list[tuple[float, Written]] = []
        """Records of dead owners that may still arrive within the hour, with the time when they were made."""
        self.commit = (0, "")
        self.sent: list[tuple[str, float]] = []
        self.repeats_allowed = 0
        self.owners = 0
        self.owner = self._assigned()

    # The owner's steps

    def read(self) -> None:
        """One more record of the partition."""
        owner = self.owner
        if owner.next >= len(self.intents):
            return
        offset, intent = owner.next, self.intents[owner.next]
        owner.next += 1
        given = arrival(offset, partition=PLACE, epoch=self.owners)
        if intent.choice is not None:
            given.choice = Choice(_hashed(intent.to), intent.choice)
            owner.delivery.choose(given, given.record.position, self.now)
        else:
            once = None if intent.once is None else Once(once_key("parcel-shipped", intent.once), WITHIN)
            message = notice(f"n{offset}", intent.to)._replace(
                once=once, category=None if intent.once is not None else "marketing"
            )
            given.notices = [message]
            owner.delivery.offer(given, self.now)

    def send(self) -> None:
        """Whatever may leave does."""
        for attempt in self.owner.delivery.attempts(self.now):
            self._may_leave(attempt)
            self.sent.append((attempt.notice.id, self.now))
            self.owner.flights.append(attempt)

    def reply(self, *, accepted: bool = True) -> None:
        """The oldest request is answered."""
        if self.owner.flights:
            self.owner.delivery.replied(self.owner.flights.pop(0), OK if accepted else BAD_CONTENT, self.now)

    def write(self) -> None:
        """One outcome arrives in the ledger."""
        owner = self.owner
        owner.outcomes += owner.delivery.publications()
        if owner.outcomes:
            pending = owner.outcomes.pop(0)
            owner.written.append((pending, len(self.ledger)))
            self.ledger.append(pending.outcome)

    def acknowledge(self) -> None:
        """The owner hears of the oldest outcome in the ledger."""
        if self.owner.written:
            pending, offset = self.owner.written.pop(0)
            self.owner.delivery.acknowledged(pending.ticket, 0, offset)

    def flush(self) -> None:
        """Time passes, and records of recipients are on their way."""
        self.now += 6
        self.owner.records += self.owner.delivery.care_writes(self.now)

    def land(self) -> None:
        """The oldest of them arrives."""
        if self.owner.records:
            record = self.owner.records.pop(0)
            self.log.append(self._encoded(record))
            self.owner.landed.append(record)

    def confirm(self) -> None:
        """The owner hears of it."""
        if self.owner.landed:
            self.owner.delivery.care_written(self.owner.landed.pop(0), is_written=True)

    def refuse(self) -> None:
        """The oldest record does not arrive, and the owner hears of that."""
        if self.owner.records:
            self.owner.delivery.care_written(self.owner.records.pop(0), is_written=False)

    def committed(self) -> None:
        """The owner commits."""
        for point in self.owner.delivery.commit_points():
            self.commit = (point.offset, point.metadata)
        self._check_choices()

    # What happens to owners

    def crash(self, *, haunts: bool = False) -> None:
        """The owner ends, and another one takes over; with `haunts` its records may arrive later."""
        owner = self.owner
        open_ends = [*owner.delivery.publications(), *owner.outcomes]
        self.repeats_allowed += len(owner.flights) + sum(one.outcome.first_attempt_at is not None for one in open_ends)
        if haunts:
            self.late += [(self.now, self._encoded(record)) for record in owner.records]
        self.owner = self._assigned()
        self._check_state()

    def arrive(self) -> None:
        """A record of a dead owner arrives late."""
        if self.late:
            made_at, record = self.late.pop(0)
            if self.now - made_at < CHOICE_MS / 1_000:
                self.log.append(record)

    def tail(self) -> None:
        """The owner reads what was written to the compacted topic."""
        owner = self.owner
        for key, value, writer in self.log[owner.seen :]:
            _, name = read_key(key) or ("", "")
            state = None if value is None else read_state(value)[1]
            if writer != owner.writer:
                owner.delivery.care_overwritten(PLACE, name, state)
        owner.seen = len(self.log)

    def compact(self) -> None:
        """Of each key only the newest record is left, long after it was written: the owner has read all."""
        care = self.owner.delivery._partitions[PLACE].care
        assert care is not None
        if self.owner.seen == len(self.log) and not care.unwritten:
            self.log = list({record.key: record for record in self.log}.values())
            self.owner.seen = len(self.log)

    def next_day(self) -> None:
        """A day passes."""
        self.now += 86_400

    def _assigned(self) -> Owner:
        self.owners += 1
        offset, metadata = self.commit
        restoring = Restoring(self.care)
        for key, value, _ in self.log:
            kind, name = read_key(key) or ("", "")
            assert kind == RECIPIENT
            if value is None:
                restoring.removed(name, self.now)
            else:
                restoring.record(name, *read_state(value))
        found = pointer.read(metadata)
        begin = found.ledger.offset if isinstance(found, pointer.Pointer) else 0
        done: dict[tuple[int, str], LedgerPosition] = {}
        reached = -1
        for at, outcome in enumerate(self.ledger[begin:], begin):
            accepted = Accepted.of(outcome)
            if accepted is not None and outcome.recipient is not None:
                restoring.outcome(_hashed(outcome.recipient), accepted, at)
            if outcome.position.offset >= offset:
                done.setdefault((outcome.position.offset, outcome.id), LedgerPosition(0, at))
                reached = max(reached, outcome.position.offset)
        settings = DeliverySettings()
        route = Route(settings, VERDICTS, max_in_flight=4, rng=lambda: 0.5, now=self.now)
        delivery = DeliveryWithCare(settings, route, self.now, care=CareTerms(self.care, _hashed))
        end = LedgerPosition(0, len(self.ledger))
        delivery.assign(Assigned(PLACE, self.owners, offset, done, reached, end, care=restoring.restored()))
        return Owner(delivery, self.owners.to_bytes(8, "big"), offset, len(self.log))

    def _encoded(self, record: CareRecord) -> Written:
        write = record.write
        value = None if write.state is None else written_state(self.owner.writer, write.state)
        return Written(written_key(RECIPIENT, write.recipient), value, self.owner.writer)

    # What must hold

    def known(self, recipient: str) -> Recipient:
        """What the owner knows of a recipient."""
        care = self.owner.delivery._partitions[PLACE].care
        assert care is not None
        return care.of(recipient)

    def _counted(self, recipient: str) -> Recipient:
        """What the whole ledger says of a recipient."""
        counted = Recipient()
        for outcome in self.ledger:
            accepted = Accepted.of(outcome)
            if accepted is not None and _hashed(outcome.recipient or "") == recipient:
                counted.fold(accepted)
        return counted

    def _check_state(self) -> None:
        """The state of a new owner is the fold of the ledger, as far as a decision can see."""
        for recipient in map(_hashed, ("ann", "bob")):
            known, counted = self.known(recipient), self._counted(recipient)
            known.forget(self.care, self.now)
            counted.forget(self.care, self.now)
            assert known.sends == counted.sends, "a message that was sent is not counted"
            assert known.taken == counted.taken, "a key that is taken is not known"
        self._check_choices()

    def _check_choices(self) -> None:
        """A choice below the commit is known to the next owner."""
        newest: dict[str, tuple[int, Preferences]] = {}
        for offset, intent in enumerate(self.intents[: self.commit[0]]):
            if intent.choice is not None:
                newest[intent.to] = offset, intent.choice
        for to, (offset, choice) in newest.items():
            known = self.known(_hashed(to))
            assert known.chosen >= offset or known.preferences == choice == Preferences(), "a choice is lost"

    def _may_leave(self, attempt: Attempt) -> None:
        """A message leaves within the cap, not twice for a key, and not after an opt-out."""
        own = attempt.notice
        counted = self._counted(_hashed(own.recipient))
        if own.once is not None:
            taken = counted.taken.get(int(own.once.key, 16))
            assert taken is None or taken.until_ms <= self.now * 1_000 or self._is_repeat(own.id), "a key is sent twice"
            return
        read = max(self.owner.next, self.known(_hashed(own.recipient)).chosen + 1)
        choices = [one.choice for one in self.intents[:read] if one.to == own.recipient and one.choice is not None]
        assert not choices or choices[-1] != OUT, "sent after an opt-out"
        clock = clock_of(self.care, counted)
        assert not reached(self.care.categories["marketing"], own.id, counted, clock, self.now), "over a cap"

    def _is_repeat(self, notice_id: str) -> bool:
        return any(outcome.id == notice_id and outcome.kind in COUNTED for outcome in self.ledger)

    def finish(self) -> None:
        """Let everything come to its end, and check it."""
        while self.late:
            self.arrive()
        for _ in range(4 * len(self.intents) + 8):
            for step in (self.read, self.send, self.reply, self.write, self.acknowledge, self.flush, self.land):
                step()
            self.confirm()
        self.committed()
        assert self.commit[0] == len(self.intents), "not everything is done"
        ended: dict[str, set[OutcomeKind]] = defaultdict(set)
        for outcome in self.ledger:
            ended[outcome.id].add(outcome.kind)
        messages = [f"n{offset}" for offset, intent in enumerate(self.intents) if intent.choice is None]
        assert not set(messages) - set(ended), "a message is lost"
        repeats = len(self.sent) - len({name for name, _ in self.sent})
        assert repeats <= self.repeats_allowed, "a message was sent twice without reason"
        self.crash()  # the state is complete for a next owner, too


def _hashed(recipient: str) -> str:
    return f"#{recipient}"
