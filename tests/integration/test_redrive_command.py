"""`redrive` on a real Kafka: each dead letter once, whole, in order, whatever comes in between."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in its stub
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from pipeline.adapters.kafka.record import record_of
from pipeline.model import dead_letter
from pipeline.model.event import Position, Record, position_identity
from pipeline.model.outcome import OutcomeKind, Reason
from tests.broker.topics import ends
from tests.fakes.listener import TIMEOUT
from tests.fakes.outcomes import an_outcome
from tests.fakes.real_kafka import RealKafka
from tests.integration.commands import Command, Ran

pytestmark = pytest.mark.kafka
END_SECONDS = 120
"""Only a failing test, or a very busy machine, ever waits so long."""


class Office:
    """Events that failed, and their dead letters."""

    def __init__(self, kafka: RealKafka, folder: Path, more_topics: tuple[str, ...] = ()) -> None:
        self.kafka = kafka
        self.config = folder / "pipeline.yaml"
        self.marks = f"{kafka.names.dead_letters}.redriven"
        configuration = {
            "kafka": {
                "bootstrap_servers": kafka.bootstrap_servers,
                "topics": [kafka.names.events, *more_topics],
                "group_id": kafka.names.group,
            },
            "notices": {"url": "http://127.0.0.1:9", "token": "t"},
            "outcomes": {"topic": kafka.names.outcomes},
            "dead_letters": {"topic": kafka.names.dead_letters, "redriven_topic": self.marks},
        }
        self.config.write_text(json.dumps(configuration), encoding="utf-8")

    def fail(
        self,
        count: int,
        *,
        partition: int = 0,
        value: Callable[[int], bytes] = lambda n: b"v%d" % n,
        **changes: object,
    ) -> list[Record]:
        """Write events, and the dead letters of each."""
        producer = Producer({**self.kafka.properties, "linger.ms": 1, "message.max.bytes": 8_000_000})
        written: list[Message] = []
        for number in range(count):
            producer.produce(
                self.kafka.names.events,
                value(number),
                b"k%d" % (number % 7),
                partition,
                lambda _, message: written.append(message),
                headers=[("n", b"%d" % number)],
            )
        assert producer.flush(30) == 0
        records = [
            Record(self.kafka.names.events, partition, message.offset() or 0, message.key(), value(number),
                   (("n", b"%d" % number),), message.timestamp()[1])
            for number, message in enumerate(written)
        ]  # fmt: skip
        self.bury(records, **changes)
        return records

    def bury(self, records: list[Record], **changes: object) -> None:
        log = self.kafka.outcomes()
        for record in records:
            outcome = an_outcome(record.position, OutcomeKind.REJECTED)
            log.publish(outcome._replace(**({"origin": self.kafka.origin} | changes)), record, lambda *_: None)  # type: ignore[arg-type]  # any field
        assert log.flush(TIMEOUT) == 0

    def redriven(self, topic: str = "") -> list[Message]:
        """What was sent again, as the service would see it: what no aborted transaction wrote."""
        messages = self.kafka.read(topic or self.kafka.names.events)
        return [one for one in messages if dead_letter.REDRIVES in dict(one.headers() or ())]

    def numbers(self) -> list[int]:
        """The events sent again, by their numbers."""
        return [int(dict(one.headers() or ())["n"] or b"") for one in self.redriven()]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", "redrive", "-c", str(self.config), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def wait_for_marks(self, least: int) -> None:
        """Until so many letters are sent and marked."""
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            if ends(self.kafka.bootstrap_servers, self.marks).get(0, 0) > least:  # each transaction ends with a marker
                return
            time.sleep(0.05)
        raise AssertionError(f"no {least} letters were sent within {END_SECONDS} s")


MakeOffice = Callable[..., Office]
Redrive = Callable[..., Ran]


@pytest.fixture
def make_office(make_kafka: Callable[..., RealKafka], tmp_path: Path) -> MakeOffice:
    """`make_office(more_topics=(), partitions=3, …)`."""

    def make(more_topics: tuple[str, ...] = (), **wanted: Any) -> Office:  # noqa: ANN401 - passed on
        return Office(make_kafka(**wanted), tmp_path, more_topics)

    return make


@pytest.fixture
def office(make_office: MakeOffice) -> Office:
    return make_office()


@pytest.fixture
def redrive(command: Command) -> Redrive:
    """`redrive(office, "--dry-run", …)`."""
    return lambda office, *arguments: command("redrive", "-c", str(office.config), *arguments)


def test_each_letter_is_sent_once_however_often_it_is_requested(make_office: MakeOffice, redrive: Redrive) -> None:
    """Whole, in the partition and the order of its source, however the letters' own topic spreads them."""
    office = make_office(partitions=3)
    records = office.fail(30, partition=2)
    ran = redrive(office)
    assert ran.code == 0, ran
    assert "30 sent again" in ran.out
    again = office.redriven()
    assert {one.partition() for one in again} == {2}
    for key in {record.key for record in records}:
        assert [one.value() for one in again if one.key() == key] == [
            record.value for record in records if record.key == key
        ]
    headers = dict(again[0].headers() or ())
    first = next(record for record in records if record.value == again[0].value())
    assert headers[dead_letter.EVENT_IDENTITY] == position_identity(office.kafka.origin, *first.position).encode()
    assert headers[dead_letter.FIRST_POSITION] == str(first.position).encode()
    assert headers[dead_letter.GROUP] == office.kafka.names.group.encode()
    assert headers[dead_letter.ONLY_RULE] == b"order-paid"
    assert headers["n"] == dict(first.headers)["n"]
    ran = redrive(office, "--output", "json")
    assert (ran.code, ran.reported["sent"], ran.reported["others"]) == (0, 0, {"done": 30})
    assert len(office.redriven()) == 30


