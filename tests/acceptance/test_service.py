"""The main job as its users run it: the command, a real Kafka, a registry, and an API that misbehaves now and then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.adapters.events.writer import EventProducer
from pipeline.model.event import Position
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.service import END_SECONDS
from tests.acceptance.stage import Stage
from tests.broker.handle import Broker
from tests.fakes.registry import FakeRegistry

EVENTS = 1_000
QUICK = FaultPlan()
SLOW = FaultPlan.model_validate({"latency": "100ms-200ms"})
"""The notices of a recipient take 4 s: a process that ends meanwhile ends in the middle of them."""


@pytest.fixture
def stage(
    tmp_path: Path, real_kafka: Broker, topic: Callable[..., str], request: pytest.FixtureRequest
) -> Iterator[Stage]:
    faults = getattr(request, "param", {})
    options = SandboxOptions(port=0, keep_messages=20_000, plan=FaultPlan.model_validate(faults))
    with FakeRegistry() as registry, running_sandbox(options) as sandbox:
        yield Stage(tmp_path, real_kafka, topic("parked", partitions=4), registry, sandbox)


def assert_in_order(taken: dict[str, list[int]]) -> None:
    for recipient, numbers in taken.items():
        assert numbers == sorted(numbers), recipient


FAULTS = {
    "seed": 3,
    "latency": "1ms-10ms",
    "faults": [
        {"probability": 0.03, "status": 503, "code": 503},
        {"probability": 0.02, "do": "reset", "accepted": True},
        {"probability": 0.02, "do": "garbage"},
    ],
}


@pytest.mark.kafka
@pytest.mark.parametrize("stage", [FAULTS], indirect=True)
def test_every_event_of_an_unseen_schema_is_accepted_once_in_order(stage: Stage) -> None:
    """With faults in the API: one accepted outcome for each event, order kept, all committed, clean end."""
    stage.emit(EVENTS)
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert Counter(outcome.kind for outcome in outcomes) == {OutcomeKind.ACCEPTED: EVENTS}
    assert len({outcome.id for outcome in outcomes}) == EVENTS
    taken = stage.numbers_by_recipient()
    assert sorted(number for numbers in taken.values() for number in numbers) == list(range(EVENTS))
    assert_in_order(taken)
    assert stage.sandbox.state.memory.counts.overlapping == 0
    assert stage.uncommitted() == 0
    assert "canary-token-9c1f" not in stage.service.log
    assert explained_id(stage, outcomes[0].position) == outcomes[0].id


def explained_id(stage: Stage, position: Position) -> str:
    """The notice id that `explain` gives for a record: the service's, so that the outcome can be found by it."""
    command = [sys.executable, "-m", "pipeline", "explain", str(position), "--output", "json", "--config"]
    done = subprocess.run(
        [*command, str(stage.service.folder / "pipeline.yaml")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["rules"][0]["notice"]["id"])


def full_pipe() -> tuple[int, int]:
    """A pipe that takes nothing more, and that no one reads."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4_096)
    os.set_blocking(writing, True)
    return reading, writing


@pytest.mark.kafka
@pytest.mark.parametrize("reader", ["stalled", "gone", "closed"])
def test_whatever_reads_the_log_events_are_sent_and_the_end_is_clean(stage: Stage, reader: str) -> None:
    """A pipe that no one reads, one whose reader has gone, and no output at all."""
    stage.emit(EVENTS)
    reading, writing = full_pipe()
    if reader == "gone":
        os.close(reading)
    command = [sys.executable, "-m", "pipeline", "run", "--config", str(stage.service.folder / "pipeline.yaml")]
    shell = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command] if reader == "closed" else command
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(shell, stdout=writing, stderr=writing, env=environment) as process:
        try:
            outcomes = stage.wait_for_outcomes(EVENTS)
            process.send_signal(signal.SIGTERM)
            assert process.wait(END_SECONDS) == 0
        finally:
            process.kill()
    assert Counter(outcome.kind for outcome in outcomes) == {OutcomeKind.ACCEPTED: EVENTS}


@pytest.mark.kafka
def test_a_restart_goes_on_where_it_stopped(stage: Stage) -> None:
    """Stopped by SIGTERM in the middle and started again: nothing lost, nothing twice."""
    stage.sandbox.state.follow(SLOW)
    stage.emit(EVENTS)
    with stage.service.running() as process:
        stage.wait_for_outcomes(EVENTS // 4)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert len(stage.ledger()) < EVENTS
    stage.sandbox.state.follow(QUICK)
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert len(outcomes) == EVENTS
    counts = stage.sandbox.state.memory.counts
    assert (counts.accepted, counts.repeats) == (EVENTS, 0)
    assert_in_order(stage.numbers_by_recipient())
    assert stage.uncommitted() == 0


@pytest.mark.kafka
def test_a_killed_service_loses_nothing(stage: Stage) -> None:
    """Killed twice under load: every event has its outcome, order is kept, and no more comes twice than must.

    What must: messages that the API had taken when the process died and whose outcome Kafka had not.
    """
    stage.sandbox.state.follow(SLOW)
    stage.emit(EVENTS)
    counts = stage.sandbox.state.memory.counts
    unknown = sum(stage.kill_after(outcomes) for outcomes in (EVENTS // 5, EVENTS // 2))
    assert counts.accepted < EVENTS
    stage.sandbox.state.follow(QUICK)
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert len({outcome.id for outcome in outcomes}) == EVENTS
    assert counts.accepted == EVENTS
    assert counts.repeats <= unknown
    assert_in_order(stage.numbers_by_recipient())
    assert stage.uncommitted() == 0


@pytest.mark.kafka
def test_bad_records_end_as_outcomes_and_stop_nobody(stage: Stage) -> None:
    """Truncated Avro, an unknown id and plain text each get an outcome; events continue."""
    producer = EventProducer({"bootstrap.servers": stage.broker.bootstrap_servers})
    for value in (b"\x00\x00\x00\x00\x01\x04a", b"\x00\x00\x00\x27\x0fxyz", b"plain text", b"\x00"):
        producer.send(stage.topic, None, value, [])
    producer.flush()
    stage.emit(20)
    with stage.service.running() as process:
        outcomes = stage.wait_for_outcomes(24)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    reasons = Counter(outcome.reason for outcome in outcomes)
    assert reasons[Reason.OK] == 20
    assert reasons[Reason.MALFORMED_AVRO] == 1
    assert reasons[Reason.UNKNOWN_SCHEMA] == 1
    assert reasons[Reason.NO_TYPE] == 1
    assert reasons[Reason.NOT_FRAMED] == 1
    assert stage.uncommitted() == 0
    assert "Traceback" not in stage.service.log


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (
            {
                "kafka": {
                    "bootstrap_servers": "127.0.0.1:1",
                    "group_id": "x",
                    "topics": ["x"],
                    "start_timeout_seconds": 1,
                }
            },
            2,
            "no Kafka broker",
        ),
        ({"notices": {"url": "http://127.0.0.1:1/"}}, 2, "no token"),
        ({"notices": {"url": "http://127.0.0.1:1/", "token_file": "nowhere"}}, 2, "no such file"),
        ({"kafka": {"bootstrap_servers": "127.0.0.1:1", "topics": ["x"]}}, 2, "`kafka.group_id` is missing"),
        ({"rules": "nowhere"}, 2, "no such folder"),
        ({"kafak": {}}, 2, "unknown key `kafak`"),
    ],
)
def test_what_is_missing_at_start_is_reported_clearly(
    stage: Stage, change: dict[str, object], code: int, message: str
) -> None:
    """A clear error and exit code 2, never a traceback."""
    stage.service.configure({**stage.service.configuration, **change})
    with stage.service.running() as process:
        assert process.wait(END_SECONDS) == code
    assert message in stage.service.log
    assert "Traceback" not in stage.service.log
