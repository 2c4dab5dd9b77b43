"""Configures Kafka's clients for the service and for every command that uses Kafka."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pipeline.adapters.file_watch import FileWatch
from pipeline.adapters.kafka.property_check import check_properties
from pipeline.adapters.kafka.topics import CONTROL_CONFIG, TopicCheck, TopicToMake
from pipeline.errors import ConfigurationError
from pipeline.runtime.credentials import Credentials
from pipeline.settings import Settings
from pipeline.settings.secrets import read_secret_file

_SERVERS = frozenset({"bootstrap.servers", "metadata.broker.list"})
"""Two names of the property that `kafka.bootstrap_servers` sets."""


def kafka_properties(settings: Settings) -> dict[str, Any]:
    """Properties for librdkafka, with secrets read from their files.

    Raises:
        ConfigurationError: a secret's file cannot be read.
    """
    secrets = {name: read_secret_file(path, name) for name, path in settings.kafka.properties_files.items()}
    return {
        "client.id": f"notice-pipeline-{socket.gethostname()}-{os.getpid()}",
        **{name: value for name, value in settings.kafka.properties.items() if name not in _SERVERS},
        **secrets,
        "bootstrap.servers": settings.kafka.bootstrap_servers,
    }


_PASSWORD = frozenset({"sasl.username", "sasl.password"})
"""What a client takes while it is connected; anything else needs a new client."""


class KafkaClient(Protocol):
    """A Kafka client that continues with new credentials. Called on the loop's thread; never blocks."""

    def use_password(self, user: str, password: str) -> None:
        """Authenticate with this user and password from the next connection on. Called in a thread; may block."""
        ...

    def reconnect(self, properties: Mapping[str, Any]) -> None:
        """Connect again by a new client with these properties. Called on the loop's thread; does not block."""
        ...


BeginRereading = Callable[[Sequence[KafkaClient], Callable[[], bool]], None]
"""Gets the clients, and whether a broker has refused a connection of late."""


class _Read(NamedTuple):
    """What clients authenticate with: properties, and digests of the files that properties name."""

    properties: Mapping[str, Any]
    digests: Mapping[str, str]


def reread_kafka_credentials(settings: Settings, credentials: Credentials) -> BeginRereading:
    """Read passwords, certificates and keys again when their files change. Call it before they are read first.

    Call what it returns with the clients that use them. A user name and a password are given to the clients that there
    are, unless a broker refuses them already. For certificates and keys clients connect again, since librdkafka reads
    these for a new client only.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    named = _named_files(settings)
    files = [*settings.kafka.properties_files.values(), *named.values()]
    watch = FileWatch(lambda: files)

    def read() -> _Read:
        return _Read(kafka_properties(settings), {name: _digest(name, path) for name, path in named.items()})

    def begin(clients: Sequence[KafkaClient], is_refused: Callable[[], bool]) -> None:
        in_use = read()

        def prepare() -> Callable[[], None]:
            newest = read()
            _check(settings, newest.properties)

            def use() -> None:
                nonlocal in_use
                before, in_use = in_use, newest
                _use(before, newest, clients, is_refused)

            return use

        if files:
            credentials.add("kafka", watch.changed, prepare)

    return begin


def _use(before: _Read, newest: _Read, clients: Sequence[KafkaClient], is_refused: Callable[[], bool]) -> None:
    """Give the clients what has changed.

    While a broker refuses the former password, librdkafka 2.16 may not return for minutes from taking another, so that
    clients connect again then, too.
    """
    changed = {name for name, value in newest.properties.items() if before.properties.get(name) != value}
    if changed - _PASSWORD or before.digests != newest.digests or (changed and is_refused()):
        for client in clients:
            client.reconnect(newest.properties)
    elif changed:
        user, password = (str(newest.properties.get(name, "")) for name in ("sasl.username", "sasl.password"))
        for client in clients:
            # Not on the loop's thread: librdkafka may hold the call up.
            threading.Thread(target=client.use_password, args=(user, password), name="password", daemon=True).start()


def _named_files(settings: Settings) -> dict[str, Path]:
    """Files that librdkafka reads itself, by property; a folder of authorities is not watched."""
    properties = settings.kafka.properties
    paths = {name: Path(str(value)) for name, value in properties.items() if name.endswith(".location")}
    return {name: path for name, path in paths.items() if path.is_file()}


def _digest(name: str, path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigurationError(f"{path}: {name} cannot be read: {error.strerror}") from None


def _check(settings: Settings, properties: Mapping[str, Any]) -> None:
    """Check that clients can be made with these properties.

    Raises:
        ConfigurationError: they cannot; the message holds no secret.
    """
    secrets = settings.kafka.properties_files.keys()
    for fault in check_properties(properties, secrets=secrets, protocol=settings.kafka.group_protocol):
        if fault.is_error:
            key = f"kafka.properties: {fault.name}" if fault.name else "kafka.properties"
            raise ConfigurationError(f"{key}: {fault.message}")


def ensure_control_topic(settings: Settings, topics: TopicCheck) -> None:
    """Create the control topic if it does not exist.

    Raises:
        Unreachable: it does not exist and cannot be created, or this user may not see it.
    """
    control = settings.control
    topics.ensure(TopicToMake(control.topic, 1, control.replication_factor, control.create), CONTROL_CONFIG)
