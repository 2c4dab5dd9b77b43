"""The other brokers: one that is given, one in a container, and librdkafka's mock."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from confluent_kafka import libversion

from pipeline.adapters.kafka_embedded import EmbeddedBroker
from tests.broker.handle import Kind, Unavailable, free_ports
from tests.broker.node import NODE, VERSION, wait_until_up

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGINE_SECONDS = 3
"""A Docker engine that is there answers at once."""


class GivenBroker:
    """The one that `KAFKA_BOOTSTRAP_SERVERS` names: not ours to stop. Implements `tests.broker.handle.Broker`."""

    kind = Kind.GIVEN
    can_stop = False
    secure: Mapping[str, str] | None = None

    def __init__(self) -> None:
        self.bootstrap_servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
        if not self.bootstrap_servers:
            raise Unavailable("KAFKA_BOOTSTRAP_SERVERS is not set")
        self.version = f"the broker at {self.bootstrap_servers}"
        wait_until_up(self.bootstrap_servers, 15)

    def stop(self) -> None:
        raise NotImplementedError

    kill = start = stop

    def close(self) -> None:
        """Leave it alone."""


class ContainerBroker:
    """Apache Kafka's own image. Implements `tests.broker.handle.Broker`."""

    kind = Kind.CONTAINER
    can_stop = True
    secure: Mapping[str, str] | None = None
    version = f"Apache Kafka {VERSION} in a container"

    def __init__(self) -> None:
        _require_engine()
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - slow to import, rarely needed

        (port,) = free_ports(1)
        self.bootstrap_servers = f"127.0.0.1:{port}"
        config = {
            **NODE,
            "listeners": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap_servers}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.quorum.voters": "1@127.0.0.1:9093",
        }
        container = DockerContainer(f"apache/kafka:{VERSION}").with_bind_ports(9092, port)
        for name, value in config.items():
            container = container.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
        self._container = container
        try:
            container.start()
            wait_until_up(self.bootstrap_servers)
        except Unavailable:
            self.close()
            raise
        except Exception as error:  # noqa: BLE001 - whatever Docker answers: the next kind of broker is tried
            self.close()
            raise Unavailable(f"the container did not start: {error}") from None

    def stop(self) -> None:
        self._container.get_wrapped_container().stop(timeout=20)

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def start(self) -> None:
        self._container.get_wrapped_container().start()
        wait_until_up(self.bootstrap_servers)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._container.stop()


def _require_engine() -> None:
    # Slow to import, rarely needed; it comes with testcontainers and brings no types.
    import docker  # type: ignore[import-untyped]  # noqa: PLC0415
    from docker.errors import DockerException  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        client = docker.from_env(timeout=ENGINE_SECONDS)
        client.ping()
        client.close()
    except DockerException:
        raise Unavailable("no Docker engine answers") from None


class MockBroker:
    """librdkafka's mock cluster: proves nothing about Kafka. Implements `tests.broker.handle.Broker`."""

    kind = Kind.MOCK
    can_stop = False
    secure: Mapping[str, str] | None = None
    version = f"librdkafka {libversion()[0]}'s mock cluster"

    def __init__(self) -> None:
        self._broker = EmbeddedBroker()
        self._broker.__enter__()
        self.bootstrap_servers = self._broker.bootstrap_servers

    def stop(self) -> None:
        raise NotImplementedError

    kill = start = stop

    def close(self) -> None:
        self._broker.__exit__()
