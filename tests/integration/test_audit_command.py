"""`audit` on a real Kafka: planted gaps, duplicates and breaks are found where they are, and what is well is proved."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.events.avro import folder_id
from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.events.writer import Encoding, EventEncoder
from pipeline.adapters.kafka.dead_letters import Cut, content
from pipeline.adapters.rule_files import read_rules
from pipeline.adapters.shipped import shipped
from pipeline.model import dead_letter
from pipeline.model.event import Position
from pipeline.model.notice import notice_id
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.rules.compile import load
from pipeline.rules.schema.examples import example
from tests.broker.topics import ends
from tests.fakes.listener import TIMEOUT
from tests.fakes.outcomes import a_record, an_outcome
from tests.fakes.real_kafka import RealKafka
from tests.integration.commands import Command, Ran

pytestmark = pytest.mark.kafka
TYPE = "com.example.user.wallet.recharged.v1"
RULE = "wallet-recharged"
CATALOGUE = read_schemas(shipped("schemas/events"))
RULES = load(read_rules(shipped("rules")), CATALOGUE, environment="production")


class Shop:
    """Events, outcomes and commits of one group, written as the service would, or not."""

    def __init__(self, kafka: RealKafka, folder: Path) -> None:
        self.kafka = kafka
        self.config = folder / "pipeline.yaml"
        configuration = {
            "kafka": {
                "bootstrap_servers": kafka.bootstrap_servers,
                "topics": [kafka.names.events],
                "group_id": kafka.names.group,
            },
            "schemas": {"directory": str(shipped("schemas/events"))},
            "rules": str(shipped("rules")),
            "notices": {"url": "http://127.0.0.1:9", "token": "t"},
            "outcomes": {"topic": kafka.names.outcomes},
            "dead_letters": {"topic": kafka.names.dead_letters},
        }
        self.config.write_text(json.dumps(configuration), encoding="utf-8")
        schema = CATALOGUE.newest(TYPE)
        assert schema is not None
        self._schema = schema
        self._encoder = EventEncoder(schema, folder_id(schema.fingerprint), Encoding.AVRO)

    def emit(self, count: int, *, partition: int = 0, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        producer = Producer({**self.kafka.properties, "linger.ms": 1})
        rng = random.Random(1).random  # noqa: S311 - examples, no secrets
        for number in range(count):
            value, _ = self._encoder.encode(example(self._schema, rng, number), number)
            producer.produce(self.kafka.names.events, value, b"k", partition, headers=list(headers))
        assert producer.flush(30) == 0

    def position(self, offset: int, partition: int = 0) -> Position:
        return Position(self.kafka.names.events, partition, offset)

    def settle(self, *positions: Position, letter: bool = True, **changes: object) -> None:
        """Write outcomes, as the service would write them if nothing is changed."""
        log = self.kafka.outcomes()
        for position in positions:
            log.publish(self._outcome(position, **changes), a_record(position) if letter else None, lambda *_: None)
        assert log.flush(TIMEOUT) == 0

    def bury(self, position: Position) -> None:
        """A dead letter alone, as a crash may leave it."""
        value, headers = content(self._outcome(position, kind=OutcomeKind.REJECTED), a_record(position), Cut.NOTHING)
        producer = Producer(self.kafka.properties)
        producer.produce(self.kafka.names.dead_letters, value, b"k", headers=list(headers))
        assert producer.flush(TIMEOUT) == 0

    def _outcome(self, position: Position, **changes: object) -> Outcome:
        return _outcome(position, **({"origin": self.kafka.origin} | changes))

    def commit(self, offset: int, partition: int = 0) -> None:
        consumer = Consumer({**self.kafka.properties, "group.id": self.kafka.names.group})
        consumer.commit(offsets=[KafkaPartition(self.kafka.names.events, partition, offset)], asynchronous=False)
        consumer.close()


def _outcome(position: Position, **changes: object) -> Outcome:
    plain: dict[str, Any] = {
        "id": notice_id(str(position), RULE),
        "rule": RULE,
        "rules_version": RULES.version,
        "recipient": f"r{position.offset % 3}",
        "first_attempt_at": 1_700_000_000.0 + position.offset,
        "finished_at": 1_700_001_000.0,
    }
    return an_outcome(position)._replace(**(plain | changes))


Audit = Callable[..., Ran]


@pytest.fixture
def make_shop(make_kafka: Callable[..., RealKafka], tmp_path: Path) -> Callable[..., Shop]:
    return lambda **wanted: Shop(make_kafka(**wanted), tmp_path)


@pytest.fixture
def shop(make_shop: Callable[..., Shop]) -> Shop:
    return make_shop()


@pytest.fixture
def audit(command: Command) -> Audit:
    """`audit(shop, "--from", …)`."""
    return lambda shop, *arguments: command("audit", "-c", str(shop.config), *arguments)


def found(ran: Ran) -> dict[str, int]:
    """Findings, where there are any."""
    return {code: count for code, count in ran.reported["findings"].items() if count}


def test_what_is_well_is_proved(make_shop: Callable[..., Shop], audit: Audit) -> None:
    """In two partitions and two ledger partitions, with a tail that is not committed yet."""
    shop = make_shop(partitions=2, ledger_partitions=2)
    for partition in range(2):
        shop.emit(300, partition=partition)
        shop.settle(*(shop.position(offset, partition) for offset in range(290)))
        shop.commit(290, partition)
    ran = audit(shop)
    assert ran.code == 0, ran
    assert "600 events" in ran.out
    assert "pending:   20 " in ran.out
    assert "proved: every committed event" in ran.out
    assert ran.err == ""


def test_planted_faults_are_found_where_they_are(shop: Shop, audit: Audit) -> None:
    """One of each; the exit code reports it, and the JSON has the positions."""
    shop.emit(20)
    well = [shop.position(offset) for offset in range(20) if offset not in {3, 7, 18}]
    shop.settle(*well)
    shop.settle(shop.position(5), redelivered=True)
    shop.settle(shop.position(7), id=notice_id(str(shop.position(6)), RULE))
    shop.settle(shop.position(18), first_attempt_at=1_700_000_001.0)
    shop.commit(20)
    ran = audit(shop, "--output", "json")
    assert ran.code == 1
    report = ran.reported
    assert not report["clean"]
    locations = {one["code"]: one["offset"] for one in report["examples"]}
    assert locations == {"lost": 3, "duplicate": 5, "accepted-twice": 7, "out-of-order": 18}
    assert found(ran) == dict.fromkeys(locations, 1)
    assert report["outcomes"] == {"accepted": 20}


def test_an_outcome_of_an_event_that_is_not_there_is_an_orphan(shop: Shop, audit: Audit) -> None:
    """A transaction's marker takes an offset, but is not an event, and is not missed."""
    shop.emit(2)
    producer = Producer({**shop.kafka.properties, "transactional.id": shop.kafka.names.group})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(shop.kafka.names.events, None, b"k", 0)
    producer.commit_transaction(30)
    # The marker is written after the commit is confirmed.
    deadline = time.monotonic() + TIMEOUT
    while ends(shop.kafka.bootstrap_servers, shop.kafka.names.events)[0] < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    shop.emit(1)
    shop.settle(shop.position(0), shop.position(1), shop.position(3), shop.position(4))
    shop.settle(shop.position(2), id="tombstone", rule=None, kind=OutcomeKind.UNDECODABLE, reason=Reason.TOMBSTONE)
    shop.commit(5)
    ran = audit(shop)
    assert ran.code == 1
    assert f"{shop.position(3)}: orphan" in ran.out
    assert "found:     lost 0 · gone-unread 0 · orphan 1 · duplicate 0" in ran.out
    assert "not proved" in ran.out


