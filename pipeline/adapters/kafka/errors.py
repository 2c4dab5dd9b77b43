"""Classify librdkafka's errors: which of them end the process, and the hints for fixing them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from pipeline.errors import ConfigurationError, Unreachable
from pipeline.phrases import phrase

Client = TypeVar("Client")

_RIGHTS = phrase(
    "the Kafka user lacks this right: give it Read on the topics and the group, Write on outcomes and dead letters"
)
_GONE = phrase("the topic, or this partition of it, does not exist: was it deleted?")
_ADDRESS = phrase("is kafka.bootstrap_servers right, and can it be reached from here?")
_SASL = phrase("SASL failed: look at sasl.mechanism, sasl.username and the password")
# librdkafka's own codes begin with an underscore; they are as public as the others.
HINTS: Mapping[int, str] = {
    KafkaError._RESOLVE: phrase("the host name in kafka.bootstrap_servers is not known here"),  # noqa: SLF001
    KafkaError._SSL: phrase("TLS failed: look at ssl.ca.location and security.protocol in kafka.properties"),  # noqa: SLF001
    KafkaError._AUTHENTICATION: _SASL,  # noqa: SLF001
    KafkaError._TRANSPORT: _ADDRESS,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN: _ADDRESS,  # noqa: SLF001
    KafkaError._TIMED_OUT: _ADDRESS,  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED: _SASL,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _RIGHTS,
    KafkaError.GROUP_AUTHORIZATION_FAILED: _RIGHTS,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: phrase(
        "the Kafka user may not do this to the cluster; create the topic yourself"
    ),
    KafkaError.UNKNOWN_TOPIC_OR_PART: _GONE,
    KafkaError._UNKNOWN_TOPIC: _GONE,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION: _GONE,  # noqa: SLF001
    KafkaError.INVALID_REPLICATION_FACTOR: phrase("there are fewer brokers than the replication factor asks for"),
    KafkaError.POLICY_VIOLATION: phrase("the cluster's policy refuses this topic; create it yourself"),
}
"""The hints, most specific first: a refused handshake is reported together with an unreachable broker."""

_ELECTION = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
_NO_RIGHT = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)

UNREADABLE = frozenset(
    {
        KafkaError._BAD_COMPRESSION,  # noqa: SLF001
        KafkaError._BAD_MSG,  # noqa: SLF001
        KafkaError.INVALID_MSG,
        KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    }
)
"""A batch that this client cannot decode. librdkafka fetches it again and again, and does not read past it."""


def cause(exception: KafkaException) -> KafkaError:
    """Return the error that the exception carries."""
    first = exception.args[0] if exception.args else None
    return first if isinstance(first, KafkaError) else KafkaError(KafkaError._FAIL, str(exception))  # noqa: SLF001


def is_fatal(error: KafkaError) -> bool:
    """Whether the client can no longer be used. A fatal error that arrives as a message has the code, not the flag."""
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001 - the code for it


def is_refused(error: KafkaError) -> bool:
    """Whether the Kafka user lacks the right to do this, so that a retry does not help.

    Under KIP-848 a missing right to the group arrives as a fatal error that has the reason in its text only.
    """
    return error.code() in _NO_RIGHT or (is_fatal(error) and "Group authorization failed" in error.str())


def is_election(error: KafkaError) -> bool:
    """Whether a partition has no leader yet, as right after its topic was created; a retry helps."""
    return error.code() in _ELECTION


def message(error: KafkaError | KafkaException) -> str:
    """Return the error's text."""
    reported = cause(error) if isinstance(error, KafkaException) else error
    return str(reported.str())


def hint(codes: set[int]) -> str | None:
    """Return the hint for the most specific of these errors."""
    return next((HINTS[code] for code in HINTS if code in codes), None)


def configured(make: Callable[[], Client]) -> Client:
    """Create a client.

    Raises:
        ConfigurationError: librdkafka refuses its settings.
    """
    try:
        return make()
    except KafkaException as error:
        raise ConfigurationError(
            f"kafka.properties: {message(error)}", hint="the settings are librdkafka's: see its CONFIGURATION.md"
        ) from None


@contextmanager
def reading(topic: str) -> Iterator[None]:
    """Raise what Kafka raises while the topic is read as `Unreachable`, with the cause and a hint."""
    try:
        yield
    except KafkaException as error:
        found = cause(error)
        raise Unreachable(f"{topic} cannot be read: {found.str()}", hint=hint({found.code()})) from None


def is_end(error: KafkaError) -> bool:
    """Whether what came in the place of a record is the partition's end; False for an error that may pass.

    Raises:
        KafkaException: it is an error after which reading cannot go on.
    """
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes begin so
        return True
    if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return False  # librdkafka always looks up the group's coordinator; reading does not need it
    if is_fatal(error) or is_refused(error):
        raise KafkaException(error)
    return False


def silent(text: str) -> KafkaException:
    """Return the error of a topic that returns no records."""
    return KafkaException(KafkaError(KafkaError._TIMED_OUT, text))  # noqa: SLF001 - librdkafka's own codes begin so
