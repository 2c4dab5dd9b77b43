"""The main job where everything around the service was written by others, and its event type is new to the project.

Apache Kafka, Apicurio as registry, Confluent's own serializer as the upstream system, WireMock as the notices API.
"""

from __future__ import annotations

import datetime as dt
import json
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from pipeline.model.outcome import OutcomeKind
from tests.acceptance.service import END_SECONDS, ServiceUnderTest, read_outcomes, uncommitted
from tests.broker.handle import Broker, Unavailable
from tests.jvm.apicurio import Apicurio
from tests.jvm.wiremock import Received, WireMock

EVENTS = 5_000
RECIPIENTS = 700
TOKEN = "token-of-another-client"
SCHEMA = {
    "type": "record",
    "name": "BerthReserved",
    "namespace": "net.harbour.berths",
    "fields": [
        {"name": "skipper", "type": "string"},
        {"name": "seq", "type": "long"},
        {
            "name": "berth",
            "type": {
                "type": "record",
                "name": "Berth",
                "fields": [{"name": "pier", "type": "string"}, {"name": "number", "type": "int"}],
            },
        },
        {"name": "size", "type": {"type": "enum", "name": "Size", "symbols": ["S", "M", "L"]}},
        {"name": "fee", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "arrives", "type": {"type": "int", "logicalType": "date"}},
        {"name": "booked_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "extras", "type": {"type": "map", "values": "int"}},
    ],
}
FILES = {
    "templates.yaml": """
templates:
  berth:
    title: 泊位预订成功
    style: history
    ids: {production: Q57J4mJLPXxiBNTzRqkB93eB_64KLnRmAgNcoRiOMpk}
    fields:
      first: {optional: true}
      keyword1: {label: 泊位}
      keyword2: {label: 费用}
      keyword3: {label: 日期}
      keyword4: {label: 序号}
      remark: {optional: true}
""",
    "harbour.yaml": """
rules:
  - id: berth-reserved
    on: net.harbour.berths.BerthReserved
    when: event.fee > 0.0 && event.size != "L"
    to: ${event.skipper}
    template: berth
    url: https://harbour.example.net/berths/${event.berth.number}
    data:
      first: 您的泊位已预订
      keyword1: ${event.berth.pier}-${event.berth.number}
      keyword2: {value: "${money(event.fee, 'EUR')}", color: "#173177"}
      keyword3: ${local_date(event.arrives, "YYYY年M月D日")}
      keyword4: ${event.seq}
      remark: ${default(event.note, "")}
  - id: large-berth
    on: net.harbour.berths.BerthReserved
    when: event.size == "L" && event.extras["tugs"] > 0
    to: ${event.skipper}
    template: berth
    data:
      keyword1: ${event.berth.pier}
      keyword2: ${money(event.fee, "EUR")}
      keyword3: ${local_time(event.booked_at, "YYYY-MM-DD HH:mm", "Europe/Lisbon")}
      keyword4: ${event.seq}
""",
}


@pytest.fixture(scope="module")
def registry() -> Iterator[Apicurio]:
    try:
        with Apicurio() as real:
            yield real
    except Unavailable as reason:
        pytest.skip(f"no real schema registry: {reason}")


@pytest.fixture
def api() -> Iterator[WireMock]:
    try:
        with WireMock() as mock:
            yield mock
    except Unavailable as reason:
        pytest.skip(f"no API written by others: {reason}")


def berth(number: int) -> dict[str, Any]:
    """The event with this number."""
    return {
        "skipper": f"{number * number % RECIPIENTS:032x}",
        "seq": number,
        "berth": {"pier": "北", "number": number % 40},
        "size": "SML"[number % 3],
        "fee": Decimal(number + 1) / 100,
        "arrives": dt.date(2026, 11, 30),
        "booked_at": dt.datetime(2026, 11, 23, 7, 1, tzinfo=dt.UTC),
        "note": None if number % 2 else "欢迎",
        "extras": {"tugs": 1},
    }


def emit(broker: Broker, registry: Apicurio, topic: str) -> None:
    """As an upstream team would: nothing of ours is involved."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "enable.idempotence": True})
    context = SerializationContext(topic, MessageField.VALUE)
    with SchemaRegistryClient({"url": registry.url}) as client:
        serialize = AvroSerializer(client, json.dumps(SCHEMA))
        for number in range(EVENTS):
            event = berth(number)
            producer.produce(topic, value=serialize(event, context), key=event["skipper"])
            producer.poll(0)
    assert producer.flush(30) == 0


def answers(api: WireMock) -> None:
    """The contract's success after 2 to 8 ms; one recipient in a hundred is refused three times before."""
    path = {"method": "POST", "urlPath": "/message/v2/notices"}
    allowed = {"Authorization": {"equalTo": f"Bearer {TOKEN}"}, "Content-Type": {"contains": "application/json"}}
    delay = {"type": "uniform", "lower": 2, "upper": 8}
    fine = {"status": 200, "jsonBody": {"code": 200}, "delayDistribution": delay}
    api.answer({"priority": 9, "request": path, "response": {"status": 401, "jsonBody": {"code": 401}}})
    api.answer({"priority": 5, "request": {**path, "headers": allowed}, "response": fine})
    for number in range(0, RECIPIENTS, 100):
        to = [{"matchesJsonPath": {"expression": "$.to", "equalTo": f"{number:032x}"}}]
        busy = (
            {"status": 503, "headers": {"Retry-After": "1"}, "body": "<html>busy</html>"},
            {"status": 200, "jsonBody": {"code": -1, "msg": "system busy"}},
            {"status": 429, "jsonBody": {"code": 429}},
        )
        states = ("Started", "one", "two", "three")
        for index, response in enumerate(busy):
            api.answer(
                {
                    "priority": 1,
                    "scenarioName": f"recipient {number}",
                    "requiredScenarioState": states[index],
                    "newScenarioState": states[index + 1],
                    "request": {**path, "headers": allowed, "bodyPatterns": to},
                    "response": response,
                }
            )


@pytest.mark.kafka
def test_five_thousand_events_of_a_type_never_seen_before(
    tmp_path: Path, real_kafka: Broker, topic: Callable[..., str], registry: Apicurio, api: WireMock
) -> None:
    """Each is accepted, has its outcome, keeps its recipient's order, and is committed."""
    name = topic("berths", partitions=4)
    configuration: dict[str, object] = {
        "kafka": {"bootstrap_servers": real_kafka.bootstrap_servers, "topics": [name], "group_id": f"{name}.group"},
        "schemas": {"registry_url": registry.url},
        "notices": {"url": f"{api.url}/message/v2/notices", "token": TOKEN},
        "delivery": {"retry": {"base_seconds": 0.2, "cap_seconds": 1}},
        "outcomes": {"topic": f"{name}.outcomes", "replication_factor": 1},
        "dead_letters": {"topic": f"{name}.dead", "replication_factor": 1},
        "http": {"host": "127.0.0.1", "port": 0},
    }
    answers(api)
    emit(real_kafka, registry, name)
    service = ServiceUnderTest(tmp_path, configuration, FILES)
    with service.running() as process:
        outcomes = read_outcomes(real_kafka.bootstrap_servers, f"{name}.outcomes", EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, service.log
    assert Counter(outcome.kind for outcome in outcomes) == {OutcomeKind.ACCEPTED: EVENTS}
    assert len({outcome.position for outcome in outcomes}) == EVENTS
    assert uncommitted(real_kafka.bootstrap_servers, f"{name}.group", name) == 0
    assert "Traceback" not in service.log
    journal = api.journal()
    assert_each_once_in_order(journal)
    assert_first_two(journal)


def assert_each_once_in_order(journal: Sequence[Received]) -> None:
    """Accepted once each; a refused one comes again under its key before the recipient's next one."""
    tried: dict[str, list[int]] = defaultdict(list)
    accepted: Counter[int] = Counter()
    keys = defaultdict(set)
    for request in journal:
        body = json.loads(request.body)
        number = int(body["data"]["keyword4"]["value"])
        keys[number].add(request.headers["Idempotency-Key"])
        accepted[number] += request.answer == '{"code":200}'
        tried[body["to"]].append(number)
    assert set(accepted) == set(range(EVENTS))
    assert set(accepted.values()) == {1}
    assert {len(used) for used in keys.values()} == {1}
    assert all(numbers == sorted(numbers) for numbers in tried.values())
    refused = [numbers[:4] for numbers in tried.values() if len(numbers) > len(set(numbers))]
    assert len(refused) > 1
    assert all(len(set(numbers)) == 1 for numbers in refused)


def assert_first_two(journal: Sequence[Received]) -> None:
    """What left for event 1 and 2, whole."""
    bodies = {body["data"]["keyword4"]["value"]: body for body in (json.loads(one.body) for one in journal)}
    assert bodies["1"] == {
        "to": f"{1:032x}",
        "template": "Q57J4mJLPXxiBNTzRqkB93eB_64KLnRmAgNcoRiOMpk",
        "url": "https://harbour.example.net/berths/1",
        "data": {
            "first": {"value": "您的泊位已预订"},
            "keyword1": {"value": "北-1"},
            "keyword2": {"value": "€0.02", "color": "#173177"},
            "keyword3": {"value": "2026年11月30日"},
            "keyword4": {"value": "1"},
        },
    }
    assert bodies["2"]["data"]["keyword3"] == {"value": "2026-11-23 07:01"}
    assert "url" not in bodies["2"]
