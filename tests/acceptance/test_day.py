"""The number of notices per day continues after a restart, on a real Kafka."""

from __future__ import annotations

import signal
from datetime import UTC, datetime

import httpx
import pytest

from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS
from tests.acceptance.stage import Stage
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.acceptance.waiting import wait_for

pytestmark = pytest.mark.kafka
PER_DAY = 10


def at_noon() -> str:
    """A zone in which it is noon, so that no midnight comes in between."""
    hour = datetime.now(UTC).hour  # noqa: TID251 - of the service's own clock
    return f"Etc/GMT{hour - 12:+d}"


def halted(stage: Stage, log: str = "log") -> bool:
    found = stage.service.reported("starting", log)
    return bool(found) and "quota" in httpx.get(f"{found[-1]['endpoint']}/readyz", timeout=ANSWER_SECONDS).text


def test_a_restart_does_not_give_the_days_number_again(stage: Stage) -> None:
    """20 events and 10 notices a day: 10 before the restart, and none after it."""
    delivery = {"rate": {"per_day": PER_DAY, "day_zone": at_noon()}}
    stage.service.configure({**stage.service.configuration, "delivery": delivery})
    with stage.service.running() as process:
        stage.emit(2 * PER_DAY)
        stage.wait_for_outcomes(PER_DAY)
        wait_for(lambda: halted(stage))
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert len(stage.sandbox.state.memory.messages) == PER_DAY
    with stage.service.running("second-log"):
        wait_for(lambda: halted(stage, "second-log"))
        assert len(stage.sandbox.state.memory.messages) == PER_DAY
        assert stage.uncommitted() > 0
