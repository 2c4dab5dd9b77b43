"""A rule that matches everything: stopped by one command, and by its own limit, on a real Kafka with two members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from pipeline.model.outcome import OutcomeKind
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.parcels import RULES, Parcels
from tests.acceptance.service import END_SECONDS
from tests.acceptance.waiting import wait_for
from tests.broker.handle import Broker
from tests.fakes import plain_http

pytestmark = pytest.mark.kafka
EVENTS = 1_500
LIMIT = 100
RATE = 100
"""Requests a second of each member in the storm that a command stops: a slow machine needs seconds for the command."""
RECIPIENTS = 300
IN_FLIGHT = 64
"""More than both members have under way at this rate."""
SENT, TRACK = "sent-template", "track-template"
MEMBERS = ("one", "two")


@contextmanager
def stage(
    folder: Path, broker: Broker, topic: str, events: int, rules: str = RULES, rate: float | None = None
) -> Iterator[Parcels]:
    """A topic with two partitions, two members that have one each, and an API that takes 5 ms."""
    plan = FaultPlan.model_validate({"latency": "5ms"})
    with running_sandbox(SandboxOptions(port=0, plan=plan, keep_messages=2 * events)) as sandbox, ExitStack() as stack:
        parcels = Parcels(folder, broker, topic, sandbox)
        (folder / "rules" / "post.yaml").write_text(rules, encoding="utf-8")
        control = {"topic": f"{parcels.topic}.control", "replication_factor": 1}
        delivery = {} if rate is None else {"delivery": {"rate": {"per_second": rate}}}
        parcels.service.configure({**parcels.service.configuration, "control": control, **delivery})
        processes = [stack.enter_context(parcels.service.running(name)) for name in MEMBERS]
        wait_for(lambda: all(ready(parcels, name).startswith("1 partition") for name in MEMBERS))
        yield parcels
        for process in processes:
            process.terminate()
        assert [process.wait(END_SECONDS) for process in processes] == [0, 0]


def ready(parcels: Parcels, member: str) -> str:
    """What the member's readiness probe answers."""
    endpoint = parcels.service.reported("starting", member)[-1]["endpoint"]
    try:
        return plain_http.get(f"{endpoint}/readyz", timeout=30).text
    except httpx.TransportError:
        return ""


def taken(parcels: Parcels, template: str) -> int:
    """How many messages with this template the API took."""
    return sum(received.message.template == template for received in list(parcels.sandbox.state.memory.messages))


def test_one_command_stops_a_storm(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> None:
    """Once both members report it nothing of the rule goes out but what was under way; the other rule sends everything.

    How soon that is, the chaos scenarios measure.
    """
    with stage(tmp_path, real_kafka, topic("storm", partitions=2), EVENTS, rate=RATE) as parcels:
        parcels.emit(range(EVENTS), rubbish=False, recipients=RECIPIENTS)
        wait_for(lambda: taken(parcels, TRACK) > EVENTS // 10)
        parcels.reported(0, "pause", "--rule", "track", "--reason", "matches everything")
        wait_for(lambda: all("paused: rule track by" in ready(parcels, name) for name in MEMBERS))
        begun = taken(parcels, TRACK) + IN_FLIGHT
        parcels.wait_for_outcomes(2 * EVENTS, 600)
        assert taken(parcels, TRACK) <= begun < EVENTS
        assert taken(parcels, SENT) == EVENTS


def test_a_limit_stops_a_storm(tmp_path: Path, real_kafka: Broker, topic: Callable[..., str]) -> None:
    """At most the limit goes out; every member, `pause --list` and the metric say who paused the rule and why."""
    rules = RULES.replace("{id: track,", f"{{id: track, max_per_minute: {LIMIT},")
    with stage(tmp_path, real_kafka, topic("storm", partitions=2), EVENTS, rules) as parcels:
        parcels.emit(range(EVENTS), rubbish=False, recipients=RECIPIENTS)
        outcomes = parcels.outcomes(2 * EVENTS)
        kinds = Counter((outcome.rule, outcome.kind) for outcome in outcomes)
        out = taken(parcels, TRACK)
        assert 0 < out <= LIMIT
        assert kinds == {
            ("sent", OutcomeKind.ACCEPTED): EVENTS,
            ("track", OutcomeKind.ACCEPTED): out,
            ("track", OutcomeKind.SUPPRESSED): EVENTS - out,
        }
        (pause,) = parcels.reported(0, "pause", "--list")["paused"]
        assert (pause["name"], pause["by"]) == ("track", "max_per_minute")
        assert f"more than {LIMIT} notices a minute" in pause["reason"]
        wait_for(
            lambda: all("paused: rule track by max_per_minute: more than 100" in ready(parcels, m) for m in MEMBERS)
        )
        for name in MEMBERS:
            metrics = parcels.service.answer("/metrics", name)
            assert 'notice_pipeline_paused_seconds{by="max_per_minute",name="track",scope="rule"}' in metrics
        process = parcels.call("resume", "--rule", "track", "--send")
        assert "add --rate" in process.communicate(timeout=END_SECONDS)[1]
        assert process.returncode == 2
