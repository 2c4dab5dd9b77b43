"""One topic, one rule set, one API, and the service as a process between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from pipeline.adapters.events.writer import Encoding, EventEncoder, EventProducer
from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.kafka.range import TopicRange
from pipeline.model.outcome import Outcome
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.sandbox.server import SandboxServer
from tests.acceptance.service import END_SECONDS, OUTCOMES_SECONDS, ServiceUnderTest, read_outcomes, uncommitted
from tests.acceptance.waiting import wait_until_idle
from tests.broker.handle import Broker
from tests.fakes.registry import FakeRegistry

RECIPIENTS = 40
SCHEMA = {
    "type": "record",
    "name": "v1",
    "namespace": "org.unseen.garage.parked",
    "fields": [
        {"name": "who", "type": "string"},
        {"name": "number", "type": "long"},
        {"name": "since", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "fee", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    ],
}
TEMPLATES = """
templates:
  parked:
    title: 停车缴费提醒
    ids: {production: parked-template}
    fields:
      number1: {label: 序号}
      time2: {label: 时间}
      amount3: {label: 费用}
"""
RULE = TEMPLATE = "parked"
RULES = """
rules:
  - id: parked
    on: org.unseen.garage.parked.v1
    when: event.fee >= 0.0
    to: ${event.who}
    template: parked
    data:
      number1: ${event.number}
      time2: ${local_time(event.since, "YYYY-MM-DD HH:mm")}
      amount3: ${money(event.fee, "CNY")}
"""


def recipient(number: int) -> str:
    """A recipient's platform id."""
    return f"{number:032x}"


class Stage:
    """One topic, one rule set, one API, and the service as a process."""

    def __init__(
        self,
        folder: Path,
        broker: Broker,
        topic: str,
        registry: FakeRegistry,
        sandbox: SandboxServer,
        changes: Mapping[str, Mapping[str, object]] | None = None,
        *,
        group: str | None = None,
    ) -> None:
        """`changes` are laid over the configuration, section by section; `group` is the topic's own if not given."""
        self.broker = broker
        self.topic = topic
        self.outcomes = f"{topic}.outcomes"
        self.registry = registry
        self.sandbox = sandbox
        self.group = group or f"{topic}.group"
        self._encoder: EventEncoder | None = None
        files = {"templates.yaml": TEMPLATES, "garage.yaml": RULES}
        self.service = ServiceUnderTest(folder, self._configuration(changes or {}), files)

    def _configuration(self, changes: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
        usual: dict[str, dict[str, object]] = {
            "kafka": {
                "bootstrap_servers": self.broker.bootstrap_servers,
                "topics": [self.topic],
                "group_id": self.group,
                "properties": {"session.timeout.ms": 6_000},
                "group_protocol": "classic",
            },
            "schemas": {"registry_url": self.registry.url},
            "notices": {"url": self.sandbox.url, "token": "canary-token-9c1f"},
            "delivery": {"retry": {"base_seconds": 0.1, "cap_seconds": 0.5}},
            "outcomes": {"topic": self.outcomes, "partitions": 3, "recipient": "clear", "replication_factor": 1},
            "dead_letters": {"topic": f"{self.topic}.dead", "replication_factor": 1},
            "http": {"host": "127.0.0.1", "port": 0},
        }
        return {name: {**usual.get(name, {}), **changes.get(name, {})} for name in {**usual, **changes}}

    def encode(self, number: int, who: str) -> bytes:
        """The event with this number, as the upstream system writes it."""
        if self._encoder is None:
            schema_id = self.registry.add(f"{self.topic}-value", SCHEMA)
            self._encoder = EventEncoder(EventSchema(SCHEMA), schema_id, Encoding.AVRO)
        event = {"who": who, "number": number, "since": "2026-11-23T07:01:00+00:00", "fee": f"{number % 1_000}.50"}
        return self._encoder.encode(event, number)[0]

    def emit(self, count: int) -> None:
        """Events numbered from 0, so that order can be seen in what arrives."""
        producer = EventProducer({"bootstrap.servers": self.broker.bootstrap_servers})
        for number in range(count):
            who = recipient(number * 7 % RECIPIENTS)
            producer.send(self.topic, who, self.encode(number, who), [])
        producer.flush()

    def wait_for_outcomes(self, count: int, seconds: float = OUTCOMES_SECONDS) -> list[Outcome]:
        """Every outcome on the ledger once there are at least `count`."""
        return read_outcomes(self.broker.bootstrap_servers, self.outcomes, count, seconds)

    def ledger(self) -> list[Outcome]:
        """Every outcome that is on the ledger now."""
        decode = OutcomeDecoder()
        properties = {"bootstrap.servers": self.broker.bootstrap_servers, "log_level": 0}
        with TopicRange(properties, self.outcomes) as records:
            found = [decode(record.value) for record in records.records()]
        return [outcome for outcome in found if outcome is not None]

    def kill_after(self, outcomes: int) -> int:
        """Run the service and kill it once there are so many outcomes; return how many messages no outcome tells of.

        These were in flight, or their outcome was not acknowledged: the next process sends them again.
        """
        with self.service.running() as process:
            self.wait_for_outcomes(outcomes)
            process.kill()
            process.wait(END_SECONDS)
        wait_until_idle(self.sandbox)
        return self.sandbox.state.memory.counts.accepted - len({outcome.id for outcome in self.ledger()})

    def uncommitted(self) -> int:
        """Records at or above the group's committed offsets."""
        return uncommitted(self.broker.bootstrap_servers, self.group, self.topic)

    def numbers_by_recipient(self) -> dict[str, list[int]]:
        """What the API took, in the order in which it took it."""
        taken: dict[str, list[int]] = defaultdict(list)
        for received in self.sandbox.state.memory.messages:
            taken[received.message.to].append(int(received.message.fields["number1"][0]))
        return taken
