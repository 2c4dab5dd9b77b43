"""The demo's broker: as much of Kafka as the demo needs, and at once."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from pipeline.adapters.kafka.embedded import EmbeddedBroker
from pipeline.adapters.kafka.topics import LEDGER_CONFIG, TopicCheck, TopicToMake
from pipeline.delivery import pointer
from pipeline.model.ledger import CommitPoint, LedgerPosition
from tests.fakes.listener import TIMEOUT, RecordingListener
from tests.fakes.outcomes import a_record, an_outcome
from tests.fakes.real_kafka import Names, RealKafka


def test_the_whole_way_works_on_it() -> None:
    """Topics, group, commit with pointer, outcomes and their replay: all that `demo` does."""
    names = Names("events", "outcomes", "dead-letters", "group")
    with EmbeddedBroker() as broker:
        check = TopicCheck({"bootstrap.servers": broker.bootstrap_servers}, 5)
        for name in names[:3]:
            assert check.ensure(TopicToMake(name, 12, -1, create=True), LEDGER_CONFIG) == 4
        check.require([names.events])
        kafka = RealKafka(broker.bootstrap_servers, names)
        kafka.produce(10)
        source, listener = kafka.source(), RecordingListener()
        source.start(listener)
        source.demand(100)
        listener.wait(lambda: len(listener.records) == 10)
        log = kafka.outcomes()
        reported: list[LedgerPosition] = []
        for record in listener.records:
            log.publish(
                an_outcome(record.position), a_record(record.position), lambda *at: reported.append(LedgerPosition(*at))
            )
        assert log.flush(TIMEOUT) == 0
        listener.points = lambda _: [CommitPoint(kafka.partition, 4, pointer.write(reported[4]))]
        source.stop(TIMEOUT)
        after, later = kafka.source(), RecordingListener()
        after.start(later)
        later.wait(lambda: later.assigned)
        known = later.assigned[kafka.partition]
        after.stop(TIMEOUT)
        assert (known.frontier, len(known.done)) == (4, 6)


def test_nothing_answers_once_it_is_closed() -> None:
    """Its address is free again, and what it held is gone."""
    with EmbeddedBroker() as broker:
        address = broker.bootstrap_servers
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=1)