def test_letters_that_a_crash_wrote_twice_are_sent_once(office: Office, redrive: Redrive) -> None:
    """Between letter and outcome a process may end: the notice fails again, under the same id, from the same place."""
    records = office.fail(5)
    office.bury(records[1:3])
    ran = redrive(office, "--output", "json")
    assert (ran.code, ran.reported["selected"], ran.reported["sent"], ran.reported["others"]) == (0, 5, 5, {"twice": 2})
    office.bury(records[3:4])
    ran = redrive(office, "--output", "json")
    assert (ran.code, ran.reported["sent"], ran.reported["others"]) == (0, 0, {"done": 5, "twice": 3})
    assert office.numbers() == list(range(5))
    # The record that was sent again fails as well, under the same id: that is another failure.
    office.bury([record_of(one) for one in office.redriven()][:1])
    assert redrive(office, "--output", "json").reported["sent"] == 1


def test_another_filter_does_not_send_it_a_second_time(office: Office, redrive: Redrive) -> None:
    """What is remembered is the letter, not how far a filter got; and what a filter passed over is still there."""
    office.fail(4, rule="paid", reason=Reason.CONTENT)
    office.fail(3, rule="shipped", reason=Reason.CONTENT)
    office.fail(2, rule="shipped", reason=Reason.RECIPIENT)
    assert redrive(office, "--rule", "shipped", "--output", "json").reported["sent"] == 5
    assert redrive(office, "--reason", "rejected_content", "--output", "json").reported["sent"] == 4
    assert redrive(office, "--output", "json").reported["sent"] == 0
    assert len(office.redriven()) == 9


def test_a_dry_run_counts_and_writes_nothing(office: Office, redrive: Redrive) -> None:
    """By reason and rule, and what would be left; not even the topic that remembers is made."""
    office.fail(4, rule="paid")
    office.fail(3, rule="shipped", reason=Reason.RECIPIENT)
    office.fail(2, rule=None, kind=OutcomeKind.UNDECODABLE, reason=Reason.UNKNOWN_SCHEMA)
    ran = redrive(office, "--dry-run")
    assert ran.code == 0
    assert "7 of 9 dead letters to be sent again" in ran.out
    assert [line.split() for line in ran.out.splitlines()[1:3]] == [
        ["rejected_content", "paid", "4"],
        ["rejected_recipient", "shipped", "3"],
    ]
    assert "2 not sent unless --kind or --reason names them" in ran.out
    assert redrive(office, "--dry-run", "--kind", "undecodable", "--output", "json").reported["selected"] == 2
    assert "the topic has letters with rejected_content of paid" in redrive(office, "--dry-run", "--rule", "piad").out
    assert redrive(office, "--dry-run", "--to", "-1h", "--output", "json").reported["letters"] == 0
    assert redrive(office, "--dry-run", "--key", "k0", "--key", "none", "--output", "json").reported["selected"] == 2
    assert not office.redriven()
    assert office.marks not in AdminClient(office.kafka.properties).list_topics(timeout=10).topics


