"""A topic that is deleted and created again under a running member, or between two runs, is another topic."""

from __future__ import annotations

import pytest

from pipeline.delivery import pointer
from pipeline.model.ledger import CommitPoint, LedgerPosition
from tests.broker.topics import create_again
from tests.fakes.listener import TIMEOUT, RecordingListener
from tests.fakes.real_kafka import RealKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
OLD = 20
PROTOCOLS = pytest.mark.parametrize("protocol", ["consumer", "classic"])


def _point(kafka: RealKafka, offset: int, topic_id: str | None) -> CommitPoint:
    return CommitPoint(kafka.partition, offset, pointer.write(LedgerPosition(0, 0), topic_id))


@PROTOCOLS
@pytest.mark.parametrize("new", [5, 30], ids=["fewer", "more"])
def test_a_running_member_begins_at_the_new_topic_s_start(kafka: RealKafka, protocol: str, new: int) -> None:
    """Whether the new topic has fewer events than the old one or more; the old frontier is not committed onto it."""
    kafka.produce(OLD)
    source, listener = kafka.source(protocol), RecordingListener()
    old = kafka.origin
    listener.points = lambda _: [_point(kafka, OLD, old.topic_id)]
    source.start(listener)
    source.demand(1_000)
    listener.wait(lambda: len(listener.records) == OLD)
    source.commit([_point(kafka, OLD, old.topic_id)])
    create_again(kafka.bootstrap_servers, kafka.names.events, 1)
    kafka.produce(new)

    def all_new_read() -> bool:
        source.demand(1_000)
        assigned = listener.assigned.get(kafka.partition)
        if assigned is None or assigned.origin.topic_id in {None, old.topic_id}:
            return False
        return [record.offset for record in listener.records[-new:]] == list(range(new))

    listener.wait(all_new_read)
    assert set(kafka.counts.recreated) == {kafka.names.events}
    assert listener.assigned[kafka.partition].frontier == 0
    assert listener.fatal is None


def test_a_topic_created_again_between_two_runs_is_read_from_its_start(kafka: RealKafka) -> None:
    """The commit's pointer names the old topic, though its offset fits the new one."""
    kafka.produce(OLD)
    source, listener = kafka.source(), RecordingListener()
    old = kafka.origin
    listener.points = lambda _: [_point(kafka, 3, old.topic_id)]
    source.start(listener)
    listener.wait(lambda: listener.assigned)
    create_again(kafka.bootstrap_servers, kafka.names.events, 1)
    kafka.produce(OLD)
    source.stop(TIMEOUT)
    kafka.commit(_point(kafka, 3, old.topic_id))
    after, later = kafka.source(), RecordingListener()
    after.start(later)
    later.wait(lambda: later.assigned)
    assert later.assigned[kafka.partition].frontier == 0
    assert kafka.counts.recreated
