"""Apache Kafka from Maven Central: a single KRaft node in a process of its own, at free ports, on temporary data."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path

from tests.broker import secure
from tests.broker.handle import Kind, Unavailable, free_ports
from tests.broker.node import NODE, VERSION, wait_until_up
from tests.broker.process import KafkaProcess, jars


class MavenBroker:
    """Implements `tests.broker.handle.Broker`."""

    kind = Kind.MAVEN
    detour: int
    """Port at which clients of one listener look for the node: no one is there until someone puts a proxy before
    `behind_detour`, and then they can be cut off while others are not."""
    can_stop = True
    version = f"Apache Kafka {VERSION}, KRaft, single node"

    def __init__(self, **overrides: str) -> None:
        """Format its data and start it; `overrides` are broker settings, with `_` for each dot.

        Raises:
            Unavailable: it cannot be fetched or does not come up.
        """
        jars()  # before anything that would have to be removed
        self._folder = Path(tempfile.mkdtemp(prefix="notice-pipeline-kafka-"))
        plain, secured, mutual, controller, back, self.detour = free_ports(6)
        keys = secure.make_keys(self._folder)
        self.bootstrap_servers = f"127.0.0.1:{plain}"
        self.secure = secure.client_config(keys, f"127.0.0.1:{secured}")
        self.mutual = secure.mutual_config(keys, f"127.0.0.1:{mutual}")
        self.behind_detour = back
        listeners = f"PLAINTEXT://{self.bootstrap_servers},SASL_SSL://127.0.0.1:{secured},MUTUAL://127.0.0.1:{mutual}"
        config = {
            **NODE,
            **secure.listener_config(keys),
            "listeners": f"{listeners},DETOUR://127.0.0.1:{back},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"{listeners},DETOUR://127.0.0.1:{self.detour}",
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,MUTUAL:SSL,DETOUR:PLAINTEXT,CONTROLLER:PLAINTEXT"
            ),
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "log.dirs": str(self._folder / "data"),
            **{name.replace("_", "."): value for name, value in overrides.items()},
        }
        self._node = KafkaProcess(self._folder, config)
        try:
            scram = f"SCRAM-SHA-512=[name={secure.USER},password={secure.PASSWORD}]"
            self._node.format("--add-scram", scram)
            self.start()
        except Unavailable:
            self.close()
            raise

    @property
    def log(self) -> Path:
        """The node's log."""
        return self._node.log

    def start(self) -> None:
        """Bring it up, at first or again."""
        self._node.launch()
        try:
            wait_until_up(self.bootstrap_servers)
        except Unavailable as why:
            raise Unavailable(f"{why}; its log ends: {self._node.log_end()}") from None

    def stop(self) -> None:
        """Shut it down in good order; killed after 20 s."""
        self._node.end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._node.end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it stand still: its connections stay, and nothing comes of them."""
        self._node.freeze()

    def thaw(self) -> None:
        """Let it continue."""
        self._node.thaw()

    def close(self) -> None:
        """Stop it permanently and remove its files."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