def test_the_loop_guard_stops_what_has_gone_round(office: Office, redrive: Redrive) -> None:
    """The count goes with the record; the exit code tells that something is left."""
    office.fail(2)
    assert redrive(office, "--max-redrives", "1").code == 0
    back = [record_of(one) for one in office.redriven()]
    office.bury(back)
    ran = redrive(office, "--max-redrives", "1", "--output", "json")
    assert (ran.code, ran.reported["sent"], ran.reported["others"]) == (1, 0, {"done": 2, "loop-guard": 2})
    ran = redrive(office, "--max-redrives", "2", "--output", "json")
    assert (ran.code, ran.reported["sent"]) == (0, 2)
    assert [dict(one.headers() or ())[dead_letter.REDRIVES] for one in office.redriven()] == [b"1", b"1", b"2", b"2"]


def test_a_cut_letter_is_fetched_whole_from_its_source(make_office: MakeOffice, redrive: Redrive) -> None:
    """Value and headers stand there; where they no longer do, that is reported and the others are sent."""
    office = make_office(dead_letters={"max.message.bytes": "2000"})
    office.fail(3, value=_long)
    letters = office.kafka.read(office.kafka.names.dead_letters)
    ran = redrive(office)
    assert ran.code == 0, ran
    assert {dead_letter.LEFT_OUT in dict(one.headers() or ()) for one in letters} == {True}
    assert [one.value() for one in office.redriven()] == [_long(number) for number in range(3)]
    office.fail(2, value=_long)
    admin = AdminClient(office.kafka.properties)
    end = len(office.kafka.read(office.kafka.names.events)) + 1  # the first run's transaction has a marker
    (gone,) = admin.delete_records([KafkaPartition(office.kafka.names.events, 0, end - 1)]).values()
    gone.result(15)
    ran = redrive(office, "--output", "json")
    assert (ran.code, ran.reported["sent"], ran.reported["others"]["source-gone"]) == (1, 1, 1), ran
    assert "has no offset" in ran.reported["troubles"][0]["words"]


def test_a_letter_that_kafka_refuses_does_not_hold_up_the_others(make_office: MakeOffice, redrive: Redrive) -> None:
    """The topic takes less than it once did: each of that batch has its own transaction then, and one is refused."""
    office = make_office(events={"max.message.bytes": "2000000"})
    office.fail(3, value=lambda n: _long(n, 900_000) if n == 1 else b"short")
    admin = AdminClient(office.kafka.properties)
    _set(admin, office.kafka.names.events, "max.message.bytes", "5000")
    ran = redrive(office, "--output", "json")
    assert (ran.code, ran.reported["sent"], ran.reported["others"]) == (1, 2, {"refused": 1}), ran
    assert "too large" in ran.reported["troubles"][0]["words"].lower()
    assert office.numbers() == [0, 2]
    _set(admin, office.kafka.names.events, "max.message.bytes", "2000000")
    assert redrive(office, "--output", "json").reported["sent"] == 1
    assert office.numbers() == [0, 2, 1]


def _long(number: int, size: int = 3_000) -> bytes:
    """Bytes that no compression makes fit."""
    return random.Random(number).randbytes(size)  # noqa: S311 - no secret


