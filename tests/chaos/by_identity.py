"""Groups side by side, a topic created again, offsets reset, another cluster: identities must keep them apart."""

from __future__ import annotations

from confluent_kafka import Consumer, TopicPartition

from tests.broker.topics import create_again, ranges
from tests.chaos.play import PARTITIONS, another_group, make_topics
from tests.chaos.run import Run
from tests.chaos.scenario import Scenario

EMPTY_SECONDS = 4.0
"""With what `Run.torn` waits, longer than a session: the group must be empty before its offsets can be reset."""
NOTICED_SECONDS = 60.0


def two_groups(run: Run) -> None:
    """Two groups read one topic and write one outcomes topic; members of both die: each group sends each event once."""
    other = another_group(run)
    for one in (run, other):
        one.up(2)
    run.load.start()
    for _ in range(run.scale(2)):
        for one in (run, other):
            run.wait(run.rng.uniform(2.0, 4.0))
            one.kill(run.rng.choice(one.members.survivors()))
            one.up(1)
    run.wait(6)


def topic_created_again(run: Run) -> None:
    """The topic is deleted and created under running members, then while all are dead: the new one is read whole."""
    run.up(2)
    run.load.start()
    run.wait(5)
    run.next_chapter(run.load.stop())
    _create_again(run)
    # What is read before all have noticed may be sent twice, as the guarantees say.
    run.wait_for(lambda: run.members.count("topic_recreated") == PARTITIONS, NOTICED_SECONDS)
    run.load.start()
    run.wait(5)
    run.kill(run.rng.choice(run.members.survivors()))
    run.up(1)
    run.wait(5)
    run.next_chapter(run.load.stop())
    for member in run.members.alive:
        run.kill(member)
    _create_again(run)
    run.load.start()
    run.wait(3)
    run.up(2)
    run.wait(6)
    run.ledger.catch_up()
    topics = {one.origin.topic_id for found in run.ledger.outcomes.values() for one in found}
    run.require(len(topics) == 3, f"outcomes name {len(topics)} topics, and there were 3")


def offsets_reset(run: Run) -> None:
    """The group's offsets are reset to the start, then to the middle, as an operator would: nothing is sent again."""
    run.up(1)
    run.load.start()
    for name, share in (("the start", 0.0), ("the middle", 0.5)):
        run.wait(6)
        run.kill(run.members.survivors()[0])
        run.wait(EMPTY_SECONDS)
        _reset(run, share)
        run.note(f"offsets are reset to {name}")
        run.up(1)
    run.wait(6)


def cluster_moved(run: Run) -> None:
    """A planned move to another Kafka, as docs/another-cluster.md says, with a kill before it and one after it."""
    run.up(2)
    run.load.start()
    run.wait(4)
    old, new = run.broker, run.another_broker()
    make_topics(new, run.stage.topic)
    emitted = run.load.stop()
    run.load.start(new)
    run.note(f"after {emitted} events the next go to the other Kafka")
    run.kill(run.rng.choice(run.members.survivors()))
    run.up(1)
    run.next_chapter(emitted)
    for member in run.members.alive:
        run.terminate(member)
    run.move(new)
    run.up(2)
    run.note(f"moved from {old.bootstrap_servers} to {new.bootstrap_servers}")
    run.wait(4)
    run.kill(run.rng.choice(run.members.survivors()))
    run.up(1)
    run.wait(6)


def _create_again(run: Run) -> None:
    create_again(run.broker.bootstrap_servers, run.stage.topic, PARTITIONS)
    run.note("the source topic is created again")


def _reset(run: Run, share: float) -> None:
    """Commit this share of each partition's events without metadata, as `kafka-consumer-groups` does."""
    servers, stage = run.broker.bootstrap_servers, run.stage
    consumer = Consumer({"bootstrap.servers": servers, "group.id": stage.group, "log_level": 0})
    wanted = [
        TopicPartition(stage.topic, number, low + int((high - low) * share))
        for number, (low, high) in ranges(servers, stage.topic).items()
    ]
    consumer.commit(offsets=wanted, asynchronous=False)
    consumer.close()


IDENTITY = (
    Scenario("two-groups", "two groups on one topic and one outcomes topic, members of both killed", two_groups),
    Scenario(
        "topic-recreated", "the source topic deleted and created again, under members and without", topic_created_again
    ),
    Scenario("offsets-reset", "the group's offsets reset to the start and to the middle, after kills", offsets_reset),
    Scenario(
        "cluster-moved",
        "a planned move to another Kafka, with kills before and after it",
        cluster_moved,
        without_care="caps and `once` begin again on another Kafka",
    ),
)
