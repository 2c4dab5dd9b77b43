"""Two installations on one Kafka cluster that read the same events and share the outcomes topic."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.model.outcome import OutcomeKind
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.service import END_SECONDS
from tests.acceptance.stage import Stage
from tests.broker.handle import Broker
from tests.fakes.registry import FakeRegistry

EVENTS = 20


@pytest.mark.kafka
def test_two_groups_on_one_outcomes_topic_send_their_own_notices_and_warn(
    tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]
) -> None:
    """What the first group has done is not done for the second one, which logs `outcomes_topic_shared` once."""
    name = topic("shared", partitions=2)
    options = SandboxOptions(port=0, keep_messages=1_000)
    with FakeRegistry() as registry, running_sandbox(options) as sandbox:
        stages = []
        for installation in ("first", "second"):
            folder = tmp_path / installation
            folder.mkdir()
            changes = {"kafka": {"group_id": f"{name}.{installation}"}}
            stages.append(Stage(folder, real_kafka, name, registry, sandbox, changes))
        stages[0].emit(EVENTS)
        for number, stage in enumerate(stages, 1):
            with stage.service.running() as process:
                stage.wait_for_outcomes(number * EVENTS)
                process.send_signal(signal.SIGTERM)
                assert process.wait(END_SECONDS) == 0, stage.service.log
        outcomes = stages[0].wait_for_outcomes(2 * EVENTS)
    accepted = [outcome for outcome in outcomes if outcome.kind is OutcomeKind.ACCEPTED]
    groups = [outcome.origin.group for outcome in accepted]
    assert {group: groups.count(group) for group in groups} == {f"{name}.first": EVENTS, f"{name}.second": EVENTS}
    assert len({outcome.id for outcome in accepted}) == 2 * EVENTS
    assert [stage.service.log.count("outcomes_topic_shared") for stage in stages] == [0, 1]
