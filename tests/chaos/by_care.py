"""What recipient care must bear: deaths around its records, records of others, clocks apart, its topic deleted."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import Producer

from pipeline.adapters.kafka.range import TopicRange
from pipeline.care.record import RECIPIENT, WRITER_HEADER, read_key, read_state, written_state
from tests.acceptance.service import uncommitted
from tests.acceptance.stage import recipient
from tests.broker.topics import create_again, ends
from tests.chaos.care import INTENTS_PARTITIONS, IntentsTail, choice
from tests.chaos.judge import Allowed
from tests.chaos.members import Member
from tests.chaos.run import Run
from tests.chaos.scenario import Scenario

KILLS = 6
APART_SECONDS = 300
EMPTY_SECONDS = 4.0
"""With what `Run.torn` waits, longer than a session: no process uses the topic that is deleted."""
BEHIND = 20_000
"""Preferences that wait at the start; `--minutes 50` makes a million of them."""
PASSED_SECONDS = 240.0
STRANGER = b"stranger"
"""Writes records in the name of a process that has lost its partitions."""
SHIFT = """import os
import time

_wall, _apart = time.time, float(os.environ["CHAOS_CLOCK_SECONDS"])
time.time = lambda: _wall() + _apart
"""
ACCEPTED = {"NOTICE_PIPELINE_RECIPIENT_CARE__ACCEPT_LOSS": "true"}


def killed_at_records(run: Run) -> None:
    """kill -9 when Kafka has just got records of recipients: before the commit that relies on them, or after."""
    run.up(2)
    run.load.start()
    for _ in range(run.scale(KILLS)):
        run.wait(run.rng.uniform(0.2, 3.0))
        _kill_at_records(run)
    run.wait(3)


def records_of_others(run: Run) -> None:
    """Old records, and some without a value, are written over the owners' own; some owners die before they see it."""
    run.up(2)
    run.load.start()
    run.wait(8)
    for _ in range(run.scale(3)):
        run.note(f"{_write_old_records(run)} records of recipients are written by another process")
        run.wait(run.rng.uniform(0.0, 2.0))
        run.kill(run.rng.choice(run.members.survivors()))
        run.up(1)
        run.wait(6)
    noticed = run.members.count("care_foreign_write")
    run.figures["records of others noticed"] = noticed
    run.require(noticed > 0, "no member noticed a record of another process")


def clocks_apart(run: Run) -> None:
    """Members whose clocks are five minutes ahead, and five behind, take over from each other."""
    folder = run.stage.service.folder / "clock"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SHIFT, encoding="utf-8")
    run.load.start()
    members = [_with_clock(run, folder, seconds) for seconds in (APART_SECONDS, -APART_SECONDS)]
    for turn in range(run.scale(4)):
        run.wait(run.rng.uniform(3.0, 6.0))
        ahead = turn % 2 == 0
        run.kill(members.pop(0))
        members.append(_with_clock(run, folder, -APART_SECONDS if ahead else APART_SECONDS))
    run.wait(6)


def topic_wiped(run: Run) -> None:
    """The topic of recipients is deleted while no process runs: refused, then accepted; caps begin with the ledger."""
    care = _care(run)
    run.up(2)
    run.load.start()
    run.wait(10)
    for member in run.members.alive:
        run.kill(member)
    run.wait(EMPTY_SECONDS)
    create_again(run.broker.bootstrap_servers, care.topics.care, INTENTS_PARTITIONS)
    run.note("the topic of recipients is created again")
    care.forget_choices()
    refused = run.members.start()
    run.expect_exit(refused, 120)
    run.require("--accept-loss" in refused.log, "the refusal does not name --accept-loss")
    for member in [run.members.start(ACCEPTED) for _ in range(2)]:
        member.wait_for("starting")
    run.wait(8)
    _kill_at_records(run)
    run.wait(6)


