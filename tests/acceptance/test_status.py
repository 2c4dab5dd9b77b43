"""A running service reports what is wrong with it, on a real Kafka: page, `/readyz`, metric and log say the same."""

from __future__ import annotations

import json
import signal

import httpx
import pytest
from starlette.responses import PlainTextResponse

from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS
from tests.acceptance.stage import Stage
from tests.acceptance.test_reload import metric
from tests.acceptance.test_reload import stage as stage  # noqa: PLC0414 - a fixture
from tests.acceptance.waiting import wait_for
from tests.fakes import plain_http

pytestmark = pytest.mark.kafka
EVENTS = 20
HELD = 'notice_pipeline_condition{condition="schema_unavailable"}'


def test_a_partition_that_waits_for_the_registry_is_not_well(stage: Stage) -> None:
    """Nothing of it is sent: page, probe, metric and log report it until it is over."""
    with stage.service.running() as process:
        endpoint = stage.service.reported("starting")[0]["endpoint"]

        def ask(path: str) -> httpx.Response:
            return plain_http.get(endpoint + path, timeout=ANSWER_SECONDS)

        wait_for(lambda: ask("/readyz").text == "2 partitions\n")
        assert f"{HELD} 0.0" in ask("/metrics").text
        stage.registry.answers[:] = [PlainTextResponse("gateway", 502)] * 1_000
        stage.emit(EVENTS)
        wait_for(lambda: "waits for a schema" in ask("/readyz").text)
        status = json.loads(ask("/status.json").text)
        found = status["messages"][0]
        assert (found["condition"], found["alert"]) == ("schema_unavailable", "NoticeSchemaAwaited")
        assert found["evidence"]["events"] > 0
        assert found["message"] in ask("/").text
        assert f"{HELD} 1.0" in ask("/metrics").text
        assert metric(stage, "partition_awaiting_schema_seconds")
        assert ask("/readyz").status_code == 503
        stage.registry.answers.clear()
        stage.wait_for_outcomes(EVENTS)
        wait_for(lambda: ask("/readyz").text == "2 partitions\n")
        assert f"{HELD} 0.0" in ask("/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    (began,) = stage.service.reported("condition_began")
    assert began["condition"] == "schema_unavailable"
    assert stage.service.reported("condition_ended")
