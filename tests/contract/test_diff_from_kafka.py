"""`diff` over events that are in Kafka: decoded as the service would, and nothing consumed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.adapters.events.writer import EventProducer
from tests.contract.conftest import Run
from tests.fakes.registry import FakeRegistry

ROOT = Path(__file__).parents[2]
EVENTS = 20


@pytest.fixture(autouse=True)
def two_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory: two states of the example rules, and their schemas."""
    shutil.copytree(ROOT / "rules", tmp_path / "before")
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    shutil.copytree(ROOT / "schemas" / "events", tmp_path / "schemas" / "events")
    changed = (
        (ROOT / "rules" / "trade.yaml").read_text(encoding="utf-8").replace("m.example.com/orders", "m.example.com/o")
    )
    (tmp_path / "rules" / "trade.yaml").write_text(changed, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def configure(servers: str, topics: str, **schemas: str) -> None:
    """The service's configuration, in the folder one is in."""
    lines = [
        f"kafka: {{bootstrap_servers: '{servers}', topics: [{topics}]}}",
        f"schemas: {{{', '.join(f'{name}: {value!r}' for name, value in schemas.items())}}}",
        "notices: {url: 'http://localhost:1/message/v2/notices', token: none}",
    ]
    Path("pipeline.yaml").write_text("\n".join(lines), encoding="utf-8")


def emitted(run: Run, servers: str, topic: str, *more: str) -> None:
    """Examples, and one record that is not an event."""
    arguments = ("--topic", topic, "--create", "--bootstrap-servers", servers, "-n", str(EVENTS), *more)
    assert run("emit", "order.shipped.v1", *arguments) == 0
    producer = EventProducer({"bootstrap.servers": servers})
    producer.send(topic, None, b"no event", [])
    producer.flush()


def test_the_events_of_a_topic_are_compared(run: Run, servers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With rules, schemas and environment of the configuration; undecodable records are counted by reason."""
    emitted(run, servers, "compared")
    configure(servers, "compared", directory="schemas/events")
    capsys.readouterr()
    code = run("diff", "before", "--config", "pipeline.yaml", "--topic", "compared", "--output", "json", "--exit-code")
    shown = capsys.readouterr()
    values = json.loads(shown.out)
    assert code == 1
    assert (values["events"], values["undecodable"], values["changes"]) == (EVENTS, {"no_type": 1}, EVENTS)
    shipped = next(rule for rule in values["rules"] if rule["rule"] == "order-shipped")
    assert (shipped["changed"], shipped["fields"]) == (EVENTS, {"url": EVENTS})
    assert "warning: compared/" in shown.err
    template = next(rule for rule in values["rules"] if rule["rule"] == "order-paid")
    assert (template["edit"], template["events"]) == ("edited", 0)


def test_records_beyond_the_bounds_are_left_out(run: Run, servers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Offsets of each partition; a bound that is neither an offset nor a time is misuse."""
    emitted(run, servers, "bounded")
    configure(servers, "bounded", directory="schemas/events")
    message = ("diff", "before", "-c", "pipeline.yaml", "--topic", "bounded", "--output", "json")
    capsys.readouterr()
    assert run(*message, "--to", "0") == 0
    assert json.loads(capsys.readouterr().out)["events"] == 0
    assert run(*message, "--from", "1") == 0
    assert 0 < json.loads(capsys.readouterr().out)["events"] < EVENTS
    assert run(*message, "--from", "yesterday") == 2
    assert "--from: `yesterday` is not a time" in capsys.readouterr().err


def test_schemas_come_from_the_registry(run: Run, servers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked once for the records' schema, as the service asks."""
    with FakeRegistry() as registry:
        emitted(run, servers, "registered", "--registry", registry.url)
        configure(servers, "registered", registry_url=registry.url)
        capsys.readouterr()
        assert run("diff", "before", "-c", "pipeline.yaml", "--topic", "registered", "--output", "json") == 0
    assert json.loads(capsys.readouterr().out)["changes"] == EVENTS


def test_a_broker_that_does_not_answer(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """A message, and exit code 2."""

    configure("127.0.0.1:1", "other", directory="schemas/events")
    assert run("diff", "before", "-c", "pipeline.yaml", "--topic", "other") == 2
    assert "no Kafka broker" in capsys.readouterr().err