def preferences_behind(run: Run) -> None:
    """Many preferences wait at the start: they pass within bounded memory, and messages leave meanwhile."""
    care = _care(run)
    count = run.scale(BEHIND)
    producer = Producer({"bootstrap.servers": run.broker.bootstrap_servers, "linger.ms": 50})
    for number in range(count):
        producer.produce(care.topics.preferences, choice(is_out=number % 2 == 0), recipient(10_000 + number))
        if number % 1_000 == 0:
            producer.flush()
    producer.flush()
    run.note(f"{count} preferences wait")
    run.up(2)
    run.load.start()
    begin = time.monotonic()
    servers, group = run.broker.bootstrap_servers, run.stage.group
    run.wait_for(lambda: uncommitted(servers, group, care.topics.preferences) < count // 20, PASSED_SECONDS)
    run.figures["seconds until preferences passed"] = round(time.monotonic() - begin, 1)
    run.figures["requests meanwhile"] = len(run.journal.lines)
    run.require(len(run.journal.lines) > 0, "no message left while preferences passed")
    run.kill(run.rng.choice(run.members.survivors()))
    run.up(1)
    run.wait(5)


def short(run: Run) -> None:
    """A little of everything: old records written by another process, two kills around records, a rolling restart."""
    run.up(2)
    run.load.start()
    run.wait(6)
    run.note(f"{_write_old_records(run)} records of recipients are written by another process")
    for _ in range(2):
        _kill_at_records(run)
    for member in run.members.alive:
        run.up(1)
        run.terminate(member)


def _care(run: Run) -> IntentsTail:
    if run.care is None:
        raise TypeError("this scenario has no recipient care")
    return run.care


def _kill_at_records(run: Run) -> None:
    """Kill a member when the next record of a recipient is in Kafka, and start another."""
    servers, topic = run.broker.bootstrap_servers, _care(run).topics.care
    before = sum(ends(servers, topic).values())
    run.wait_for(lambda: sum(ends(servers, topic).values()) > before, 60)
    run.wait(run.rng.choice((0.0, 0.05, 0.3)))
    run.kill(run.rng.choice(run.members.survivors()))
    run.up(1)


def _write_old_records(run: Run) -> int:
    """Write the first record of each recipient again, of every third one a record without a value; return how many."""
    properties = {"bootstrap.servers": run.broker.bootstrap_servers, "log_level": 0}
    topic = _care(run).topics.care
    first: dict[tuple[int, bytes], bytes] = {}
    with TopicRange(properties, topic) as found:
        for record in found.records():
            kind, _ = read_key(record.key) or ("", "")
            if kind == RECIPIENT and record.key is not None and record.value is not None:
                first.setdefault((record.partition, record.key), record.value)
    producer = Producer(properties)
    for number, ((partition, key), value) in enumerate(first.items()):
        if number % 3 == 0:
            producer.produce(topic, None, key, partition, headers=[(WRITER_HEADER, STRANGER)])
        else:
            producer.produce(topic, written_state(STRANGER, read_state(value)[1]), key, partition)
    producer.flush()
    return len(first)


def _with_clock(run: Run, folder: Path, seconds: int) -> Member:
    environment: Mapping[str, str] = {
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        "CHAOS_CLOCK_SECONDS": str(seconds),
    }
    member = run.members.start(environment)
    member.wait_for("starting")
    run.note(f"{member.name} has a clock that is {seconds:+} s wrong")
    return member


RECIPIENT_CARE = (
    Scenario("care-short", "records of others, two kills, a rolling restart; a part of `make test`", short, care=True),
    Scenario("care-kill", f"{KILLS} kill -9 around records of recipients", killed_at_records, care=True),
    Scenario("care-foreign", "old records written over the owners' own, and kills", records_of_others, care=True),
    Scenario(
        "care-clocks",
        "members whose clocks are ten minutes apart take over from each other",
        clocks_apart,
        # `audit` compares when a message left, by its member's clock, with when a choice was written, by Kafka's.
        Allowed(findings=frozenset({"after-opt-out"})),
        care=True,
    ),
    Scenario(
        "care-wiped",
        "the topic of recipients deleted while no process runs: refused, then accepted",
        topic_wiped,
        # Choices from before it are lost, and `audit` still finds some of them in the intents topic.
        Allowed(exits=frozenset({0, 1}), findings=frozenset({"after-opt-out"})),
        care=True,
    ),
    Scenario("care-preferences", f"{BEHIND:,} preferences behind at the start", preferences_behind, care=True),
)
