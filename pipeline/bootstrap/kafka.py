"""How Kafka's clients are configured, for the service and for every command that speaks to Kafka."""

from __future__ import annotations

import os
import socket
from typing import Any

from pipeline.settings import Settings
from pipeline.settings.secrets import read_secret_file


def kafka_properties(settings: Settings) -> dict[str, Any]:
    """Librdkafka's settings, secrets read from their files.

    Raises:
        ConfigurationError: a secret's file cannot be read.
    """
    secrets = {name: read_secret_file(path, name) for name, path in settings.kafka.properties_files.items()}
    return {
        "bootstrap.servers": settings.kafka.bootstrap_servers,
        "client.id": f"notice-pipeline-{socket.gethostname()}-{os.getpid()}",
        **settings.kafka.properties,
        **secrets,
    }
