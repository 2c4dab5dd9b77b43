"""Reading the ledger back: all of what was acknowledged, and an end whatever is there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from pipeline.adapters.kafka.ledger import reader as ledger
from pipeline.adapters.kafka.ledger.reader import Committed, Replay, replay_timeout
from pipeline.delivery import pointer
from pipeline.errors import UserError
from pipeline.model.event import Position, TopicPartition
from pipeline.model.ledger import LedgerPosition
from tests.broker.transactions import in_transaction
from tests.fakes.listener import TIMEOUT
from tests.fakes.outcomes import a_record, an_outcome
from tests.fakes.real_kafka import RealKafka
from tests.upgrade.record import ROOT

pytestmark = pytest.mark.kafka


def _write(kafka: RealKafka, count: int, sources: int = 1) -> None:
    """`count` outcomes of each source partition, in turn."""
    log = kafka.outcomes()
    for offset in range(count):
        for source in range(sources):
            position = Position(kafka.names.events, source, offset)
            log.publish(an_outcome(position), a_record(position), lambda *_: None)
    assert log.flush(TIMEOUT) == 0


def _read(kafka: RealKafka, frontier: int, metadata: str | None) -> Replay:
    (replay,) = kafka.ledger_reader().read([Committed(kafka.partition, frontier, metadata, kafka.origin)], 1)
    return replay


def _at(offset: int, partition: int = 0) -> str:
    return pointer.write(LedgerPosition(partition, offset))


def _ledger_offset(replay: Replay) -> int:
    """Where the pointer leads that is committed from now on."""
    found = pointer.read(replay.pointer)
    assert isinstance(found, pointer.Pointer)
    return found.ledger.offset


def _end(kafka: RealKafka, text: str) -> None:
    """Write something else to the ledger, in a transaction: its marker takes the last offset."""
    topic = kafka.names.outcomes

    def write(producer: Producer) -> None:
        producer.produce(topic, text.encode(), partition=0)

    in_transaction(kafka.properties, topic, "commit", write)


def test_the_replay_is_what_was_acknowledged(make_kafka: Callable[..., RealKafka]) -> None:
    """Every outcome at or above the frontier with its place, of each partition its own, though they share a ledger."""
    kafka = make_kafka(partitions=2)
    _write(kafka, 3_000, sources=2)
    alive: list[None] = []
    sources = [TopicPartition(kafka.names.events, 0), TopicPartition(kafka.names.events, 1)]
    replays = kafka.ledger_reader().read(
        [Committed(sources[0], 0, _at(0), kafka.origin), Committed(sources[1], 2_990, _at(100), kafka.origin)],
        7,
        lambda: alive.append(None),
    )
    whole, rest = (replay.assigned for replay in replays)
    assert len(whole.done) == 3_000
    outcome = an_outcome(Position(kafka.names.events, 0, 4))
    assert whole.done[4, outcome.id] == LedgerPosition(0, 8)
    assert [whole.reached, rest.reached] == [2_999, 2_999]
    assert sorted(position.offset for position in rest.done.values()) == list(range(5_981, 6_000, 2))
    assert {whole.epoch, rest.epoch} == {7}
    assert kafka.counts.replayed == 6_000
    assert alive


def test_a_ledger_cut_short_by_retention_gives_what_is_left(kafka: RealKafka) -> None:
    """A pointer below the ledger's start is counted once; what still stands is still done."""
    _write(kafka, 10)
    admin = AdminClient(kafka.properties)
    gone = admin.delete_records([KafkaPartition(kafka.names.outcomes, 0, 6)])
    assert [future.result(15).low_watermark for future in gone.values()] == [6]
    replay = _read(kafka, 0, _at(2))
    assert replay.assigned.reached == 9
    assert len(replay.assigned.done) == 4
    assert _ledger_offset(replay) == 6
    assert kafka.counts.unusable == 1


UNUSABLE = [
    "np2;partition=0;offset=0;crc=00000000",
    "np9:0:0:00000000",
    "another tool's",
    "\x00",
    "np2;" + "9" * 4_000,
    _at(11),
    _at(2**62),
    _at(0, partition=99),
    pointer.write(LedgerPosition(0, 0), None, "another ledger"),
]


