"""Stop now, and continue: `pause` and `resume` beside a running service, on a real Kafka."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from pipeline.model.outcome import Because, OutcomeKind, Reason
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.parcels import RECIPIENTS, Parcels
from tests.acceptance.service import END_SECONDS
from tests.acceptance.waiting import wait_for, wait_until_idle
from tests.broker.handle import Broker
from tests.fakes import plain_http

pytestmark = pytest.mark.kafka
EVENTS = 600
SENT, TRACK = "sent-template", "track-template"
IN_ORDER = {f"r{recipient}": list(range(recipient, EVENTS, RECIPIENTS)) for recipient in range(RECIPIENTS)}
KEPT = 2 * EVENTS
SLOW = FaultPlan.model_validate({"latency": "200ms"})
QUICK = FaultPlan.model_validate({"latency": "5ms"})


@pytest.fixture
def parcels(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[Parcels]:
    """An API so slow that the first half of the parcels is buffered for 20 seconds: time to pause it meanwhile."""
    with running_sandbox(SandboxOptions(port=0, plan=SLOW, keep_messages=KEPT)) as sandbox:
        parcels = Parcels(tmp_path, real_kafka, topic("parcels", partitions=2), sandbox)
        control = {"topic": f"{parcels.topic}.control", "replication_factor": 1}
        parcels.service.configure({**parcels.service.configuration, "control": control})
        yield parcels


def _taken(parcels: Parcels, template: str) -> int:
    return sum(map(len, parcels.taken(template).values()))


def _ready(parcels: Parcels) -> tuple[int, str]:
    endpoint = parcels.service.reported("starting")[-1]["endpoint"]
    try:
        answer = plain_http.get(f"{endpoint}/readyz", timeout=30)
    except httpx.TransportError:  # the endpoint of a process that has ended, until the next one has started
        return 0, ""
    return answer.status_code, answer.text


def test_a_paused_rule_stops_and_is_sent_later_in_order(parcels: Parcels) -> None:
    """Buffered notices too; the other rule continues; a restart changes nothing; the audit agrees."""
    parcels.emit(range(EVENTS // 2), rubbish=False)
    with parcels.service.running() as service:
        wait_for(lambda: _taken(parcels, TRACK) > RECIPIENTS)
        listed = parcels.reported(0, "pause", "--rule", "track", "--reason", "wrong text", "--by", "ann")
        assert [(one["scope"], one["name"], one["by"]) for one in listed["paused"]] == [("rule", "track", "ann")]
        wait_for(lambda: "paused: rule track" in _ready(parcels)[1])
        under_way = _taken(parcels, TRACK) + RECIPIENTS
        parcels.sandbox.state.follow(QUICK)
        parcels.emit(range(EVENTS // 2, EVENTS), rubbish=False)
        outcomes = parcels.outcomes(2 * EVENTS)
        stopped_at = _taken(parcels, TRACK)
        assert RECIPIENTS < stopped_at <= under_way < EVENTS // 2
        assert _taken(parcels, SENT) == EVENTS
        kinds = Counter((outcome.rule, outcome.kind, outcome.reason) for outcome in outcomes)
        assert kinds == {
            ("sent", OutcomeKind.ACCEPTED, Reason.OK): EVENTS,
            ("track", OutcomeKind.ACCEPTED, Reason.OK): stopped_at,
            ("track", OutcomeKind.SUPPRESSED, Reason.PAUSED): EVENTS - stopped_at,
        }
        suppressed = next(outcome for outcome in outcomes if outcome.kind is OutcomeKind.SUPPRESSED)
        assert suppressed.because == (Because("pause", "rule track"),)
        status, message = _ready(parcels)
        assert (status, "paused: rule track" in message) == (200, True)
        assert 'notice_pipeline_paused_seconds{by="operator",name="track",scope="rule"}' in parcels.service.answer(
            "/metrics"
        )
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, parcels.service.log
    assert parcels.reported(0, "audit", "--strict")["clean"]

    with parcels.service.running() as service:
        assert "paused: rule track" in _wait_ready(parcels)
        resumed = parcels.reported(0, "resume", "--rule", "track", "--send")
        assert resumed["sent"] == EVENTS - stopped_at
        parcels.outcomes(2 * EVENTS + EVENTS - stopped_at)
        assert parcels.reported(0, "pause", "--list")["paused"] == []
        assert parcels.taken(TRACK) == parcels.taken(SENT) == IN_ORDER
        assert parcels.sandbox.state.memory.counts.repeats == 0
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, parcels.service.log
    assert parcels.reported(0, "audit", "--strict")["clean"]


def _wait_ready(parcels: Parcels) -> str:
    wait_for(lambda: _ready(parcels)[1].startswith("2 partitions"))
    return _ready(parcels)[1]


def test_a_pause_of_everything_halts_until_it_is_resumed(parcels: Parcels) -> None:
    """Also in a member that starts during the pause; nothing is lost, and nothing leaves a dead letter."""
    parcels.emit(range(EVENTS // 2), rubbish=False)
    with parcels.service.running() as service:
        wait_for(lambda: _taken(parcels, TRACK) > RECIPIENTS)
        parcels.reported(0, "pause", "--all", "--reason", "wrong price")
        wait_for(lambda: _ready(parcels)[0] == 503)
        under_way = _taken(parcels, TRACK) + _taken(parcels, SENT) + RECIPIENTS
        parcels.emit(range(EVENTS // 2, EVENTS), rubbish=False)
        _, message = _ready(parcels)
        assert ("paused by" in message, "wrong price" in message) == (True, True)
        wait_for(lambda: not parcels.sandbox.state.in_flight)
        service.kill()
        service.wait(END_SECONDS)
    wait_until_idle(parcels.sandbox)
    halted_at = len(parcels.sandbox.state.memory.messages)
    assert halted_at <= under_way < EVENTS
    parcels.sandbox.state.follow(QUICK)
    with parcels.service.running() as service:
        wait_for(lambda: "sending is halted: paused" in _ready(parcels)[1])
        time.sleep(2.0)
        assert len(parcels.sandbox.state.memory.messages) == halted_at
        parcels.reported(0, "resume", "--all")
        outcomes = parcels.outcomes(2 * EVENTS)
        assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, parcels.service.log


def test_records_on_the_control_topic_that_are_not_pauses_change_nothing(parcels: Parcels) -> None:
    """Hostile keys and values, other groups' pauses, before the start and after it: the service sends everything."""
    hostile = Producer({"bootstrap.servers": parcels.servers})
    group = parcels.service.configuration["kafka"]["group_id"]  # type: ignore[index]  # the configuration is plain data
    ours = json.dumps([group, "rule", "track"]).encode()

    def produce() -> None:
        for key, value in (
            (None, b"{}"),
            (b"\xff\xfe", b"\xff"),
            (b"[]", b"1"),
            (b'["x", {}, 1]', b"{}"),
            (ours, b"not json"),
            (ours, b"[1]"),
            (ours, b'{"since": "yesterday"}'),
            (ours, b'{"since": "2026-01-01T00:00:00+00:00", "until": "9999999-01-01"}'),
            (json.dumps(["another-group", "all", ""]).encode(), b'{"since": "2026-01-01T00:00:00+00:00"}'),
        ):
            hostile.produce(f"{parcels.topic}.control", value, key)
        assert hostile.flush(30) == 0

    parcels.reported(0, "pause", "--list")
    produce()
    parcels.emit(range(60), rubbish=False)
    with parcels.service.running() as service:
        parcels.wait_for_outcomes(60)
        produce()
        parcels.emit(range(60), rubbish=False)
        outcomes = parcels.outcomes(240)
        assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
        assert _ready(parcels)[0] == 200
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, parcels.service.log


