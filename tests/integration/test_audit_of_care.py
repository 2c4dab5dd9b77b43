"""`audit` of recipient care on a real Kafka: planted violations are found where they are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pipeline.adapters.kafka.care.writer import CareWriter
from pipeline.adapters.kafka.intents.record import IntentEncoder
from pipeline.adapters.rule_files import read_rules
from pipeline.adapters.shipped import shipped
from pipeline.adapters.telemetry.logging import recipient_hash
from pipeline.care.preferences import Preferences
from pipeline.care.recipient import Recipient
from pipeline.model.event import IntentPosition, Position
from pipeline.model.intent import ChoiceIntent, PreferencesChoice
from pipeline.model.once import OnceUntil, once_key
from pipeline.rules.compile import load
from tests.fakes.listener import TIMEOUT
from tests.fakes.real_kafka import RealKafka
from tests.integration.commands import Command
from tests.integration.test_audit_command import CATALOGUE, RULE, Shop

pytestmark = pytest.mark.kafka
CARE = """\
care:
  quiet_hours: {night: {from: "22:00", to: "08:00"}}
  caps:
    a-day: {of: {category: transactional}, at_most: 2, per: day}
  categories: {transactional: {caps: [a-day], quiet: {hours: night}, opt_out: receipts}}
"""
OPTED_OUT = '{"opted_out": ["receipts"]}'


class CareShop(Shop):
    """A shop with recipient care, whose outcomes name their intents."""

    def __init__(self, kafka: RealKafka, folder: Path) -> None:
        super().__init__(kafka, folder)
        self._hashed = recipient_hash(kafka.names.group.encode())
        self.intents, self.care = f"{kafka.names.events}.intents", f"{kafka.names.events}.care"
        shutil.copytree(shipped("rules"), folder / "rules")
        (folder / "rules" / "care.yaml").write_text(CARE, encoding="utf-8")
        self._version = load(read_rules(folder / "rules"), CATALOGUE, environment="production").version
        configuration = json.loads(self.config.read_text(encoding="utf-8"))
        configuration["rules"] = str(folder / "rules")
        configuration["recipient_care"] = {"intents_topic": self.intents, "care_topic": self.care}
        self.config.write_text(json.dumps(configuration), encoding="utf-8")
        admin = AdminClient(kafka.properties)
        for topic, policy in ((self.intents, "delete"), (self.care, "compact")):
            admin.create_topics([NewTopic(topic, 1, 1, config={"cleanup.policy": policy})])[topic].result(15)

    def choose(self, who: str, text: str, source: int) -> None:
        """The recipient's preferences, on their way."""
        choice = ChoiceIntent(PreferencesChoice(who, text), Position("preferences", 0, source), 1, "preferences/0", 0)
        producer = Producer(self.kafka.properties)
        producer.produce(self.intents, IntentEncoder(self.kafka.names.group).choice(choice), b"k", 0)
        assert producer.flush(TIMEOUT) == 0

    def know(self, who: str, preferences: Preferences, offset: int) -> None:
        """The recipient's record, whose choice was read at this offset of the intents topic."""
        known, finished = Recipient(), list[bool]()
        known.choose(preferences, offset, 1)
        writer = CareWriter(self.kafka.properties, self.care, b"one.")
        writer.write(0, 1, self._hashed(who), known.pack(), finished.append)
        while not finished:
            writer.poll()
        assert finished == [True]

    def send(self, number: int, who: str, when: str, intent: int, **changes: object) -> None:
        """The outcome of an event, accepted at this time of a day in Shanghai."""
        second = datetime.fromisoformat(f"2026-11-30 {when}").replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
        plain: dict[str, Any] = {
            "recipient": self._hashed(who),
            "rules_version": self._version,
            "category": "transactional",
            "first_attempt_at": second,
            "finished_at": second + 0.1,
            "intent": IntentPosition(0, intent),
        }
        self.settle(self.position(number), **(plain | changes))

    def deliver(self, events: int, intents: int) -> None:
        """Commit both topics."""
        self.commit(events)
        consumer = Consumer({**self.kafka.properties, "group.id": self.kafka.names.group})
        consumer.commit(offsets=[KafkaPartition(self.intents, 0, intents)], asynchronous=False)
        consumer.close()


@pytest.fixture
def shop(make_kafka: Callable[..., RealKafka], tmp_path: Path) -> CareShop:
    return CareShop(make_kafka(), tmp_path)


def test_planted_violations_are_found_where_they_are(shop: CareShop, command: Command) -> None:
    """One of each, with the positions of event and intent; what is well is not found."""
    shop.emit(10)
    shop.choose("opted-out", OPTED_OUT, 5)  # at offset 0 of the intents topic
    shop.know("long-ago", Preferences(frozenset({"receipts"})), 0)
    once = OnceUntil(once_key(RULE, "T1"), datetime(2026, 12, 1).astimezone().timestamp())
    shop.send(0, "often", "09:00", 1)
    shop.send(1, "often", "10:00", 2)
    shop.send(2, "often", "11:00", 3)
    shop.send(3, "opted-out", "10:00", 4)
    shop.send(4, "long-ago", "10:00", 5)
    shop.send(5, "twice", "10:00", 6, once=once)
    shop.send(6, "twice", "10:01", 7, once=once)
    shop.send(7, "asleep", "23:00", 8)
    shop.send(8, "well", "10:00", 9)
    shop.send(9, "well", "12:00", 10)
    shop.deliver(10, 11)
    ran = command("audit", "-c", str(shop.config), "--output", "json")
    assert ran.code == 1, ran
    found = {(one["code"], one["offset"]) for one in ran.reported["examples"]}
    assert found == {
        ("over-cap", 2),
        ("after-opt-out", 3),
        ("after-opt-out", 4),
        ("not-once", 6),
        ("in-quiet-hours", 7),
    }
    (cap,) = [one["words"] for one in ran.reported["examples"] if one["code"] == "over-cap"]
    assert f"(intent {shop.intents}/0/3): cap `a-day` is reached: 2 of 2 on 2026-11-30: 09:00 {RULE}, 10:00" in cap
