"""Which sockets a test may open, which broker it runs on, and what the run says of that at its end."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator

import hypothesis
import pytest
import pytest_socket
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.broker.choice import Choice, choose
from tests.broker.handle import Broker, Kind

# A red build means that this change broke something, so what is tried does not change from run to run. New ground is
# searched by whoever asks for it: `pytest tests/property --hypothesis-profile search`.
hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1_000)
hypothesis.settings.load_profile("fixed")
CHOSEN = pytest.StashKey[Choice]()
PURE = ("unit", "property")
"""Folders whose tests open no socket at all; the others may use the loopback address."""
LOOPBACK = ["127.0.0.1", "::1", "localhost"]


@pytest.fixture(autouse=True)
def _sockets(request: pytest.FixtureRequest) -> None:
    # Event loops need a pair of Unix sockets; pytest-socket itself takes its fence away after each test.
    folder = request.path.relative_to(request.config.rootpath / "tests").parts[0]
    if folder in PURE:
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _real_kafka(request: pytest.FixtureRequest) -> None:
    """A claim about Kafka is not proved on a mock: skipped there, and said so."""
    if request.node.get_closest_marker("kafka") is not None:
        request.getfixturevalue("real_kafka")


@pytest.fixture(scope="session")
def kafka_choice(request: pytest.FixtureRequest) -> Iterator[Choice]:
    """The first broker that can be had, and why no better one."""
    choice = choose()
    request.config.stash[CHOSEN] = choice
    try:
        yield choice
    finally:
        choice.broker.close()


@pytest.fixture(scope="session")
def kafka_broker(kafka_choice: Choice) -> Broker:
    """The broker of this run, up; possibly a mock."""
    return kafka_choice.broker


@pytest.fixture
def real_kafka(kafka_choice: Choice) -> Broker:
    """The broker of this run, where it is a real one."""
    if kafka_choice.broker.kind is Kind.MOCK:
        pytest.skip(f"needs a real Kafka; ran on {kafka_choice.message}")
    return kafka_choice.broker


@pytest.fixture
def stoppable_kafka(real_kafka: Broker) -> Iterator[Broker]:
    """A real broker that the test may stop and kill; up again afterwards."""
    if not real_kafka.can_stop:
        pytest.skip(f"needs a Kafka that may be stopped; ran on {real_kafka.version}")
    yield real_kafka
    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap_servers, "log_level": 0})
    try:
        admin.list_topics(timeout=2)
    except KafkaException:
        real_kafka.kill()
        real_kafka.start()


NewTopicName = Callable[..., str]


@pytest.fixture(scope="session")
def unique() -> Callable[[str], str]:
    """Names that no other test of this or another run has: `unique("orders")`."""
    numbers = itertools.count()
    return lambda word: f"{word}-{os.getpid()}-{next(numbers)}"


@pytest.fixture
def topic(kafka_broker: Broker, unique: Callable[[str], str]) -> NewTopicName:
    """Make a topic and give its name: `topic("orders", partitions=4, **{"retention.ms": "1000"})`."""
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers, "log_level": 0})

    def make(word: str = "events", *, partitions: int = 1, **config: str) -> str:
        name = unique(word)
        if kafka_broker.kind is Kind.MOCK:
            admin.list_topics(name, timeout=10)  # the mock knows no CreateTopics: it makes what it is asked about
        else:
            admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(15)
        wait_until_there(admin, name)
        return name

    return make


def wait_until_there(admin: AdminClient, name: str) -> None:
    """A topic takes a moment after it is made until it is told of."""
    for _ in range(200):
        topics = admin.list_topics(timeout=10).topics
        if name in topics and topics[name].partitions:
            return
        time.sleep(0.02)
    raise AssertionError(f"the topic {name} did not come up")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell which broker the run was on, and what was skipped and why."""
    chosen = config.stash.get(CHOSEN, None)
    terminalreporter.write_line(f"Kafka: {chosen.message if chosen else 'no test of this run asked for a broker'}")
    reasons = Counter(
        report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        for report in terminalreporter.stats.get("skipped", [])
    )
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason.removeprefix('Skipped: ')}")
