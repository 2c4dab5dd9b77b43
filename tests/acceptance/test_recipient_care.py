"""Recipient care in the running service, on a real Kafka: caps and `once` hold while processes are killed."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.model.outcome import CAP, OutcomeKind, Reason
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.care_stage import CAP_OF, CAPPED, CARE, ONCE, RECIPIENTS, CareStage, ends
from tests.acceptance.service import END_SECONDS
from tests.acceptance.stage import recipient
from tests.acceptance.waiting import wait_for
from tests.broker.handle import Broker
from tests.fakes.registry import FakeRegistry

pytestmark = pytest.mark.kafka


@pytest.fixture
def stage(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[CareStage]:
    with FakeRegistry() as registry, running_sandbox(SandboxOptions(port=0, keep_messages=20_000)) as sandbox:
        topics = (topic("parked", partitions=2), topic("left", partitions=2))
        yield CareStage(tmp_path, real_kafka, topics, topic("preferences", partitions=2), registry, sandbox)


def test_a_cap_holds_for_events_on_all_topics_and_says_why(stage: CareStage) -> None:
    """Two of four messages of each recipient are sent, and the others are suppressed because of the cap."""
    stage.rules(CAPPED, CARE)
    for number in range(4):
        stage.emit_round(number)
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(4 * RECIPIENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    expected = Counter({OutcomeKind.ACCEPTED: CAP_OF, OutcomeKind.SUPPRESSED: 4 - CAP_OF})
    assert ends(outcomes) == {recipient(each): expected for each in range(RECIPIENTS)}
    held = [outcome for outcome in outcomes if outcome.kind is OutcomeKind.SUPPRESSED]
    assert {outcome.reason for outcome in held} == {Reason.CAP_REACHED}
    assert {(why.what, why.name) for outcome in held for why in outcome.because} == {(CAP, "a-week")}
    assert {len(numbers) for numbers in stage.numbers_by_recipient().values()} == {CAP_OF}


def test_a_cap_holds_although_processes_are_killed(stage: CareStage) -> None:
    """What was sent before is counted by the next process, from its records and from the ledger."""
    stage.rules(CAPPED, CARE)
    stage.sandbox.state.follow(FaultPlan.model_validate({"latency": "5ms-30ms"}))
    for number in range(5):
        stage.emit_round(number)
        with stage.service.running() as process:
            stage.wait_for_outcomes(number * RECIPIENTS + (RECIPIENTS if number % 2 else RECIPIENTS // 3))
            process.kill()
            process.wait(10)
    stage.emit_round(5)
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(6 * RECIPIENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    expected = Counter({OutcomeKind.ACCEPTED: CAP_OF, OutcomeKind.SUPPRESSED: 6 - CAP_OF})
    assert ends(outcomes) == {recipient(each): expected for each in range(RECIPIENTS)}
    assert {len(set(numbers)) for numbers in stage.numbers_by_recipient().values()} == {CAP_OF}
    assert stage.violations() == {}


def test_once_holds_across_a_kill_and_a_takeover(stage: CareStage) -> None:
    """One member is killed while two run; the other takes over what it knew."""
    stage.rules(ONCE)
    stage.sandbox.state.follow(FaultPlan.model_validate({"latency": "5ms-30ms"}))
    with stage.service.running("first") as first, stage.service.running("second") as second:
        for number in range(4):
            stage.emit_round(number)
            stage.wait_for_outcomes(number * RECIPIENTS + RECIPIENTS // 2)
            if number == 1:
                first.kill()
        outcomes = stage.wait_for_outcomes(4 * RECIPIENTS)
        second.send_signal(signal.SIGTERM)
        assert second.wait(END_SECONDS) == 0
    expected = Counter({OutcomeKind.ACCEPTED: 1, OutcomeKind.SUPPRESSED: 3})
    assert ends(outcomes) == {recipient(each): expected for each in range(RECIPIENTS)}
    assert {outcome.reason for outcome in outcomes} == {Reason.OK, Reason.DUPLICATE}
    assert stage.violations() == {}


def test_no_message_is_sent_after_an_opt_out_and_again_once_it_is_withdrawn(stage: CareStage) -> None:
    """It is durable: another process knows it after a kill."""
    stage.rules(CAPPED, CARE.replace(f"at_most: {CAP_OF}", "at_most: 9"))
    out, others = [recipient(each) for each in range(10)], [recipient(each) for each in range(10, RECIPIENTS)]
    with stage.service.running() as process:
        stage.emit_round(0)
        stage.wait_for_outcomes(RECIPIENTS)
        stage.choose(*out, value=b'{"opted_out": ["promotions"]}')
        wait_for(lambda: stage.chosen() == 0)
        stage.emit_round(1)
        stage.wait_for_outcomes(2 * RECIPIENTS)
        process.kill()
        process.wait(10)
    with stage.service.running() as process:
        stage.emit_round(2)
        stage.wait_for_outcomes(3 * RECIPIENTS)
        stage.choose(*out[:5], value=b'{"opted_out": []}')
        stage.choose(*out[5:], value=None)
        wait_for(lambda: stage.chosen() == 0)
        stage.emit_round(3)
        outcomes = stage.wait_for_outcomes(4 * RECIPIENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    found = ends(outcomes)
    assert [found[who] for who in out] == [Counter({OutcomeKind.ACCEPTED: 2, OutcomeKind.SUPPRESSED: 2})] * len(out)
    assert [found[who] for who in others] == [Counter({OutcomeKind.ACCEPTED: 4})] * len(others)
    assert {outcome.reason for outcome in outcomes} == {Reason.OK, Reason.OPTED_OUT}
    assert all(len(set(numbers)) == len(numbers) for numbers in stage.numbers_by_recipient().values())
    assert stage.violations() == {}


def test_a_reload_changes_a_cap_at_once(stage: CareStage) -> None:
    """What was sent before it counts."""
    stage.rules(CAPPED, CARE)
    with stage.service.running() as process:
        for number in range(3):
            stage.emit_round(number)
        stage.wait_for_outcomes(3 * RECIPIENTS)
        stage.rules(CAPPED, CARE.replace(f"at_most: {CAP_OF}", f"at_most: {CAP_OF + 1}"))
        process.send_signal(signal.SIGHUP)
        assert stage.service.reported("rules_reloaded")
        for number in range(3, 5):
            stage.emit_round(number)
        outcomes = stage.wait_for_outcomes(5 * RECIPIENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    expected = Counter({OutcomeKind.ACCEPTED: CAP_OF + 1, OutcomeKind.SUPPRESSED: 4 - CAP_OF})
    assert ends(outcomes) == {recipient(each): expected for each in range(RECIPIENTS)}


def test_another_hash_key_is_refused_until_its_loss_is_accepted(stage: CareStage) -> None:
    """Every cap would begin again without a word. Opt-outs are in force again once the preferences are read again."""
    out = [recipient(each) for each in range(10)]
    stage.rules(CAPPED, CARE)
    keyed = {**dict(stage.service.configuration["outcomes"]), "recipient": "hash", "recipient_hash_key": "one"}  # type: ignore[call-overload]
    stage.service.configure({**stage.service.configuration, "outcomes": keyed})
    stage.emit_round(0)
    with stage.service.running() as process:
        stage.wait_for_outcomes(RECIPIENTS)
        stage.choose(*out, value=b'{"opted_out": ["promotions"]}')
        wait_for(lambda: stage.chosen() == 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    stage.service.configure({**stage.service.configuration, "outcomes": {**keyed, "recipient_hash_key": "two"}})
    with stage.service.running("refused") as process:
        assert process.wait(END_SECONDS) == 1
    assert "--accept-loss" in json.dumps(stage.service.reported("fatal", "refused"))
    stage.read_choices_again()
    with stage.service.running("accepted", options=["--accept-loss"]) as process:
        wait_for(lambda: stage.chosen() == 0)
        stage.emit_round(1)
        outcomes = stage.wait_for_outcomes(2 * RECIPIENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0
    assert Counter(outcome.reason for outcome in outcomes) == {
        Reason.OK: 2 * RECIPIENTS - len(out),
        Reason.OPTED_OUT: len(out),
    }