def test_pausing_something_that_does_not_exist_is_refused_with_a_suggestion(parcels: Parcels) -> None:
    """A misspelt rule is not paused: no one must believe that it is."""
    process = parcels.call("pause", "--rule", "trakc")
    _, error = process.communicate(timeout=END_SECONDS)
    assert process.returncode == 2
    assert "has no rule trakc" in error
    assert "did you mean `track`?" in error
    assert parcels.reported(0, "pause", "--rule", "trakc", "--force", "--for", "1h")["paused"][0]["name"] == "trakc"


def test_a_pause_can_be_lifted_although_the_control_topic_was_deleted(parcels: Parcels) -> None:
    """Members keep what they know; the command no longer sees the pause, and lifts it where its name is given."""
    admin = AdminClient({"bootstrap.servers": parcels.servers})
    control = f"{parcels.topic}.control"
    with parcels.service.running() as service:
        parcels.reported(0, "pause", "--rule", "track")
        wait_for(lambda: "paused: rule track" in _ready(parcels)[1])
        admin.delete_topics([control])[control].result(30)
        wait_for(lambda: control not in admin.list_topics(timeout=10).topics)
        assert parcels.reported(0, "pause", "--list")["paused"] == []
        assert "paused: rule track" in _ready(parcels)[1]
        parcels.reported(0, "resume", "--rule", "track")
        wait_for(lambda: "paused" not in _ready(parcels)[1])
        service.send_signal(signal.SIGTERM)
        assert service.wait(END_SECONDS) == 0, parcels.service.log
