"""A scenario of chaos, where it is played, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.broker.handle import Broker
from tests.chaos.judge import Allowed
from tests.fakes.registry import FakeRegistry

if TYPE_CHECKING:
    from tests.chaos.run import Run

LATENCY = "5ms-40ms"


class Scenario(NamedTuple):
    """What is done to the service, under which load, and what that excuses."""

    name: str
    message: str
    act: Callable[[Run], None]
    allowed: Allowed = Allowed()
    per_second: float = 50.0
    recipients: int = 120
    changes: Mapping[str, Mapping[str, object]] = {}
    """Of the configuration, section by section."""
    plan: Mapping[str, object] = {"latency": LATENCY}
    """The sandbox's faults."""
    sandbox: Mapping[str, object] = {}
    """More of the sandbox's options."""
    stops_broker: bool = False
    """It stops the broker, or needs its detour: one of our own, then."""
    on_cluster: bool = False
    """It needs three nodes that can be broken one by one."""
    workers: int = 1
    """Processes of each member."""
    care: bool | None = None
    """Whether recipient care is on; None: as the option says."""
    without_care: str | None = None
    """Why it is not played with recipient care."""


class Setting(NamedTuple):
    """Where a scenario is played."""

    folder: Path
    broker: Broker
    topic: str
    registry: FakeRegistry
    protocol: str
    seed: int
    minutes: float
    """Stretches the scenario."""
    care: bool = False
    """Whether recipient care is on."""
    group: str | None = None
    """None: the group of the topic's name."""


class Timestamp(NamedTuple):
    """Something that was done, or seen."""

    seconds: float
    message: str


class Result(NamedTuple):
    """What a run showed."""

    scenario: str
    protocol: str
    kafka: str
    seed: int
    seconds: float
    violations: list[str]
    figures: dict[str, float]
    moments: list[Timestamp]
    per_second: list[int]
    """Requests that reached the API, second by second."""

    @property
    def ok(self) -> bool:
        """Whether every promise held."""
        return not self.violations
