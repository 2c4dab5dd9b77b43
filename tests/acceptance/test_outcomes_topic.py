"""The outcomes topic is deleted, or a quota limits writes, under a running service: what follows."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from pipeline.model.outcome import OutcomeKind
from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS
from tests.acceptance.stage import Stage
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.acceptance.waiting import wait_for
from tests.broker.process import jars
from tests.fakes import plain_http

pytestmark = pytest.mark.kafka
EVENTS = 20
CONDITION = 'notice_pipeline_condition{condition="outcomes_unacknowledged"} 1.0'


def reports_missing_acknowledgements(stage: Stage) -> bool:
    """Probe, page and metric alike; the member stays ready, since another one would have the same trouble."""
    endpoint = stage.service.reported("starting")[-1]["endpoint"]
    ready = plain_http.get(f"{endpoint}/readyz", timeout=ANSWER_SECONDS)
    if "not acknowledged for" not in ready.text:
        return False
    assert ready.status_code == 200
    messages: list[dict[str, Any]] = plain_http.get(f"{endpoint}/status.json", timeout=ANSWER_SECONDS).json()[
        "messages"
    ]
    assert messages[0]["condition"] == "outcomes_unacknowledged"
    assert messages[0]["alert"] == "NoticeOutcomesUnacknowledged"
    assert CONDITION in plain_http.get(f"{endpoint}/metrics", timeout=ANSWER_SECONDS).text
    return True


def test_a_deleted_outcomes_topic_is_reported_and_made_again(stage: Stage) -> None:
    """The process ends and names the cause; the next one sends with the same keys what no outcome is left of."""
    usual: dict[str, Any] = dict(stage.service.configuration)
    # For this long the client takes a missing topic for one that is being made: 30 s by default.
    usual["kafka"]["properties"]["topic.metadata.propagation.max.ms"] = 10_000
    stage.service.configure(usual)
    with stage.service.running() as process:
        stage.emit(EVENTS)
        stage.wait_for_outcomes(EVENTS)
        admin = AdminClient({"bootstrap.servers": stage.broker.bootstrap_servers})
        admin.delete_topics([stage.outcomes])[stage.outcomes].result(ANSWER_SECONDS)
        stage.emit(EVENTS)
        assert process.wait(END_SECONDS) == 1, stage.service.log
    (fatal,) = stage.service.reported("fatal")
    assert f"{stage.outcomes}: " in fatal["error"]
    assert "was it deleted?" in fatal["error"]
    assert stage.service.reported("stopped")[0]["outcomes_missing"] == EVENTS
    with stage.service.running("second-log") as process:
        outcomes = stage.wait_for_outcomes(EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert len(outcomes) == EVENTS
    assert len(stage.sandbox.state.memory.messages) == 2 * EVENTS, "the sandbox recognises repeats by their keys"
    assert stage.uncommitted() == 0


def set_quota(stage: Stage, bytes_per_second: int | None) -> None:
    """Limit what this client id may write to the node; None: no limit."""
    change = ["--delete-config", "producer_byte_rate"]
    if bytes_per_second is not None:
        change = ["--add-config", f"producer_byte_rate={bytes_per_second}"]
    tool = ["java", "-cp", f"{jars()}/*", "kafka.admin.ConfigCommand"]
    server = ["--bootstrap-server", stage.broker.bootstrap_servers]
    client = ["--alter", *change, "--entity-type", "clients", "--entity-name", stage.topic]
    subprocess.run([*tool, *server, *client], capture_output=True, timeout=END_SECONDS, check=True)


def test_a_quota_that_stops_writes_is_reported_as_its_cause(stage: Stage) -> None:
    """Kafka has no error for it. Nothing is lost, and everything is acknowledged once the quota is gone."""
    events = 2_000
    usual: dict[str, Any] = dict(stage.service.configuration)
    usual["kafka"]["properties"]["client.id"] = stage.topic
    stage.service.configure(usual)
    set_quota(stage, 200)
    with stage.service.running() as process:
        stage.emit(events)
        wait_for(lambda: reports_missing_acknowledgements(stage))
        assert stage.service.reported("producer_throttled", seconds=ANSWER_SECONDS)
        set_quota(stage, None)
        outcomes = stage.wait_for_outcomes(events)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert len(outcomes) == len({outcome.id for outcome in outcomes}) == events
    assert stage.uncommitted() == 0
