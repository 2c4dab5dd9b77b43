"""What failed for good, sent again: the service, the sandbox, `redrive` and `audit`, each as its users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.writer import Encoding, EventEncoder, EventProducer
from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.kafka.range import TopicRange
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.source.templates import Template, TemplateField
from pipeline.sandbox.server import SandboxServer, running_sandbox
from pipeline.sandbox.state import SandboxOptions
from pipeline.styles.category import CATEGORY, KINDS
from tests.acceptance.service import END_SECONDS, ServiceUnderTest
from tests.broker.handle import Broker
from tests.broker.topics import ends

pytestmark = pytest.mark.kafka
EVENTS = 60
RECIPIENTS = 6
SCHEMA = {
    "type": "record",
    "name": "parcel",
    "namespace": "org.unseen.post",
    "fields": [{"name": "who", "type": "string"}, {"name": "number", "type": "long"}],
}
TEMPLATES = """
templates:
  sent: {title: 包裹已发出, ids: {production: sent-template}, fields: {number1: {label: 序号}}}
  track: {title: 物流更新提醒, ids: {production: track-template}, fields: {number1: {label: 序号}}}
"""
RULES = """
rules:
  - {id: sent, on: org.unseen.post.parcel, to: "${event.who}", template: sent, data: {number1: "${event.number}"}}
  - {id: track, on: org.unseen.post.parcel, to: "${event.who}", template: track, data: {number1: "${event.number}"}}
