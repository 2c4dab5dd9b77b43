"""One scenario's run: everything that takes part in it, what may be done to it, and what came of it."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pipeline.model.outcome import PAUSE, Because, OutcomeKind
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.stage import Stage
from tests.broker.cluster import Cluster
from tests.broker.handle import Broker, Unavailable
from tests.broker.maven import MavenBroker
from tests.broker.proxy import Proxy, running_proxy
from tests.broker.topics import committed, ranges
from tests.chaos.journal import Journal, keep_journal
from tests.chaos.judge import Allowed, Evidence, violations
from tests.chaos.kafka import Ledger, dead_letters, markers
from tests.chaos.load import Load
from tests.chaos.members import AllEnded, Member, Members
from tests.chaos.operation import Operation
from tests.fakes.registry import FakeRegistry

SETTLE_SECONDS = 3.0
"""Longer than the sandbox takes for a reply, on a busy machine too, and shorter than a session: what was under way when
a process died has then been taken or not, and was not sent again."""
END_SECONDS = 400.0
COMMIT_SECONDS = 30.0
BROKER = {"group_consumer_session_timeout_ms": "5000"}
"""Settings of the single node."""
CLUSTER_SESSION_MS = 9_000
"""Longer than the cluster takes to elect another coordinator, as it is in production."""
PARTITIONS = 6
LEDGER_PARTITIONS = 3
LATENCY = "5ms-40ms"


class Scenario(NamedTuple):
    """What is done to the service, under which load, and what that excuses."""

    name: str
    message: str
    act: Callable[[Run], None]
    allowed: Allowed = Allowed()
    per_second: float = 50.0
    recipients: int = 120
    changes: Mapping[str, Mapping[str, object]] = {}
    """Of the configuration, section by section."""
    plan: Mapping[str, object] = {"latency": LATENCY}
    """The sandbox's faults."""
    sandbox: Mapping[str, object] = {}
    """More of the sandbox's options."""
    stops_broker: bool = False
    """It stops the broker, or needs its detour: one of our own, then."""
    on_cluster: bool = False
    """It needs three nodes that can be broken one by one."""
    workers: int = 1
    """Processes of each member."""


class Setting(NamedTuple):
    """Where a scenario is played."""

    folder: Path
    broker: Broker
    topic: str
    registry: FakeRegistry
    protocol: str
    seed: int
    minutes: float
    """Stretches the scenario."""
    group: str | None = None
    """None: the group of the topic's name."""


class Timestamp(NamedTuple):
    """Something that was done, or seen."""

    seconds: float
    message: str


class Result(NamedTuple):
    """What a run showed."""

    scenario: str
    protocol: str
    kafka: str
    seed: int
    seconds: float
    violations: list[str]
    figures: dict[str, float]
    moments: list[Timestamp]
    per_second: list[int]
    """Requests that reached the API, second by second."""

    @property
    def ok(self) -> bool:
        """Whether every promise held."""
        return not self.violations


