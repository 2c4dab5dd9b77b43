"""`emit`: the records that it writes, and its error messages."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from pipeline.adapters.events.registry import RegistryOptions, SchemaRegistry
from pipeline.adapters.events.writer import Encoding
from pipeline.adapters.events.writer_schemas import LookUp
from pipeline.model.event import Event, Record
from tests.contract.conftest import Run
from tests.fakes.registry import FakeRegistry
from tests.unit.adapters.events.records import PAID_EVENT, PAID_TYPE, decoder


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A topic for this test only."""
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name)


def written(servers: str, topic: str, count: int) -> list[Record]:
    """The first `count` records of the topic's four partitions, by offset."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "x", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(4)])
    records: list[Record] = []
    while len(records) < count:
        for message in consumer.consume(count, timeout=10):
            assert message.error() is None
            records.append(
                Record(
                    topic,
                    message.partition() or 0,
                    message.offset() or 0,
                    message.key(),
                    message.value(),
                    tuple(message.headers() or ()),  # type: ignore[arg-type]  # pairs of text and bytes
                    0,
                )
            )
    consumer.close()
    return records


def events(records: list[Record], look_up: LookUp | None = None) -> list[Event]:
    """The events that the service decodes."""
    subject = decoder(look_up=look_up)
    return [subject.decode(record) for record in records]


@pytest.mark.parametrize("encoding", Encoding)
def test_the_service_reads_what_emit_writes(servers: str, run: Run, topic: str, encoding: Encoding) -> None:
    """In every encoding, keyed by the recipient, and the same events for the same seed."""
    arguments = [
        "order.paid.v1",
        "--topic",
        topic,
        "--create",
        "--bootstrap-servers",
        servers,
        "--encoding",
        encoding.value,
    ]
    assert run("emit", *arguments, "-n", "5", "--seed", "7") == 0
    records = written(servers, topic, 5)
    read = events(records)
    assert {event.type for event in read} == {PAID_TYPE}
    assert PAID_EVENT["sub"] in {event.data["sub"] for event in read}
    assert [record.key for record in records] == [str(event.data["sub"]).encode() for event in read]
    if encoding in {Encoding.CLOUDEVENT, Encoding.CLOUDEVENT_BINARY}:
        assert {event.id for event in read} == {event.data["event_id"] for event in read}


async def test_with_a_registry_its_ids_are_written(servers: str, run: Run, topic: str) -> None:
    """Every client of the registry can read them."""
    with FakeRegistry() as registry:
        arguments = ["--topic", topic, "--create", "--bootstrap-servers", servers, "--registry", registry.url]
        assert run("emit", "order.paid.v1", *arguments) == 0
        (record,) = written(servers, topic, 1)
        assert (record.value or b"")[:5] == b"\x00\x00\x00\x00\x01"
        client = SchemaRegistry(RegistryOptions(registry.url))
        subject = decoder(look_up=client.by_id)
        await subject.prepare(record)
        assert subject.decode(record).type == PAID_TYPE
        client.close()


def test_given_events_are_written_in_their_order(servers: str, run: Run, topic: str, tmp_path: Path) -> None:
    """One on each line, a list, or another form of recording."""
    given = [{**PAID_EVENT, "order_no": f"N{number}", "sub": "one"} for number in range(3)]
    (tmp_path / "lines.jsonl").write_text("\n".join(json.dumps(event) for event in given))
    (tmp_path / "list.json").write_text(json.dumps(given))
    around = [{"type": PAID_TYPE, "data": event} for event in given]
    (tmp_path / "around.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, around)).encode()))
    for name in ("lines.jsonl", "list.json", "around.jsonl.gz"):
        arguments = ["--topic", topic, "--create", "--bootstrap-servers", servers, "--file", str(tmp_path / name)]
        assert run("emit", "order.paid.v1", *arguments) == 0
    assert [event.data["order_no"] for event in events(written(servers, topic, 9))] == ["N0", "N1", "N2"] * 3


@pytest.mark.parametrize(
    ("second", "text"),
    [
        ({**PAID_EVENT, "sub": 7}, "$.sub: should be a text, not a whole number"),
        ({"type": "shop.Other", "data": PAID_EVENT}, f"an event of type `shop.Other`, not `{PAID_TYPE}`"),
        ({"type": PAID_TYPE, "data": [1]}, "$: should be an object"),
    ],
)
def test_a_file_with_one_bad_event_writes_none(
    servers: str,
    run: Run,
    topic: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    second: Mapping[str, object],
    text: str,
) -> None:
    """The fault is reported with its location."""
    (tmp_path / "events.jsonl").write_text(json.dumps(PAID_EVENT) + "\n" + json.dumps(second))
    arguments = ["--topic", topic, "--create", "--bootstrap-servers", servers, "--file", str(tmp_path / "events.jsonl")]
    assert run("emit", "order.paid.v1", *arguments) == 2
    assert f"events.jsonl:2: {text}" in capsys.readouterr().err
    assert run("emit", "order.paid.v1", "--print", "--file", str(tmp_path / "events.jsonl")) == 2
    assert capsys.readouterr().out == ""


def test_a_missing_topic_is_reported_before_anything_is_written(
    servers: str, run: Run, topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the option that creates it: a record for a missing topic would wait until it times out."""
    assert run("emit", "order.paid.v1", "--topic", topic, "--bootstrap-servers", servers) == 2
    shown = capsys.readouterr().err
    assert f"there is no topic {topic}" in shown
    assert "--create" in shown


