"""librdkafka's mock cluster: a broker inside this process, for the demo.

It needs no installation. It differs from Kafka: topics are created on first use with four partitions, each keeps about
5 MiB and silently drops the rest, nothing outlives the process, and it enforces neither limits nor fencing.
Behaviour on it proves nothing about Kafka.
"""

from __future__ import annotations

from typing import Self

from confluent_kafka import Producer


class EmbeddedBroker:
    """Runs while its context lasts; `bootstrap_servers` is its address."""

    def __init__(self) -> None:
        self._host: Producer | None = None
        self.bootstrap_servers = ""

    def __enter__(self) -> Self:
        """Start the broker."""
        # The producer exists only because the mock cluster lives in a client.
        self._host = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
        brokers = self._host.list_topics(timeout=10).brokers.values()
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the broker and drop its records."""
        self._host = None
