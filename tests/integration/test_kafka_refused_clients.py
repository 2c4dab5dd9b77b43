"""Clients whose password Kafka no longer accepts: each of them ends, and its successor works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in its stub
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from pipeline.adapters.kafka.control import ControlReader
from pipeline.adapters.kafka.range import TopicRange
from pipeline.adapters.kafka.source import KafkaSource
from tests.acceptance.waiting import wait_for
from tests.broker import secure
from tests.broker.handle import Broker
from tests.fakes.listener import RecordingListener
from tests.fakes.real_kafka import RealKafka

pytestmark = pytest.mark.kafka
NEW_PASSWORD = "another-horse"


@pytest.fixture
def kafka(stoppable_kafka: Broker, make_kafka: Callable[..., RealKafka]) -> Iterator[RealKafka]:
    """A corner of a broker whose only user may do everything."""
    if stoppable_kafka.secure is None:
        pytest.skip(f"needs a Kafka with TLS and users; ran on {stoppable_kafka.version}")
    admin = AdminClient({"bootstrap.servers": stoppable_kafka.bootstrap_servers})
    user, everything, allowed = f"User:{secure.USER}", AclOperation.ALL, AclPermissionType.ALLOW
    rights = [
        AclBinding(kind, "*", ResourcePatternType.LITERAL, user, "*", everything, allowed)
        for kind in (ResourceType.TOPIC, ResourceType.GROUP)
    ]
    for future in admin.create_acls(rights).values():
        future.result(15)
    made = make_kafka()
    made.given = dict(stoppable_kafka.secure)
    yield made
    secure.set_password(stoppable_kafka, secure.PASSWORD)
    filters = [
        AclBindingFilter(kind, "*", ResourcePatternType.LITERAL, user, "*", everything, allowed)
        for kind in (ResourceType.TOPIC, ResourceType.GROUP)
    ]
    admin = AdminClient({"bootstrap.servers": stoppable_kafka.bootstrap_servers})  # the broker has been away meanwhile
    for future in admin.delete_acls(filters).values():
        future.result(15)


def clients() -> int:
    """How many of librdkafka's clients there are in this process: each has one main thread."""
    names = []
    for path in Path("/proc/self/task").glob("*/comm"):
        try:
            names.append(path.read_text(encoding="utf-8").strip())
        except OSError:  # the thread has ended
            continue
    return names.count("rdk:main")


def _wait_until_assigned(listener: RecordingListener) -> None:
    listener.wait(lambda: listener.assigned)


def test_refused_clients_end_and_their_successors_work(kafka: RealKafka, stoppable_kafka: Broker) -> None:
    """Members under both protocols, ledger, topic ids, control topic; no error of a former client is the new one's."""
    members: dict[str, tuple[KafkaSource, RecordingListener]] = {}
    ledger = kafka.ledger_reader()
    for protocol in ("consumer", "classic"):
        settings = {"session.timeout.ms": 6_000} if protocol == "classic" else {}
        group = {"group.id": f"{kafka.names.group}.{protocol}"}
        source, listener = kafka.source(protocol, ledger, **settings, **group), RecordingListener()
        members[protocol] = source, listener
        source.start(listener)
        _wait_until_assigned(listener)
    control = ControlReader(kafka.properties, kafka.names.dead_letters, kafka.names.group)
    control.follow(lambda _: None)
    kafka.produce(1)
    reader = TopicRange(kafka.properties, kafka.names.events)
    assert len(list(reader.records())) == 1  # it looks the group's coordinator up
    other_control = ControlReader(kafka.properties, kafka.names.dead_letters, kafka.names.group)
    before = clients()

    secure.set_password(stoppable_kafka, NEW_PASSWORD)
    stoppable_kafka.stop()
    stoppable_kafka.start()
    wait_for(lambda: all(source.is_refused() for source, _ in members.values()))
    for one in (reader, other_control):
        threading.Thread(target=one.close, daemon=True).start()  # where it waits without end, the test must not
    wait_for(lambda: clients() <= before - 2)
    newest = {"sasl.username": secure.USER, "sasl.password": NEW_PASSWORD}
    for renewed in (ledger, kafka.identities, control):
        renewed.reconnect(newest)
    for source, listener in members.values():
        listener.assigned.clear()
        source.reconnect(newest)
        _wait_until_assigned(listener)
    wait_for(lambda: clients() <= before - 2)
    for source, _ in members.values():
        assert not source.is_refused()
        health = source.health()
        assert health is None or health.refusal is None
    control.close()
    wait_for(lambda: clients() <= before - 3)
