"""How the tests' single Kafka node is set up, whatever carries it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.broker.handle import Unavailable

VERSION = "4.1.0"
"""The same in pom.xml and as the container's tag."""
START_SECONDS = 180.0
"""Five on a machine of its own; only a very busy one, or a broken node, takes longer than a minute."""

NODE: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "num.partitions": "1",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    # Rebalances and failures must show within a test's timeout, not within production's.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "300",
    "group.consumer.min.session.timeout.ms": "2000",
    "group.consumer.session.timeout.ms": "6000",
    "log.cleaner.backoff.ms": "500",
    # After a kill the node waits for its own former registration to expire: 9 s if nothing is said.
    "broker.heartbeat.interval.ms": "300",
    "broker.session.timeout.ms": "1500",
    # Who comes without a name may do all; who has a name may do what the test allows.
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}


def wait_until_up(bootstrap_servers: str, seconds: float = START_SECONDS) -> None:
    """Wait for the node to answer and to have a controller.

    Raises:
        Unavailable: it did not in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        # A client for each try: one that has seen refusals waits ever longer between its own.
        admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
        try:
            cluster = admin.describe_cluster(request_timeout=2).result(timeout=3)
        except (KafkaException, TimeoutError):
            time.sleep(0.1)
            continue
        if cluster.controller is not None:
            return
    raise Unavailable(f"the broker did not answer at {bootstrap_servers} within {seconds:.0f} s")
