"""Clients that know no broker any more, as librdkafka may leave them: each is replaced, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from structlog.testing import capture_logs

from pipeline.adapters.kafka.care.tail import CareTail
from pipeline.adapters.kafka.care.writer import CareWriter
from pipeline.adapters.kafka.control import ControlReader
from pipeline.care.recipient import Recipient
from pipeline.model.event import Position
from pipeline.model.pause import Pause, Scope, ScopeKind
from tests.broker.brokerless import BrokerlessProxy
from tests.broker.handle import Broker
from tests.broker.maven import MavenBroker
from tests.broker.proxy import running
from tests.fakes.listener import RecordingListener
from tests.fakes.outcomes import a_record, an_outcome
from tests.fakes.real_kafka import RealKafka

pytestmark = pytest.mark.kafka
SECONDS = 60.0
SCOPE = Scope(ScopeKind.RULE, "coupon-issued")


@pytest.fixture
def proxy(stoppable_kafka: Broker) -> Iterator[BrokerlessProxy]:
    if not isinstance(stoppable_kafka, MavenBroker):
        pytest.skip(f"needs a Kafka with a detour; ran on {stoppable_kafka.version}")
    with running(BrokerlessProxy(stoppable_kafka.behind_detour), stoppable_kafka.detour) as proxy:
        yield proxy


@pytest.fixture
def kafka(proxy: BrokerlessProxy, make_kafka: Callable[..., RealKafka]) -> RealKafka:
    """Behind the proxy, with clients that never begin again with `bootstrap.servers`.

    With the default of `metadata.recovery.strategy` that is a matter of chance, and of how busy the machine is.
    """
    made = make_kafka()
    made.given = {
        "bootstrap.servers": f"127.0.0.1:{proxy.port}",
        "metadata.recovery.strategy": "none",
        "topic.metadata.refresh.interval.ms": "500",
    }
    return made


def wait_for(what: Callable[[], object], doing: Callable[[], object] = lambda: None) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, f"not within {SECONDS:.0f} s"
        doing()
        time.sleep(0.05)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_member_that_knows_no_broker_joins_again_by_another_client(
    kafka: RealKafka, proxy: BrokerlessProxy, protocol: str
) -> None:
    """Its partitions are drained, assigned again, and read on."""
    kafka.produce(5)
    source, listener = (
        kafka.source(protocol, **{"session.timeout.ms": 6_000} if protocol == "classic" else {}),
        (RecordingListener()),
    )
    with capture_logs() as logs:
        source.start(listener)
        source.demand(100)
        listener.wait(lambda: len(listener.records) == 5)
        proxy.brokerless = True
        wait_for(lambda: any(line["event"] == "kafka_client_replaced" for line in logs))
        proxy.brokerless = False
        kafka.produce(5)
        source.demand(100)
        listener.wait(lambda: set(listener.offsets()) == set(range(10)), SECONDS)
    assert listener.revoked or listener.lost
    assert listener.fatal is None


def test_an_outcome_is_written_by_the_successor_of_a_producer_that_knows_no_broker(
    kafka: RealKafka, proxy: BrokerlessProxy
) -> None:
    """Nothing is lost, and the order stays."""
    log = kafka.outcomes()
    acknowledged: list[int] = []

    def publish(offset: int) -> None:
        position = Position(kafka.names.events, 0, offset)
        log.publish(an_outcome(position), a_record(position), lambda _, at: acknowledged.append(at))

    publish(0)
    assert log.flush(SECONDS) == 0
    with capture_logs() as logs:
        proxy.brokerless = True
        wait_for(lambda: proxy.emptied > 0)
        time.sleep(1.0)  # so that it has taken the answer
        publish(1)
        publish(2)
        wait_for(lambda: any(line["event"] == "kafka_client_replaced" for line in logs), log.poll)
    proxy.brokerless = False
    wait_for(lambda: len(acknowledged) == 3, log.poll)
    assert acknowledged == [0, 1, 2]
    assert len(kafka.read(kafka.names.outcomes)) == 3


def test_pauses_are_read_on_by_the_successor_of_a_reader_that_knows_no_broker(
    kafka: RealKafka, proxy: BrokerlessProxy
) -> None:
    """From where the former one was."""
    control = ControlReader(kafka.properties, kafka.names.dead_letters, kafka.names.group)
    reported: list[Sequence[Pause]] = []
    with capture_logs() as logs:
        control.follow(reported.append)
        proxy.brokerless = True
        wait_for(lambda: any(line["event"] == "kafka_client_replaced" for line in logs))
    proxy.brokerless = False
    pause = Pause(SCOPE, 1_700_000_000.0, None, drop=False, by="me", reason="")
    control.write({SCOPE: pause})
    wait_for(lambda: reported)
    assert reported == [[pause]]
    control.close()


def test_recipient_care_writes_and_watches_by_successors(kafka: RealKafka, proxy: BrokerlessProxy) -> None:
    """What the former writer has not written is given back, and what was written meanwhile is seen."""
    topic = kafka.names.dead_letters
    writer = CareWriter(kafka.properties, topic, b"two.")
    tail = CareTail({**kafka.properties, "group.id": "care-tail"}, topic, b"one.")
    finished: list[bool] = []
    seen: list[str] = []

    def write() -> None:
        writer.write(0, 1, "ann", None, finished.append)

    tail.watch(0, 1, 0)
    tail.start(lambda _number, recipient, _state: seen.append(recipient))
    write()
    wait_for(lambda: finished == [True], writer.poll)
    with capture_logs() as logs:
        proxy.brokerless = True
        wait_for(lambda: len({line["client"] for line in logs if "client" in line}) == 2, writer.poll)
    proxy.brokerless = False
    writer.write(0, 1, "bob", Recipient().pack(), finished.append)
    wait_for(lambda: seen == ["ann", "bob"] and finished[-1], writer.poll)
    tail.close()


def test_topic_ids_are_asked_again_by_another_client(kafka: RealKafka, proxy: BrokerlessProxy) -> None:
    """One request fails, the next is answered."""
    before = kafka.origin
    proxy.brokerless = True
    wait_for(lambda: proxy.emptied > 3, lambda: kafka.identities.newest([kafka.names.events]))
    proxy.brokerless = False

    def asked() -> bool:
        try:
            return kafka.origin == before
        except Exception:  # noqa: BLE001 - whatever the lost client raises
            return False

    wait_for(asked)
