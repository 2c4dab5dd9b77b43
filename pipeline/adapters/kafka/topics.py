"""Check what the service needs before it starts: a reachable broker, and the topics."""

from __future__ import annotations

import contextlib
import difflib
import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import TimeoutError as NoAnswer
from typing import Any, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]  # not in its stub
from confluent_kafka.cimpl import NewTopic

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka import rights
from pipeline.adapters.kafka.connection_errors import explain, is_refusal, resolves, unknown_address
from pipeline.adapters.kafka.identities import MOCK_CLUSTER
from pipeline.errors import NoSuchTopic, Unreachable
from pipeline.phrases import joined, phrase

DAY_MS = 86_400_000
LEDGER_CONFIG: Mapping[str, str] = {"cleanup.policy": "delete", "retention.ms": str(14 * DAY_MS)}
"""Two weeks. The service reads the ledger back only to the oldest unfinished event; operators look further back."""
DEAD_LETTER_CONFIG: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "retention.ms": str(30 * DAY_MS),
    # Twice Kafka's default, so that the largest event of a default topic fits with the added headers.
    "max.message.bytes": "2097152",
}
INTENTS_CONFIG: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "retention.ms": str(14 * DAY_MS),
    # An intent has the event and the message made of it.
    "max.message.bytes": "2097152",
}
"""Two weeks: longer than the longest outage."""
CONTROL_CONFIG: Mapping[str, str] = {"cleanup.policy": "compact", "retention.ms": "-1"}
"""The newest record of each scope is kept without a limit of time."""
REDRIVEN_CONFIG: Mapping[str, str] = {"cleanup.policy": "delete", "retention.ms": "-1"}
"""No deletion: a letter whose mark is deleted would be sent again. A mark takes about a hundred bytes."""
CARE_CONFIG: Mapping[str, str] = {
    "cleanup.policy": "compact",
    "retention.ms": "-1",
    # A late record of a process that has lost the partition must not replace the owner's before the owner has seen it.
    "min.compaction.lag.ms": "3600000",
    # Reading begins with all records: little of them should be old.
    "min.cleanable.dirty.ratio": "0.2",
}
"""The newest record of each recipient is kept without a limit of time."""
NEW_TOPIC_SECONDS = 2.0
"""How long a new topic may take to reach every broker before it is reported as missing."""
SLICE_SECONDS = 1.0
"""Timeout of one query, after which the client's errors are checked for the cause."""

log = structlog.get_logger("topics")


class TopicToMake(NamedTuple):
    """A topic that the service may create."""

    name: str
    partitions: int
    replication_factor: int
    create: bool