def test_a_redriven_record_has_an_outcome_of_its_own(shop: Shop, audit: Audit) -> None:
    """The first record's refusal and the second one's acceptance are one notice's way, not a duplicate."""
    shop.emit(1)
    headers = [
        (dead_letter.GROUP, shop.kafka.names.group.encode()),
        (dead_letter.REDRIVES, b"1"),
        (dead_letter.ONLY_RULE, RULE.encode()),
    ]
    shop.emit(2, headers=headers)
    same = notice_id("one", RULE)
    shop.settle(shop.position(0), id=same, kind=OutcomeKind.REJECTED)
    shop.settle(shop.position(1), id=same)
    shop.commit(2)
    ran = audit(shop, "--output", "json")
    assert (ran.code, found(ran), ran.reported["pending"]) == (0, {}, 1)
    assert ran.reported["redriven"] == {"accepted": 1}
    shop.commit(3)
    assert found(audit(shop, "--output", "json")) == {"lost": 1}


def test_a_failed_notice_without_its_dead_letter_and_a_dead_letter_without_its_outcome_are_found(
    shop: Shop, audit: Audit
) -> None:
    """Each where it is; with every letter in its place there is nothing to find."""
    shop.emit(6)
    rejected: dict[str, Any] = {"kind": OutcomeKind.REJECTED, "reason": Reason.CONTENT}
    shop.settle(*(shop.position(offset) for offset in range(3)))
    shop.settle(shop.position(3), shop.position(4), **rejected)
    shop.settle(shop.position(5), letter=False, **rejected)
    shop.commit(6)
    ran = audit(shop, "--output", "json")
    assert (ran.code, found(ran)) == (1, {"no-dead-letter": 1})
    assert ran.reported["examples"][0]["offset"] == 5
    assert ran.reported["dead_letters"] == 2
    shop.bury(shop.position(5))
    assert audit(shop).code == 0
    shop.bury(shop.position(2))
    ran = audit(shop)
    assert ran.code == 1
    assert f"{shop.position(2)}: stray-dead-letter" in ran.out
    assert "redrive would send it again" in ran.out


