"""The peer: the Benthos engine (that of Redpanda Connect) over the same events, API and outcomes topic.

The engine gets what its users have: a configuration with Bloblang in it, and its own HTTP processor. Kafka and Avro,
which it leaves to plugins, are a small Go program of ours beside the configuration.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.processes import Cores
from bench.service import Plan
from bench.workload import SCHEMA, TOKEN, Target
from pipeline.adapters.shipped import shipped
from tests.broker.handle import Unavailable

SOURCE = Path(__file__).parent / "peers" / "benthos"
BUILD_SECONDS = 600
"""The first time, modules are downloaded and everything is compiled."""
GO_NEEDED = "the peer is built from Go modules; that needs Go 1.25.2 or newer on the path"
MOST_WORDS = 300
WRITES_EACH = 8
"""Groups waiting for Kafka's acknowledgement, for each request in flight; were it fewer, the senders would wait too."""


class Setting(NamedTuple):
    """How the engine is set up for one case; what was tried stands in `docs/decisions/peers.md`."""

    round: int
    """Events of one partition that are under way at most; the next ones wait for the last of them."""
    linger: str
    """Of the producer of outcomes: a round ends with it, so it may not be long."""
    collector: int
    """GOGC: by how many percent the heap may grow before garbage is collected."""


SETTINGS: Mapping[int, Setting] = {
    64: Setting(round=2_000, linger="5ms", collector=800),
    512: Setting(round=8_000, linger="0s", collector=800),
}
"""By requests in flight."""


class Variant(NamedTuple):
    """The engine with or without the one change from outside that makes it faster."""

    name: str
    wide_pool: bool
    """Keep as many idle connections as requests in flight. The engine keeps Go's default of 2, and has no setting."""


VARIANTS = (Variant("Benthos, as it is", wide_pool=False), Variant("Benthos, pool widened", wide_pool=True))


class Engine:
    """The program, built."""

    def __init__(self, folder: Path) -> None:
        """Compile it into `folder`.

        Raises:
            Unavailable: Go is not here, or its modules cannot be had.
        """
        go = shutil.which("go")
        if go is None:
            raise Unavailable(GO_NEEDED)
        self._program = folder / "benthos"
        done = subprocess.run(
            [go, "build", "-o", str(self._program), "."],
            cwd=SOURCE,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if done.returncode:
            raise Unavailable(f"{GO_NEEDED}; go build said: {done.stderr.strip()[-MOST_WORDS:]}")

    def plan(self, variant: Variant, target: Target, folder: Path, cores: Cores, delay_ms: int, events: int) -> Plan:
        """A run of it; writes the events' schema into `folder`."""
        folder.mkdir()
        schema = folder / "event.avsc"
        schema.write_text(json.dumps(SCHEMA), encoding="utf-8")
        command = [str(self._program), "run", str(SOURCE / "config.yaml")]
        variables = environment(variant, target, schema, cores)
        return Plan(variant.name, command, cores, target.in_flight, delay_ms, events, environment=variables, peer=True)


def environment(variant: Variant, target: Target, schema: Path, cores: Cores) -> dict[str, str]:
    """The variables that `config.yaml` and the program read."""
    setting = SETTINGS[target.in_flight]
    variables = {
        "BOOTSTRAP_SERVERS": target.bootstrap_servers,
        "GROUP": target.group,
        "EVENTS_TOPIC": target.events,
        "OUTCOMES_TOPIC": target.outcomes,
        "NOTICES_URL": target.url,
        "NOTICES_TOKEN": TOKEN,
        "IN_FLIGHT": str(target.in_flight),
        "ROUND": str(setting.round),
        "LINGER": setting.linger,
        "WRITES": str(WRITES_EACH * target.in_flight),
        "EVENT_SCHEMA": str(schema),
        "OUTCOME_SCHEMA": str(shipped("schemas/outcome.avsc")),
        "GOMAXPROCS": str(len(cores.sender)),
        "GOGC": str(setting.collector),
    }
    return {**variables, "BENCH_IDLE_CONNECTIONS": str(target.in_flight)} if variant.wide_pool else variables
