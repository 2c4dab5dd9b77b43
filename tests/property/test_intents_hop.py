"""The hop of recipient care as a Hypothesis state machine: its guarantees hold whatever happens, in any order."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pipeline.model.event import TopicPartition
from tests.unit.delivery.hop_world import (
    NEWER,
    PARTITIONS,
    RECIPIENTS,
    REPLIES,
    SOURCES,
    URGENT,
    HopWorld,
)

RULES = ["paid", "paid", NEWER, URGENT]
members = st.integers(0, 1)
few = st.integers(0, 4)
notices = st.lists(st.tuples(st.sampled_from(RECIPIENTS), st.sampled_from(RULES)), max_size=3)


class Hop(RuleBasedStateMachine):
    """Events, late writes, crashes, rebalances."""

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.world = HopWorld(seed)

    @rule(partition=st.sampled_from(SOURCES), gap=st.sampled_from([0, 0, 0, 1, 60]), notices=notices)
    def produce(self, partition: TopicPartition, gap: int, notices: list[tuple[str, str]]) -> None:
        self.world.produce(partition, gap, notices)

    @rule(to=st.sampled_from(RECIPIENTS), count=st.integers(1, 6))
    def produce_on_all_topics(self, to: str, count: int) -> None:
        for number in range(count):
            self.world.produce(SOURCES[number % len(SOURCES)], 0, [(to, "paid")])

    @rule(partition=st.sampled_from(SOURCES))
    def produce_rubbish(self, partition: TopicPartition) -> None:
        self.world.produce_rubbish(partition)

    @rule(member=members)
    def work(self, member: int) -> None:
        one = self.world.members[member]
        self.world.consume(one)
        self.world.send(one)

    @rule(member=members, appended=few, heard=few)
    def intents(self, member: int, appended: int, heard: int) -> None:
        one = self.world.members[member]
        self.world.append(one, appended)
        self.world.hear(one, heard)

    @precondition(lambda self: self.world.late)
    @rule(count=few)
    def late_writes(self, count: int) -> None:
        self.world.append_late(count)

    @rule(member=members)
    def checkpoint(self, member: int) -> None:
        self.world.checkpoint(self.world.members[member])

    @precondition(lambda self: self.world.flights)
    @rule(index=st.integers(0, 100), kind=st.sampled_from(sorted(REPLIES)))
    def reply(self, index: int, kind: str) -> None:
        self.world.reply(index % len(self.world.flights), kind)

    @precondition(lambda self: self.world.flights)
    @rule()
    def reply_to_all(self) -> None:
        for _ in range(len(self.world.flights)):
            self.world.reply(0, "ok")

    @rule(seconds=st.sampled_from([0.01, 1.0, 6.0]))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds

    @rule(member=members, written=few, acknowledged=few)
    def ledger(self, member: int, written: int, acknowledged: int) -> None:
        one = self.world.members[member]
        self.world.write(one, written)
        self.world.acknowledge(one, acknowledged)

    @rule(member=members, heard=st.booleans())
    def commit(self, member: int, heard: bool) -> None:  # noqa: FBT001 - called by Hypothesis
        self.world.commit(self.world.members[member], heard=heard)

    @rule(member=members, appended=few, written=few, lingers=st.booleans())
    def crash(self, member: int, appended: int, written: int, lingers: bool) -> None:  # noqa: FBT001 - called by Hypothesis
        self.world.crash(self.world.members[member], appended, written, lingers=lingers)

    @rule(partition=st.sampled_from(PARTITIONS))
    def hand_over(self, partition: TopicPartition) -> None:
        self.world.hand_over(partition)

    @rule(partition=st.sampled_from(PARTITIONS), lost=st.booleans())
    def tear_away(self, partition: TopicPartition, lost: bool) -> None:  # noqa: FBT001 - called by Hypothesis
        self.world.tear_away(partition, lost=lost)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.heal()
            self.world.check_end()


Hop.TestCase.settings = settings(
    max_examples=settings().max_examples * 3,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestHop = Hop.TestCase

STEPS = 300
LIVES = 20
"""In each test."""


def step(world: HopWorld, rng: random.Random) -> None:
    """One move of a long life."""
    member = rng.choice(world.members)
    world.consume(member)
    world.send(member)
    world.append(member, rng.randint(0, 4))
    world.hear(member, rng.randint(0, 4))
    if rng.random() < 0.7:
        world.produce(rng.choice(SOURCES), 0, [(rng.choice(RECIPIENTS), rng.choice(RULES))])
    if world.flights and rng.random() < 0.8:
        world.reply(rng.randrange(len(world.flights)), rng.choice(["ok", "ok", "ok", "down", "content"]))
    if rng.random() < 0.6:
        world.write(member, rng.randint(0, 4))
        world.acknowledge(member, rng.randint(0, 4))
    if rng.random() < 0.4:
        world.checkpoint(member)
        world.commit(member, heard=rng.random() < 0.8)
    if rng.random() < 0.3:
        world.now += rng.choice([0.1, 1.0, 6.0])
    if world.late and rng.random() < 0.1:
        world.append_late(rng.randint(1, 4))
    if rng.random() < 0.02:
        world.crash(member, rng.randint(0, 3), rng.randint(0, 3), lingers=rng.random() < 0.5)
    if rng.random() < 0.02:
        partition = rng.choice(PARTITIONS)
        if rng.random() < 0.5:
            world.hand_over(partition)
        else:
            world.tear_away(partition, lost=rng.random() < 0.5)


@pytest.mark.parametrize("chunk", range(settings().max_examples // 10))
def test_long_lives_keep_every_promise(chunk: int) -> None:
    """With late writes, lost answers and any changes of members, nothing is lost, doubled or disordered."""
    for seed in range(chunk * LIVES, (chunk + 1) * LIVES):
        rng = random.Random(seed)  # noqa: S311 - a seed that can be replayed
        world = HopWorld(seed)
        for _ in range(STEPS):
            step(world, rng)
        world.heal()
        world.check_end()
