"""Three Kafka nodes, each broker and controller, with a proxy on every way between them and on every client's way.

Each node has one address for its peers and one for its controllers. Both are names, and each node's virtual machine
reads the names from a file of its own (`jdk.net.hosts.file`): for node 1, the name of node 2 leads to a proxy that only
node 1 uses. So one node can be cut off from its peers in both directions while clients reach all of them, and the other
way round. Needs Linux, where every address in 127.0.0.0/8 is this machine.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.broker.handle import Kind, Unavailable, free_ports
from tests.broker.node import NODE, VERSION, wait_until_up
from tests.broker.process import KafkaProcess, jars
from tests.broker.proxy import Proxy, running_proxy

NODES = (1, 2, 3)
OFFSETS_PARTITIONS = 3
SMALL_DISK = 3
"""The node with a file system of its own, where this machine allows to mount one."""
SETTLE_SECONDS = 120.0
"""For every replica to be in sync again, on a busy machine too."""
ASK_SECONDS = 3.0
DISK_MEGABYTES = 512
"""Of the file system that a node gets whose disk is to fill: Kafka reserves some MB for each partition's index."""

CLUSTER: Mapping[str, str] = {
    **NODE,
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.num.partitions": str(OFFSETS_PARTITIONS),
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    "log.index.size.max.bytes": "1048576",
    # A follower that is frozen or cut off leaves the set of those in sync within seconds, not half a minute.
    "replica.lag.time.max.ms": "4000",
    "replica.socket.timeout.ms": "4000",
    "replica.fetch.wait.max.ms": "200",
    "controller.quorum.election.timeout.ms": "1500",
    "controller.quorum.fetch.timeout.ms": "3000",
    "controller.quorum.request.timeout.ms": "2000",
    "broker.session.timeout.ms": "3000",
    "controlled.shutdown.max.retries": "2",
    "leader.imbalance.check.interval.seconds": "5",
    "unclean.leader.election.enable": "false",
}


class _Node:
    """One of the three: its process, and the ways to it."""

    def __init__(self, number: int, process: KafkaProcess, data: Path, direct: str) -> None:
        self.number = number
        self.process = process
        self.data = data
        self.direct = direct
        """Its address for witnesses, past every proxy."""
        self.from_peers: dict[int, list[Proxy]] = {}
        """Proxies on the way to it, by the peer that uses them."""
        self.from_clients: Proxy | None = None
        self.disk: Path | None = None
        """The file system of its own, if it has one."""


