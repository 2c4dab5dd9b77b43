"""`run --shadow` beside the live service, on a real Kafka: all but sending, and the live one never notices."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from pipeline.adapters.events.writer import EventProducer
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.service import END_SECONDS, read_outcomes
from tests.acceptance.stage import Stage
from tests.broker.handle import Broker
from tests.broker.topics import committed, ends
from tests.fakes.registry import FakeRegistry

EVENTS = 60


@pytest.fixture
def stage(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[Stage]:
    with FakeRegistry() as registry, running_sandbox(SandboxOptions(port=0)) as sandbox:
        yield Stage(tmp_path, real_kafka, topic("shadowed", partitions=2), registry, sandbox)


def status(stage: Stage) -> tuple[int, Mapping[int, int], Mapping[int, int], Mapping[int, int]]:
    """What a shadow must leave as it was: messages accepted, and where the live group and the live topics stand."""
    servers = stage.broker.bootstrap_servers
    return (
        stage.sandbox.state.memory.counts.accepted,
        offsets(servers, stage.group, stage.topic),
        ends(servers, stage.outcomes),
        ends(servers, f"{stage.topic}.dead"),
    )


def offsets(servers: str, group: str, topic: str) -> dict[int, int]:
    """Where the group stands."""
    return {partition: one.offset for partition, one in committed(servers, group, topic).items()}


@pytest.mark.kafka
def test_a_shadow_renders_everything_and_sends_nothing(stage: Stage) -> None:
    """One outcome `shadowed` for each event on a topic of its own; API, live offsets and live topics are untouched."""
    stage.emit(EVENTS)
    with stage.service.running() as live:
        stage.wait_for_outcomes(EVENTS)
        live.send_signal(signal.SIGTERM)
        assert live.wait(END_SECONDS) == 0, stage.service.log
    producer = EventProducer({"bootstrap.servers": stage.broker.bootstrap_servers})
    producer.send(stage.topic, None, b"no event", [])
    producer.flush()
    stage.emit(EVENTS)
    before = status(stage)
    with stage.service.running("shadow.log", options=["--shadow"]) as shadow:
        outcomes = read_outcomes(stage.broker.bootstrap_servers, f"{stage.outcomes}.shadow", 2 * EVENTS + 1)
        reported = stage.service.reported("starting", "shadow.log")[0]
        assert "a shadow: nothing is sent" in stage.service.answer("/readyz", "shadow.log")
        metrics = stage.service.answer("/metrics", "shadow.log").splitlines()
        shadow.send_signal(signal.SIGTERM)
        assert shadow.wait(END_SECONDS) == 0, stage.service.log
    assert (reported["sends_to"], reported["group"]) == ("no API: this is a shadow", f"{stage.group}.shadow")
    kinds = Counter((outcome.kind, outcome.reason) for outcome in outcomes)
    assert kinds == {
        (OutcomeKind.SHADOWED, Reason.SHADOW): 2 * EVENTS,
        (OutcomeKind.UNDECODABLE, Reason.NO_TYPE): 1,
    }
    assert all(outcome.attempts == 0 for outcome in outcomes)
    assert "notice_pipeline_shadow 1.0" in metrics
    counted = 'notice_pipeline_notices_total{outcome="shadowed",reason="shadow",rule="parked",template="parked"}'
    assert f"{counted} {2 * EVENTS}.0" in metrics
    assert status(stage) == before
    assert stage.sandbox.state.memory.counts.accepted == EVENTS
    servers = stage.broker.bootstrap_servers
    assert sum(ends(servers, f"{stage.topic}.dead.shadow").values()) == 1
    assert offsets(servers, f"{stage.group}.shadow", stage.topic) == ends(servers, stage.topic)


@pytest.mark.kafka
def test_after_a_shadow_the_live_service_sends_all_the_same(stage: Stage) -> None:
    """What the shadow called done is not done: the live service begins where it stood, and sends each once."""
    stage.emit(EVENTS)
    with stage.service.running("shadow.log", options=["--shadow"]) as shadow:
        read_outcomes(stage.broker.bootstrap_servers, f"{stage.outcomes}.shadow", EVENTS)
        shadow.send_signal(signal.SIGTERM)
        assert shadow.wait(END_SECONDS) == 0, stage.service.log
    with stage.service.running() as live:
        outcomes = stage.wait_for_outcomes(EVENTS)
        live.send_signal(signal.SIGTERM)
        assert live.wait(END_SECONDS) == 0, stage.service.log
    assert Counter(outcome.kind for outcome in outcomes) == {OutcomeKind.ACCEPTED: EVENTS}
    assert stage.sandbox.state.memory.counts.accepted == EVENTS
