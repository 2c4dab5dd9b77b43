"""The number of notices per day continues after a restart, on a real Kafka."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.care_stage import CAPPED, CARE, RECIPIENTS, CareStage
from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS
from tests.acceptance.stage import Stage
from tests.acceptance.test_service import stage as stage  # noqa: PLC0414 - a fixture
from tests.acceptance.waiting import wait_for
from tests.broker.handle import Broker
from tests.fakes import plain_http
from tests.fakes.registry import FakeRegistry

pytestmark = pytest.mark.kafka
PER_DAY = 10


@pytest.fixture
def care_stage(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[CareStage]:
    with FakeRegistry() as registry, running_sandbox(SandboxOptions(port=0)) as sandbox:
        topics = (topic("parked", partitions=2), topic("left", partitions=2))
        yield CareStage(tmp_path, real_kafka, topics, topic("preferences", partitions=1), registry, sandbox)


def at_noon() -> str:
    """A zone in which it is noon, so that no midnight comes in between."""
    hour = datetime.now(UTC).hour  # noqa: TID251 - of the service's own clock
    return f"Etc/GMT{hour - 12:+d}"


def halted(stage: Stage, log: str = "log") -> bool:
    found = stage.service.reported("starting", log)
    return bool(found) and "quota" in plain_http.get(f"{found[-1]['endpoint']}/readyz", timeout=ANSWER_SECONDS).text


def test_a_restart_does_not_give_the_days_number_again(stage: Stage) -> None:
    """20 events and 10 notices a day: 10 before the restart, and none after it."""
    delivery = {"rate": {"per_day": PER_DAY, "day_zone": at_noon()}}
    stage.service.configure({**stage.service.configuration, "delivery": delivery})
    stage.emit(2 * PER_DAY)
    _stop_and_start_at_the_limit(stage)
    assert stage.uncommitted() > 0


def test_nor_does_it_with_recipient_care(care_stage: CareStage) -> None:
    """What left the partitions of the intents topic counts for them, whichever events it was made of."""
    stage = care_stage
    delivery = {"rate": {"per_day": PER_DAY, "day_zone": at_noon()}}
    stage.service.configure({**stage.service.configuration, "delivery": delivery})
    stage.rules(CAPPED, CARE)
    assert RECIPIENTS > PER_DAY
    stage.emit_round(0)
    _stop_and_start_at_the_limit(stage)


def _stop_and_start_at_the_limit(stage: Stage) -> None:
    with stage.service.running() as process:
        stage.wait_for_outcomes(PER_DAY)
        wait_for(lambda: halted(stage))
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
    assert len(stage.sandbox.state.memory.messages) == PER_DAY
    with stage.service.running("second-log"):
        wait_for(lambda: halted(stage, "second-log"))
        assert len(stage.sandbox.state.memory.messages) == PER_DAY
