"""What operators do to recipient care, on a real Kafka: switched off, reloaded, offsets reset, partitions changed."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.care_stage import CAP_OF, CAPPED, CARE, RECIPIENTS, CareStage, ends
from tests.acceptance.service import END_SECONDS, uncommitted
from tests.acceptance.stage import RULES, recipient
from tests.acceptance.waiting import wait_for
from tests.broker.handle import Broker
from tests.broker.topics import ranges
from tests.fakes.registry import FakeRegistry

pytestmark = pytest.mark.kafka

AWAY = {"faults": [{"status": 503, "code": 503}]}
ALARM = RULES.removeprefix("\nrules:\n").replace("id: parked", "id: alarm") + "    category: security\n"
URGENT = CAPPED + ALARM
URGENT_CARE = CARE.replace("of: {category: marketing}", "of: all").replace(
    "opt_out: promotions}}", "opt_out: promotions}, security: {urgent: true}}"
)


@pytest.fixture
def stage(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[CareStage]:
    with FakeRegistry() as registry, running_sandbox(SandboxOptions(port=0, keep_messages=20_000)) as sandbox:
        topics = (topic("parked", partitions=2), topic("left", partitions=2))
        yield CareStage(tmp_path, real_kafka, topics, topic("preferences", partitions=2), registry, sandbox)


def end(process: subprocess.Popen[str]) -> None:
    """In good order."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(END_SECONDS) == 0


def events_left(stage: CareStage) -> int:
    """Events that the group has not committed."""
    return sum(uncommitted(stage.broker.bootstrap_servers, stage.group, name) for name in stage.topics)


def reset(stage: CareStage, *topics: str) -> None:
    """Set the group's offsets to the start, without metadata, as `kafka-consumer-groups --reset-offsets` does."""
    servers = stage.broker.bootstrap_servers
    consumer = Consumer({"bootstrap.servers": servers, "group.id": stage.group, "log_level": 0})
    starts = [
        TopicPartition(name, number, low) for name in topics for number, (low, _) in ranges(servers, name).items()
    ]
    consumer.commit(offsets=starts, asynchronous=False)
    consumer.close()