"""


def _template(alias: str, field: str) -> Template:
    ids = {"production": f"{alias}-template"}
    return Template(alias, alias, CATEGORY, ids, (TemplateField(field, KINDS["number"]),))


WRONG = {"sent-template": _template("sent", "number1"), "track-template": _template("track", "number9")}
"""At the platform, one template has another field than ours: each of its messages is refused."""
MENDED = {"sent-template": _template("sent", "number1"), "track-template": _template("track", "number1")}


class Stage:
    """One topic, two rules, a platform that refuses one of them, and the service as a process."""

    def __init__(self, folder: Path, broker: Broker, topic: str, sandbox: SandboxServer) -> None:
        self.servers = broker.bootstrap_servers
        self.properties = {"bootstrap.servers": self.servers, "log_level": 0}
        self.topic = topic
        self.sandbox = sandbox
        (folder / "schemas").mkdir()
        (folder / "schemas" / "parcel.avsc").write_text(json.dumps(SCHEMA))
        configuration = {
            "kafka": {
                "bootstrap_servers": self.servers,
                "topics": [topic],
                "group_id": f"{topic}.group",
                "group_protocol": "classic",
            },
            "schemas": {"directory": "schemas"},
            "notices": {"url": sandbox.url, "token": "t"},
            "outcomes": {"topic": f"{topic}.outcomes", "partitions": 2, "replication_factor": 1},
            "dead_letters": {
                "topic": f"{topic}.dead",
                "redriven_topic": f"{topic}.redriven",
                "replication_factor": 1,
            },
            "http": {"host": "127.0.0.1", "port": 0},
        }
        self.service = ServiceUnderTest(folder, configuration, {"templates.yaml": TEMPLATES, "post.yaml": RULES})

    def emit(self) -> None:
        schema = EventSchema(SCHEMA)
        encoder = EventEncoder(schema, folder_id(schema.fingerprint), Encoding.AVRO)
        producer = EventProducer(self.properties)
        for number in range(EVENTS):
            who = f"r{number % RECIPIENTS}"
            value, headers = encoder.encode({"who": who, "number": number}, number)
            producer.send(self.topic, who, value, headers)
        producer.flush()
        rubbish = Producer(self.properties)
        rubbish.produce(self.topic, b"\x00\x00\x00\x00\x07rubbish", b"r0")
        assert rubbish.flush(30) == 0

    def wait_for_outcomes(self, least: int, seconds: float = 120) -> None:
        """Until there are so many."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if sum(ends(self.servers, f"{self.topic}.outcomes").values()) >= least:
                return
            time.sleep(0.1)
        raise AssertionError(f"no {least} outcomes within {seconds} s: {self.service.log}")

    def outcomes(self, count: int) -> list[Outcome]:
        """Every outcome, once there are so many; there are no more."""
        self.wait_for_outcomes(count)
        decode = OutcomeDecoder()
        with TopicRange(self.properties, f"{self.topic}.outcomes") as ledger:
            found = [decode(record.value) for record in ledger.records()]
        assert len(found) == count, self.service.log
        return [outcome for outcome in found if outcome is not None]

    def call(self, *arguments: str) -> subprocess.Popen[str]:
        """A command beside the service."""
        config = str(self.service.folder / "pipeline.yaml")
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments, "--config", config, "--output", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def told(self, code: int, *arguments: str) -> dict[str, Any]:
        """What a command says, and that it ends with this code."""
        process = self.call(*arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, (out, err)
        told: dict[str, Any] = json.loads(out)
        return told

    def tracked(self) -> dict[str, list[int]]:
        """The numbers of the rule that was refused, by recipient, in the order in which the platform took them."""
        taken: dict[str, list[int]] = defaultdict(list)
        for received in self.sandbox.state.memory.messages:
            if received.message.template == "track-template":
                taken[received.message.to].append(int(received.message.fields["number1"][0]))
        return dict(taken)


@pytest.fixture
def stage(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[Stage]:
    with running_sandbox(SandboxOptions(port=0, templates=WRONG)) as sandbox:
        yield Stage(tmp_path, real_kafka, topic("parcels", partitions=2), sandbox)


def _kinds(outcomes: list[Outcome]) -> Counter[tuple[OutcomeKind, str | None]]:
    return Counter((outcome.kind, outcome.rule) for outcome in outcomes)


def test_what_was_refused_is_mended_redriven_and_accepted_once_in_order(stage: Stage) -> None:
    """Redriven too early it is refused again, and the loop guard stops it; mended, it is accepted under a new key.

    Only the rule that failed runs again, an interrupted run is taken up where it stopped, and the audit agrees.
    """
    stage.emit()
    with stage.service.running() as service:
        outcomes = stage.outcomes(2 * EVENTS + 1)
        assert _kinds(outcomes) == {
            (OutcomeKind.ACCEPTED, "sent"): EVENTS,
            (OutcomeKind.REJECTED, "track"): EVENTS,
            (OutcomeKind.UNDECODABLE, None): 1,
        }
        looked = stage.told(0, "redrive", "--dry-run")
        assert (looked["selected"], looked["others"]) == (EVENTS, {"ask-by-name": 1})
        assert {"fate": "send", "reason": Reason.CONTENT, "rule": "track", "letters": EVENTS} in looked["by"]

        # Too early: nothing is mended yet.
        assert stage.told(0, "redrive", "--max-redrives", "1")["sent"] == EVENTS
        assert _kinds(stage.outcomes(3 * EVENTS + 1))[OutcomeKind.REJECTED, "track"] == 2 * EVENTS
        guarded = stage.told(1, "redrive", "--max-redrives", "1")
        assert (guarded["sent"], guarded["others"]["loop-guard"], guarded["others"]["done"]) == (0, EVENTS, EVENTS)

        # Mended, interrupted, taken up.
        stage.sandbox.state.templates = MENDED
        slow = stage.call("redrive", "--rate", "15")
        stage.wait_for_outcomes(3 * EVENTS + 1 + 8)
        slow.send_signal(signal.SIGINT)
        out, err = slow.communicate(timeout=60)
        assert slow.returncode == 130, err
        first = json.loads(out)
        assert first["interrupted"]
        rest = stage.told(0, "redrive")
        assert 0 < first["sent"] < EVENTS
        assert first["sent"] + rest["sent"] == EVENTS

        outcomes = stage.outcomes(4 * EVENTS + 1)
        assert _kinds(outcomes)[OutcomeKind.ACCEPTED, "track"] == EVENTS
        assert len({outcome.id for outcome in outcomes if outcome.rule == "track"}) == EVENTS
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, stage.service.log
    assert stage.tracked() == {
        f"r{recipient}": list(range(recipient, EVENTS, RECIPIENTS)) for recipient in range(RECIPIENTS)
    }
    counts = stage.sandbox.state.memory.counts
    assert (counts.accepted, counts.repeats, counts.key_reused) == (2 * EVENTS, 0, 0)
    audited = stage.told(0, "audit", "--strict")
    assert audited["clean"]
    assert audited["redriven"] == {"accepted": EVENTS, "rejected": EVENTS}
    assert audited["events"] == 3 * EVENTS + 1
    assert (audited["expected"], audited["pending"]) == (4 * EVENTS + 1, 0)


def test_a_rule_that_is_no_more_is_told_by_an_outcome(stage: Stage) -> None:
    """Whoever redrives is told that nothing came of it, though events without a rule have no outcome otherwise."""
    stage.emit()
    with stage.service.running() as service:
        stage.outcomes(2 * EVENTS + 1)
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, stage.service.log
    (stage.service.folder / "rules" / "post.yaml").write_text(
        "\n".join(line for line in RULES.splitlines() if "id: track" not in line)
    )
    assert stage.told(0, "redrive", "--rule", "track", "--key", "r3")["sent"] == EVENTS // RECIPIENTS
    with stage.service.running() as service:
        outcomes = stage.outcomes(2 * EVENTS + 1 + EVENTS // RECIPIENTS)
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, stage.service.log
    unmatched = [outcome for outcome in outcomes if outcome.kind is OutcomeKind.UNMATCHED]
    assert len(unmatched) == EVENTS // RECIPIENTS
    assert "track" in unmatched[0].detail