def test_what_the_dead_letter_topic_forgot_is_not_judged(shop: Shop, audit: Audit) -> None:
    """Retention took the letters: no failed notice is said to lack its own, and --strict reports it."""
    shop.emit(3)
    now = SystemClock().now()
    rejected: dict[str, Any] = {"kind": OutcomeKind.REJECTED, "reason": Reason.CONTENT, "finished_at": now}
    shop.settle(shop.position(0), shop.position(1), **rejected)
    shop.settle(shop.position(2))
    shop.commit(3)
    admin = AdminClient(shop.kafka.properties)
    (gone,) = admin.delete_records([KafkaPartition(shop.kafka.names.dead_letters, 0, 1)]).values()
    assert gone.result(15).low_watermark == 1
    ran = audit(shop, "--output", "json")
    assert (ran.code, ran.reported["unproven"]) == (0, {"dead-letters-forgot": 1})
    assert audit(shop, "--strict").code == 1


def test_nothing_committed_is_nothing_lost(shop: Shop, audit: Audit) -> None:
    """Before the service's first commit everything is still to come."""
    shop.emit(5)
    ran = audit(shop, "--output", "json")
    assert (ran.code, ran.reported["pending"], ran.reported["events"]) == (0, 5, 5)


def test_what_the_ledger_forgot_is_not_judged(shop: Shop, audit: Audit) -> None:
    """Retention took the first outcomes: their events are not called lost, and --strict reports it."""
    shop.emit(9)
    shop.settle(*(shop.position(offset) for offset in range(9)))
    shop.emit(1)
    shop.commit(10)
    admin = AdminClient(shop.kafka.properties)
    (gone,) = admin.delete_records([KafkaPartition(shop.kafka.names.outcomes, 0, 5)]).values()
    assert gone.result(15).low_watermark == 5
    ran = audit(shop, "--output", "json")
    assert found(ran) == {"lost": 1}
    assert ran.reported["examples"][0]["offset"] == 9
    assert ran.reported["unproven"] == {"ledger-forgot": 5}
    shop.settle(shop.position(9))
    assert audit(shop).code == 0
    assert "not everything could be judged" in audit(shop).out
    assert audit(shop, "--strict").code == 1


def test_outcomes_of_other_rules_are_reported_and_not_held_against_the_service(shop: Shop, audit: Audit) -> None:
    """An event from before the rule was there has no outcome of it."""
    shop.emit(4)
    shop.settle(shop.position(1), rules_version="old")
    shop.settle(shop.position(3))
    shop.commit(4)
    ran = audit(shop)
    assert ran.code == 0
    assert "rules-changed 2" in ran.out
    assert "their versions: old" in ran.out


def test_bounds_in_time_choose_the_events(shop: Shop, audit: Audit) -> None:
    """Of a range without events nothing can be proved, and that is said."""
    shop.emit(3)
    for bounds in (("--from", "-7d", "--to", "-1h"), ("--from", "now", "--to", "2999-01-01")):
        ran = audit(shop, *bounds)
        assert ran.code == 0
        assert "nothing to prove" in ran.out
    assert audit(shop, "--from", "-1h", "--output", "json").reported["events"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "yesterday"), "`yesterday` is not a time"),
        (("--from", "-1h", "--to", "-2h"), "is not before"),
        (("--topic", "unread-topic"), "reads no topic unread-topic"),
        (("--rules", "/no/such/folder"), "/no/such/folder"),
    ],
)
def test_a_users_mistake_is_reported_clearly(
    shop: Shop, audit: Audit, arguments: tuple[str, ...], message: str
) -> None:
    """Exit code 2, nothing on standard output."""
    ran = audit(shop, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "Traceback" not in ran.err
