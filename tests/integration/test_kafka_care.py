"""The compacted topic of recipient care: what is written is restored, with what the ledger has beyond it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.care.reader import CareReader, CareSettings
from pipeline.adapters.kafka.care.tail import CareTail
from pipeline.adapters.kafka.care.writer import CareWriter
from pipeline.adapters.kafka.ledger.reader import Committed, LedgerReader
from pipeline.adapters.kafka.outcome_record import LedgerDecoder
from pipeline.care.recipient import Recipient
from pipeline.care.record import About
from pipeline.delivery import pointer
from pipeline.errors import UserError
from pipeline.model.event import Position, TopicPartition
from pipeline.model.ledger import Assigned, LedgerPosition, RestoredCare
from pipeline.model.outcome import OutcomeKind
from tests.fakes.listener import TIMEOUT
from tests.fakes.outcomes import a_record, an_outcome
from tests.fakes.real_kafka import LedgerCounts, RealKafka
from tests.unit.care.cares import CARE, accepted, at, facts

pytestmark = pytest.mark.kafka

NOON = at("2026-11-30 12:00")
ABOUT = About("group", "f00d")
PROCESS, OTHER = b"one.", b"two."


class Restored:
    """Counts what was restored."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def care_restored(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Care:
    """One test's compacted topic, and the adapters around it."""

    def __init__(self, kafka: RealKafka) -> None:
        self.kafka = kafka
        self.topic = f"{kafka.names.events}.care"
        self.restored = Restored()
        admin = AdminClient(kafka.properties)
        admin.create_topics([NewTopic(self.topic, 1, 1, config={"cleanup.policy": "compact"})])[self.topic].result(15)

    def read(self, metadata: str | None, *, about: About = ABOUT, accept_loss: bool = False) -> Assigned:
        """Assign the partition as a new owner would get it."""
        settings = CareSettings(self.topic, self.kafka.names.events, about, accept_loss)
        reader = CareReader(
            {**self.kafka.properties, "group.id": "care"},
            settings,
            lambda: CARE,
            lambda: SystemClock().now() - 3_600,
            self.restored,
            lambda: NOON + 40 * 86_400,
        )
        ledger = LedgerReader(
            {**self.kafka.properties, "group.id": f"{self.kafka.names.group}.ledger"},
            self.kafka.names.outcomes,
            LedgerDecoder(),
            telemetry=LedgerCounts(self.kafka.counts),
            care=reader,
        )
        (replay,) = ledger.read([Committed(self.kafka.partition, 0, metadata, self.kafka.origin)], 1)
        return replay.assigned

    def known(self, metadata: str | None = "", *, accept_loss: bool = False) -> RestoredCare:
        """What a new owner knows of the recipients."""
        found = self.read(metadata, accept_loss=accept_loss).care
        assert found is not None
        return found

    def write(self, states: dict[str, bytes | None], process: bytes = PROCESS, epoch: int = 1) -> None:
        """Write records, and wait for them."""
        writer = CareWriter(self.kafka.properties, self.topic, process)
        finished: list[bool] = []
        for recipient, state in states.items():
            writer.write(0, epoch, recipient, state, finished.append)
        deadline = time.monotonic() + TIMEOUT
        while len(finished) < len(states) and time.monotonic() < deadline:
            writer.poll()
            time.sleep(0.01)
        assert finished == [True] * len(states)

    def send(self, *names: str, to: str = "ann") -> None:
        """Write accepted outcomes to the ledger."""
        log = self.kafka.outcomes()
        for offset, name in enumerate(names):
            position = Position(self.kafka.names.events, 0, offset)
            outcome = an_outcome(position)._replace(
                id=name, kind=OutcomeKind.ACCEPTED, rule="coupon", recipient=to, category="marketing", once=None
            )
            log.publish(outcome._replace(finished_at=NOON), a_record(position), lambda *_: None)
        assert log.flush(TIMEOUT) == 0


@pytest.fixture
def care(kafka: RealKafka) -> Care:
    """A new compacted topic beside the test's ledger."""
    return Care(kafka)


def _state(*names: str) -> bytes:
    known = Recipient()
    for name in names:
        known.fold(accepted(facts(name), NOON))
    return known.pack()


def _sends(restored: RestoredCare, recipient: str = "ann") -> int:
    return len(Recipient.unpack(restored.recipients[recipient]).sends)


def _at(offset: int) -> str:
    return pointer.write(LedgerPosition(0, offset))


