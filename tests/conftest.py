"""Which sockets a test may open, which broker it uses, how tests are spread over processes, the run's last lines."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_socket
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from xdist.scheduler import LoadFileScheduling

from tests.broker.choice import KINDS, Choice, choose, received, sent
from tests.broker.handle import Broker, Kind

# A red build means that this change broke something, so the examples do not differ from run to run. To search for
# new ones: `pytest tests/property --hypothesis-profile search`.
hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1_000)
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=20)
hypothesis.settings.load_profile("fixed")
CHOSEN = pytest.StashKey[Choice]()
PURE = ("unit", "property")
"""Folders whose tests open no socket at all; the others may use the loopback address."""
LOOPBACK = ["127.0.0.1", "::1", "localhost"]
STOPS_KAFKA = "stops-kafka"
SLOWEST = ("acceptance", "integration", "browser", "contract")
"""Folders whose tests wait for processes and brokers."""
SENT = "kafka"
"""Key of the broker's description in what xdist sends to its workers."""


def _folder(path: Path, root: Path) -> str:
    return path.relative_to(root / "tests").parts[0]


@pytest.fixture(autouse=True)
def _sockets(request: pytest.FixtureRequest) -> None:
    # Event loops need a pair of Unix sockets. pytest-socket removes its restriction after each test.
    if _folder(request.path, request.config.rootpath) in PURE:
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _real_kafka(request: pytest.FixtureRequest) -> None:
    """Skip a test of Kafka's own behaviour where the broker is a mock."""
    if request.node.get_closest_marker("kafka") is not None:
        request.getfixturevalue("real_kafka")


@functools.cache
def _stops_kafka(file: Path) -> bool:
    return "stoppable_kafka" in file.read_text(encoding="utf-8")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, where several processes run the tests; repeat a failed test of processes once.

    A test that starts brokers, services or browsers beside others of its kind sometimes meets a machine that is too
    slow or too fast for it. One that fails twice fails the run; one that passes the second time is named in the
    summary, with what failed, because it shows a fault as well: of the test, or of the product.
    """

    def rank(item: pytest.Item) -> int:
        folder = _folder(item.path, config.rootpath)
        return 1 if folder not in SLOWEST else -_stops_kafka(item.path)

    for item in items:
        if _folder(item.path, config.rootpath) not in PURE:
            item.add_marker(pytest.mark.flaky(reruns=1))
    if hasattr(config, "workerinput"):
        items.sort(key=rank)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let the cycle collector pass over modules and collected tests, which stay: it took a fifth of a run's time."""
    gc.collect()
    gc.freeze()


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Keeps the tests of a file in one process, and all files with tests that stop their broker."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return STOPS_KAFKA if _stops_kafka(self.config.rootpath / file) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    """Spread tests over processes by file, in the order of `pytest_collection_modifyitems`."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - xdist has no types
    """Start the broker that all processes share, before the first of them, unless only pure tests are run."""
    config = node.config
    tests = config.rootpath / "tests"
    paths = [(config.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in config.args]
    if all(any(path.is_relative_to(tests / pure) for pure in PURE) for path in paths):
        return
    if CHOSEN not in config.stash:
        config.stash[CHOSEN] = choose()
    node.workerinput[SENT] = sent(config.stash[CHOSEN])


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the broker of this process."""
    if CHOSEN in config.stash:
        config.stash[CHOSEN].broker.close()


@pytest.fixture(scope="session")
def kafka_choice(request: pytest.FixtureRequest) -> Choice:
    """The first broker that can be had, and why no better one; among several processes, the one that they share."""
    config = request.config
    if CHOSEN not in config.stash:
        shared = getattr(config, "workerinput", {}).get(SENT)
        config.stash[CHOSEN] = choose() if shared is None else received(shared)
    return config.stash[CHOSEN]


@pytest.fixture(scope="session")
def own_kafka(kafka_choice: Choice) -> Iterator[Broker]:
    """A broker that no other process uses: among several processes, a second one."""
    if not kafka_choice.shared:
        yield kafka_choice.broker
        return
    broker = KINDS[kafka_choice.broker.kind]()
    try:
        yield broker
    finally:
        broker.close()


@pytest.fixture
def kafka_broker(request: pytest.FixtureRequest, kafka_choice: Choice) -> Broker:
    """The broker of this test, up; possibly a mock."""
    stopped = "stoppable_kafka" in request.fixturenames and kafka_choice.broker.kind is not Kind.MOCK
    broker: Broker = request.getfixturevalue("own_kafka") if stopped else kafka_choice.broker
    return broker


@pytest.fixture
def real_kafka(kafka_choice: Choice, kafka_broker: Broker) -> Broker:
    """The broker of this test, where it is a real one."""
    if kafka_broker.kind is Kind.MOCK:
        pytest.skip(f"needs a real Kafka; ran on {kafka_choice.message}")
    return kafka_broker


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
    """Make a topic and return its name: `topic("orders", partitions=4, **{"retention.ms": "1000"})`."""
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers, "log_level": 0})

    def make(word: str = "events", *, partitions: int = 1, **config: str) -> str:
        name = unique(word)
        if kafka_broker.kind is Kind.MOCK:
            admin.list_topics(name, timeout=10)  # the mock has no CreateTopics: it makes each topic that is requested
        else:
            admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(15)
        wait_until_there(admin, name)
        return name

    return make


def wait_until_there(admin: AdminClient, name: str) -> None:
    """Wait for the metadata to have a topic that was just made."""
    for _ in range(200):
        if admin.list_topics(name, timeout=10).topics[name].partitions:
            return
        time.sleep(0.02)
    raise AssertionError(f"the topic {name} did not come up")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Report which broker the run was on, what was skipped and why, and what passed at the second try only."""
    chosen = config.stash.get(CHOSEN, None)
    terminalreporter.write_line(f"Kafka: {chosen.message if chosen else 'no test of this run needed a broker'}")
    reasons = Counter(
        report.longrepr[2] if isinstance(report.longrepr, tuple | list) else str(report.longrepr)
        for report in terminalreporter.stats.get("skipped", [])
    )
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason.removeprefix('Skipped: ')}")
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.write_line(f"ran again after a failure: {report.nodeid}", yellow=True)
        terminalreporter.write_line(report.longreprtext)