def test_printing_needs_no_broker(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The same seed shows the same events."""
    outputs: list[str] = []
    for _ in range(2):
        assert run("emit", PAID_TYPE, "--print", "-n", "2", "--seed", "3") == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["paid"], "names no type"),
        (["order.pad.v1"], "did you mean `order.paid.v1`?"),
        (["v1"], "names several types"),
        (["order.paid.v1", "--file", "missing.json"], "cannot be read"),
        (["order.paid.v1", "--schemas", "missing"], "the folder of schemas does not exist"),
        (["order.paid.v1", "--bootstrap-servers", "127.0.0.1:1"], "no Kafka broker answers"),
        (["order.paid.v1", "--config", "missing.yaml"], "missing.yaml"),
    ],
)
def test_a_mistake_is_reported(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    text: str,
) -> None:
    """With exit code 2 and without a traceback."""
    monkeypatch.setattr("pipeline.cli.authors.emit.BROKER_SECONDS", 1.0)
    assert run("emit", *arguments) == 2
    shown = capsys.readouterr().err
    assert text in shown
    assert "Traceback" not in shown


@pytest.fixture
def folder(servers: str, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a configuration, and nothing else."""
    (tmp_path / "pipeline.yaml").write_text(
        f"kafka: {{bootstrap_servers: '{servers}', group_id: emit, topics: [{topic}]}}\n"
        "notices: {url: 'http://localhost:1/', token: x}\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_the_configuration_of_the_folder_is_read(servers: str, run: Run, topic: str, folder: Path) -> None:
    """Brokers, topic and registry come from it, so that the service can read the events."""
    with FakeRegistry() as registry:
        with (folder / "pipeline.yaml").open("a") as file:
            file.write(f"schemas: {{registry_url: '{registry.url}'}}\n")
        assert run("emit", "order.paid.v1", "--create") == 0
        (record,) = written(servers, topic, 1)
        client = SchemaRegistry(RegistryOptions(registry.url))
        subject = decoder(look_up=client.by_id)
        await subject.prepare(record)
        assert subject.decode(record).type == PAID_TYPE
        client.close()


@pytest.mark.usefixtures("folder")
def test_a_refused_record_is_named(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the count of those that were written, without a traceback."""
    given = [PAID_EVENT, PAID_EVENT, {**PAID_EVENT, "order_no": "N" * 2_000_000}, PAID_EVENT]
    (tmp_path / "events.json").write_text(json.dumps(given), encoding="utf-8")
    assert run("emit", "order.paid.v1", "--create", "--file", "events.json") == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: record 3 was refused: ")
    assert "2 of 3 records were written" in shown


@pytest.mark.usefixtures("folder")
def test_schemas_of_the_examples_come_with_the_program(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """They are used if no folder is named."""
    assert run("emit", "order.paid.v1", "--print") == 0
    assert '"order_no"' in capsys.readouterr().out