def _set(admin: AdminClient, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(15)


def test_what_is_no_letter_of_ours_and_what_is_of_another_topic_stays(office: Office, redrive: Redrive) -> None:
    """Anyone who can write letters cannot have records written anywhere."""
    office.fail(1)
    elsewhere = Record("payments", 0, 5, b"k", b"v", (), 1)
    office.bury([elsewhere])
    producer = Producer(dict(office.kafka.properties))
    producer.produce(office.kafka.names.dead_letters, b"another program's", b"k")
    producer.flush(10)
    ran = redrive(office, "--output", "json")
    assert (ran.code, ran.reported["sent"], ran.reported["others"]) == (0, 1, {"other-topic": 1, "not-ours": 1})
    assert "payments" not in AdminClient(office.kafka.properties).list_topics(timeout=10).topics


def test_a_compacted_source_is_refused_and_another_topic_can_be_named(
    make_office: MakeOffice, topic: Callable[..., str], redrive: Redrive
) -> None:
    """An old event must not take the place of the newest of its key."""
    other = topic("redrives", partitions=2)
    office = make_office((other,), events={"cleanup.policy": "compact"})
    office.fail(6)
    ran = redrive(office)
    assert (ran.code, ran.out) == (2, "")
    assert "is compacted" in ran.err
    assert "--into" in ran.err
    assert redrive(office, "--into", "unread-topic").code == 2
    ran = redrive(office, "--into", other)
    assert ran.code == 0, ran
    assert (len(office.redriven(other)), len(office.redriven())) == (6, 0)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_is_taken_up_where_it_stopped(office: Office, redrive: Redrive, how: int) -> None:
    """Politely or not: together both runs send each letter once, in order."""
    office.fail(60)
    process = office.start("--rate", "5")
    office.wait_for_marks(5)
    process.send_signal(how)
    out, err = process.communicate(timeout=END_SECONDS)
    assert process.returncode == {signal.SIGKILL: -9}.get(signal.Signals(how), 130), err
    assert "Traceback" not in err
    if how != signal.SIGKILL:
        assert "left: run it again to continue" in out
    sent = len(office.numbers())
    assert 0 < sent < 60
    ran = redrive(office, "--output", "json")
    assert (ran.code, ran.reported["others"].get("done"), ran.reported["sent"]) == (0, sent, 60 - sent)
    assert office.numbers() == list(range(60))


def test_a_rate_is_kept(office: Office, redrive: Redrive) -> None:
    """Forty at twenty a second take all but two seconds."""
    office.fail(40)
    started = time.monotonic()
    assert redrive(office, "--rate", "20").code == 0
    assert time.monotonic() - started >= 1.4
    assert len(office.numbers()) == 40


def test_a_second_run_fences_off_the_first(office: Office, redrive: Redrive) -> None:
    """Two at once would send twice: the older one ends clearly, and nothing is sent by both."""
    office.fail(60)
    process = office.start("--rate", "5")
    office.wait_for_marks(5)
    ran = redrive(office, "--output", "json")
    out, err = process.communicate(timeout=END_SECONDS)
    assert (process.returncode, ran.code) == (2, 0), (out, err)
    assert "another redrive or replay of this group has begun" in err
    assert sorted(office.numbers()) == list(range(60))


@pytest.mark.parametrize(
    ("arguments", "summary"),
    [
        (("--reason", "rejected_contnet"), "rejected_content"),
        (("--kind", "lost"), "undecodable"),
        (("--from", "soon"), "is not a time"),
        (("--from", "-1h", "--to", "-2h"), "is not before"),
        (("--rate", "0"), "--rate"),
        (("--max-redrives", "0"), "--max-redrives"),
    ],
)
def test_a_users_mistake_is_reported_clearly(
    office: Office, redrive: Redrive, arguments: tuple[str, ...], summary: str
) -> None:
    """Exit code 2, nothing on standard output."""
    ran = redrive(office, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert summary in ran.err
    assert "Traceback" not in ran.err


def test_a_topic_created_again_is_not_taken_for_the_old_one(office: Office, redrive: Redrive) -> None:
    """Marks name the letter, not only its place."""
    office.fail(2)
    assert redrive(office, "--output", "json").reported["sent"] == 2
    names: Mapping[str, str] = office.kafka.names._asdict()
    producer = Producer(dict(office.kafka.properties))
    producer.produce(office.marks, b"1", f"{names['dead_letters']}/0/2 of-another-outcome".encode(), 0)
    producer.flush(10)
    office.bury([Record(*Position(names["events"], 0, 99), b"k", b"v", (("n", b"0"),), 1)])
    assert redrive(office, "--output", "json").reported["sent"] == 1
