"""What a running service says of itself while its broker is away, on a real Kafka that is stopped."""

from __future__ import annotations

import json
import signal

import httpx
import pytest

from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS
from tests.acceptance.stage import Stage
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.acceptance.waiting import wait_for
from tests.broker.handle import Broker
from tests.fakes import plain_http

pytestmark = pytest.mark.kafka
AWAY = "Kafka cannot be reached: no broker is connected"


def test_a_broker_that_is_away_is_named_and_no_reason_to_restart_or_drain(
    stage: Stage, stoppable_kafka: Broker
) -> None:
    """Alive and ready throughout, the error at `/readyz` and on the page; then the work continues."""
    with stage.service.running() as process:
        endpoint = stage.service.reported("starting")[0]["endpoint"]

        def ask(path: str) -> httpx.Response:
            return plain_http.get(endpoint + path, timeout=ANSWER_SECONDS)

        wait_for(lambda: ask("/readyz").text == "4 partitions\n")
        stage.emit(20)
        stage.wait_for_outcomes(20)
        stoppable_kafka.stop()
        wait_for(lambda: AWAY in ask("/readyz").text)
        assert ask("/readyz").status_code == 200
        assert ask("/healthz").status_code == 200
        worst = json.loads(ask("/status.json").text)["messages"][0]
        assert (worst["message"], worst["severity"], worst["alert"]) == (AWAY, "halted", "NoticeKafkaUnreachable")
        stoppable_kafka.start()
        wait_for(lambda: ask("/readyz").text == "4 partitions\n")
        stage.emit(20)
        assert len({outcome.id for outcome in stage.wait_for_outcomes(40)}) == 40
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
