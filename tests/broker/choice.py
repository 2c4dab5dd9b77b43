"""Which broker the tests run on: the first that can be had."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

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

    @property
    def message(self) -> str:
        """For the end of the test run."""
        why = "; ".join(f"{kind}: {reason}" for kind, reason in self.refused.items())
        return f"{self.broker.version} ({self.broker.kind})" + (f" — not {why}" if why else "")


def choose() -> Choice:
    """The first broker that can be had, or the kind that the environment asks for and no other.

    Raises:
        Unavailable: the kind that was asked for cannot be had.
    """
    forced = os.environ.get(FORCE)
    kinds = [Kind(forced)] if forced else list(KINDS)
    refused: dict[Kind, str] = {}
    for kind in kinds:
        try:
            return Choice(KINDS[kind](), refused)
        except Unavailable as why:
            refused[kind] = str(why)
    raise Unavailable(f"{FORCE}={forced}, but {refused[kinds[0]]}")
