"""Which broker the tests run on: the first that can be had."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.broker.handle import Broker, Kind, Unavailable
from tests.broker.maven import MavenBroker
from tests.broker.others import ContainerBroker, GivenBroker, MockBroker

FORCE = "TEST_BROKER"
KINDS: Mapping[Kind, Callable[[], Broker]] = {
    Kind.GIVEN: GivenBroker,
    Kind.CONTAINER: ContainerBroker,
    Kind.MAVEN: MavenBroker,
    Kind.MOCK: MockBroker,
}


class Choice(NamedTuple):
    """The broker, and why it is not a better one."""

    broker: Broker
    refused: Mapping[Kind, str]
    shared: bool = False
    """Other processes use it too, so that no test may stop it."""

    @property
    def message(self) -> str:
        """For the end of the test run."""
        why = "; ".join(f"{kind}: {reason}" for kind, reason in self.refused.items())
        return f"{self.broker.version} ({self.broker.kind})" + (f" — not {why}" if why else "")


class SharedBroker:
    """A broker that another process started and ends. Implements `tests.broker.handle.Broker`."""

    can_stop = False

    def __init__(
        self,
        kind: str,
        version: str,
        bootstrap_servers: str,
        secure: Mapping[str, str] | None,
        mutual: Mapping[str, str] | None,
    ) -> None:
        self.kind = Kind(kind)
        self.version = version
        self.bootstrap_servers = bootstrap_servers
        self.secure = secure
        self.mutual = mutual

    def stop(self) -> None:
        raise NotImplementedError

    kill = start = stop

    def close(self) -> None:
        """Leave it alone."""


def sent(choice: Choice) -> list[Any]:
    """A choice as plain values, for another process."""
    broker = choice.broker
    listeners = [None if one is None else dict(one) for one in (broker.secure, broker.mutual)]
    refused = {str(kind): reason for kind, reason in choice.refused.items()}
    return [str(broker.kind), broker.version, broker.bootstrap_servers, *listeners, refused]


def received(values: list[Any]) -> Choice:
    """The choice of the process that sent these values."""
    *broker, refused = values
    return Choice(SharedBroker(*broker), {Kind(kind): reason for kind, reason in refused.items()}, shared=True)


def choose() -> Choice:
    """Start the first broker that can be had, or the kind that the environment requests and no other.

    Raises:
        Unavailable: the kind that was requested cannot be had.
    """
    forced = os.environ.get(FORCE)
    kinds = [Kind(forced)] if forced else list(KINDS)
    refused: dict[Kind, str] = {}
    for kind in kinds:
        try:
            return Choice(KINDS[kind](), refused)
        except Unavailable as error:
            refused[kind] = str(error)
    raise Unavailable(f"{FORCE}={forced}, but {refused[kinds[0]]}")