@pytest.mark.parametrize("metadata", UNUSABLE)
def test_a_pointer_that_leads_nowhere_is_counted_and_the_ledger_looked_up_by_time(
    kafka: RealKafka, metadata: str
) -> None:
    """Damaged, of another version or ledger, beyond the end, into a missing partition: what is done stays done."""
    kafka.produce(10)
    _write(kafka, 10)
    replay = _read(kafka, 3, metadata)
    assert {offset for offset, _ in replay.assigned.done} == set(range(3, 10))
    assert replay.assigned.frontier == 3
    assert (kafka.counts.unusable, kafka.counts.by_time) == (1, 1)


@pytest.mark.parametrize("metadata", [None, ""])
def test_without_a_pointer_the_ledger_is_looked_up_by_time(kafka: RealKafka, metadata: str | None) -> None:
    """As after a reset of the group's offsets: nothing that the ledger still holds is sent again."""
    kafka.produce(10)
    _write(kafka, 10)
    replay = _read(kafka, 0, metadata)
    assert {offset for offset, _ in replay.assigned.done} == set(range(10))
    assert replay.assigned.ledger_end == LedgerPosition(0, 10)
    assert (kafka.counts.unusable, kafka.counts.by_time) == (0, 1)


def test_the_first_owner_of_all_reads_no_ledger(kafka: RealKafka) -> None:
    """It begins where the ledger ends, and that is not a fault."""
    kafka.produce(10)
    replay = _read(kafka, 0, None)
    assert (replay.assigned.done, _ledger_offset(replay)) == ({}, 0)
    assert (kafka.counts.unusable, kafka.counts.replayed, kafka.counts.by_time) == (0, 0, 0)


@pytest.mark.parametrize("field", ["group", "cluster_id", "topic_id"])
def test_outcomes_of_others_are_never_done(kafka: RealKafka, field: str) -> None:
    """Another group on the same outcomes topic, another cluster, an earlier topic of the same name."""
    _write(kafka, 3)
    log = kafka.outcomes()
    for offset in range(3, 6):
        outcome = an_outcome(Position(kafka.names.events, 0, offset))
        foreign = outcome._replace(origin=kafka.origin._replace(**{field: "another"}))
        log.publish(foreign, a_record(outcome.position), lambda *_: None)
    assert log.flush(TIMEOUT) == 0
    replay = _read(kafka, 0, _at(0))
    assert {offset for offset, _ in replay.assigned.done} == {0, 1, 2}
    assert replay.assigned.reached == 2


