"""The guide's programs in Node, Java and Go run as printed on a real Kafka, and we read what they write."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pipeline.adapters.events.decoder import EventDecoder
from pipeline.adapters.events.writer import EventProducer
from pipeline.adapters.kafka.outcome_writer import OutcomeEncoder
from pipeline.adapters.kafka.record import record_of
from pipeline.model.event import Event, Record
from pipeline.rules.schema.event_schema import SchemaCatalogue
from tests.broker.handle import Broker
from tests.broker.process import jars
from tests.fakes.outcomes import an_outcome

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guide-events-clients.md").read_text(encoding="utf-8")
NODE_MODULES = ROOT / ".cache" / "tools" / "node" / "node_modules"
GO_PATH = f"{os.environ['PATH']}{os.pathsep}/usr/local/go/bin"
PARTITIONS = 12
SECONDS = 120
OTHER_ID = 7
"""Of the schema: its value does not matter to a reader without a registry."""
pytestmark = pytest.mark.kafka


def program(language: str, number: int = 0) -> str:
    """The text of one of the guide's programs."""
    programs: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return programs[number]


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return what it prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_node(source: str, folder: Path) -> str:
    """Skipped without Node or kafkajs."""
    node = shutil.which("node")
    if node is None or not (NODE_MODULES / "kafkajs").exists():
        pytest.skip("Node or kafkajs is not installed (make tools gets kafkajs where npm is)")
    (folder / "emit.js").write_text(source, encoding="utf-8")
    return run([node, "emit.js"], folder, {"NODE_PATH": str(NODE_MODULES)})


def by_java(source: str, folder: Path) -> str:
    """Skipped without a Java compiler; the client is the one of the broker's own release."""
    java = shutil.which("java")
    if java is None or shutil.which("javac") is None:
        pytest.skip("there is no Java compiler")
    (folder / "Emit.java").write_text(source, encoding="utf-8")
    return run([java, "-cp", f"{jars()}/*", "Emit.java"], folder)


def by_go(source: str, folder: Path) -> str:
    """Skipped without Go."""
    go = shutil.which("go", path=GO_PATH)
    if go is None:
        pytest.skip("Go is not installed")
    for name in ("go.mod", "go.sum"):
        shutil.copy(ROOT / "tests" / "clients" / "go" / name, folder)
    (folder / "main.go").write_text(source, encoding="utf-8")
    return run([go, "run", "."], folder)


@pytest.fixture
def topic(real_kafka: Broker, request: pytest.FixtureRequest) -> str:
    """A topic of this test."""
    name = re.sub(r"\W+", "-", f"clients-{request.node.name}")
    admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap_servers})
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
    return name


def records(broker: str, topic: str, count: int) -> list[tuple[int, Record]]:
    """Partition and record of all that the topic holds, which is `count`."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": topic, "auto.offset.reset": "earliest"})
    with closing(consumer):
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
        found = [record_of(message) for message in consumer.consume(count, 30)]
        assert consumer.poll(1) is None
    assert len(found) == count
    return [(record.partition, record) for record in found]


async def only_event(broker: str, topic: str) -> tuple[Event, int]:
    """The one event of the topic, as the service decodes it, and its partition."""
    ((partition, record),) = records(broker, topic, 1)
    decoder = EventDecoder(
        look_up=lambda _: pytest.fail("nothing is framed"),
        known={},
        catalogue=SchemaCatalogue(),
        json_types={},
        max_bytes=1_048_576,
    )
    await decoder.prepare(record)
    return decoder.decode(record), partition


@pytest.mark.parametrize(
    ("language", "execute"),
    [("js", by_node), ("java", by_java), ("go", by_go)],
    ids=["Node", "Java", "Go"],
)
async def test_an_event_of_another_language_is_read_and_is_where_emit_would_put_it(
    language: str, execute: Callable[[str, Path], str], real_kafka: Broker, topic: str, tmp_path: Path
) -> None:
    """With type, source, id and time; in the partition that murmur2 gives, as the guide says."""
    source = program(language).replace("localhost:9092", real_kafka.bootstrap_servers).replace("kiosk.events", topic)
    execute(source, tmp_path)
    event, event_partition = await only_event(real_kafka.bootstrap_servers, topic)
    assert (event.type, event.source, event.id) == ("com.example.kiosk.sold.v1", "/kiosk/7", "T20261123150100001")
    assert event.time_ms == 1_795_417_260_000
    assert event.data == {"sub": "6b9f1f3c7d2e4a5b8c0d9e8f7a6b5c4d", "order_no": "T20261123150100001", "total": 128.0}
    ours = EventProducer({"bootstrap.servers": real_kafka.bootstrap_servers})
    ours.send(topic, str(event.data["sub"]), b"{}", [])
    ours.flush()
    assert [partition for partition, _ in records(real_kafka.bootstrap_servers, topic, 2)] == [event_partition] * 2


def test_node_reads_outcomes_without_a_registry(real_kafka: Broker, topic: str, tmp_path: Path) -> None:
    """From gzip, by the schema of this project."""
    producer = Producer({"bootstrap.servers": real_kafka.bootstrap_servers, "compression.type": "gzip"})
    producer.produce(topic, OutcomeEncoder(OTHER_ID, lambda _: None)(an_outcome()))
    assert producer.flush(30) == 0
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    source = program("js", 1).replace("localhost:9092", real_kafka.bootstrap_servers)
    source = source.replace("notice.outcomes", topic).replace("kiosk-outcomes", topic)
    # The program never ends by itself; this test ends it after the first outcome.
    source = source.replace("outcome.reason);", "outcome.reason); process.exit(0);")
    assert by_node(source, tmp_path).split()[-2:] == ["accepted", "ok"]