def test_records_are_restored_and_the_ledger_beyond_them_is_counted(care: Care) -> None:
    """The next owner must read the ledger from the same place, until it has written the record."""
    assert care.known(None) == RestoredCare({}, {}, frozenset(), 0)
    care.write({"ann": _state("a"), "bob": _state("x", "y"), "gone": _state("z")})
    care.write({"gone": None})
    care.send("a", "b")
    restored = care.known(_at(0))
    assert {name: _sends(restored, name) for name in restored.recipients} == {"ann": 2, "bob": 2}
    assert restored.uncovered == {"ann": 1}
    assert restored.stale == frozenset()
    assert len(care.restored.seconds) == 2


def test_outcomes_below_the_pointer_are_not_read(care: Care) -> None:
    """Their records are acknowledged."""
    care.known(None)
    care.send("a", "b")
    assert _sends(care.known(_at(1))) == 1


def test_without_a_commit_the_ledger_is_read_as_far_back_as_messages_count(care: Care) -> None:
    """As after a reset of the group's offsets."""
    care.known(None)
    care.send("a", "b")
    assert _sends(care.known(None)) == 2


def test_the_records_of_two_owners_are_merged(care: Care) -> None:
    """The one of a process that has lost the partition may come last."""
    care.known(None)
    care.write({"ann": _state("a", "b")}, epoch=2)
    care.write({"ann": _state("a")}, OTHER)
    restored = care.known(_at(0))
    assert _sends(restored) == 2
    assert restored.stale == {"ann"}


def test_records_with_another_hash_key_are_refused_unless_their_loss_is_accepted(care: Care) -> None:
    """Every cap would begin again. With the loss accepted they are rebuilt from what the ledger has."""
    care.known(None)
    care.write({"old": _state("a")})
    other = About(ABOUT.group, "beef")
    with pytest.raises(UserError, match="another key of the recipients' hash"):
        care.read(_at(0), about=other)
    care.send("b", to="new")
    found = care.read(_at(1), about=other, accept_loss=True).care
    assert found is not None
    assert set(found.recipients) == {"new"}
    again = care.read(_at(1), about=other).care
    assert again is not None


def test_records_of_another_group_are_refused_always(care: Care) -> None:
    """Two groups would write over each other."""
    care.known(None)
    with pytest.raises(UserError, match="has the recipients of the group group"):
        care.read(_at(0), about=About("other", ABOUT.fingerprint), accept_loss=True)


def test_deleted_records_are_refused_unless_their_loss_is_accepted(care: Care) -> None:
    """A commit shows that there were some; opt-outs would be lost without a word."""
    with pytest.raises(UserError, match="caps, opt-outs and `once` are lost") as refused:
        care.read(_at(0))
    assert "--accept-loss" in str(refused.value.hint)
    care.send("a")
    assert _sends(care.known(_at(1), accept_loss=True)) == 1


def test_a_record_of_another_process_is_noticed_and_an_own_one_is_not(care: Care) -> None:
    """The owner then writes its own again."""
    tail = CareTail({**care.kafka.properties, "group.id": "care-tail"}, care.topic, PROCESS)
    noticed = threading.Event()
    foreign: list[tuple[int, str, bytes | None]] = []

    def notice(*record: object) -> None:
        number, recipient, state = record
        foreign.append((int(str(number)), str(recipient), state if isinstance(state, bytes) else None))
        if len(foreign) == 2:
            noticed.set()

    tail.watch(0, 4, care.known(None).end)
    tail.start(notice)
    try:
        care.write({"ann": _state("a"), "bob": None}, epoch=4)
        care.write({"ann": None, "bob": _state("b")}, OTHER)
        assert noticed.wait(TIMEOUT)
    finally:
        tail.close()
    assert foreign == [(0, "ann", None), (0, "bob", _state("b"))]


def test_a_record_that_kafka_does_not_take_is_given_back(kafka: RealKafka) -> None:
    """It is written again with what has changed since."""
    writer = CareWriter({**kafka.properties, "allow.auto.create.topics": False}, "no-such-topic", PROCESS)
    finished: list[bool] = []
    writer.write(0, 1, "ann", b"state", finished.append)
    deadline = time.monotonic() + TIMEOUT
    while not finished and time.monotonic() < deadline:
        writer.poll()
        time.sleep(0.01)
    assert finished == [False]


def test_partitions_of_other_topics_have_no_recipients(care: Care, make_kafka: Callable[..., RealKafka]) -> None:
    """Recipient care decides about the messages of its own topic."""
    elsewhere = make_kafka()
    settings = CareSettings(care.topic, "another-topic", ABOUT)
    reader = CareReader(elsewhere.properties, settings, lambda: CARE, SystemClock().now, Restored(), SystemClock().now)
    reader.begin([Committed(TopicPartition(elsewhere.names.events, 0), 0, None)], lambda: None)
    assert reader.restored(TopicPartition(elsewhere.names.events, 0)) is None
