"""A broker with the events in it, an API, and runs over them."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import workload
from bench.api import Pace, bare_client, serve, wrk
from bench.kafka import LEDGER_PARTITIONS, Ledger, fill, make_topics
from bench.processes import Cores, on
from bench.service import Plan, Run, measure
from tests.broker.maven import MavenBroker

EVENTS_TOPIC = "bench.events"
CASES = {"0": (0, 64), "50": (50, 512)}
"""Delay of the API in milliseconds, and requests in flight."""
BARE_REQUESTS = 40_000


class Testbed:
    """A broker with the events in it, an API, and the runs over them."""

    def __init__(self, folder: Path, servers: str, api: str, events: int) -> None:
        self.folder = folder
        self._servers = servers
        self._api = api
        self._events = events
        self._runs = 0

    def target(self, delay: int, in_flight: int) -> workload.Target:
        """A group and topics that nobody has used yet."""
        self._runs += 1
        name = f"bench-{self._runs}"
        make_topics(self._servers, {f"{name}.outcomes": LEDGER_PARTITIONS, f"{name}.dead-letters": 1})
        return workload.Target(
            bootstrap_servers=self._servers,
            group=name,
            events=EVENTS_TOPIC,
            outcomes=f"{name}.outcomes",
            dead_letters=f"{name}.dead-letters",
            url=f"{self._api}/{delay}",
            in_flight=in_flight,
        )

    def ours(self, cores: Cores, case: str, *, rules: int = 1, processes: int = 1) -> Run:
        """One run of the service, in a group and with a ledger of its own."""
        delay, in_flight = CASES[case]
        target = self.target(delay, in_flight // processes)
        folder = self.folder / target.group
        config = workload.write_files(folder, target, rules=rules)
        system = "notice-pipeline" + (f", {rules:,} rules" if rules > 1 else "")
        system += f", {processes} processes" if processes > 1 else ""
        command = [sys.executable, "-m", "pipeline", "run", "--config", str(config)]
        plan = Plan(system, command, cores, in_flight, delay, self._events, processes)
        ledger = Ledger(self._servers, target.outcomes)
        try:
            return measure(plan, ledger, folder / "log")
        finally:
            ledger.close()

    def limits(self, cores: Cores, case: str) -> dict[str, Pace]:
        """What bare clients reach."""
        delay, in_flight = CASES[case]
        url = f"{self._api}/{delay}"
        found = {"bare pyreqwest": bare_client(url, in_flight, BARE_REQUESTS, cores)}
        in_c = wrk(url, in_flight, cores, self.folder)
        return {**found, "wrk": in_c} if in_c is not None else found


@contextlib.contextmanager
def testbed(events: int, cores: Cores) -> Iterator[Testbed]:
    """Broker, API and events, made and cleared away.

    Raises:
        Unavailable: Java, Kafka or nginx is missing.
    """
    with tempfile.TemporaryDirectory(prefix="notice-pipeline-bench-") as made, contextlib.ExitStack() as stack:
        folder = Path(made)
        with on(cores.others):
            broker = MavenBroker()
        stack.callback(broker.close)
        api = stack.enter_context(serve(folder, cores.others))
        make_topics(broker.bootstrap_servers, {EVENTS_TOPIC: workload.PARTITIONS})
        fill(broker.bootstrap_servers, EVENTS_TOPIC, events)
        yield Testbed(folder, broker.bootstrap_servers, api, events)
