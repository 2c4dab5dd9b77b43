"""A support desk asks why a message did not arrive: five causes, by the real service on a real Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.parcels import Parcels
from tests.acceptance.waiting import wait_for
from tests.broker.handle import Broker

pytestmark = pytest.mark.kafka
FEW, REFUSED, LATE, OFF, WAITING = 10_000_001, 20_000_002, 30_000_003, 40_000_004, 50_000_005
"""Parcel numbers: with them a support desk searches."""
MOST_SECONDS = 60.0
RULES = f"""
rules:
  - id: sent
    on: org.unseen.post.parcel
    when: event.number >= {REFUSED} && event.number < {OFF}
    to: "${{event.who}}"
    template: sent
    data: {{number1: "${{event.number}}"}}
    expires_after: 8s
  - id: waiting
    on: org.unseen.post.parcel
    when: event.number == {WAITING}
    to: "${{event.who}}"
    template: sent
    data: {{number1: "${{event.number}}"}}
  - id: track
    on: org.unseen.post.parcel
    when: event.number == {OFF}
    enabled: false
    to: "${{event.who}}"
    template: track
    data: {{number1: "${{event.number}}"}}
"""
EXPECTED = {
    FEW: "No message: no rule matched. `sent`: event.number >= 20000002 is false (event.number = 10000001)",
    OFF: "No message: the rule `track` is switched off (`enabled: false`); it would have matched.",
    REFUSED: "Refused: the customer blocked the account (43101)",
    LATE: "Expired: its time ended before it could be sent",
    WAITING: "Still waiting: sending is paused since ",
}


@pytest.fixture
def parcels(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> Iterator[Parcels]:
    """r0's account is blocked; r1's replies take so long that the message behind expires."""
    faults = [{"recipients": ["r0"], "code": 43101}, {"recipients": ["r1"], "code": 45011, "retry_after": 12}]
    plan = FaultPlan.model_validate({"faults": faults})
    with running_sandbox(SandboxOptions(port=0, plan=plan)) as sandbox:
        parcels = Parcels(tmp_path, real_kafka, topic("parcels", partitions=2), sandbox)
        (parcels.service.folder / "rules" / "post.yaml").write_text(RULES)
        control = {"topic": f"{parcels.topic}.control", "replication_factor": 1}
        parcels.service.configure({**parcels.service.configuration, "control": control})
        yield parcels


def _emit(parcels: Parcels, number: int, recipients: int) -> None:
    parcels.emit(range(number, number + 1), rubbish=False, recipients=recipients)


def test_five_causes_are_answered_in_a_minute_each(parcels: Parcels) -> None:
    """By the number of the parcel alone."""
    with parcels.service.running():
        assert parcels.service.reported("partitions_assigned")
        _emit(parcels, FEW, 7)
        _emit(parcels, OFF, 7)
        _emit(parcels, REFUSED, 1)
        _emit(parcels, LATE, 2)
        parcels.wait_for_outcomes(2)
        parcels.reported(0, "pause", "--all", "--by", "ann")
        wait_for(lambda: "paused" in parcels.service.answer("/readyz"))
        _emit(parcels, WAITING, 7)
        for number, expected in EXPECTED.items():
            began = time.monotonic()
            found = parcels.reported(0, "find", "--text", str(number))
            seconds = time.monotonic() - began
            answers = [event["answer"] for event in found["events"]]
            assert len(answers) == 1, answers
            assert answers[0].startswith(expected), (answers, parcels.service.log)
            assert seconds < MOST_SECONDS
