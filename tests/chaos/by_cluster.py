"""One node of three misbehaves, or the way to it does: replication 3, two replicas needed for a write."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from tests.broker.cluster import NODES, SMALL_DISK
from tests.broker.topics import known_ends
from tests.chaos.kafka import set_config
from tests.chaos.run import Run
from tests.chaos.scenario import Scenario

OUT_SECONDS = 12.0
"""How long a node is away: longer than any session, and than the cluster takes to elect other leaders."""
AFTER_SECONDS = 6.0
REFUSED_SECONDS = 15.0
FULL_SECONDS = 40.0


def leader_killed_short(run: Run) -> None:
    """The node that leads the ledger's first partition is killed and comes back; a part of `make test`."""
    run.up(1)
    run.load.start()
    run.wait(2)
    _killed(run, _leader(run), seconds=4)


def leader_killed(run: Run) -> None:
    """The node that leads the ledger's first partition is killed and comes back, then the group's coordinator."""
    run.up(2)
    run.load.start()
    run.wait(4)
    for choose in (_leader, _coordinator):
        _killed(run, choose(run), seconds=OUT_SECONDS)
        run.wait(AFTER_SECONDS)


def workers(run: Run) -> None:
    """The same under `--workers 2`, and one worker is killed while the node is away."""
    (member,) = run.up(1)
    run.wait_for(lambda: len(member.children()) == 2, 60)
    run.load.start()
    run.wait(6)
    cluster, node = run.cluster, _leader(run)
    cluster.kill_node(node)
    run.note(f"node {node} is killed")
    run.wait(3)
    run.kill_child(member)
    run.wait(OUT_SECONDS)
    cluster.start_node(node)
    cluster.wait_until_in_sync()
    run.note("the node is back and in sync")
    run.wait(AFTER_SECONDS)


def rolling(run: Run) -> None:
    """Every node is stopped and started, one after the other, as an upgrade of Kafka does it."""
    run.up(2)
    run.load.start()
    run.wait(4)
    for node in NODES:
        begin = time.monotonic()
        run.cluster.stop_node(node)
        run.note(f"node {node} is stopped")
        run.cluster.start_node(node)
        run.cluster.wait_until_in_sync()
        run.note(f"node {node} is back and in sync; {_gap(run, begin)}")
        run.wait(3)


def frozen(run: Run) -> None:
    """The group's coordinator stands still, its connections open; then the leader of the ledger's first partition."""
    run.up(2)
    run.load.start()
    run.wait(4)
    for choose in (_coordinator, _leader):
        node, begin = choose(run), time.monotonic()
        run.cluster.freeze_node(node)
        run.note(f"node {node} is frozen")
        run.wait_and_excuse_losses(run.scale(OUT_SECONDS))
        run.cluster.thaw_node(node)
        run.note(f"node {node} continues")
        run.cluster.wait_until_in_sync()
        run.wait(AFTER_SECONDS)
        run.note(_gap(run, begin))


def cut_off_from_peers(run: Run) -> None:
    """The coordinator loses its peers, but no client: it is replaced and does not know. A new member joins then."""
    run.up(2)
    run.load.start()
    run.wait(4)
    begin = time.monotonic()
    _cut_off(run, run.cluster.cut_off_from_peers, _coordinator(run), "its peers")
    run.note(_gap(run, begin))
    begin = time.monotonic()
    _cut_off(run, run.cluster.cut_off_from_peers, _leader(run), "its peers")
    run.note(_gap(run, begin))


def cut_off_from_clients(run: Run) -> None:
    """No client reaches one node, while its peers do: no other leader is elected, and its partitions wait."""
    run.up(2)
    run.load.start()
    run.wait(4)
    begin = time.monotonic()
    _cut_off(run, run.cluster.cut_off_from_clients, _leader(run), "clients")
    run.note(_gap(run, begin))


