"""What must be there before the service starts: a broker that answers, and the topics."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]  # not in its stub
from confluent_kafka.cimpl import NewTopic

from pipeline.errors import Unreachable

LEDGER_CONFIG: Mapping[str, str] = {"cleanup.policy": "delete", "retention.ms": str(14 * 86_400_000)}
"""Two weeks: the ledger is read back only as far as an unfinished event is old, and people look at it for longer."""


class TopicToMake(NamedTuple):
    """A topic of ours."""

    name: str
    partitions: int
    replication_factor: int
    create: bool


class TopicCheck:
    """Asks the cluster once at start."""

    def __init__(self, properties: Mapping[str, Any], timeout_seconds: float) -> None:
        """`properties` are librdkafka's, bootstrap.servers among them."""
        self._servers = str(properties.get("bootstrap.servers"))
        self._timeout = timeout_seconds
        settings: dict[str, Any] = {**properties, "logger": _silent(), "log_level": 0}
        self._admin = AdminClient(settings)

    def partitions(self) -> Mapping[str, int]:
        """Every topic of the cluster with its count of partitions.

        Raises:
            Unreachable: no broker answers in time.
        """
        try:
            topics = self._admin.list_topics(timeout=self._timeout).topics
        except KafkaException as error:
            raise Unreachable(
                f"no Kafka broker answers at {self._servers}: {error.args[0].str()}",
                hint="is kafka.bootstrap_servers right, and TLS or SASL in kafka.properties?",
            ) from None
        return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}

    def has_next_generation_groups(self) -> bool:
        """Whether the brokers offer KIP-848's group protocol: by default from Kafka 4.0 on."""
        try:
            brokers = self._admin.list_topics(timeout=self._timeout).brokers
            resource = ConfigResource(ConfigResource.Type.BROKER, str(next(iter(brokers))))
            config = self._admin.describe_configs([resource], request_timeout=self._timeout)[resource].result(
                self._timeout
            )
        except (KafkaException, StopIteration, TimeoutError):
            return False
        offered = config.get("group.coordinator.rebalance.protocols")
        return offered is not None and "consumer" in (offered.value or "")

    def require(self, sources: Sequence[str]) -> None:
        """Check that the topics to read are there.

        Raises:
            Unreachable: one is not, with a near name where there is one.
        """
        there = self.partitions()
        missing = [name for name in sources if name not in there]
        if missing:
            others = sorted(name for name in there if not name.startswith("__"))
            raise Unreachable(
                f"there is no topic {', '.join(missing)} at {self._servers}",
                hint=f"it has {', '.join(others[:12])}" if others else "it has no topics at all",
            )

    def _wait_for(self, name: str) -> Mapping[str, int]:
        """A new topic takes a moment to be known to every broker."""
        for _ in range(50):
            self._admin.list_topics(name, timeout=self._timeout)
            there = self.partitions()
            if there.get(name):
                return there
            time.sleep(0.1)
        return self.partitions()

    def ensure(self, topic: TopicToMake, config: Mapping[str, str]) -> int:
        """Make our own topic where it is missing and may be made; its count of partitions.

        Raises:
            Unreachable: it is missing and cannot be made.
        """
        there = self.partitions()
        if topic.name not in there and topic.create:
            new = NewTopic(topic.name, topic.partitions, topic.replication_factor, config=dict(config))
            made = self._admin.create_topics([new], operation_timeout=self._timeout)[topic.name]
            # Made by another member in the meantime, or by itself when first asked for: the look below decides.
            with contextlib.suppress(KafkaException):
                made.result(self._timeout)
            there = self._wait_for(topic.name)
        if topic.name not in there:
            raise Unreachable(
                f"the topic {topic.name} is missing and could not be made", hint="make it, or allow us to create topics"
            )
        return there[topic.name]


def _silent() -> logging.Logger:
    """Librdkafka's own lines would stand beside our one clear error."""
    logger = logging.getLogger("notice-pipeline.kafka.admin")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
