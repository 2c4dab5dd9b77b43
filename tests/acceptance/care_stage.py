"""Events of the same recipients on two topics, and rules with recipient care."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from pipeline.adapters.events.writer import EventProducer
from pipeline.model.outcome import Outcome, OutcomeKind
from pipeline.operations.audit.findings import Code
from pipeline.sandbox.server import SandboxServer
from tests.acceptance.service import uncommitted
from tests.acceptance.stage import RULES, Stage, recipient
from tests.broker.handle import Broker
from tests.fakes.registry import FakeRegistry

CARE_CODES = (Code.OVER_CAP, Code.NOT_ONCE, Code.AFTER_OPT_OUT, Code.IN_QUIET_HOURS)
CAP_OF = 2
RECIPIENTS = 30
CARE = f"""
care:
  caps: {{a-week: {{of: {{category: marketing}}, at_most: {CAP_OF}, per: week}}}}
  categories: {{marketing: {{caps: [a-week], opt_out: promotions}}}}
"""
CAPPED = RULES.replace("    template: parked\n", "    template: parked\n    category: marketing\n")
ONCE = RULES.replace("    template: parked\n", '    template: parked\n    once: {by: "${event.who}", within: 24h}\n')


class CareStage(Stage):
    """Events of the same recipients on two topics, and rules with recipient care."""

    def __init__(
        self,
        folder: Path,
        broker: Broker,
        topics: tuple[str, str],
        preferences: str,
        registry: FakeRegistry,
        sandbox: SandboxServer,
    ) -> None:
        self.topics = topics
        self.preferences = preferences
        super().__init__(
            folder,
            broker,
            topics[0],
            registry,
            sandbox,
            {
                "kafka": {"topics": list(topics), "properties": {"session.timeout.ms": 6_000}},
                "recipient_care": {
                    "intents_topic": f"{topics[0]}.intents",
                    "care_topic": f"{topics[0]}.care",
                    "preferences_topic": preferences,
                    "partitions": 4,
                    "replication_factor": 1,
                },
                "control": {"topic": f"{topics[0]}.control", "replication_factor": 1},
            },
        )

    def rules(self, rules: str, care: str | None = None) -> None:
        """Replace the rules."""
        folder = self.service.folder / "rules"
        (folder / "garage.yaml").write_text(rules, encoding="utf-8")
        if care is not None:
            (folder / "care.yaml").write_text(care, encoding="utf-8")

    def choose(self, *recipients: str, value: bytes | None) -> None:
        """Write the preferences of these recipients."""
        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers})
        for who in recipients:
            producer.produce(self.preferences, value, who)
        assert producer.flush(30) == 0

    def chosen(self) -> int:
        """How many records of preferences the group has not passed on yet."""
        return uncommitted(self.broker.bootstrap_servers, self.group, self.preferences)

    def read_choices_again(self) -> None:
        """Reset the group's offsets of the preferences to their start; no member may be running."""
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap_servers})
        partitions = admin.list_topics(self.preferences, timeout=10).topics[self.preferences].partitions
        starts = [TopicPartition(self.preferences, partition, 0) for partition in partitions]
        asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(self.group, starts)])
        for answer in asked.values():
            answer.result(30)

    def violations(self) -> dict[str, int]:
        """What `audit` finds wrong in how recipient care decided."""
        findings: dict[str, int] = self.service.report("audit", codes=(0, 1))["findings"]
        return {code: findings[code] for code in CARE_CODES if findings[code]}

    def emit_round(self, number: int) -> None:
        """One event for each recipient, on one of the topics."""
        producer = EventProducer({"bootstrap.servers": self.broker.bootstrap_servers})
        for each in range(RECIPIENTS):
            who = recipient(each)
            producer.send(self.topics[number % 2], who, self.encode(number * RECIPIENTS + each, who), [])
        producer.flush()


def ends(outcomes: Sequence[Outcome]) -> dict[str, Counter[OutcomeKind]]:
    """How the messages of each recipient ended, each message once."""
    found: dict[str, Counter[OutcomeKind]] = defaultdict(Counter)
    for outcome in {one.id: one for one in outcomes}.values():
        found[outcome.recipient or ""][outcome.kind] += 1
    return found