def test_a_shared_outcomes_topic_is_reported_once(kafka: RealKafka, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether the other group's entries are in what is replayed, or only the newest of the topic."""
    log = kafka.outcomes()
    outcome = an_outcome(Position("elsewhere", 0, 1))
    others = outcome._replace(origin=kafka.origin._replace(group="another"))
    log.publish(others, a_record(outcome.position), lambda *_: None)
    assert log.flush(TIMEOUT) == 0
    for metadata in (_at(0), _at(1), None):
        reader = kafka.ledger_reader()
        for _ in range(2):
            reader.read([Committed(kafka.partition, 0, metadata, kafka.origin)], 1)
        shown = capsys.readouterr().out
        assert shown.count("outcomes_topic_shared") == 1
        assert "another" in shown


def test_an_outcomes_topic_of_one_group_is_not_reported_as_shared(
    kafka: RealKafka, capsys: pytest.CaptureFixture[str]
) -> None:
    """Entries of the topic's earlier incarnation are the group's own."""
    _write(kafka, 3)
    outcome = an_outcome(Position(kafka.names.events, 0, 3))
    log = kafka.outcomes()
    earlier = outcome._replace(origin=kafka.origin._replace(topic_id="another"))
    log.publish(earlier, a_record(outcome.position), lambda *_: None)
    assert log.flush(TIMEOUT) == 0
    _read(kafka, 0, _at(0))
    assert "outcomes_topic_shared" not in capsys.readouterr().out


def test_a_commit_of_0_1_0_is_refused(kafka: RealKafka) -> None:
    """Its ledger, ids and keys have another form; a message says what to do."""
    with pytest.raises(UserError, match=r"0\.1\.0") as refused:
        _read(kafka, 0, "np1:0:0:00000000")
    assert refused.value.hint is not None
    assert "kafka.group_id" in refused.value.hint


def test_an_outcomes_topic_of_0_1_0_is_refused(kafka: RealKafka) -> None:
    """Also for a group that has committed nothing."""
    producer = Producer(kafka.properties)
    for line in (ROOT / "tests/upgrade/unreleased/outcomes.hex").read_text().split():
        producer.produce(kafka.names.outcomes, bytes.fromhex(line), partition=0)
    assert producer.flush(TIMEOUT) == 0
    with pytest.raises(UserError, match=kafka.names.outcomes):
        _read(kafka, 0, None)


def test_no_more_is_remembered_than_memory_bears(kafka: RealKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets can be reset a long way back: the rest may be sent again, counted and logged."""
    monkeypatch.setattr(ledger, "MAX_OUTCOMES", 1_000)
    _write(kafka, 5_000)
    replay = _read(kafka, 0, _at(0))
    assert 1_000 < len(replay.assigned.done) < 5_000
    assert kafka.counts.unusable == 1


@pytest.mark.timeout(120, func_only=True)
def test_an_end_without_a_record_is_still_an_end(kafka: RealKafka) -> None:
    """A transaction's marker as the last offset, and foreign bytes before it, hold nothing up."""
    _write(kafka, 3)
    _end(kafka, "no outcome of ours")
    replay = _read(kafka, 0, _at(0))
    assert len(replay.assigned.done) == 3
    assert replay.assigned.ledger_end == LedgerPosition(0, 5)
    assert (_read(kafka, 0, _at(4)).assigned.done, _read(kafka, 0, _at(5)).assigned.done) == ({}, {})


def test_an_outcome_that_stands_twice_counts_at_its_location_first(kafka: RealKafka) -> None:
    """The pointer must not move past the first of two, or the next owner might see none."""
    _write(kafka, 2)
    _write(kafka, 2)
    replay = _read(kafka, 0, _at(0))
    assert sorted(replay.assigned.done.values()) == [LedgerPosition(0, 0), LedgerPosition(0, 1)]


def test_a_replay_that_takes_too_long_is_cut_and_said_so(kafka: RealKafka, capsys: pytest.CaptureFixture[str]) -> None:
    """What was read is not sent again, the pointer stays where it was, and no one can overlook it."""
    _write(kafka, 5_000)
    reader = kafka.ledger_reader()
    reader._read_seconds = 0.0
    (replay,) = reader.read([Committed(kafka.partition, 0, _at(0), kafka.origin)], 1)
    assert 0 < len(replay.assigned.done) < 5_000
    assert _ledger_offset(replay) == 0
    assert kafka.counts.unusable == 1
    assert "ledger_replay_cut_short" in capsys.readouterr().out


@pytest.mark.parametrize(("properties", "seconds"), [({}, 240.0), ({"max.poll.interval.ms": "600000"}, 480.0)])
def test_a_replay_may_take_as_long_as_the_group_waits(properties: dict[str, str], seconds: float) -> None:
    """A fifth short of `max.poll.interval.ms`, given or not."""
    assert replay_timeout(properties) == seconds


def test_settings_of_a_member_do_not_hinder_the_reader(kafka: RealKafka) -> None:
    """A poll interval that KIP-848's members may have is below the classic session timeout, a reader's default."""
    kafka.given = {"max.poll.interval.ms": "6000", "group.protocol": "consumer", "group.remote.assignor": "uniform"}
    reader = kafka.ledger_reader()
    kafka.given = {}
    _write(kafka, 10)
    (replay,) = reader.read([Committed(kafka.partition, 0, _at(0), kafka.origin)], 1)
    assert len(replay.assigned.done) == 10
