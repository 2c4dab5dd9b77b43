"""Prepare a run of chaos, and play its scenario."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import running_sandbox
from pipeline.sandbox.state import SandboxOptions
from tests.acceptance.stage import Stage
from tests.broker.cluster import Cluster
from tests.broker.handle import Broker, Unavailable
from tests.broker.proxy import Proxy, running_proxy
from tests.chaos.care import CARE, care_rules, care_topics
from tests.chaos.journal import keep_journal
from tests.chaos.members import AllEnded
from tests.chaos.run import Run
from tests.chaos.scenario import Result, Scenario, Setting
from tests.fakes.registry import FakeRegistry

CLUSTER_SESSION_MS = 9_000
"""Longer than the cluster takes to elect another coordinator, as it is in production."""
PARTITIONS = 6
LEDGER_PARTITIONS = 3


@contextmanager
def prepared(
    scenario: Scenario, broker: Broker, folder: Path, *, protocol: str, seed: int, minutes: float, care: bool = False
) -> Iterator[Run]:
    """A run with its topics, its sandbox, the network to it, and no member started yet."""
    care = care if scenario.care is None else scenario.care
    topic = f"chaos-{scenario.name}-{protocol}-{seed}-{os.getpid()}{'-care' if care else ''}"
    make_topics(broker, topic, care=care)
    rng = random.Random(f"{scenario.name} {protocol} {seed}")  # noqa: S311 - faults that can be repeated
    with FakeRegistry() as registry:
        setting = Setting(folder, broker, topic, registry, protocol, seed, minutes, care)
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
        if setting.care:
            topics = care_topics(setting.topic, setting.group or f"{setting.topic}.group")
            changes["recipient_care"] = topics.settings()
        stage = Stage(
            setting.folder, setting.broker, setting.topic, setting.registry, sandbox, changes, group=setting.group
        )
        if setting.care:
            put_care_on(stage)
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


def put_care_on(stage: Stage) -> None:
    """Replace the rules by those that need recipient care."""
    folder = stage.service.folder / "rules"
    (folder / "garage.yaml").write_text(care_rules(), encoding="utf-8")
    (folder / "care.yaml").write_text(CARE, encoding="utf-8")


def make_topics(broker: Broker, topic: str, *, care: bool = False) -> None:
    """The source topics and the outcomes topic; the latter so that it can be watched from the start."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    wanted = [NewTopic(topic, PARTITIONS, -1), NewTopic(f"{topic}.outcomes", LEDGER_PARTITIONS, -1)]
    if care:
        wanted.append(NewTopic(f"{topic}.preferences", PARTITIONS, -1))
    for made in admin.create_topics(wanted).values():
        made.result(20)


def another_group(run: Run) -> Run:
    """A second group that reads the same topic and writes the same outcomes topic, with an API of its own."""
    folder = run.stage.service.folder / "other"
    folder.mkdir()
    setting = run.setting._replace(folder=folder, group=f"{run.stage.group}.other")
    other = run.enter(staged(run.scenario, setting, run.rng))
    run.join(other)
    return other


def play(
    scenario: Scenario, broker: Broker, folder: Path, *, protocol: str, seed: int, minutes: float, care: bool = False
) -> Result:
    """The whole run; `care`: with recipient care."""
    with prepared(scenario, broker, folder, protocol=protocol, seed=seed, minutes=minutes, care=care) as run:
        try:
            scenario.act(run)
            broken = run.finish()
        except (TimeoutError, subprocess.TimeoutExpired, KafkaException, Unavailable, AllEnded) as error:
            broken = [f"the run broke off: {error}"]
        return Result(
            scenario.name + (" with care" if run.care is not None else ""),
            protocol,
            broker.version,
            seed,
            time.monotonic() - run.begin,
            broken,
            run.figures,
            run.moments,
            run.journal.per_second(run.begin),
        )