class Run:
    """The stage, its people, and the tools to break it."""

    def __init__(
        self, scenario: Scenario, setting: Setting, stage: Stage, journal: Journal, proxy: Proxy, rng: random.Random
    ) -> None:
        self.scenario = scenario
        self.setting = setting
        self.stage = stage
        self.broker = stage.broker
        self.journal = journal
        self.api_network = proxy
        self.rng = rng
        self.members = Members(stage.service, scenario.workers)
        self.ledger = Ledger(stage.broker.bootstrap_servers, stage.outcomes, stage.group)
        self.load = Load(stage, rng, per_second=scenario.per_second, recipients=scenario.recipients)
        self.figures: dict[str, float] = {}
        self.moments: list[Timestamp] = []
        self.begin = time.monotonic()
        self._excused: set[str] = set()
        self._torn: list[float] = []
        self._late: list[tuple[float, float]] = []
        self._exits: list[int] = []
        self._broken: list[str] = []
        self._sent_again = 0
        self._judged = 0
        """Events of earlier chapters."""
        self._others: list[Run] = []
        self._stack = ExitStack()

    @property
    def cluster(self) -> Cluster:
        """The three nodes of a scenario on a cluster."""
        if not isinstance(self.broker, Cluster):
            raise TypeError(f"{self.broker.version} is not a cluster")
        return self.broker

    def note(self, message: str) -> None:
        """Remember that this was done."""
        self.moments.append(Timestamp(time.monotonic() - self.begin, message))

    def wait(self, seconds: float) -> None:
        """Let it run."""
        time.sleep(seconds)

    def wait_and_excuse_losses(self, seconds: float) -> None:
        """Let it run. If a member loses partitions because its coordinator is silent, that is as if it were cut off."""
        lost = self.members.count("partitions_lost")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.members.count("partitions_lost") > lost:
                lost = self.members.count("partitions_lost")
                self.note("a member has lost partitions")
                self.torn()
            time.sleep(0.1)

    def wait_for(self, held: Callable[[], bool], seconds: float) -> None:
        """Let it run until it is so.

        Raises:
            TimeoutError: it does not become so.
        """
        deadline = time.monotonic() + seconds
        while not held():
            if time.monotonic() > deadline:
                raise TimeoutError(f"what was waited for did not come within {seconds:.0f} s")
            time.sleep(0.1)

    def scale(self, usual: float) -> int:
        """A count or a time of the scenario, stretched by the option; at least 1."""
        return max(1, round(usual * self.setting.minutes))

    def require(self, held: bool, message: str) -> None:  # noqa: FBT001 - the claim itself
        """A promise of this scenario's own."""
        if not held:
            self._broken.append(message)

    def up(self, count: int) -> list[Member]:
        """So many more members, all of them started."""
        members = [self.members.start() for _ in range(count)]
        for member in members:
            member.wait_for("starting")
        return members

    def up_behind_detour(self) -> tuple[Member, Proxy]:
        """One more member, whose whole way to Kafka leads through a proxy of its own."""
        broker = self.broker
        if not isinstance(broker, MavenBroker):
            raise TypeError(f"{broker.version} has no detour")
        proxy = self._stack.enter_context(running_proxy(broker.behind_detour, broker.detour))
        member = self.members.start({"NOTICE_PIPELINE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{proxy.port}"})
        member.wait_for("starting")
        return member, proxy

    def misbehave(self, plan: Mapping[str, object]) -> None:
        """The API follows this plan from now on."""
        self.stage.sandbox.state.follow(FaultPlan.model_validate(plan))

    def torn(self) -> None:
        """A member was just cut off: notices that the API took and the ledger never received are excused."""
        self._torn.append(time.monotonic())
        time.sleep(SETTLE_SECONDS)
        taken = set(self.journal.accepted)
        self.ledger.catch_up()
        excused = taken - self.ledger.sent
        self.figures["excused"] = self.figures.get("excused", 0) + len(excused)
        self._excused |= excused

    def late(self, heal: Callable[[], None]) -> None:
        """Let a network give out what has stood in it: it arrives now, whether anybody waits for it or not."""
        begin = time.monotonic()
        heal()
        self.torn()
        self._late.append((begin, time.monotonic()))

    def kill(self, member: Member) -> None:
        """kill -9, at any point of its work."""
        under_way = self.journal.under_way
        member.kill()
        self.note(f"killed {member.name} with {under_way} requests under way")
        self.figures["kills"] = self.figures.get("kills", 0) + 1
        self.figures["under way at kills"] = self.figures.get("under way at kills", 0) + under_way
        self.torn()

    def kill_child(self, member: Member) -> None:
        """kill -9 of one of a member's workers, at any point of its work."""
        under_way = self.journal.under_way
        member.kill_child()
        self.note(f"killed a worker of {member.name} with {under_way} requests under way")
        self.figures["kills"] = self.figures.get("kills", 0) + 1
        self.figures["under way at kills"] = self.figures.get("under way at kills", 0) + under_way
        self.torn()

    def terminate(self, member: Member) -> None:
        """SIGTERM, and wait for the end."""
        begin = time.monotonic()
        self._exits.append(code := member.terminate())
        self.note(f"stopped {member.name}: exit {code} after {time.monotonic() - begin:.1f} s")

    def expect_exit(self, member: Member, seconds: float) -> int:
        """Wait for a member to end by itself."""
        code = member.process.wait(seconds)
        self._exits.append(code)
        self.note(f"{member.name} ended by itself: exit {code}")
        return code

    def operation(self, *arguments: str) -> Operation:
        """Begin an operator's command."""
        self.note(" ".join(arguments))
        return Operation(self.stage.service.folder, *arguments)

    def end_load(self) -> None:
        """Emit no more, and wait until every event has an outcome."""
        sent = self.load.stop()
        self.note(f"load ends after {sent} events")
        self._wait_for_outcomes(sent + self._sent_again)

    def sent_again(self, count: int, pause: str) -> None:
        """So many letters of this pause were sent again: each notice that it suppressed must be accepted."""
        self.note(f"{count} dead letters are sent again")
        self._sent_again += count
        self.end_load()
        left = {
            name
            for name, found in self.ledger.outcomes.items()
            if found[-1].because == (Because(PAUSE, pause),) and found[-1].kind is OutcomeKind.SUPPRESSED
        }
        self.require(count > 0, f"nothing was suppressed by {pause}")
        self.require(not left, f"{len(left)} notices suppressed by {pause} were not sent again: {sorted(left)[:3]}")

    def another_broker(self) -> MavenBroker:
        """Another Kafka of one node, which ends with the run."""
        broker = MavenBroker(**BROKER)
        self._stack.callback(broker.close)
        return broker

    def another_group(self) -> Run:
        """A second group that reads the same topic and writes the same outcomes topic, with an API of its own."""
        folder = self.stage.service.folder / "other"
        folder.mkdir()
        setting = self.setting._replace(folder=folder, group=f"{self.stage.group}.other")
        other = self._stack.enter_context(staged(self.scenario, setting, self.rng))
        other.load = self.load
        self._others.append(other)
        return other

    def next_chapter(self, sent: int) -> None:
        """Judge the events emitted so far, this many: those that follow go to another topic, or another Kafka."""
        self._wait_for_outcomes(sent)
        self.wait_for(lambda: self.stage.uncommitted() == 0, COMMIT_SECONDS)
        self._broken += violations(self._evidence(), self.scenario.allowed)
        self._judged = sent
        self.ledger.positions.clear()

    def move(self, broker: Broker) -> None:
        """Everything that begins from now on is on this Kafka."""
        service = self.stage.service
        kafka = service.configuration["kafka"]
        if not isinstance(kafka, dict):
            raise TypeError("no section kafka in the configuration")
        service.configure({**service.configuration, "kafka": {**kafka, "bootstrap_servers": broker.bootstrap_servers}})
        self.stage.broker = self.broker = broker
        self.ledger.move(broker.bootstrap_servers)

    def finish(self) -> list[str]:
        """Emit no more, wait until all is done, stop everybody in good order, and judge."""
        self.end_load()
        for member in self.members.alive:
            self.terminate(member)
        self.ledger.catch_up()
        broken = [*self._broken, *violations(self._evidence(), self.scenario.allowed)]
        for other in self._others:
            broken += [f"{other.stage.group}: {one}" for one in other.finish()]
            self.figures |= {f"other group's {name}": other.figures[name] for name in ("accepted", "sent again")}
        return broken

    def _wait_for_outcomes(self, sent: int) -> None:
        sent -= self._judged
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            self.ledger.catch_up()
            if len(self.ledger.positions) >= sent:
                self.note("every event has an outcome")
                return
            time.sleep(0.25)
        self.note(f"gave up waiting: {len(self.ledger.positions)} of {sent} events have an outcome")

    def _evidence(self) -> Evidence:
        servers, stage = self.broker.bootstrap_servers, self.stage
        evidence = Evidence(
            ledger=self.ledger,
            journal=self.journal,
            ranges=ranges(servers, stage.topic),
            committed={number: one.offset for number, one in committed(servers, stage.group, stage.topic).items()},
            dead_letters=dead_letters(servers, f"{stage.topic}.dead"),
            excused=frozenset(self._excused),
            torn=tuple(self._torn),
            late=tuple(self._late),
            exits=tuple(self._exits),
            peak_megabytes=self.members.peak_megabytes,
            markers=markers(servers, stage.topic) if self._sent_again else frozenset(),
        )
        counts = self.journal.counts
        self.figures |= {
            "events": sum(high - low for low, high in evidence.ranges.values()),
            "requests": len(self.journal.lines),
            "accepted": len(self.journal.accepted),
            "sent again": len(self.journal.resent()),
            "double outcomes": len(self.ledger.doubled()),
            "overlapping": len(self.journal.overlaps),
            "faults": counts.faults,
            "dead letters": sum(evidence.dead_letters.values()),
            "partitions lost": self.members.count("partitions_lost"),
            "drain deadlines passed": self.members.count("drain_deadline_passed"),
            "peak MB": round(evidence.peak_megabytes),
        }
        return evidence

    def close(self) -> None:
        """End everything."""
        self.members.close()
        self.ledger.close()
        self._stack.close()


