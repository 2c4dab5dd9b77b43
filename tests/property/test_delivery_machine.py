"""The delivery machine as a Hypothesis state machine: its guarantees hold whatever happens, in any order."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pipeline.model.event import TopicPartition
from pipeline.model.pause import EVERYTHING, Scope, ScopeKind
from tests.unit.delivery.world import FAN_OUT, PARTITIONS, REPLIES, World

partitions = st.sampled_from(PARTITIONS)
members = st.integers(0, 1)
few = st.integers(0, 3)
recipients = st.sampled_from(["ann", "bob", "cid", "dan", "eve"])
notices = st.lists(
    st.tuples(
        recipients,
        st.booleans() | st.just(True),  # noqa: FBT003 - a value, not an argument's
        st.none() | st.sampled_from([0.0, 2.0, 30.0, 4_000.0]),
        st.sampled_from(["paid", "shipped", "careful"]),
    ),
    max_size=FAN_OUT,
)


scopes = st.sampled_from(
    [EVERYTHING, Scope(ScopeKind.RULE, "paid"), Scope(ScopeKind.RULE, "shipped"), Scope(ScopeKind.TEMPLATE, "template")]
)


class DeliveryWorld(RuleBasedStateMachine):
    """Events, replies, crashes, rebalances and outages."""

    @initialize(seed=st.integers(0, 2**16), two_apis=st.booleans())
    def begin(self, seed: int, two_apis: bool) -> None:  # noqa: FBT001 - called by Hypothesis
        self.world = World(seed, two_apis=two_apis)

    @rule(partition=partitions, gap=st.sampled_from([0, 0, 0, 1, 60]), notices=notices)
    def produce(self, partition: TopicPartition, gap: int, notices: list[tuple[str, bool, float | None, str]]) -> None:
        self.world.produce(partition, gap, notices)

    @rule(partition=partitions, items=st.lists(recipients, min_size=2, max_size=3 * FAN_OUT))
    def produce_list(self, partition: TopicPartition, items: list[str]) -> None:
        """One event with a message of one rule for each item of its list, some to the same recipient."""
        self.world.produce(partition, 0, [(recipient, True, None, "paid") for recipient in items])

    @rule(partition=partitions, to=recipients, count=st.integers(1, 20))
    def produce_for_one(self, partition: TopicPartition, to: str, count: int) -> None:
        for _ in range(count):
            self.world.produce(partition, 0, [(to, True, None, "paid")])

    @rule(partition=partitions)
    def produce_rubbish(self, partition: TopicPartition) -> None:
        self.world.produce_rubbish(partition)

    @rule()
    def work(self) -> None:
        for member in self.world.members:
            self.world.consume(member)
            self.world.send(member)

    @rule(member=members)
    def consume(self, member: int) -> None:
        self.world.consume(self.world.members[member])

    @rule(member=members)
    def send(self, member: int) -> None:
        self.world.send(self.world.members[member])

    @precondition(lambda self: self.world.flights)
    @rule(index=st.integers(0, 100), kind=st.sampled_from(sorted(REPLIES)), arrived=st.booleans())
    def reply(self, index: int, kind: str, arrived: bool) -> None:  # noqa: FBT001 - called by Hypothesis
        self.world.reply(index % len(self.world.flights), kind, arrived=arrived)

    @precondition(lambda self: self.world.flights)
    @rule(
        kind=st.sampled_from(
            ["ok", "ok", "down", "timeout", "forbidden", "token", "throttled", "nonsense", "unknown code"]
        )
    )
    def reply_to_all(self, kind: str) -> None:
        for _ in range(len(self.world.flights)):
            self.world.reply(0, kind)

    @rule(seconds=st.sampled_from([0.01, 1.0, 5.0, 31.0, 3_600.0, 90_000.0]))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds

    @rule(scope=scopes, seconds=st.none() | st.sampled_from([1.0, 60.0]))
    def pause(self, scope: Scope, seconds: float | None) -> None:
        self.world.pause(scope, seconds)

    @rule(scope=scopes)
    def resume(self, scope: Scope) -> None:
        self.world.resume(scope)

    @rule(member=members, comes=st.booleans())
    def token(self, member: int, comes: bool) -> None:  # noqa: FBT001 - called by Hypothesis
        self.world.token(self.world.members[member], comes=comes)

    @rule(member=members, name=st.sampled_from(["paid", "shipped", "careful"]), stays_off=st.booleans())
    def switch_off(self, member: int, name: str, stays_off: bool) -> None:  # noqa: FBT001 - called by Hypothesis
        self.world.switch_off(self.world.members[member], name, stays_off=stays_off)

    @rule(member=members, written=few, acknowledged=few)
    def ledger(self, member: int, written: int, acknowledged: int) -> None:
        one = self.world.members[member]
        self.world.collect(one)
        self.world.write(one, written)
        self.world.acknowledge(one, acknowledged)

    @rule(member=members)
    def commit(self, member: int) -> None:
        self.world.commit(self.world.members[member])

    @rule(member=members, written=few)
    def crash(self, member: int, written: int) -> None:
        self.world.crash(self.world.members[member], written)

    @rule(partition=partitions)
    def hand_over(self, partition: TopicPartition) -> None:
        self.world.hand_over(partition)

    @rule(partition=partitions, lost=st.booleans())
    def tear_away(self, partition: TopicPartition, lost: bool) -> None:  # noqa: FBT001 - called by Hypothesis
        self.world.tear_away(partition, lost=lost)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.heal()
            self.world.check_end()


DeliveryWorld.TestCase.settings = settings(
    max_examples=settings().max_examples * 5,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestDeliveryWorld = DeliveryWorld.TestCase