def test_switched_off_it_delivers_what_is_left_before_it_reads_events(stage: CareStage) -> None:
    """Each recipient gets what waited before the rest, and nothing is sent twice or lost."""
    stage.rules(CAPPED, CARE.replace(f"at_most: {CAP_OF}", "at_most: 9"))
    stage.sandbox.state.follow(FaultPlan.model_validate(AWAY))
    for number in range(2):
        stage.emit_round(number)
    with stage.service.running("before") as process:
        wait_for(lambda: events_left(stage) == 0)
        end(process)
    for number in range(2, 4):
        stage.emit_round(number)
    stage.rules(RULES, "care: {}\n")
    configuration = dict(stage.service.configuration)
    configuration["recipient_care"] = {**configuration["recipient_care"], "enabled": False}  # type: ignore[dict-item]
    stage.service.configure(configuration)
    stage.sandbox.state.follow(FaultPlan.model_validate({"latency": "1ms-10ms"}))
    with stage.service.running("after") as process:
        outcomes = stage.wait_for_outcomes(4 * RECIPIENTS)
        wait_for(lambda: events_left(stage) == 0)
        end(process)
    assert stage.service.reported("recipient_care_ends", "after")
    assert stage.service.reported("recipient_care_ended", "after")
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert Counter(outcome.intent is None for outcome in outcomes) == {True: 2 * RECIPIENTS, False: 2 * RECIPIENTS}
    for each, numbers in enumerate(numbers for _, numbers in sorted(stage.numbers_by_recipient().items())):
        rounds = [(number - each) // RECIPIENTS for number in numbers]
        assert (sorted(rounds[:2]), sorted(rounds[2:])) == ([0, 1], [2, 3])
    stage.service.report("audit")  # it finds nothing wrong


def test_a_reload_that_needs_it_while_it_is_off_is_refused(stage: CareStage) -> None:
    """A running service does not change its topics: the rules before stay in use."""
    stage.rules(RULES)
    with stage.service.running() as process:
        stage.emit_round(0)
        stage.wait_for_outcomes(RECIPIENTS)
        stage.rules(CAPPED, CARE)
        process.send_signal(signal.SIGHUP)
        (refused,) = stage.service.reported("rules_refused")
        assert "recipient care" in json.dumps(refused)
        for number in range(1, 4):
            stage.emit_round(number)
        outcomes = stage.wait_for_outcomes(4 * RECIPIENTS)
        end(process)
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert all(outcome.intent is None for outcome in outcomes)


def test_an_urgent_category_leaves_past_the_hop_and_is_not_counted(stage: CareStage) -> None:
    """Nothing holds it back: not a cap, not what waits in the intents topic."""
    stage.rules(URGENT, URGENT_CARE)
    for number in range(4):
        stage.emit_round(number)
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(8 * RECIPIENTS)
        end(process)
    alarms = [outcome for outcome in outcomes if outcome.rule == "alarm"]
    assert {outcome.kind for outcome in alarms} == {OutcomeKind.ACCEPTED}
    assert all(outcome.intent is None for outcome in alarms)
    capped = [outcome for outcome in outcomes if outcome.rule == "parked"]
    assert all(outcome.intent is not None for outcome in capped)
    expected = Counter({OutcomeKind.ACCEPTED: CAP_OF, OutcomeKind.SUPPRESSED: 4 - CAP_OF})
    assert ends(capped) == {recipient(each): expected for each in range(RECIPIENTS)}


def test_offsets_that_are_reset_send_nothing_again_and_caps_hold(stage: CareStage) -> None:
    """Those of the events, then those of the intents: what has an outcome is not sent again."""
    stage.rules(CAPPED, CARE)
    for number in range(2):
        stage.emit_round(number)
    with stage.service.running("first") as process:
        stage.wait_for_outcomes(2 * RECIPIENTS)
        end(process)
    for log, topics in (("events", stage.topics), ("intents", (f"{stage.topic}.intents",))):
        reset(stage, *topics)
        stage.emit_round(2)
        with stage.service.running(log) as process:
            wait_for(lambda: events_left(stage) == 0)
            wait_for(lambda: uncommitted(stage.broker.bootstrap_servers, stage.group, f"{stage.topic}.intents") <= 4)
            end(process)
    outcomes = stage.wait_for_outcomes(3 * RECIPIENTS)
    assert {outcome.reason for outcome in outcomes} == {Reason.OK, Reason.CAP_REACHED}
    assert {len(numbers) for numbers in stage.numbers_by_recipient().values()} == {CAP_OF}


def test_what_waits_in_the_intents_topic_is_sent_once_although_the_events_offsets_are_reset(stage: CareStage) -> None:
    """It has no outcome yet; the events are read again, and their notices are there already."""
    stage.rules(CAPPED, CARE)
    stage.sandbox.state.follow(FaultPlan.model_validate(AWAY))
    for number in range(2):
        stage.emit_round(number)
    with stage.service.running("first") as process:
        wait_for(lambda: events_left(stage) == 0)
        end(process)
    reset(stage, *stage.topics)
    stage.sandbox.state.follow(FaultPlan.model_validate({}))
    with stage.service.running("second") as process:
        stage.wait_for_outcomes(2 * RECIPIENTS)
        wait_for(lambda: events_left(stage) == 0)
        wait_for(lambda: uncommitted(stage.broker.bootstrap_servers, stage.group, f"{stage.topic}.intents") <= 4)
        end(process)
    taken = stage.numbers_by_recipient().values()
    assert sorted(number for numbers in taken for number in numbers) == list(range(2 * RECIPIENTS))
    stage.service.report("audit")  # it finds nothing wrong


@pytest.mark.parametrize("changed", [("intents",), ("intents", "care")])
def test_more_partitions_are_refused_at_the_start(stage: CareStage, changed: tuple[str, ...]) -> None:
    """A recipient's notices would go to another partition, where nothing is known of it."""
    stage.rules(CAPPED, CARE)
    stage.emit_round(0)
    with stage.service.running("first") as process:
        stage.wait_for_outcomes(RECIPIENTS)
        end(process)
    admin = AdminClient({"bootstrap.servers": stage.broker.bootstrap_servers})
    for done in admin.create_partitions([NewPartitions(f"{stage.topic}.{name}", 6) for name in changed]).values():
        done.result(30)
    with stage.service.running("refused") as process:
        assert process.wait(END_SECONDS) != 0
    assert "partitions" in json.dumps(stage.service.reported("fatal", "refused")) + (
        stage.service.folder / "refused"
    ).read_text(encoding="utf-8")
