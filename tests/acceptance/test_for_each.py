"""One message for each item of a list, on a real Kafka: killed between the items, and an item sent again alone."""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.writer import Encoding, EventEncoder, EventProducer
from pipeline.adapters.kafka.outcome_record import OutcomeDecoder
from pipeline.adapters.kafka.range import TopicRange
from pipeline.model.outcome import OutcomeKind
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import SandboxServer, running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.parcels import Parcels
from tests.acceptance.service import END_SECONDS
from tests.acceptance.waiting import wait_for, wait_until_idle
from tests.broker.handle import Broker

pytestmark = pytest.mark.kafka

EVENTS, ITEMS = 12, 25
RECIPIENTS = 7
SLOW = FaultPlan.model_validate({"latency": "200ms"})
"""A recipient's notices take 8 s, those of a list almost one: a process killed meanwhile leaves a part of it."""
SCHEMA = {
    "type": "record",
    "name": "parcel",
    "namespace": "org.unseen.post",
    "fields": [
        {
            "name": "people",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Person",
                    "fields": [{"name": "who", "type": "string"}, {"name": "number", "type": "long"}],
                },
            },
        }
    ],
}
RULES = """
rules:
  - id: track
    on: org.unseen.post.parcel
    for_each: person in event.people
    to: ${person.who}
    template: track
    reference: ${person.number}
    data: {number1: "${person.number}"}
"""


class Families(Parcels):
    """Events with a list of people, and one rule with a message for each."""

    def __init__(self, folder: Path, broker: Broker, topic: str, sandbox: SandboxServer) -> None:
        super().__init__(folder, broker, topic, sandbox)
        (folder / "schemas" / "parcel.avsc").write_text(json.dumps(SCHEMA))
        (folder / "rules" / "post.yaml").write_text(RULES)

    def acknowledged(self) -> dict[int, set[int]]:
        """The items of each event of the topic's one partition in use that the ledger has, by offset."""
        decode = OutcomeDecoder()
        found: dict[int, set[int]] = defaultdict(set)
        with TopicRange(self.properties, f"{self.topic}.outcomes") as ledger:
            for record in ledger.records():
                outcome = decode(record.value)
                assert outcome is not None
                assert outcome.item is not None
                found[outcome.position.offset].add(outcome.item)
        return found

    def emit_lists(self, lists: list[list[tuple[str, int]]]) -> None:
        """One event for each list of recipients and numbers, in one partition."""
        schema = EventSchema(SCHEMA)
        encoder = EventEncoder(schema, folder_id(schema.fingerprint), Encoding.AVRO)
        producer = EventProducer(self.properties)
        for number, people in enumerate(lists):
            value, headers = encoder.encode({"people": [{"who": who, "number": at} for who, at in people]}, number)
            producer.send(self.topic, "family", value, headers)
        producer.flush()


@pytest.fixture
def stage(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[Families]:
    with running_sandbox(SandboxOptions(port=0, keep_messages=5_000)) as sandbox:
        yield Families(tmp_path, real_kafka, topic("families", partitions=2), sandbox)


def test_killed_between_items_each_item_is_sent_once_in_order(stage: Families) -> None:
    """Killed while part of a list is acknowledged: the rest is sent, and no more comes twice than must.

    What must: messages that the API had taken and whose outcome Kafka had not. Equal items are two messages.
    """
    stage.sandbox.state.follow(SLOW)
    numbers = iter(range(EVENTS * ITEMS))
    lists = [[(f"r{at % RECIPIENTS}", next(numbers)) for at in range(ITEMS)] for _ in range(EVENTS)]
    lists.append([("twin", 9_999)] * 2)
    lists.append([])
    total = EVENTS * ITEMS + 2
    stage.emit_lists(lists)
    counts = stage.sandbox.state.memory.counts
    unknown = 0
    for share in (8, 3):
        with stage.service.running() as process:
            stage.wait_for_outcomes(total // share)
            process.kill()
            process.wait(END_SECONDS)
        wait_until_idle(stage.sandbox)
        ended = stage.acknowledged()
        partly = [offset for offset, items in ended.items() if 0 < len(items) < len(lists[offset])]
        assert partly, "killed between the items of a list"
        unknown += counts.accepted - sum(map(len, ended.values()))
    stage.sandbox.state.follow(FaultPlan())
    with stage.service.running() as process:
        wait_for(lambda: sum(map(len, stage.acknowledged().values())) >= total)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    ended = stage.acknowledged()
    assert {offset: sorted(items) for offset, items in ended.items()} == {
        offset: [*range(len(items))] for offset, items in enumerate(lists) if items
    }
    assert counts.accepted == total
    assert counts.repeats <= unknown
    for recipient, taken in stage.taken().items():
        assert taken == sorted(taken), recipient
    assert set(stage.reported(0, "audit")["findings"].values()) == {0}


def test_a_refused_item_is_redriven_alone(stage: Families) -> None:
    """Its dead letter names the item: of the other items none is sent again, and the audit agrees."""
    refused = {"faults": [{"recipients": ["r2"], "code": 43101}]}
    stage.sandbox.state.follow(FaultPlan.model_validate(refused))
    stage.emit_lists([[(f"r{at}", at) for at in range(5)]])
    with stage.service.running() as service:
        outcomes = stage.outcomes(5)
        (rejected,) = [one for one in outcomes if one.kind is not OutcomeKind.ACCEPTED]
        assert (rejected.kind, rejected.item) == (OutcomeKind.REJECTED, 2)
        stage.sandbox.state.follow(FaultPlan())
        assert stage.reported(0, "redrive")["sent"] == 1
        stage.wait_for_outcomes(6)
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, stage.service.log
    again = stage.outcomes(6)[-1]
    assert (again.kind, again.item, again.id) == (OutcomeKind.ACCEPTED, 2, rejected.id)
    assert stage.taken() == {f"r{at}": [at] for at in range(5)}
    assert stage.sandbox.state.memory.counts.repeats == 0
    assert set(stage.reported(0, "audit")["findings"].values()) == {0}


def test_items_that_the_rule_did_not_take_are_replayed_alone(stage: Families) -> None:
    """The rule took two of four people; it is corrected, and the other two get their message, each once."""
    rules = stage.service.folder / "rules" / "post.yaml"
    rules.write_text(RULES.replace("event.people", "event.people.filter(one, one.number < 2)"))
    lists = [[(f"r{event}-{at}", at) for at in range(4)] for event in range(3)]
    stage.emit_lists(lists)
    with stage.service.running() as process:
        stage.wait_for_outcomes(6)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    rules.write_text(RULES)
    replay = ("replay", "--rule", "track", "--lost")
    with stage.service.running() as process:
        looked = stage.reported(0, *replay, "--dry-run")
        assert (looked["selected"], looked["others"]) == (6, {"twice": 6})
        assert set(looked["twice"]["recipients"].values()) == {1}
        assert stage.reported(0, *replay)["sent"] == 6
        stage.wait_for_outcomes(12)
        assert stage.reported(0, *replay)["sent"] == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert stage.taken() == {f"r{event}-{at}": [at] for event in range(3) for at in range(4)}
