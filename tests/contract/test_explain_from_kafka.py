"""`explain` of a record in Kafka decodes it as the service does, and consumes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.broker.topics import ends
from tests.contract.conftest import Run
from tests.fakes.registry import FakeRegistry

ROOT = Path(__file__).parents[2]


def configuration(folder: Path, servers: str, **schemas: str) -> str:
    """A file for the service with the example rules."""
    file = folder / "pipeline.yaml"
    lines = [
        "environment: production",
        f"kafka: {{bootstrap_servers: '{servers}', topics: [orders]}}",
        f"schemas: {{{', '.join(f'{name}: {value!r}' for name, value in schemas.items())}}}",
        f"rules: {ROOT / 'rules'}",
        "notices: {url: 'http://localhost:1/message/v2/notices', token: none}",
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    return str(file)


def emitted(run: Run, servers: str, topic: str, *more: str) -> str:
    """Put one example on the topic; where it is."""
    arguments = ["--topic", topic, "--create", "--bootstrap-servers", servers, "--seed", "3", *more]
    assert run("emit", "order.paid.v1", *arguments) == 0
    written = [partition for partition, end in ends(servers, topic).items() if end]
    assert written
    return f"{topic}/{written[0]}/0"


@pytest.mark.parametrize("encoding", ["avro", "json", "cloudevent"])
def test_a_record_is_named_by_its_place(
    run: Run, servers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    """As one word, and by three options, with the folder of schemas that the configuration names."""
    location = emitted(run, servers, f"explained-{encoding}", "--encoding", encoding)
    config = configuration(tmp_path, servers, directory=str(ROOT / "schemas" / "events"))
    capsys.readouterr()
    assert run("explain", location, "--config", config) == 0
    reported = capsys.readouterr().out
    assert reported.startswith(f"com.example.trade.order.paid.v1  {location}  ")
    assert "✓ order-paid makes a message" in reported
    topic, partition, offset = location.split("/")
    by_options = ("--topic", topic, "--partition", partition, "--offset", offset)
    assert run("explain", *by_options, "--config", config) == 0
    assert capsys.readouterr().out == reported


def test_the_registry_is_queried_for_the_records_schema(
    run: Run, servers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that does not answer is reported."""
    with FakeRegistry() as registry:
        location = emitted(run, servers, "explained-registry", "--registry", registry.url)
        config = configuration(tmp_path, servers, registry_url=registry.url)
        capsys.readouterr()
        assert run("explain", location, "-c", config) == 0
        assert "✓ order-paid makes a message" in capsys.readouterr().out
    monkeypatch.setattr("pipeline.cli.authors.one_event.REGISTRY_SECONDS", 0.3)
    assert run("explain", location, "-c", config) == 2
    error = capsys.readouterr().err
    assert "the schema registry at http://127.0.0.1:" in error
    assert "does not answer" in error


def test_an_undecodable_record_ends_with_1(
    run: Run, servers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the reason of its outcome; a missing record is misuse."""
    emitted(run, servers, "explained-broken")
    producer = Producer({"bootstrap.servers": servers, "log_level": 0})
    producer.produce("explained-broken", b"\x00nothing", partition=2)
    assert producer.flush(10) == 0
    config = configuration(tmp_path, servers, directory=str(ROOT / "schemas" / "events"))
    last = ends(servers, "explained-broken")[2] - 1
    capsys.readouterr()
    assert run("explain", f"explained-broken/2/{last}", "-c", config) == 1
    assert "unknown_schema" in capsys.readouterr().out
    assert run("explain", f"explained-broken/2/{last}", "-c", config, "--output", "json") == 1
    assert '"reason": "unknown_schema"' in capsys.readouterr().out
    assert run("explain", "explained-broken/2/99", "-c", config) == 2
    assert "has no offset 99" in capsys.readouterr().err
    assert run("explain", "nothing-there/0/0", "-c", config) == 2
    assert "nothing-there" in capsys.readouterr().err