class Cluster:
    """Implements `tests.broker.handle.Broker` for all of them together; each can also be broken alone."""

    kind = Kind.MAVEN
    can_stop = True
    version = f"Apache Kafka {VERSION}, KRaft, three nodes (broker and controller)"

    def __init__(self, **overrides: str) -> None:
        """Format and start the nodes; `overrides` are broker settings, with `_` for each dot.

        Raises:
            Unavailable: it cannot be fetched or does not come up.
        """
        jars()
        self._folder = Path(tempfile.mkdtemp(prefix="notice-pipeline-cluster-"))
        self._stack = ExitStack()
        self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        given = {name.replace("_", "."): value for name, value in overrides.items()}
        try:
            self.nodes = self._make(given)
            self._format()
            self.start()
        except Unavailable:
            self.close()
            raise

    @property
    def secure(self) -> Mapping[str, str] | None:
        """It has no listener with users."""
        return None

    @property
    def mutual(self) -> Mapping[str, str] | None:
        """It has no listener that requires certificates."""
        return None

    def _make(self, overrides: Mapping[str, str]) -> Mapping[int, _Node]:
        ports = free_ports(4 * len(NODES))
        peer, controller = dict(zip(NODES, ports, strict=False)), dict(zip(NODES, ports[3:], strict=False))
        client, direct = dict(zip(NODES, ports[6:], strict=False)), dict(zip(NODES, ports[9:], strict=False))
        nodes: dict[int, _Node] = {}
        for number in NODES:
            proxy = self._stack.enter_context(running_proxy(client[number]))
            folder = self._folder / f"node-{number}"
            folder.mkdir()
            hosts = folder / "hosts"
            others = [f"127.0.{number}.{other} kafka-{other}" for other in NODES if other != number]
            hosts.write_text("\n".join(["127.0.0.1 localhost", f"127.0.0.1 kafka-{number}", *others]) + "\n")
            disk = _disk(folder / "disk", self._stack) if number == SMALL_DISK else None
            data = (disk or folder) / "data"
            config = {
                **CLUSTER,
                "node.id": str(number),
                "inter.broker.listener.name": "PEERS",
                "listeners": f"PEERS://127.0.0.1:{peer[number]},CONTROLLER://127.0.0.1:{controller[number]},"
                f"CLIENTS://127.0.0.1:{client[number]},DIRECT://127.0.0.1:{direct[number]}",
                "advertised.listeners": f"PEERS://kafka-{number}:{peer[number]},"
                f"CLIENTS://127.0.0.1:{proxy.port},DIRECT://127.0.0.1:{direct[number]},"
                f"CONTROLLER://kafka-{number}:{controller[number]}",
                "listener.security.protocol.map": ",".join(
                    f"{name}:PLAINTEXT" for name in ("PEERS", "CONTROLLER", "CLIENTS", "DIRECT")
                ),
                "controller.quorum.voters": ",".join(f"{other}@kafka-{other}:{controller[other]}" for other in NODES),
                "log.dirs": str(data),
                **overrides,
            }
            process = KafkaProcess(folder, config, ("-Xmx256m", f"-Djdk.net.hosts.file={hosts}"))
            node = nodes[number] = _Node(number, process, data, f"127.0.0.1:{direct[number]}")
            node.from_clients, node.disk = proxy, disk
        for node in nodes.values():
            for other in NODES:
                if other != node.number:
                    host = f"127.0.{other}.{node.number}"
                    node.from_peers[other] = [
                        self._stack.enter_context(running_proxy(port[node.number], port[node.number], host))
                        for port in (peer, controller)
                    ]
        return nodes

    def _format(self) -> None:
        """Format one node's data and copy it for the others, which is faster than to format each."""
        first, *others = self.nodes.values()
        first.process.format()
        for node in others:
            shutil.copytree(first.data, node.data)
            identity = (node.data / "meta.properties").read_text()
            own = {"node.id": str(node.number), "directory.id": _uuid(node.number)}
            kept = [line for line in identity.splitlines() if line.partition("=")[0] not in own]
            lines = [*kept, *(f"{name}={value}" for name, value in own.items())]
            (node.data / "meta.properties").write_text("\n".join(lines) + "\n")

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all nodes, past every proxy: for witnesses."""
        return ",".join(node.direct for node in self.nodes.values())

    @property
    def client_servers(self) -> str:
        """The addresses by which the service looks for the nodes, each behind its proxy."""
        return ",".join(f"127.0.0.1:{node.from_clients.port}" for node in self.nodes.values() if node.from_clients)

    def start(self) -> None:
        """Bring up every node that does not run."""
        for node in self.nodes.values():
            if not node.process.is_running:
                node.process.launch()
        for node in self.nodes.values():
            try:
                wait_until_up(node.direct)
            except Unavailable as why:
                raise Unavailable(f"{why}; its log ends: {node.process.log_end()}") from None

    def start_node(self, number: int) -> None:
        """Bring one node up again; returns when it answers."""
        node = self.nodes[number]
        node.process.end(signal.SIGKILL)  # one that has ended by itself is cleared away
        node.process.launch()
        try:
            wait_until_up(node.direct)
        except Unavailable as why:
            raise Unavailable(f"{why}; its log ends: {node.process.log_end()}") from None

    def kill_node(self, number: int) -> None:
        """End one node at once."""
        self.nodes[number].process.end(signal.SIGKILL)

    def stop_node(self, number: int) -> None:
        """Shut one node down in good order."""
        self.nodes[number].process.end(signal.SIGTERM)

    def freeze_node(self, number: int) -> None:
        """Let one node stand still: its connections stay, and nothing comes of them."""
        self.nodes[number].process.freeze()

    def thaw_node(self, number: int) -> None:
        """Let it continue."""
        self.nodes[number].process.thaw()

    def is_running(self, number: int) -> bool:
        """Whether the node's process is there."""
        return self.nodes[number].process.is_running

    def cut_off_from_peers(self, number: int) -> None:
        """No other node reaches this one, nor it them; clients reach all."""
        for proxy in self._between(number):
            proxy.cut()

    def cut_off_from_clients(self, number: int) -> None:
        """No client reaches this node; its peers do."""
        proxy = self.nodes[number].from_clients
        if proxy is not None:
            proxy.cut()

    def heal(self) -> None:
        """Every way is open again."""
        for node in self.nodes.values():
            for proxy in (node.from_clients, *(one for ways in node.from_peers.values() for one in ways)):
                if proxy is not None:
                    proxy.heal()

    def _between(self, number: int) -> Iterable[Proxy]:
        for node in self.nodes.values():
            for peer, ways in node.from_peers.items():
                if number in {peer, node.number}:
                    yield from ways

    def fill_disk(self, number: int) -> int:
        """Leave no byte free on the node's file system; gives how many were written.

        Raises:
            Unavailable: the node has no file system of its own.
        """
        disk = self._disk_of(number)
        written = 0
        with (disk / "ballast").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                written += file.write(b"\0" * 65_536)
        with (disk / "ballast").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                written += file.write(b"\0")
        return written

    def free_disk(self, number: int) -> None:
        """Give the space back."""
        (self._disk_of(number) / "ballast").unlink()

    def _disk_of(self, number: int) -> Path:
        disk = self.nodes[number].disk
        if disk is None:
            raise Unavailable(f"node {number} has no file system of its own: this machine does not allow to mount one")
        return disk

    def leader(self, topic: str, partition: int = 0) -> int:
        """The node that leads a partition.

        Raises:
            Unavailable: it has no leader.
        """
        found = self._admin().list_topics(topic, timeout=10).topics[topic].partitions.get(partition)
        if found is None or found.leader not in NODES:
            raise Unavailable(f"{topic}/{partition} has no leader")
        return int(found.leader)

    def coordinator(self, group: str) -> int:
        """The node that coordinates a group: the leader of the partition that keeps the group's offsets."""
        number = 0
        for character in group:  # Java's hash of a string, a number with a sign
            number = (31 * number + ord(character)) & 0xFFFFFFFF
        unsigned = number if number < 2**31 else 2**32 - number
        return self.leader("__consumer_offsets", unsigned % OFFSETS_PARTITIONS)

    def wait_until_in_sync(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait until every partition has a leader and all its replicas in sync.

        Raises:
            Unavailable: they do not come.
        """
        deadline = time.monotonic() + seconds
        behind: list[str] = ["no answer"]
        while time.monotonic() < deadline:
            with contextlib.suppress(KafkaException):
                topics = self._admin().list_topics(timeout=ASK_SECONDS).topics
                behind = [
                    f"{name}/{number}"
                    for name, topic in topics.items()
                    for number, one in topic.partitions.items()
                    if one.leader not in NODES or len(one.isrs) < len(one.replicas)
                ]
                if not behind:
                    return
            time.sleep(0.2)
        raise Unavailable(f"not in sync after {seconds:.0f} s: {', '.join(behind[:3])}")

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})

    def stop(self) -> None:
        """Shut all nodes down in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End all nodes at once."""
        self._end(signal.SIGKILL)

    def _end(self, by: signal.Signals) -> None:
        with ThreadPoolExecutor(len(NODES)) as pool:
            list(pool.map(lambda node: node.process.end(by), self.nodes.values()))

    def close(self) -> None:
        """End all nodes for good and remove what they left."""
        if hasattr(self, "nodes"):
            self.kill()
        self._stack.close()


def _uuid(number: int) -> str:
    """An id in Kafka's form."""
    return base64.urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_DNS, f"kafka-{number}").bytes).decode().rstrip("=")


def _disk(path: Path, stack: ExitStack) -> Path | None:
    """A small file system in memory; None where this user or machine may not mount one."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    stack.callback(subprocess.run, ["umount", "-l", str(path)], check=False, timeout=10)
    return path
