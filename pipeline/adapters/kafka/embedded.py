"""librdkafka's mock cluster: a broker inside this process, for the demo.

Good for a start without anything installed. It is no Kafka: topics make themselves with four partitions, about 5 MiB
are kept of each and the rest is silently dropped, nothing outlives the process, and it has no limit or fence
of a real broker. No claim about Kafka may rest on it.
"""

from __future__ import annotations

from typing import Self

from confluent_kafka import Producer


class EmbeddedBroker:
    """Up while its context lasts; `bootstrap_servers` is where."""

    def __init__(self) -> None:
        self._host: Producer | None = None
        self.bootstrap_servers = ""

    def __enter__(self) -> Self:
        """Start it."""
        # The producer exists only because the mock cluster lives in a client.
        self._host = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
        brokers = self._host.list_topics(timeout=10).brokers.values()
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, and drop everything it held."""
        self._host = None
