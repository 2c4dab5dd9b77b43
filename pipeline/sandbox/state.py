"""The options and the state of one sandbox."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.origin import is_loopback
from pipeline.parameters.request import Definition
from pipeline.rules.source.templates import Template
from pipeline.sandbox.connections import Connections
from pipeline.sandbox.credentials import Credentials
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.memory import Memory
from pipeline.sandbox.meter import Meter
from pipeline.sandbox.parameters import ParameterCheck
from pipeline.sandbox.request import Contract


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How a sandbox starts."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any that is free."""
    tokens: frozenset[str] = field(default=frozenset(), repr=False)
    clients: Mapping[str, str] = field(default_factory=dict, repr=False)
    """OAuth client id to secret. With neither tokens nor clients, any bearer token is good."""
    token_seconds: float = 7_200.0
    """Life of an issued token; WeChat's live as long."""
    templates: Mapping[str, Template] = field(default_factory=dict)
    """By the platform's template id. None given: any id is good."""
    plan: FaultPlan = field(default_factory=FaultPlan)
    keep_messages: int = 1_000
    keep_keys: int = 200_000
    contract: Contract = field(default_factory=Contract)
    """For an API whose bodies are not those of C1."""
    parameters: Definition | None = field(default=None, repr=False)
    """Common request parameters that every request must have; None: they are not checked."""
    timestamp_window: float = 300.0
    """Seconds by which a timestamp may differ from the sandbox's clock."""
    clock: Callable[[], float] = time.time  # noqa: TID251 - a server of its own, outside the service's clock

    @property
    def host_in_url(self) -> str:
        """The host as a URL has it: an IPv6 address in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


class State:
    """The sandbox's memory and its present fault plan."""

    def __init__(self, options: SandboxOptions) -> None:
        self.clock = options.clock
        self.is_local = is_loopback(options.host_in_url)
        """Whether only this machine can connect."""
        self.contract = options.contract
        self.templates = options.templates
        self.credentials = Credentials(options.tokens, options.clients, options.token_seconds, options.clock)
        self.memory = Memory(options.keep_messages, options.keep_keys)
        self.connections = Connections()
        self.parameters = (
            None
            if options.parameters is None
            else ParameterCheck(options.parameters, options.timestamp_window, options.clock)
        )
        self.in_flight = 0
        self.follow(options.plan)

    def follow(self, plan: FaultPlan) -> None:
        """Follow this plan of faults from now on; its random numbers, clock and counters start again."""
        self.plan = plan
        self.meter = Meter(plan.limits)
        self.rng = random.Random(plan.seed).random  # noqa: S311 - repeatable misbehaviour, not a secret
        self._plan_since = self.clock()
        self._requests = 0

    def plan_seconds(self) -> float:
        """Seconds since the plan was set."""
        return self.clock() - self._plan_since

    def next_number(self) -> int:
        """The number of the request that arrives now, from 1."""
        self._requests += 1
        return self._requests
