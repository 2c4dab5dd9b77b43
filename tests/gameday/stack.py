"""The whole stack on one machine: three Kafka nodes, sandbox, registry, two installations, Prometheus, Alertmanager."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx

from pipeline.adapters.events.schema_files import read_schemas
from pipeline.adapters.events.writer import Encoding, EventEncoder, EventProducer
from pipeline.adapters.kafka.topics import TopicCheck, TopicToMake
from pipeline.errors import Unreachable
from pipeline.rules.schema.event_schema import EventSchema
from pipeline.rules.schema.examples import example
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import SandboxServer, running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.broker.cluster import Cluster
from tests.broker.handle import free_ports
from tests.broker.proxy import Proxy, running_proxy
from tests.fakes.registry import FakeRegistry
from tests.gameday.lapse import lapsed
from tests.observability.prometheus import Prometheus, Scraping, alertmanager, prometheus

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
TOPIC = "trade.order.events"
OUTCOMES = "notice.outcomes"
EVENT_TYPE = "com.example.trade.order.paid.v1"
SHIPPED = "com.example.trade.order.shipped.v1"
SECOND = "second"
"""The other installation of the same namespace, and its topic: it has no traffic."""
CLIENT = ("game-day", "a-secret-of-the-game-day")
RECIPIENTS = 200
SCRAPE_MILLISECONDS = 15_000
"""In production; divided as the alerts' spans are."""
READY_SECONDS = 30.0