@contextmanager
def prepared(
    scenario: Scenario, broker: Broker, folder: Path, *, protocol: str, seed: int, minutes: float
) -> Iterator[Run]:
    """A run with its topics, its sandbox, the network to it, and no member started yet."""
    topic = f"chaos-{scenario.name}-{protocol}-{seed}-{os.getpid()}"
    make_topics(broker, topic)
    rng = random.Random(f"{scenario.name} {protocol} {seed}")  # noqa: S311 - faults that can be repeated
    with FakeRegistry() as registry:
        setting = Setting(folder, broker, topic, registry, protocol, seed, minutes)
        with staged(scenario, setting, rng) as run:
            yield run


@contextmanager
def staged(scenario: Scenario, setting: Setting, rng: random.Random) -> Iterator[Run]:
    """A run on topics that exist, with its sandbox and the network to it."""
    plan = FaultPlan.model_validate({"seed": setting.seed, **scenario.plan})
    options = SandboxOptions(plan=plan, **scenario.sandbox)  # type: ignore[arg-type] # a scenario's own
    with ExitStack() as stack:
        sandbox = stack.enter_context(running_sandbox(options))
        journal = keep_journal(sandbox)
        proxy = stack.enter_context(running_proxy(sandbox.port))
        changes = _changes(scenario, sandbox.url, proxy, setting.protocol, setting.broker)
        stage = Stage(
            setting.folder, setting.broker, setting.topic, setting.registry, sandbox, changes, group=setting.group
        )
        run = Run(scenario, setting, stage, journal, proxy, rng)
        stack.callback(run.close)
        yield run


