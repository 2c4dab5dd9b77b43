"""A broker with the events in it, an API, and runs over them."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import benthos, same_work, workload
from bench.api import Pace, bare_client, serve, wrk
from bench.kafka import LEDGER_PARTITIONS, Ledger, fill, make_topics
from bench.processes import Cores, on
from bench.service import Ended, Plan, Run, measure
from pipeline.sandbox.server import running_sandbox
from tests.broker.maven import MavenBroker

EVENTS_TOPIC = "bench.events"
CASES = {"0": (0, 64), "50": (50, 512)}
"""Delay of the API in milliseconds, and requests in flight."""
BARE_REQUESTS = 40_000
CHECKED_TOPIC = "bench.checked"
CHECKED_EVENTS = 4_000
"""Enough that every thread and connection of a peer has its turn, and its busiest users several notices in a round."""


class Testbed:
    """A broker with the events in it, an API, and the runs over them."""

    def __init__(self, folder: Path, servers: str, api: str, events: int) -> None:
        self.folder = folder
        self._servers = servers
        self._api = api
        self._events = events
        self._runs = 0

    def target(self, delay: int, in_flight: int) -> workload.Target:
        """A group and topics that were not used before."""
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

    def ours(self, cores: Cores, case: str, *, rules: int = 1, processes: int = 1, care: bool = False) -> Run:
        """One run of the service, in a group and with a ledger of its own."""
        delay, in_flight = CASES[case]
        target = self.target(delay, in_flight // processes)
        system = "notice-pipeline" + (f", {rules:,} rules" if rules > 1 else "")
        system += f", {processes} processes" if processes > 1 else ""
        system += ", recipient care" if care else ""
        plan = Plan(system, self._service(target, rules, care=care), cores, in_flight, delay, self._events, processes)
        return self._measure(plan, target)

    def peer(self, cores: Cores, case: str, engine: benthos.Engine, variant: benthos.Variant) -> Run:
        """One run of the peer, likewise."""
        delay, in_flight = CASES[case]
        target = self.target(delay, in_flight)
        plan = engine.plan(variant, target, self.folder / target.group, cores, delay, self._events)
        return self._measure(plan, target)

    def check_peers(self, cores: Cores, engine: benthos.Engine, variants: Sequence[benthos.Variant]) -> None:
        """Let ours and each peer send the same events to an API that keeps every request.

        Raises:
            Ended: a peer's requests differ from ours, come twice, or out of order.
        """
        make_topics(self._servers, {CHECKED_TOPIC: workload.PARTITIONS})
        fill(self._servers, CHECKED_TOPIC, CHECKED_EVENTS)
        ours = self._requests(cores, None, variants[0])
        for variant in variants:
            if found := same_work.differences(ours, self._requests(cores, engine, variant)):
                raise Ended(f"{variant.name} does other work than ours: {', '.join(found)}")

    def _requests(self, cores: Cores, engine: benthos.Engine | None, variant: benthos.Variant) -> same_work.Requests:
        """What the peer sends, or ours where there is no engine."""
        with on(cores.others), running_sandbox() as sandbox:
            requests = same_work.record(sandbox)
            target = self.target(*CASES["0"])._replace(events=CHECKED_TOPIC, url=sandbox.url)
            if engine is None:
                plan = Plan("ours", self._service(target), cores, target.in_flight, 0, CHECKED_EVENTS)
            else:
                plan = engine.plan(variant, target, self.folder / target.group, cores, 0, CHECKED_EVENTS)
            run = self._measure(plan, target)
        if run.faults:
            raise Ended(f"{plan.system}, by its outcomes: {', '.join(run.faults)}")
        return requests

    def _service(self, target: workload.Target, rules: int = 1, *, care: bool = False) -> list[str]:
        config = workload.write_files(self.folder / target.group, target, rules=rules, care=care)
        return [sys.executable, "-m", "pipeline", "run", "--config", str(config)]

    def _measure(self, plan: Plan, target: workload.Target) -> Run:
        ledger = Ledger(self._servers, target.outcomes)
        try:
            return measure(plan, ledger, self.folder / target.group / "log")
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
