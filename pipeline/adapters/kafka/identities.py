"""Ids of the cluster and of topics: KIP-78 and KIP-516.

A topic that is deleted and created again has another id, and so has a topic of the same name on another cluster.
librdkafka's mock broker, which `demo` uses, has no topic ids; neither has Apache Kafka before 2.8.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import suppress
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.adapters.kafka.former_clients import drop
from pipeline.errors import ConfigurationError
from pipeline.model.event import Origin

ASK_SECONDS = 10.0
MOCK_CLUSTER = "mockCluster"
"""Cluster id of librdkafka's mock, which does not answer admin requests."""
_NO_ANSWER = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT})  # noqa: SLF001 - librdkafka's own codes begin so
_NO_ID = "A" * 22
"""The topic id of zeros, from a broker that has no topic ids."""


class TopicIdentities(Protocol):
    """The ids that membership needs from the cluster."""

    def origins(self, topics: Collection[str]) -> Mapping[str, Origin]:
        """Return the origin of each topic's records. Blocks.

        Raises:
            KafkaException: no broker answers, a topic is missing, or it may not be described.
        """
        ...

    def newest(self, topics: Collection[str]) -> Mapping[str, str | None]:
        """Return the last known ids and request new ones without waiting; missing topics keep their last id."""
        ...


class Identities:
    """Queries the cluster's id and the topics' ids. One thread owns it."""

    def __init__(self, properties: Mapping[str, Any], group: str) -> None:
        """`properties` are librdkafka's.

        Raises:
            ConfigurationError: librdkafka refuses its settings.
        """
        self._admin = _client(properties)
        self._next: AdminClient | None = None
        """The client to use from the next request on."""
        self._unanswered = False
        """Whether the last request had no answer: the client may be lost (see KnownBrokers), so another one is used."""
        self._properties = properties
        self._group = group
        self._requests: dict[str, Future[Any]] = {}
        self._newest: dict[str, str | None] = {}

    def use_password(self, user: str, password: str) -> None:
        """Authenticate with this user and password from the next connection on. Any thread may call it."""
        self._admin.set_sasl_credentials(user, password)

    def reconnect(self, properties: Mapping[str, Any]) -> None:
        """Use a new client with these properties from the next request on. Any thread may call it.

        Raises:
            ConfigurationError: librdkafka refuses its settings; the present client stays.
        """
        self._properties = {**self._properties, **properties}
        self._next = _client(self._properties)

    def _renew(self) -> None:
        if self._unanswered and self._next is None:
            with suppress(ConfigurationError):  # a file has changed since it was checked
                self._next = _client(self._properties)
        if self._next is not None:
            former, self._admin, self._next = [self._admin], self._next, None
            self._requests.clear()  # of the former client, which may never answer them
            self._unanswered = False
            drop(former)

    def origins(self, topics: Collection[str]) -> Mapping[str, Origin]:
        """Return the origin of each topic's records. Blocks.

        Raises:
            KafkaException: no broker answers, a topic is missing, or it may not be described.
        """
        self._renew()
        self._unanswered = True
        cluster_id = str(self._admin.list_topics(timeout=ASK_SECONDS).cluster_id)
        self._unanswered = False
        if cluster_id.startswith(MOCK_CLUSTER):
            return {topic: Origin(self._group, cluster_id) for topic in topics}
        requests = self._describe(topics)
        try:
            ids = {topic: _id(future.result(ASK_SECONDS)) for topic, future in requests.items()}
        except NoAnswer:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the topics' ids")) from None  # noqa: SLF001 - librdkafka's own codes begin so
        return {topic: Origin(self._group, cluster_id, topic_id) for topic, topic_id in ids.items()}

    def newest(self, topics: Collection[str]) -> Mapping[str, str | None]:
        """Return the last known ids and request new ones without waiting; missing topics keep their last id."""
        self._renew()
        for topic, future in list(self._requests.items()):
            if future.done():
                del self._requests[topic]
                error = future.exception()
                if error is None:
                    self._newest[topic] = _id(future.result())
                elif isinstance(error, KafkaException) and kafka_errors.cause(error).code() in _NO_ANSWER:
                    self._unanswered = True
        if topics and not self._requests:
            self._requests = dict(self._describe(topics))
        return self._newest

    def _describe(self, topics: Collection[str]) -> Mapping[str, Future[Any]]:
        answers: Mapping[str, Future[Any]] = self._admin.describe_topics(
            TopicCollection(list(topics)), request_timeout=ASK_SECONDS
        )
        return answers


def _client(properties: Mapping[str, Any]) -> AdminClient:
    return kafka_errors.configured(lambda: AdminClient({**properties, "log_level": 0}))


def _id(description: Any) -> str | None:  # noqa: ANN401 - the client gives it no type
    """Return the id as Kafka's own tools print it (base64url); librdkafka prints standard Base64."""
    text = str(description.topic_id).rstrip("=").replace("+", "-").replace("/", "_")
    return None if text == _NO_ID else text
