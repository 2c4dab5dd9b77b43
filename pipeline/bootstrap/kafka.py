"""Configures Kafka's clients for the service and for every command that uses Kafka."""

from __future__ import annotations

import os
import socket
from typing import Any

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
