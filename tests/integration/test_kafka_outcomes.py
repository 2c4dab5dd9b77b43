"""Outcomes and dead letters on a real broker: what acknowledged means, in which order, and what refuses them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in its stub
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from structlog.testing import capture_logs

from pipeline.adapters.kafka.ledger.reader import ledger_partition
from pipeline.adapters.kafka.topics import TopicCheck
from pipeline.errors import OutcomeLost
from pipeline.model import dead_letter
from pipeline.model.event import Position, Record
from pipeline.model.ledger import CommitPoint, LedgerPosition
from pipeline.model.outcome import OutcomeKind
from pipeline.ports import OutcomeLog
from tests.broker import secure
from tests.broker.handle import Broker
from tests.chaos.kafka import set_config
from tests.fakes.listener import TIMEOUT, RecordingListener
from tests.fakes.outcomes import a_record, an_outcome
from tests.fakes.real_kafka import RealKafka

pytestmark = pytest.mark.kafka


def _publish(log: OutcomeLog, position: Position, reported: list[LedgerPosition], record: Record | None = None) -> None:
    kind = OutcomeKind.REJECTED if record is not None else OutcomeKind.ACCEPTED
    log.publish(
        an_outcome(position, kind), record or a_record(position), lambda *at: reported.append(LedgerPosition(*at))
    )


def _poll_until_lost(log: OutcomeLog) -> str:
    timeout = threading.Event()
    for _ in range(600):
        try:
            log.poll()
        except OutcomeLost as lost:
            return str(lost)
        timeout.wait(0.05)
    raise AssertionError("nothing was lost")


def test_outcomes_of_a_source_partition_stand_in_one_ledger_partition_in_order(
    make_kafka: Callable[..., RealKafka],
) -> None:
    """The acknowledged positions are where the records really are; the key is the event's."""
    kafka = make_kafka(ledger_partitions=3)
    log = kafka.outcomes()
    reported: dict[int, list[LedgerPosition]] = {source: [] for source in range(4)}
    for offset in range(50):
        for source, positions in reported.items():
            _publish(log, Position("events", source, offset), positions)
    assert log.flush(TIMEOUT) == 0
    for source, positions in reported.items():
        assert {position.partition for position in positions} == {ledger_partition("events", source, 3)}
        assert [position.offset for position in positions] == sorted(position.offset for position in positions)
    messages = kafka.read(kafka.names.outcomes)
    assert len(messages) == 200
    assert {message.key() for message in messages} == {b"key"}


def test_a_queue_that_is_full_loses_nothing_and_keeps_the_order(kafka: RealKafka) -> None:
    """Publishing never blocks and never raises, however small librdkafka's queue is."""
    log = kafka.outcomes(**{"queue.buffering.max.messages": 10})
    reported: list[LedgerPosition] = []
    for offset in range(2_000):
        _publish(log, Position("events", 0, offset), reported)
    assert log.flush(TIMEOUT) == 0
    assert [position.offset for position in reported] == list(range(2_000))


def test_nothing_is_acknowledged_while_the_broker_is_away_and_everything_after(
    kafka: RealKafka, stoppable_kafka: Broker
) -> None:
    """A killed broker costs time: no outcome, no order and no duplicate."""
    log = kafka.outcomes()
    reported: list[LedgerPosition] = []
    _publish(log, Position("events", 0, 0), reported)
    assert log.flush(TIMEOUT) == 0
    stoppable_kafka.kill()
    for offset in range(1, 500):
        _publish(log, Position("events", 0, offset), reported)
    assert log.flush(1.0) == 499
    assert len(reported) == 1
    stoppable_kafka.start()
    assert log.flush(TIMEOUT) == 0
    assert [position.offset for position in reported] == list(range(500))
    assert len(kafka.read(kafka.names.outcomes)) == 500


def test_a_source_outlives_a_restart_of_its_broker(kafka: RealKafka, stoppable_kafka: Broker) -> None:
    """Records, commits and the group continue after the broker comes back, without an end of the process."""
    kafka.produce(10)
    source, listener = kafka.source(), RecordingListener()
    listener.points = lambda partitions: [CommitPoint(partition, 20, "") for partition in partitions]
    source.start(listener)
    source.demand(10)
    listener.wait(lambda: len(listener.records) == 10)
    stoppable_kafka.stop()
    source.commit([CommitPoint(kafka.partition, 10, "")])
    stoppable_kafka.start()
    kafka.produce(10)
    source.demand(100)
    listener.wait(lambda: set(listener.offsets()) == set(range(20)))
    source.stop(TIMEOUT)
    assert listener.fatal is None
    assert kafka.committed().offset == 20


