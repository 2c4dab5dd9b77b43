"""Recipient care as a Hypothesis state machine: longer lives than the exploration reaches, with more recipients."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.unit.care.world import IN_A, MESSAGE_A, MESSAGE_B, ONCE_A, ONCE_OTHER, OUT_A, Intent, World

_INTENTS = st.lists(
    st.sampled_from([MESSAGE_A, MESSAGE_A, MESSAGE_B, ONCE_A, ONCE_OTHER, OUT_A, IN_A]), min_size=1, max_size=14
)


class CareWorld(RuleBasedStateMachine):
    """Messages, replies, records that are lost or late, crashes, days."""

    @initialize(intents=_INTENTS)
    def begin(self, intents: list[Intent]) -> None:
        self.world = World(intents)

    @rule(count=st.integers(1, 4))
    def work(self, count: int) -> None:
        """What an owner does when all is well."""
        world = self.world
        for _ in range(count):
            for step in (world.read, world.send, world.reply, world.write, world.acknowledge):
                step()

    @rule()
    def read(self) -> None:
        self.world.read()

    @rule()
    def send(self) -> None:
        self.world.send()

    @rule(accepted=st.booleans())
    def reply(self, accepted: bool) -> None:  # noqa: FBT001 - called by Hypothesis
        self.world.reply(accepted=accepted)

    @rule()
    def write(self) -> None:
        self.world.write()

    @rule()
    def acknowledge(self) -> None:
        self.world.acknowledge()

    @rule()
    def flush(self) -> None:
        self.world.flush()

    @rule()
    def land(self) -> None:
        self.world.land()

    @rule()
    def confirm(self) -> None:
        self.world.confirm()

    @rule()
    def refuse(self) -> None:
        self.world.refuse()

    @rule()
    def commit(self) -> None:
        self.world.committed()

    @rule(haunts=st.booleans())
    def crash(self, haunts: bool) -> None:  # noqa: FBT001 - called by Hypothesis
        self.world.crash(haunts=haunts)

    @rule()
    def late(self) -> None:
        self.world.arrive()

    @rule()
    def tail(self) -> None:
        self.world.tail()

    @rule()
    def compact(self) -> None:
        self.world.compact()

    @rule()
    def next_day(self) -> None:
        self.world.next_day()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.finish()


CareWorld.TestCase.settings = settings(
    max_examples=settings().max_examples * 3,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestCareWorld = CareWorld.TestCase
