"""Rules changed under a running service, on a real Kafka: swapped between events, refused as a whole, and logged."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.adapters.events.writer import EventProducer
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.service import END_SECONDS
from tests.acceptance.stage import RULES, SCHEMA, TEMPLATES, Stage, recipient
from tests.acceptance.waiting import wait_for
from tests.broker.handle import Broker
from tests.fakes.registry import FakeRegistry

EVENTS = 20
SECONDS = 90
"""For a machine that has other work to do; a change is usually in use within three seconds."""


@pytest.fixture
def stage(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[Stage]:
    with FakeRegistry() as registry, running_sandbox(SandboxOptions(port=0)) as sandbox:
        yield Stage(tmp_path, real_kafka, topic("reloaded", partitions=2), registry, sandbox)


def metric(stage: Stage, name: str) -> list[str]:
    """The series of that name, as they are exposed."""
    lines = stage.service.answer("/metrics").splitlines()
    return [line for line in lines if line.startswith(f"notice_pipeline_{name}")]


@pytest.mark.kafka
def test_good_rules_are_swapped_in_and_bad_ones_refused(stage: Stage) -> None:
    """The version in outcomes and metrics follows; of refused rules nothing is used, and a metric reports it."""
    folder = stage.service.folder / "rules"
    with stage.service.running() as process:
        stage.emit(EVENTS)
        first = {outcome.rules_version for outcome in stage.wait_for_outcomes(EVENTS, SECONDS)}

        (folder / "garage.yaml").write_text(RULES.replace("template: parked", "template: praked"), encoding="utf-8")
        wait_for(lambda: metric(stage, "rules_reload_success") == ["notice_pipeline_rules_reload_success 0.0"])
        assert metric(stage, "rules_info") == [f'notice_pipeline_rules_info{{version="{next(iter(first))}"}} 1.0']
        stage.emit(EVENTS)
        outcomes = stage.wait_for_outcomes(2 * EVENTS, SECONDS)
        assert {outcome.rules_version for outcome in outcomes} == first

        (folder / "garage.yaml").write_text(RULES.replace("YYYY-MM-DD", "YYYY/MM/DD"), encoding="utf-8")
        wait_for(lambda: metric(stage, "rules_reload_success") == ["notice_pipeline_rules_reload_success 1.0"])
        stage.emit(EVENTS)
        outcomes = stage.wait_for_outcomes(3 * EVENTS, SECONDS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    (reported,) = stage.service.reported("rules_reloaded")
    assert {outcome.rules_version for outcome in outcomes} == first | {reported["version"]}
    assert {reported["before"]} == first
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    times = [message.message.fields["time2"][0] for message in stage.sandbox.state.memory.messages]
    assert sum("/" in time for time in times) == EVENTS
    assert "there is no template `praked`" in str(stage.service.reported("rules_refused")[0]["findings"])


@pytest.mark.kafka
def test_a_config_map_s_swap_and_a_signal_both_bring_new_rules(stage: Stage) -> None:
    """Files that are links below `..data`, as Kubernetes mounts them; and SIGHUP, for who does not watch."""
    folder = stage.service.folder / "rules"
    for name in ("garage.yaml", "templates.yaml"):
        (folder / name).unlink()
        (folder / name).symlink_to(f"..data/{name}")
    _mounted(folder, "..1", RULES)
    with stage.service.running() as process:
        version = stage.service.reported("starting")[0]["rules_version"]
        _mounted(folder, "..2", RULES.replace("YYYY-MM-DD", "YYYY年M月D日"))
        (swapped,) = stage.service.reported("rules_reloaded", seconds=SECONDS)
        assert swapped["before"] == version
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    stage.service.configure({**stage.service.configuration, "rule_options": {"watch": False}})
    with stage.service.running("unwatched.log") as process:
        stage.service.reported("starting", "unwatched.log")
        _mounted(folder, "..3", RULES)
        process.send_signal(signal.SIGHUP)
        (reported,) = stage.service.reported("rules_reloaded", "unwatched.log", SECONDS)
        assert (reported["before"], reported["version"]) == (swapped["version"], version)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log


@pytest.mark.kafka
def test_buffered_notices_of_a_rule_that_is_switched_off_are_not_sent(stage: Stage) -> None:
    """While the API is down they wait; after the reload they end as cancelled, with dead letters, and are committed."""
    folder = stage.service.folder / "rules"
    stage.sandbox.state.follow(FaultPlan.model_validate({"faults": [{"status": 500}]}))
    with stage.service.running() as process:
        stage.emit(EVENTS)
        wait_for(lambda: metric(stage, "buffered_notices") == [f"notice_pipeline_buffered_notices {EVENTS}.0"])
        (folder / "garage.yaml").write_text(f"{RULES.rstrip()}\n    enabled: false\n", encoding="utf-8")
        outcomes = stage.wait_for_outcomes(EVENTS, SECONDS)
        assert {(one.kind, one.reason) for one in outcomes} == {(OutcomeKind.CANCELLED, Reason.RULE_OFF)}
        wait_for(lambda: stage.uncommitted() == 0)
        stage.sandbox.state.follow(FaultPlan())
        assert metric(stage, "buffered_notices") == ["notice_pipeline_buffered_notices 0.0"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert not stage.sandbox.state.memory.messages
    assert len(outcomes) == EVENTS
    (reported,) = stage.service.reported("rules_removed")
    assert (reported["rules"], reported["count"]) == (["parked"], 1)


@pytest.mark.kafka
def test_a_rules_file_that_disappears_does_not_end_its_rules(stage: Stage) -> None:
    """The reload is refused, the metric reports it, and the events continue to be sent."""
    folder = stage.service.folder / "rules"
    (folder / "other.yaml").write_text(RULES.replace("id: parked", "id: left").replace("v1", "v2"), encoding="utf-8")
    with stage.service.running() as process:
        stage.service.reported("starting")
        (folder / "garage.yaml").unlink()
        wait_for(lambda: metric(stage, "rules_reload_success") == ["notice_pipeline_rules_reload_success 0.0"])
        stage.emit(EVENTS)
        assert {one.kind for one in stage.wait_for_outcomes(EVENTS, SECONDS)} == {OutcomeKind.ACCEPTED}
        (folder / "garage.yaml").write_text(RULES, encoding="utf-8")
        wait_for(lambda: metric(stage, "rules_reload_success") == ["notice_pipeline_rules_reload_success 1.0"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    (refused,) = stage.service.reported("rules_removal_refused")
    assert "garage.yaml is gone, with its rule: parked" in refused["findings"][0]
    assert stage.service.reported("rules_refusal_ended")


@pytest.mark.kafka
def test_schemas_are_read_again_with_the_rules(stage: Stage) -> None:
    """JSON of a type that got its schema after the start is typed, and a rule may read a field of a newer version."""
    newer = {"name": "gate", "type": "string", "default": "A"}
    with stage.service.running() as process:
        stage.emit(EVENTS)
        stage.wait_for_outcomes(EVENTS, SECONDS)
        stage.registry.add(f"{stage.topic}-value", {**SCHEMA, "fields": [*SCHEMA["fields"], newer]})
        stage.registry.add(
            f"{stage.topic}-org.unseen.garage.left.v1", {**SCHEMA, "namespace": "org.unseen.garage.left"}
        )
        left = RULES.replace("parked.v1", "left.v1").replace("id: parked", "id: left")
        rules = stage.service.folder / "rules"
        (rules / "left.yaml").write_text(left, encoding="utf-8")
        (rules / "garage.yaml").write_text(RULES.replace("event.fee >= 0.0", 'event.gate == "A"'), encoding="utf-8")
        assert stage.service.reported("rules_reloaded", seconds=SECONDS), stage.service.log
        stage.emit(EVENTS)
        content = {"who": recipient(1), "number": "5", "since": 1_795_417_260_000, "fee": "2.5"}
        producer = EventProducer({"bootstrap.servers": stage.broker.bootstrap_servers})
        producer.send(stage.topic, "k", json.dumps(content).encode(), [("ce_type", b"org.unseen.garage.left.v1")])
        producer.flush()
        outcomes = stage.wait_for_outcomes(2 * EVENTS + 1, SECONDS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert {one.kind for one in outcomes} == {OutcomeKind.ACCEPTED}
    assert not stage.service.reported("event_types_without_schema", seconds=0)
    texts = [one.message.fields for one in stage.sandbox.state.memory.messages]
    assert ("5", "2026-11-23 15:01", "¥2.50") in {tuple(value[0] for value in one.values()) for one in texts}


def _mounted(folder: Path, name: str, rules: str) -> None:
    (folder / name).mkdir()
    (folder / name / "garage.yaml").write_text(rules, encoding="utf-8")
    (folder / name / "templates.yaml").write_text(TEMPLATES, encoding="utf-8")
    (folder / "..data_tmp").symlink_to(name)
    (folder / "..data_tmp").replace(folder / "..data")