class Service:
    """The service as a process that can be ended, killed and started again."""

    def __init__(self, folder: Path, configuration: Mapping[str, Any], port: int) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        shutil.copytree(ROOT / "rules", folder / "rules")
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "service.log"
        self._file = folder / "pipeline.yaml"
        self._file.write_text(json.dumps(configuration), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "pipeline", "run", "--config", str(self._file)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + READY_SECONDS
        while self.ready() is None and time.monotonic() < deadline:
            time.sleep(0.1)

    def ready(self) -> str | None:
        """What `/readyz` says; None while it does not answer."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).text.strip()
        except httpx.TransportError:
            return None

    def end(self, by: signal.Signals) -> int:
        """End it and give its exit code; one that has ended already is not changed."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(by)
        return self._process.wait(40)

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process is not None else None


class Traffic:
    """Events at a steady rate, from a thread of its own."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.rate = 40.0
        self.type = EVENT_TYPE
        """Of the events: a type that no rule names is one of the faults."""
        self._servers = bootstrap_servers
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._encoder = EventEncoder(schema_of(EVENT_TYPE), 0, Encoding.JSON)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)

    def emit(self, *values: bytes, key: str | None = None) -> None:
        """Records of any content."""
        producer = EventProducer({"bootstrap.servers": self._servers})
        for value in values:
            producer.send(TOPIC, key, value, [])
        producer.flush()

    def emit_events(self, event_type: str, recipient: str, count: int) -> None:
        """So many events of a type for one recipient."""
        schema = schema_of(event_type)
        encoder = EventEncoder(schema, 0, Encoding.JSON)
        producer = EventProducer({"bootstrap.servers": self._servers})
        rng = random.Random(7)  # noqa: S311 - made-up events
        for number in range(count):
            value, headers = encoder.encode({**example(schema, rng.random, number), "sub": recipient}, number)
            producer.send(TOPIC, recipient, value, headers)
        producer.flush()

    def _run(self) -> None:
        rng = random.Random(5)  # noqa: S311 - made-up traffic
        number = 0
        while not self._ended.is_set():
            producer = EventProducer({"bootstrap.servers": self._servers, "log_level": 0})
            with contextlib.suppress(Unreachable):  # the broker is down: that is one of the faults
                while not self._ended.wait(1 / self.rate):
                    self._send(producer, rng, number)
                    number += 1

    def _send(self, producer: EventProducer, rng: random.Random, number: int) -> None:
        recipient = f"{number % RECIPIENTS:032x}"
        event = {**example(schema_of(EVENT_TYPE), rng.random, number), "sub": recipient}
        value, headers = self._encoder.encode(event, number)
        typed = [(name, self.type.encode() if name == "ce_type" else header) for name, header in headers]
        producer.send(TOPIC, recipient, value, typed)


class Stack(NamedTuple):
    """Everything that is up."""

    cluster: Cluster
    sandbox: SandboxServer
    registry: FakeRegistry
    token_way: Proxy
    """The way to the token endpoint."""
    service: Service
    second: Service
    """The other installation, with fewer rules and no traffic."""
    traffic: Traffic
    metrics: Prometheus
    alerts: str

    def misbehave(self, **plan: object) -> None:
        """Let the API follow this plan; without any it is well."""
        self.sandbox.state.follow(FaultPlan.model_validate({"latency": "5ms-15ms", **plan}))

    def firing(self) -> set[str]:
        """Alerts that notify now: firing, and not inhibited by another."""
        query = {"active": "true", "inhibited": "false", "silenced": "false"}
        found = httpx.get(f"http://{self.alerts}/api/v2/alerts", params=query, timeout=10, trust_env=False).json()
        return {alert["labels"]["alertname"] for alert in found}


@contextlib.contextmanager
def stack(folder: Path, factor: float) -> Iterator[Stack]:
    """Start everything, with alerts at `factor` times their speed; ends it all.

    Raises:
        Unavailable: Kafka, Prometheus or Alertmanager cannot be had.
    """
    with contextlib.ExitStack() as up:
        cluster = Cluster()
        up.callback(cluster.close)
        servers = cluster.client_servers
        check = TopicCheck({"bootstrap.servers": servers}, READY_SECONDS)
        for topic in (TOPIC, SECOND):
            check.ensure(TopicToMake(topic, 4, 3, create=True), {})
        sandbox = up.enter_context(running_sandbox(SandboxOptions(clients=dict([CLIENT]), keep_messages=1_000)))
        registry = up.enter_context(FakeRegistry())
        token_way = up.enter_context(running_proxy(sandbox.port))
        ports = free_ports(2)
        token_url = f"http://127.0.0.1:{token_way.port}/oauth/token"
        addresses = {"kafka": servers, "registry": registry.url, "api": sandbox.url, "token": token_url}
        service = Service(folder / "first", _configuration(addresses, "gameday", TOPIC, ports[0]), ports[0])
        second = Service(folder / "second", _configuration(addresses, SECOND, SECOND, ports[1]), ports[1])
        (second.folder / "rules" / "customers.yaml").unlink()
        for one in (service, second):
            up.callback(one.end, signal.SIGKILL)
        rules = [
            lapsed(ROOT / "deploy/prometheus" / name, factor, folder) for name in ("recording.yaml", "alerts.yaml")
        ]
        alerts = up.enter_context(alertmanager(folder, ROOT / "deploy/prometheus/alertmanager.yaml"))
        targets = [f"127.0.0.1:{port}" for port in ports]
        interval = f"{SCRAPE_MILLISECONDS / factor:.0f}ms"
        scraping = Scraping(targets, rules, interval, alerts, releases=["shop", SECOND])
        metrics = up.enter_context(prometheus(folder, scraping))
        traffic = Traffic(servers)
        made = Stack(cluster, sandbox, registry, token_way, service, second, traffic, metrics, alerts)
        made.misbehave()
        service.start()
        second.start()
        up.enter_context(traffic)
        yield made


def _configuration(addresses: Mapping[str, str], group: str, topic: str, port: int) -> dict[str, object]:
    oauth = {"token_url": addresses["token"], "client_id": CLIENT[0], "client_secret": CLIENT[1]}
    return {
        "kafka": {"bootstrap_servers": addresses["kafka"], "group_id": group, "topics": [topic]},
        "schemas": {"directory": str(ROOT / "schemas" / "events"), "registry_url": addresses["registry"]},
        "rules": "rules",
        "rule_options": {"none_matched_minutes": 1},
        # Few at once, and so few read ahead: what waits in memory is filled in its own time, not in the alerts'.
        "notices": {"url": addresses["api"], "oauth": oauth, "max_in_flight": 32},
        "outcomes": {"topic": OUTCOMES if topic == TOPIC else f"{topic}.outcomes", "replication_factor": 3},
        "dead_letters": {"replication_factor": 3},
        "http": {"host": "127.0.0.1", "port": port},
        "log": {"format": "json"},
    }


@cache
def schema_of(event_type: str) -> EventSchema:
    """The newest schema of one of the example events.

    Raises:
        LookupError: there is none.
    """
    found = read_schemas(ROOT / "schemas" / "events").newest(event_type)
    if found is None:
        raise LookupError(event_type)
    return found