def test_a_dead_letter_carries_the_original_and_says_why(kafka: RealKafka) -> None:
    """Key, value and headers as they were; ours of an earlier round replaced, but for what redrive needs."""
    position = Position("events", 0, 7)
    handed_on = tuple((name, b"1") for name in sorted(dead_letter.OF_THE_EVENT))
    earlier = (("notice.reason", b"old"), (dead_letter.DEAD_LETTER, b"old"), *handed_on)
    record = a_record(position)._replace(headers=(("trace", b"t"), ("empty", None), *earlier))
    log = kafka.outcomes()
    reported: list[LedgerPosition] = []
    _publish(log, position, reported, record)
    assert log.flush(TIMEOUT) == 0
    (letter,) = kafka.read(kafka.names.dead_letters)
    headers = dict(letter.headers() or ())
    assert (letter.key(), letter.value()) == (record.key, record.value)
    assert (headers["trace"], headers["empty"]) == (b"t", None)
    assert headers[dead_letter.REASON] == b"rejected_content"
    assert set(handed_on) <= set(headers.items())
    assert dead_letter.DEAD_LETTER not in headers
    assert headers[dead_letter.OUTCOME_ID] == an_outcome(position).id.encode()
    source = [headers[name] for name in (dead_letter.SOURCE_TOPIC, dead_letter.SOURCE_PARTITION)]
    assert [*source, headers[dead_letter.SOURCE_OFFSET]] == [b"events", b"0", b"7"]
    names = [header[0] for header in letter.headers() or ()]
    assert names.count(dead_letter.REASON) == 1


@pytest.mark.parametrize(
    ("value", "headers", "left_out"),
    [(b"v" * 5_000, (), b"value"), (b"v", (("large", b"h" * 5_000),), b"value and headers")],
)
def test_a_dead_letter_too_large_for_its_topic_is_cut_and_not_fatal(
    make_kafka: Callable[..., RealKafka], value: bytes, headers: tuple[tuple[str, bytes], ...], left_out: bytes
) -> None:
    """One great record must not end the process again after every restart; the outcome still follows."""
    kafka = make_kafka(dead_letters={"max.message.bytes": "2000"})
    log = kafka.outcomes(**{"compression.type": "none"})
    reported: list[LedgerPosition] = []
    position = Position("events", 0, 0)
    _publish(log, position, reported, a_record(position)._replace(value=value, headers=headers))
    assert log.flush(TIMEOUT) == 0
    (letter,) = kafka.read(kafka.names.dead_letters)
    assert (letter.key(), letter.value()) == (b"key", None)
    assert dict(letter.headers() or ())[dead_letter.LEFT_OUT] == left_out
    assert len(reported) == 1


LIMIT = 65_536
LARGE_BATCHES: Mapping[str, object] = {"compression.type": "none", "linger.ms": 200, "batch.size": 1_000_000}
COUNT = 2_000
"""Outcomes of one batch, which is then some 500 kB large."""


def test_a_batch_above_the_topics_limit_is_written_record_by_record(kafka: RealKafka) -> None:
    """Each record fits: none is refused for good, and each is written once."""
    set_config(kafka.bootstrap_servers, kafka.names.outcomes, "max.message.bytes", str(LIMIT))
    log = kafka.outcomes(**LARGE_BATCHES)
    reported: list[LedgerPosition] = []
    with capture_logs() as logged:
        for offset in range(COUNT):
            _publish(log, Position("events", 0, offset), reported)
        assert log.flush(TIMEOUT) == 0
    assert len(reported) == len(kafka.read(kafka.names.outcomes)) == COUNT
    assert [line["topic"] for line in logged if line["event"] == "batch_refused"] == [kafka.names.outcomes]