def _changes(scenario: Scenario, url: str, proxy: Proxy, protocol: str, broker: Broker) -> dict[str, dict[str, object]]:
    """The usual configuration of chaos, with the scenario's own laid over it."""
    path = url.partition("://")[2].partition("/")[2]
    usual: dict[str, dict[str, object]] = {
        "kafka": {"bootstrap_servers": broker.client_servers} if isinstance(broker, Cluster) else {},
        "notices": {
            "url": f"http://127.0.0.1:{proxy.port}/{path}",
            "token": "chaos-token-5e0a",
            # A busy machine answers late: a request that times out is sent again, and nothing would be wrong with that.
            "timeout_seconds": 60,
            "connect_timeout_seconds": 30,
        },
        "delivery": {"retry": {"base_seconds": 0.2, "cap_seconds": 5.0}},
        "outcomes": {"partitions": LEDGER_PARTITIONS, "replication_factor": -1},
        "dead_letters": {"replication_factor": -1},
    }
    clients = scenario.sandbox.get("clients")
    if isinstance(clients, dict):
        ((name, secret),) = clients.items()
        token_url = f"http://127.0.0.1:{proxy.port}/oauth/token"
        usual["notices"] |= {
            "token": None,
            "oauth": {"token_url": token_url, "client_id": name, "client_secret": secret},
        }
    changes = {
        name: {**usual.get(name, {}), **scenario.changes.get(name, {})} for name in {**usual, **scenario.changes}
    }
    given = dict(changes["kafka"].pop("properties", {}))  # type: ignore[call-overload] # a mapping of settings
    session_ms = CLUSTER_SESSION_MS if isinstance(broker, Cluster) else 5_000
    session = {"session.timeout.ms": session_ms, "heartbeat.interval.ms": 500} if protocol == "classic" else {}
    return {
        **changes,
        "kafka": {**changes["kafka"], "group_protocol": protocol, "properties": {**session, **given}},
    }


def make_topics(broker: Broker, topic: str) -> None:
    """The source topic and the outcomes topic; the latter so that it can be watched from the start."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    wanted = [NewTopic(topic, PARTITIONS, -1), NewTopic(f"{topic}.outcomes", LEDGER_PARTITIONS, -1)]
    for made in admin.create_topics(wanted).values():
        made.result(20)


def play(scenario: Scenario, broker: Broker, folder: Path, *, protocol: str, seed: int, minutes: float) -> Result:
    """The whole run."""
    with prepared(scenario, broker, folder, protocol=protocol, seed=seed, minutes=minutes) as run:
        try:
            scenario.act(run)
            broken = run.finish()
        except (TimeoutError, subprocess.TimeoutExpired, KafkaException, Unavailable, AllEnded) as error:
            broken = [f"the run broke off: {error}"]
        return Result(
            scenario.name,
            protocol,
            broker.version,
            seed,
            time.monotonic() - run.begin,
            broken,
            run.figures,
            run.moments,
            run.journal.per_second(run.begin),
        )
