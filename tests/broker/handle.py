"""What a test knows of the broker it runs on."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """Where the broker comes from; the values are those of `TEST_BROKER`."""

    GIVEN = "given"
    CONTAINER = "container"
    MAVEN = "maven"
    MOCK = "mock"


class Unavailable(Exception):
    """This kind of broker cannot be had here; the words say why."""


class Broker(Protocol):
    """A broker that is up when it is handed over."""

    kind: Kind
    version: str
    can_stop: bool
    """Whether `stop`, `kill` and `start` work."""

    @property
    def bootstrap_servers(self) -> str:
        """The addresses by which clients find it."""
        ...

    @property
    def secure(self) -> Mapping[str, str] | None:
        """librdkafka settings for its TLS and SCRAM listener, as a user who may do nothing; None: it has none."""
        ...

    @property
    def mutual(self) -> Mapping[str, str] | None:
        """librdkafka settings for its listener that requires a client's certificate; None: it has none.

        `trusted` is a file of ours and no setting: the authorities of clients, which the node reads at its start.
        """
        ...

    def stop(self) -> None:
        """Shut it down in good order; its data stay."""
        ...

    def kill(self) -> None:
        """End it at once, as a power cut would; its data stay as they are."""
        ...

    def start(self) -> None:
        """Bring it up again at the same address; returns when it answers."""
        ...

    def close(self) -> None:
        """Stop it permanently and remove its files."""
        ...


def free_ports(count: int) -> list[int]:
    """Ports on the loopback address that no one listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