def test_batches_stay_within_a_limit_that_is_known(kafka: RealKafka) -> None:
    """The topic's configuration gives it, and no batch is refused."""
    set_config(kafka.bootstrap_servers, kafka.names.outcomes, "max.message.bytes", str(LIMIT))
    check = TopicCheck(kafka.properties, 10)
    kafka.batch_bytes = check.batch_bytes([kafka.names.outcomes, kafka.names.dead_letters])
    assert kafka.batch_bytes == LIMIT
    log = kafka.outcomes(**LARGE_BATCHES)
    reported: list[LedgerPosition] = []
    with capture_logs() as logged:
        for offset in range(COUNT):
            _publish(log, Position("events", 0, offset), reported)
        assert log.flush(TIMEOUT) == 0
    assert len(reported) == COUNT
    assert not [line for line in logged if line["event"] == "batch_refused"]


def test_dead_letters_that_fit_alone_keep_their_value(make_kafka: Callable[..., RealKafka]) -> None:
    """Only together they are larger than their topic allows."""
    kafka = make_kafka(dead_letters={"max.message.bytes": str(LIMIT)})
    log = kafka.outcomes(**LARGE_BATCHES)
    reported: list[LedgerPosition] = []
    for offset in range(30):
        position = Position("events", 0, offset)
        _publish(log, position, reported, a_record(position)._replace(value=b"v" * 10_000))
    assert log.flush(TIMEOUT) == 0
    assert len(reported) == 30
    assert [letter.value() for letter in kafka.read(kafka.names.dead_letters)] == [b"v" * 10_000] * 30


def test_an_outcome_is_not_written_before_its_dead_letter_is_acknowledged(
    make_kafka: Callable[..., RealKafka],
) -> None:
    """If the dead letter is permanently refused, the ledger does not contain it."""
    kafka = make_kafka(dead_letters={"max.message.bytes": "50"})
    log = kafka.outcomes()
    reported: list[LedgerPosition] = []
    position = Position("events", 0, 0)
    _publish(log, position, reported, a_record(position))
    assert "refused" in _poll_until_lost(log)
    assert reported == []
    assert log.flush(0.5) == 1
    assert kafka.read(kafka.names.outcomes) == []


def test_without_the_right_to_write_the_process_is_ended(kafka: RealKafka, real_kafka: Broker) -> None:
    """`poll` reports a permanent refusal with a message that says what to do."""
    if real_kafka.secure is None:
        pytest.skip("needs a Kafka with users")
    log = kafka.outcomes(**real_kafka.secure)
    _publish(log, Position("events", 0, 0), [])
    text = _poll_until_lost(log)
    assert f"User:{secure.USER} needs WRITE on the topic {kafka.names.outcomes}" in text
    assert secure.PASSWORD not in text


def test_the_whole_way_goes_over_tls_and_scram_with_the_documented_rights(kafka: RealKafka, real_kafka: Broker) -> None:
    """Read on events, outcomes and the group, Write on outcomes and dead letters: that is all a member needs."""
    if real_kafka.secure is None:
        pytest.skip("needs a Kafka with users")
    names = kafka.names
    rights = [
        (ResourceType.TOPIC, names.events, AclOperation.READ),
        (ResourceType.TOPIC, names.outcomes, AclOperation.READ),
        (ResourceType.TOPIC, names.outcomes, AclOperation.WRITE),
        (ResourceType.TOPIC, names.dead_letters, AclOperation.WRITE),
        (ResourceType.GROUP, names.group, AclOperation.READ),
    ]
    bindings = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{secure.USER}", "*", right, AclPermissionType.ALLOW)
        for kind, name, right in rights
    ]
    admin = AdminClient(kafka.properties)
    for future in admin.create_acls(bindings).values():
        future.result(15)
    kafka.produce(3)
    user = RealKafka(kafka.bootstrap_servers, names)
    user.given = dict(real_kafka.secure)
    source, listener = user.source(), RecordingListener()
    listener.points = lambda partitions: [CommitPoint(partition, 3, "") for partition in partitions]
    source.start(listener)
    source.demand(5)
    listener.wait(lambda: len(listener.records) == 3)
    log = user.outcomes()
    reported: list[LedgerPosition] = []
    for record in listener.records:
        _publish(log, record.position, reported, record)
    assert log.flush(TIMEOUT) == 0
    source.stop(TIMEOUT)
    assert kafka.committed().offset == 3
    again, later = user.source(), RecordingListener()
    again.start(later)
    later.wait(lambda: later.assigned)
    again.stop(TIMEOUT)
    assert user.counts.replayed == 3
