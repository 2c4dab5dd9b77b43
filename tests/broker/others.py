"""The other brokers: one that is given, one in a container, and librdkafka's mock."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

from confluent_kafka import libversion

from pipeline.adapters.kafka.embedded import EmbeddedBroker
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
    mutual: Mapping[str, str] | None = None

    def __init__(self, bootstrap_servers: str | None = None) -> None:
        self.bootstrap_servers = bootstrap_servers or os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
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
    mutual: Mapping[str, str] | None = None
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
    """Ask the engine for a sign of life, with a socket of our own: Docker's client is slow to give up."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    kind, _, where = host.partition("://")
    try:
        if kind == "unix":
            with socket.socket(socket.AF_UNIX) as engine:
                engine.settimeout(ENGINE_SECONDS)
                engine.connect(where)
                engine.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                alive = b" 200 " in engine.recv(64)
        else:
            name, _, port = where.rpartition(":")
            with socket.create_connection((name, int(port)), ENGINE_SECONDS):
                alive = True
    except (OSError, ValueError):
        alive = False
    if not alive:
        raise Unavailable("no Docker engine answers")


class MockBroker:
    """librdkafka's mock cluster: proves nothing about Kafka. Implements `tests.broker.handle.Broker`."""

    kind = Kind.MOCK
    can_stop = False
    secure: Mapping[str, str] | None = None
    mutual: Mapping[str, str] | None = None
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
