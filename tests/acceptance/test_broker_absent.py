"""One of three brokers ends or is cut off: what a member says of its partitions, and that it continues afterwards."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # not in its stub

from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.service import ANSWER_SECONDS, END_SECONDS
from tests.acceptance.stage import Stage
from tests.acceptance.test_chaos import cluster as cluster  # noqa: PLC0414 - a fixture
from tests.acceptance.waiting import wait_for
from tests.broker.cluster import NODES, Cluster
from tests.broker.handle import Unavailable
from tests.fakes import plain_http
from tests.fakes.registry import FakeRegistry

pytestmark = pytest.mark.kafka
EVENTS = 60
NAMED_SECONDS = 240
CONDITION = 'notice_pipeline_condition{condition="broker_absent"}'


@pytest.fixture
def stage(tmp_path: Path, cluster: Cluster, unique: Callable[[str], str]) -> Iterator[Stage]:
    topic = unique("absent")
    changes = {"kafka": {"bootstrap_servers": cluster.client_servers}, "control": {"topic": f"{topic}.control"}}
    with FakeRegistry() as registry, running_sandbox(SandboxOptions(port=0)) as sandbox:
        yield Stage(tmp_path, cluster, topic, registry, sandbox, changes)


def make_topics(cluster: Cluster, stage: Stage) -> int:
    """Make the source with one replica of each partition; return the node of partition 0, which leads nothing else."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    busy = coordinator(cluster, stage, admin)
    victim = next(node for node in NODES if node != busy)
    first, second = (node for node in NODES if node != victim)
    kept = [[first, second, victim], [second, first, victim], [first, second, victim]]
    topics = {
        stage.topic: [[victim], [first], [second]],
        stage.outcomes: kept,
        f"{stage.topic}.dead": kept[:1],
        f"{stage.topic}.control": kept[:1],
    }
    made = admin.create_topics([NewTopic(name, len(where), replica_assignment=where) for name, where in topics.items()])
    for one in made.values():
        one.result(ANSWER_SECONDS)
    return victim


def coordinator(cluster: Cluster, stage: Stage, admin: AdminClient) -> int:
    """The coordinator of the group; the topic of offsets is made by the first question for it."""

    def known() -> int | None:
        with suppress(TimeoutError, KafkaException):
            admin.describe_consumer_groups([stage.group], request_timeout=5)[stage.group].exception(10)
        with suppress(Unavailable):  # made, and without a leader yet
            if "__consumer_offsets" in admin.list_topics(timeout=5).topics:
                return cluster.coordinator(stage.group)
        return None

    return int(wait_for(known))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("unreachable", r"no connection to \S+, the leader of {}/0"),
        # The broker's connection is missed at once, and the leader once the controller has fenced the broker.
        ("killed", r"no leader for {0}/0; the last was \S+|no connection to \S+, the leader of {0}/0"),
    ],
)
def test_a_partition_that_no_leader_serves_is_named(stage: Stage, cluster: Cluster, how: str, said: str) -> None:
    """Probe, page, metric and log name it; the member stays ready, because another one would have the same trouble."""
    victim = make_topics(cluster, stage)
    expected = said.format(stage.topic)
    with stage.service.running() as process:
        stage.emit(EVENTS)
        stage.wait_for_outcomes(EVENTS)
        endpoint = stage.service.reported("starting")[-1]["endpoint"]

        def ask(path: str) -> httpx.Response:
            return plain_http.get(endpoint + path, timeout=ANSWER_SECONDS)

        assert f"{CONDITION} 0.0\n" in ask("/metrics").text
        {"unreachable": cluster.cut_off_from_clients, "killed": cluster.kill_node}[how](victim)
        wait_for(lambda: re.search(expected, ask("/readyz").text), seconds=NAMED_SECONDS)
        assert ask("/readyz").status_code == 200
        (found,) = [one for one in ask("/status.json").json()["messages"] if one["condition"] == "broker_absent"]
        assert found["evidence"]["partitions"] == [f"{stage.topic}/0"]
        assert f"{CONDITION} 1.0\n" in ask("/metrics").text
        assert re.search(expected, stage.service.reported("condition_began")[-1]["summary"])
        if how == "unreachable":
            cluster.heal()
        else:
            cluster.start_node(victim)
        wait_for(lambda: ask("/readyz").text == "3 partitions\n", seconds=NAMED_SECONDS)
        stage.emit(EVENTS)
        stage.wait_for_outcomes(2 * EVENTS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0, stage.service.log
