"""A topic of parcels, two rules for each, a platform, and the service as a process between them."""

from __future__ import annotations

import json
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.writer import Encoding, EventEncoder, EventProducer
from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.kafka.range import TopicRange
from pipeline.model.outcome import Outcome
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.sandbox.server import SandboxServer
from tests.acceptance.service import ServiceUnderTest
from tests.broker.handle import Broker
from tests.broker.topics import ends

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


class Parcels:
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
                "properties": {"session.timeout.ms": 6_000},
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

    def emit(self, numbers: range = range(EVENTS), *, rubbish: bool = True, recipients: int = RECIPIENTS) -> None:
        """Emit parcels for all recipients in turn, and a record that is not an event."""
        schema = EventSchema(SCHEMA)
        encoder = EventEncoder(schema, folder_id(schema.fingerprint), Encoding.AVRO)
        producer = EventProducer(self.properties)
        for number in numbers:
            who = f"r{number % recipients}"
            value, headers = encoder.encode({"who": who, "number": number}, number)
            producer.send(self.topic, who, value, headers)
        producer.flush()
        if rubbish:
            other = Producer(self.properties)
            other.produce(self.topic, b"\x00\x00\x00\x00\x07rubbish", b"r0")
            assert other.flush(30) == 0

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
        return self.service.command(*arguments)

    def reported(self, code: int, *arguments: str) -> dict[str, Any]:
        """What a command says, and that it ends with this code."""
        return self.service.report(*arguments, codes=(code,))

    def taken(self, template: str = "track-template") -> dict[str, list[int]]:
        """The numbers that the platform took with this template, in its order, by recipient."""
        taken: dict[str, list[int]] = defaultdict(list)
        for received in self.sandbox.state.memory.messages:
            if received.message.template == template:
                taken[received.message.to].append(int(received.message.fields["number1"][0]))
        return dict(taken)