def too_few_replicas(run: Run) -> None:
    """The outcomes topic wants three replicas and has two: it refuses every write for a while, then accepts again."""
    (member,) = run.up(1)
    run.load.start()
    run.wait(4)
    servers, outcomes = run.cluster.bootstrap_servers, run.stage.outcomes
    set_config(servers, outcomes, "min.insync.replicas", "3")
    node = run.cluster.leader(run.stage.topic)
    run.cluster.kill_node(node)
    run.note(f"the outcomes topic needs 3 replicas, and node {node} is killed")
    run.wait(6)
    before = known_ends(servers, outcomes)
    run.wait(REFUSED_SECONDS)
    written = sum(end - before[number] for number, end in known_ends(servers, outcomes).items() if number in before)
    run.note(f"outcomes written meanwhile: {written}; readyz: {member.ready()}")
    run.require(len(before) > 0 and written == 0, "the outcomes topic accepted writes")
    run.cluster.start_node(node)
    run.note("the node is back")
    run.cluster.wait_until_in_sync()
    run.wait(AFTER_SECONDS)
    run.require(not member.ended, "the service ended because the outcomes topic refused writes for a while")


def disk_full(run: Run) -> None:
    """The disk of one node has no byte left: Kafka ends that node. Then there is space, and it comes back."""
    run.up(2)
    run.load.start()
    run.wait(4)
    begin = time.monotonic()
    written = run.cluster.fill_disk(SMALL_DISK)
    run.note(f"the disk of node {SMALL_DISK} is full: {written / 1e6:.0f} MB of ballast")
    run.wait_for(lambda: not run.cluster.is_running(SMALL_DISK), FULL_SECONDS)
    run.note(f"node {SMALL_DISK} has ended by itself")
    run.wait(OUT_SECONDS)
    run.cluster.free_disk(SMALL_DISK)
    run.cluster.start_node(SMALL_DISK)
    run.cluster.wait_until_in_sync()
    run.note(f"there is space, and the node is back and in sync; {_gap(run, begin)}")
    run.wait(AFTER_SECONDS)


def _leader(run: Run) -> int:
    return run.cluster.leader(run.stage.outcomes)


def _coordinator(run: Run) -> int:
    return run.cluster.coordinator(run.stage.group)


def _killed(run: Run, node: int, seconds: float) -> None:
    begin = time.monotonic()
    run.cluster.kill_node(node)
    run.note(f"node {node} is killed")
    run.wait(seconds)
    run.cluster.start_node(node)
    run.cluster.wait_until_in_sync()
    run.note(f"node {node} is back and in sync; {_gap(run, begin)}")


def _cut_off(run: Run, cut: Callable[[int], None], node: int, side: str) -> None:
    cut(node)
    run.note(f"node {node} is cut off from {side}")
    run.wait_and_excuse_losses(OUT_SECONDS / 2)
    run.members.start()
    run.note("one more member is started")
    run.wait_and_excuse_losses(run.scale(OUT_SECONDS))
    run.cluster.heal()
    run.note("the network is well")
    run.cluster.wait_until_in_sync()
    run.wait(AFTER_SECONDS)


def _gap(run: Run, begin: float) -> str:
    """The longest time since `begin` in which no request reached the API."""
    times = [begin, *(line.at for line in list(run.journal.lines) if line.at >= begin), time.monotonic()]
    longest = max(later - earlier for earlier, later in itertools.pairwise(times))
    run.figures["longest gap s"] = max(round(longest, 1), run.figures.get("longest gap s", 0.0))
    return f"the API saw nothing for {longest:.1f} s at most"


CLUSTER = (
    Scenario(
        "cluster-short",
        "cluster: the leader of a ledger partition killed and back; a part of `make test`",
        leader_killed_short,
        on_cluster=True,
    ),
    Scenario("leader-killed", "cluster: leader and coordinator killed and back", leader_killed, on_cluster=True),
    Scenario(
        "cluster-workers",
        "cluster: `--workers 2`, the leader and then a worker killed",
        workers,
        on_cluster=True,
        workers=2,
    ),
    Scenario("cluster-rolling", "cluster: every node stopped and started", rolling, on_cluster=True),
    Scenario("cluster-frozen", "cluster: coordinator, then leader frozen for 12 s", frozen, on_cluster=True),
    Scenario("peers-cut", "cluster: a node loses its peers, but no client", cut_off_from_peers, on_cluster=True),
    Scenario("clients-cut", "cluster: a node loses its clients, but no peer", cut_off_from_clients, on_cluster=True),
    Scenario(
        "few-replicas",
        "cluster: the outcomes topic refuses, too few replicas",
        too_few_replicas,
        on_cluster=True,
    ),
    Scenario("disk-full", "cluster: one node's disk is full", disk_full, on_cluster=True),
)
