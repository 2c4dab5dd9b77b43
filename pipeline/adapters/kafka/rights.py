"""Prove that the Kafka user has the rights that a command needs, before it changes or sends anything.

Brokers report what a user may do with a topic or group when it is described (KIP-430, Apache Kafka 2.3 and later).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from functools import partial
from typing import Any, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from pipeline.adapters.kafka import errors as kafka_errors
from pipeline.errors import RightsMissing, Unreachable

RETRY_SECONDS = 0.2
"""Pause while the group's coordinator moves or starts."""
_NOT_THERE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.GROUP_ID_NOT_FOUND})
_UNSUPPORTED = frozenset(
    {
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001 - librdkafka's own codes begin so
    }
)

log = structlog.get_logger("rights")


class Right(NamedTuple):
    """One operation on one topic or group; `operation` and `resource` are named as Kafka's ACLs name them."""

    operation: str
    """`READ`, `WRITE`, `DESCRIBE`, …"""
    resource: str
    """`topic` or `group`."""
    name: str

    def __str__(self) -> str:
        """`WRITE on the topic notice.outcomes`."""
        return f"{self.operation} on the {self.resource} {self.name}"


def principal(properties: Mapping[str, Any]) -> str:
    """Return the name under which the brokers know a client with these properties, as far as they show it."""
    protocol = str(properties.get("security.protocol", "plaintext")).upper()
    mechanism = str(properties.get("sasl.mechanism", properties.get("sasl.mechanisms", "GSSAPI"))).upper()
    if protocol.startswith("SASL"):
        if mechanism == "OAUTHBEARER":
            return "the user of the OAuth token"
        if mechanism == "GSSAPI":
            return f"User:{str(properties.get('sasl.kerberos.principal', 'kafkaclient')).partition('@')[0]}"
        return f"User:{properties.get('sasl.username', '')}"
    certificate = properties.get("ssl.certificate.location", properties.get("ssl.keystore.location"))
    if protocol == "SSL" and certificate is not None:
        return f"the user of the certificate {certificate}"
    return "User:ANONYMOUS"


def refused(properties: Mapping[str, Any], rights: Sequence[Right]) -> RightsMissing:
    """Return the error for rights that the user of these properties lacks."""
    user = principal(properties)
    lines = [f"the Kafka user lacks a right: {user} needs {right}" for right in rights]
    commands: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        commands.setdefault((right.resource, right.name), []).append(f"--operation {_acl_name(right.operation)}")
    who = user if user.startswith("User:") else "User:…"
    hints = [
        f"kafka-acls --bootstrap-server {properties.get('bootstrap.servers')} --add --allow-principal {who} "
        f"{' '.join(operations)} --{resource} {name}"
        for (resource, name), operations in commands.items()
    ]
    return RightsMissing("\n".join(lines), hint="\n".join(hints))


def prove(admin: AdminClient, properties: Mapping[str, Any], rights: Collection[Right], timeout: float) -> None:
    """Check that the user has these rights. Topics and groups that do not exist are passed over.

    A user without any right on a topic cannot find out whether it exists, so such a topic counts as existing.
    Where the brokers do not report rights, that is logged, and nothing is proved.

    Raises:
        RightsMissing: some are missing; one line for each.
        Unreachable: the brokers do not answer in time.
    """
    missing: list[Right] = []
    unreported: list[str] = []
    for (resource, name), allowed in _allowed(admin, rights, timeout):
        needed = [right for right in rights if (right.resource, right.name) == (resource, name)]
        if allowed is None:
            unreported.append(f"{resource} {name}")
        else:
            missing += [right for right in needed if right.operation not in allowed]
    if missing:
        raise refused(properties, missing)
    if unreported:
        log.warning(
            "rights_not_reported",
            resources=unreported,
            hint="the brokers do not report what the user may do; a missing right is found when it is used",
        )


def _allowed(
    admin: AdminClient, rights: Collection[Right], timeout: float
) -> Iterator[tuple[tuple[str, str], frozenset[str] | None]]:
    """Yield each resource that exists, with the operations that are allowed on it; None: not reported."""
    topics = list(dict.fromkeys(right.name for right in rights if right.resource == "topic"))
    groups = list(dict.fromkeys(right.name for right in rights if right.resource == "group"))

    def describe_topic(name: str) -> Future[Any]:
        found: Mapping[str, Future[Any]] = admin.describe_topics(
            TopicCollection([name]), include_authorized_operations=True, request_timeout=timeout
        )
        return found[name]

    def describe_group(name: str) -> Future[Any]:
        found: Mapping[str, Future[Any]] = admin.describe_consumer_groups(
            [name], include_authorized_operations=True, request_timeout=timeout
        )
        return found[name]

    questions = [("topic", name, describe_topic) for name in topics]
    questions += [("group", name, describe_group) for name in groups]
    asked = [(resource, name, ask, ask(name)) for resource, name, ask in questions]  # all at once
    for resource, name, ask, future in asked:
        try:
            yield (resource, name), _answer(future, partial(ask, name), timeout)
        except LookupError:
            continue


def _answer(first: Future[Any], again: Callable[[], Future[Any]], timeout: float) -> frozenset[str] | None:
    """Return the operations that an answer names; ask again while the group's coordinator moves or starts.

    Raises:
        LookupError: the topic or group does not exist.
        Unreachable: no answer in time.
    """
    deadline = time.monotonic() + timeout
    future = first
    while True:
        try:
            operations = future.result(timeout).authorized_operations
        except NoAnswer:
            raise Unreachable("the brokers do not report the Kafka user's rights in time") from None
        except KafkaException as error:
            fault = kafka_errors.cause(error)
            if kafka_errors.is_refused(fault):
                return frozenset()
            if fault.code() in _UNSUPPORTED:
                return None
            if fault.code() in _NOT_THERE:
                raise LookupError from None
            if time.monotonic() > deadline:
                hint = kafka_errors.hint({fault.code()})
                raise Unreachable(f"the Kafka user's rights cannot be read: {fault.str()}", hint=hint) from None
            time.sleep(RETRY_SECONDS)
            future = again()
        else:
            return frozenset(one.name for one in operations) if operations else None


def _acl_name(operation: str) -> str:
    """Return an operation as `kafka-acls` wants it: `DescribeConfigs`."""
    return operation.replace("_", " ").title().replace(" ", "")
