"""A member's client is replaced by one with other credentials: what becomes of the former one and of its partitions."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import pytest
from confluent_kafka import KafkaError
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.adapters.kafka.commits import Commits
from pipeline.adapters.kafka.group import membership
from pipeline.adapters.kafka.group.membership import GroupProtocol, Membership
from pipeline.adapters.kafka.group.start_offsets import StartOffsets
from pipeline.adapters.kafka.ledger.reader import Committed, Replay
from pipeline.model.event import Origin, TopicPartition
from pipeline.model.ledger import Assigned, LedgerPosition
from tests.fakes.listener import RecordingListener

P0 = TopicPartition("events", 0)
ORIGIN = Origin("group", "cluster", "topic-id")
REFUSED = KafkaError(KafkaError._AUTHENTICATION, "SASL authentication error: Authentication failed")
STATISTICS = {
    "ts": 0,
    "brokers": {"1": {"nodeid": 1, "nodename": "kafka:9092", "state": "UP", "rtt": {"avg": 0, "cnt": 0}}},
}


class FakeConsumer:
    """A client of a group in which it is alone."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self.error_cb: Callable[[KafkaError], None] = configuration["error_cb"]
        self.stats_cb: Callable[[str], None] = configuration["stats_cb"]
        self.password = configuration["sasl.password"]
        self.calls: list[str] = []
        self.answers = True
        """Whether the group's coordinator answers."""
        self._due: list[Callable[[], None]] = []

    def subscribe(
        self, topics: Sequence[str], on_assign: Callable[..., None], on_revoke: Callable[..., None], on_lost: object
    ) -> None:
        assert on_lost
        partitions = [KafkaPartition(topic, 0) for topic in topics]
        self._revoke = lambda: on_revoke(self, partitions)
        self._due.append(lambda: on_assign(self, partitions))

    def unsubscribe(self) -> None:
        self.calls.append("unsubscribe")
        if self.answers:
            self._due.append(self._revoke)

    def poll(self, _seconds: float) -> None:
        while self._due:
            self._due.pop(0)()

    def committed(self, partitions: Sequence[KafkaPartition], **_: object) -> Sequence[KafkaPartition]:
        return [KafkaPartition(one.topic, one.partition, 5) for one in partitions]

    def commit(self, offsets: Sequence[KafkaPartition], **_: object) -> Sequence[KafkaPartition]:
        self.calls.append("commit")
        return offsets

    def get_watermark_offsets(self, *_: object, **__: object) -> tuple[int, int]:
        return 0, 9

    def incremental_assign(self, _partitions: object) -> None:
        self.calls.append("assign")

    def incremental_unassign(self, _partitions: object) -> None:
        self.calls.append("unassign")

    def close(self) -> None:
        raise AssertionError("may wait without end")


class Ids:
    """Implements `pipeline.adapters.kafka.identities.TopicIdentities`."""

    def origins(self, topics: object) -> Mapping[str, Origin]:  # noqa: ARG002 - part of the protocol
        return {P0.topic: ORIGIN}

    def newest(self, topics: object) -> Mapping[str, str | None]:  # noqa: ARG002 - part of the protocol
        return {}


class EmptyLedger:
    """Nothing is done yet."""

    def read(self, committed: Sequence[Committed], epoch: int, _alive: object) -> list[Replay]:
        return [
            Replay(Assigned(one.partition, epoch, one.offset, {}, -1, LedgerPosition(0, 0), ORIGIN, None), "pointer")
            for one in committed
        ]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeConsumer]:
    """Every client that was made."""
    consumers: list[FakeConsumer] = []

    def make(configuration: Mapping[str, Any]) -> FakeConsumer:
        consumers.append(FakeConsumer(configuration))
        return consumers[-1]

    monkeypatch.setattr(membership, "Consumer", make)
    monkeypatch.setattr(membership, "LEAVE_SECONDS", 0.05)
    return consumers


@pytest.fixture
def listener() -> RecordingListener:
    return RecordingListener()


@pytest.fixture
def member(made: list[FakeConsumer], listener: RecordingListener) -> Membership:
    """With its only partition assigned."""
    ledger: Any = EmptyLedger()
    commits = Commits(lambda _result, _count: None)
    starts = StartOffsets(
        commits,
        Ids(),
        gone=lambda _topic, _count: None,
        recreated=lambda _topic: None,
        reset="earliest",
        intents_topic=None,
    )
    group = Membership(
        {"sasl.password": "old"},
        [P0.topic],
        ledger,
        commits,
        GroupProtocol.CONSUMER,
        starts=starts,
        alive=lambda: None,
        forgotten=lambda _partitions: None,
    )
    group.join(listener)
    made[0].poll(0)
    assert P0 in listener.assigned
    return group


def test_a_client_that_works_leaves_the_group(
    member: Membership, made: list[FakeConsumer], listener: RecordingListener
) -> None:
    """Its partitions are drained, and the next client, which has the new password, is assigned them."""
    former = made[0]
    member.reconnect({"sasl.password": "new"})
    member.rejoin_if_due()
    assert listener.revoked == [P0]
    assert former.calls[-2:] == ["unsubscribe", "unassign"]
    assert made[1].password == "new"
    made[1].poll(0)
    assert P0 in listener.assigned
    assert not listener.lost


@pytest.mark.parametrize("heard", [True, False])
def test_a_client_that_cannot_leave_loses_its_partitions(
    member: Membership, made: list[FakeConsumer], listener: RecordingListener, *, heard: bool
) -> None:
    """At once if a broker is known to refuse it; else after a while, as it is where no broker answers."""
    made[0].answers = False
    if heard:
        made[0].error_cb(REFUSED)
    member.reconnect({"sasl.password": "new"})
    member.rejoin_if_due()
    assert ("unsubscribe" in made[0].calls) is not heard
    assert listener.lost == [P0]
    made[1].poll(0)
    assert P0 in listener.assigned


def test_a_lost_client_is_replaced_after_its_partitions_are_drained(
    member: Membership, made: list[FakeConsumer], listener: RecordingListener
) -> None:
    """It can neither commit nor leave: its next owner reads from the ledger what is done."""
    for seconds in (0, 3):
        made[0].stats_cb(orjson.dumps({"ts": seconds * 1_000_000, "brokers": {}}).decode())
    member.rejoin_if_due()
    assert listener.revoked == [P0]
    assert made[0].calls[-1] == "assign"
    made[1].poll(0)
    assert P0 in listener.assigned
    member.rejoin_if_due()
    assert len(made) == 2


def test_what_a_former_client_reports_is_not_the_new_one_s(member: Membership, made: list[FakeConsumer]) -> None:
    """Neither that it is refused, nor its connections and its coordinator."""
    former = made[0]
    member.reconnect({"sasl.password": "new"})
    member.rejoin_if_due()
    former.error_cb(REFUSED)
    former.stats_cb(orjson.dumps(STATISTICS).decode())
    assert member.refused.recent() is None
    assert member.statistics.health is None
    made[1].error_cb(REFUSED)
    assert member.refused.recent() is not None


def test_a_former_client_has_no_reference(member: Membership, made: list[FakeConsumer]) -> None:
    """So that it ends, without a call that may wait for its broker."""
    former = weakref.ref(made[0])
    member.reconnect({"sasl.password": "new"})
    member.rejoin_if_due()
    del made[0]
    for thread in threading.enumerate():
        if thread.name == "former-client":
            thread.join()
    gc.collect()
    assert former() is None