class TopicCheck:
    """Checks the cluster at start and reports what is missing."""

    def __init__(self, properties: Mapping[str, Any], timeout_seconds: float) -> None:
        """`properties` are librdkafka's, bootstrap.servers among them.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
        """
        self._properties = properties
        self._servers = str(properties.get("bootstrap.servers"))
        self._timeout = timeout_seconds
        self.made: list[str] = []
        """Topics that `ensure` has created."""
        self._known_hosts: set[str] = set()
        self._heard: list[KafkaError] = []
        self._broker_config: Mapping[str, str] | KafkaError | None = None
        self._is_mock: bool | None = None
        settings = {**properties, "error_cb": self._heard.append, "logger": _silent(), "log_level": 0}
        self._admin = kafka_errors.configured(lambda: AdminClient(settings))

    def partitions(self) -> Mapping[str, int]:
        """Return every visible topic with its number of partitions.

        Raises:
            Unreachable: no broker answers in time, or all refuse access.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            left = deadline - time.monotonic()
            try:
                metadata = self._admin.list_topics(timeout=max(0.1, min(SLICE_SECONDS, left)))
            except KafkaException as error:
                self._admin.poll(0)
                if left <= SLICE_SECONDS or self._is_refused():
                    raise self._unreachable(error) from None
            else:
                self._require_known_addresses(metadata.brokers.values())
                return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}

    def _require_known_addresses(self, brokers: Iterable[Any]) -> None:
        """Check that the names by which brokers are advertised can be looked up; others would be tried for a minute.

        Raises:
            Unreachable: none of them can; a single one is logged, as other brokers may be enough.
        """
        new = [broker for broker in brokers if broker.host not in self._known_hosts]
        unknown = [broker for broker in new if not resolves(broker.host)]
        self._known_hosts |= {broker.host for broker in new}
        explained = [unknown_address(str(broker.id), broker.host, broker.port) for broker in unknown]
        if explained and len(unknown) == len(new) == len(self._known_hosts):
            raise Unreachable(f"no Kafka broker can be used: {explained[0].message}", hint=explained[0].hint)
        for one in explained:
            log.warning("broker_address_unknown", error=one.message, hint=one.hint)

    def prove(self, needed: Collection[rights.Right]) -> None:
        """Check that this user has these rights; see `rights.prove`.

        Raises:
            RightsMissing: some are missing.
            Unreachable: no broker answers in time, or all refuse access.
        """
        self.partitions()  # its message about an unreachable broker is better
        if self._is_managed():
            rights.prove(self._admin, self._properties, needed, self._timeout)

    def has_next_generation_groups(self) -> bool:
        """Whether the brokers offer KIP-848's group protocol, as they do by default from Kafka 4.0 on.

        True if they do not answer: the source then tries the protocol.
        """
        config = self._broker()
        if isinstance(config, KafkaError):
            return True
        return "consumer" in config.get("group.coordinator.rebalance.protocols", "")

    def require(self, sources: Sequence[str], *, hint: str | None = None) -> None:
        """Check that the topics to read exist; `hint` says how to create a missing one.

        Raises:
            NoSuchTopic: a topic does not exist; the hint has a similar name, if there is one.
            RightsMissing: this user may not see it.
        """
        deadline = time.monotonic() + NEW_TOPIC_SECONDS
        available = self.partitions()
        for name in sources:
            if name not in available:
                self._require_visible(name)
            while name not in available and time.monotonic() < deadline:  # a new topic reaches every broker later
                time.sleep(NEW_TOPIC_SECONDS / 10)
                available = self.partitions()
            if name in available:
                continue
            hints = [_near(name, available), *([hint] if hint else [])]
            raise NoSuchTopic(
                phrase("there is no topic {name} at {servers}", name=name, servers=self._servers),
                hint=joined("; ", hints),
            )

    def _require_visible(self, name: str) -> None:
        error = self._look(name) if self._is_managed() else None
        if error is not None and kafka_errors.is_refused(error):
            raise rights.refused(self._properties, [rights.Right("DESCRIBE", "topic", name)])

    def ensure(self, topic: TopicToMake, config: Mapping[str, str]) -> int:
        """Create a topic of the service if it does not exist; return its number of partitions.

        Raises:
            Unreachable: it does not exist and cannot be created, or this user may not see it.
        """
        available = self.partitions()
        failure: KafkaError | None = None
        if topic.name not in available:
            self._require_visible(topic.name)
        if topic.name not in available and topic.create:
            failure = self._create(topic, config) if self._is_managed() else None
            self.made += [] if failure else [topic.name]
            available = self._wait_for(topic.name)
        if topic.name not in available:
            reason = f"could not be created: {failure.str()}" if failure else "may not be created (`create: false`)"
            hint = kafka_errors.hint({failure.code()}) if failure else "create it, or set `create: true`"
            raise Unreachable(f"the topic {topic.name} is missing and {reason}", hint=hint)
        self._compare(topic.name, config)
        return available[topic.name]

    def batch_bytes(self, names: Iterable[str]) -> int | None:
        """Return the smallest `max.message.bytes` of these topics; None where no configuration may be read."""
        if not self._is_managed():
            return None
        limits: list[int] = []
        for name in names:
            with contextlib.suppress(KafkaException, NoAnswer):
                limits.append(int(self._config(ConfigResource.Type.TOPIC, name)["max.message.bytes"]))
        return min(limits, default=None)

    def is_compacted(self, name: str) -> bool | None:
        """Whether the topic is compacted; None if its configuration cannot be read, as without DescribeConfigs."""
        if not self._is_managed():
            return False
        try:
            found = self._config(ConfigResource.Type.TOPIC, name)
        except (KafkaException, NoAnswer):
            return None
        return "compact" in found.get("cleanup.policy", "")

    def _create(self, topic: TopicToMake, config: Mapping[str, str]) -> KafkaError | None:
        new = NewTopic(topic.name, topic.partitions, topic.replication_factor, config=dict(config))
        try:
            self._admin.create_topics([new], operation_timeout=self._timeout)[topic.name].result(self._timeout)
        except KafkaException as error:
            # Another member may have created it in the meantime; the caller looks again.
            return kafka_errors.cause(error)
        except NoAnswer:
            return KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001 - librdkafka's own codes begin so
        return None

    def _wait_for(self, name: str) -> Mapping[str, int]:
        """Wait until every broker knows a new topic; librdkafka's mock creates a topic on the first query."""
        for _ in range(20):
            with contextlib.suppress(KafkaException):
                self._admin.list_topics(name, timeout=SLICE_SECONDS)
            available = self.partitions()
            if available.get(name):
                return available
            time.sleep(0.1)
        return self.partitions()

    def _look(self, name: str) -> KafkaError | None:
        """Return the error of describing the topic, by a request that does not make a broker create it."""
        try:
            self._admin.describe_topics(TopicCollection([name]))[name].result(self._timeout)
        except KafkaException as error:
            return kafka_errors.cause(error)
        except NoAnswer:
            return KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001 - librdkafka's own codes begin so
        return None

    def _compare(self, name: str, expected: Mapping[str, str]) -> None:
        """Warn if an existing topic's configuration would lose records; skip the check without the right to read it.

        Nothing is expected of a topic of someone else's, such as the one that `emit --create` makes.
        """
        if not expected or not self._is_managed():
            return
        try:
            found = self._config(ConfigResource.Type.TOPIC, name)
        except (KafkaException, NoAnswer):
            return
        policy, retention = found.get("cleanup.policy", "delete"), int(found.get("retention.ms", "-1"))
        if "compact" in expected["cleanup.policy"]:
            if "delete" in policy:
                log.warning("topic_deletes", topic=name, error="its records are deleted by age: set it to compact only")
            return
        if "compact" in policy:
            log.warning("topic_is_compacted", topic=name, error="records with one key replace each other and are lost")
        if 0 <= retention < DAY_MS:
            log.warning(
                "topic_forgets_soon", topic=name, hours=retention / 3_600_000, wanted=expected.get("retention.ms")
            )

    def _broker(self) -> Mapping[str, str] | KafkaError:
        """Return one broker's configuration, or the error of reading it; queried once."""
        if self._broker_config is None:
            try:
                brokers = self._admin.list_topics(timeout=self._timeout).brokers
                self._broker_config = self._config(ConfigResource.Type.BROKER, str(next(iter(brokers))))
            except KafkaException as error:
                self._broker_config = kafka_errors.cause(error)
            except (StopIteration, NoAnswer):
                self._broker_config = KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001 - librdkafka's own codes
        return self._broker_config

    def _is_managed(self) -> bool:
        """Whether the cluster answers admin requests; librdkafka's mock does not.

        The error of a request does not show it: librdkafka may send one before it knows what a real broker offers.
        """
        if self._is_mock is None:
            try:
                self._is_mock = str(self._admin.list_topics(timeout=self._timeout).cluster_id).startswith(MOCK_CLUSTER)
            except KafkaException:
                return True
        return not self._is_mock

    def _config(self, kind: Any, name: str) -> Mapping[str, str]:  # noqa: ANN401 - the client gives its enum no type
        resource = ConfigResource(kind, name)
        answer = self._admin.describe_configs([resource], request_timeout=self._timeout)[resource]
        return {entry: one.value or "" for entry, one in answer.result(self._timeout).items()}

    def _is_refused(self) -> bool:
        """Whether a broker refused the connection, so that waiting does not help."""
        return any(is_refusal(error) for error in self._heard)

    def _unreachable(self, error: KafkaException) -> Unreachable:
        heard = {one.code(): one for one in self._heard}
        reported = next((heard[code] for code in kafka_errors.HINTS if code in heard), kafka_errors.cause(error))
        reported = next((one for one in reversed(self._heard) if is_refusal(one)), reported)
        explained = explain(reported, self._properties)
        message = phrase(
            "no Kafka broker answers at {servers}: {message}", servers=self._servers, message=explained.message
        )
        return Unreachable(message, hint=explained.hint)


def _near(name: str, available: Iterable[str]) -> str:
    others = sorted(other for other in available if not other.startswith("__"))
    near = difflib.get_close_matches(name, others, n=3)
    if near:
        return phrase("did you mean {names}?", names=joined(" or ", near))
    if others:
        return phrase("there are {names}", names=joined(", ", others[:12]))
    return phrase("no topic is visible to this user")


def _silent() -> logging.Logger:
    """Return a logger that drops librdkafka's log lines, which would repeat the reported error."""
    logger = logging.getLogger("notice-pipeline.kafka.admin")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
