"""Kafka, and the network to it, misbehave; its ledger is damaged."""

from __future__ import annotations

import signal

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.acceptance.stage import recipient
from tests.broker.maven import MavenBroker
from tests.broker.topics import committed, ends
from tests.chaos.judge import Allowed
from tests.chaos.kafka import set_config
from tests.chaos.run import Run
from tests.chaos.scenario import LATENCY, Scenario

BLOCKED = [recipient(number) for number in range(20, 26)]
"""Recipients who cannot be served: frontiers stand while much ends above them, so that the ledger matters."""
BLOCKING = {"latency": LATENCY, "faults": [{"recipients": BLOCKED, "status": 503, "code": 503}]}
PATIENT = {"delivery": {"retry": {"base_seconds": 0.2, "cap_seconds": 2.0, "max_attempts": 1_000}}}


def broker_restart(run: Run) -> None:
    """The broker is stopped and started, then killed and started."""
    run.up(2)
    run.load.start()
    run.wait(4)
    for end, name in ((run.broker.stop, "stopped"), (run.broker.kill, "killed")):
        end()
        run.note(f"the broker is {name}")
        run.wait(run.rng.uniform(3.0, 8.0))
        run.broker.start()
        run.note("the broker is back")
        run.wait(8)


def stopped_in_an_outage(run: Run) -> None:
    """SIGTERM, and once more, while the broker is away: it ends by itself, and what it could not write comes again."""
    member = run.up(1)[0]
    run.load.start()
    run.wait(4)
    run.broker.kill()
    run.note("the broker is killed")
    run.wait(3)
    member.process.send_signal(signal.SIGTERM)
    run.wait(1)
    run.terminate(member)
    run.broker.start()
    run.note("the broker is back")
    run.torn()
    run.up(1)
    run.wait(4)


def frozen(run: Run) -> None:
    """The broker stands still for longer than any session, its connections open; then it continues."""
    run.up(2)
    run.load.start()
    run.wait(4)
    broker = run.broker
    if isinstance(broker, MavenBroker):
        broker.freeze()
        run.note("the broker is frozen")
        run.wait(run.scale(15))
        broker.thaw()
        run.note("the broker continues")
    run.torn()
    run.wait(8)


def cut_off(run: Run) -> None:
    """One member loses Kafka and keeps the API: its partitions go to another, and it must fall silent in time."""
    run.up(1)
    member, proxy = run.up_behind_detour()
    run.load.start()
    run.wait(6)
    for name, harm in (("cut off from", proxy.cut), ("not heard by", proxy.stall)):
        harm()
        run.note(f"{member.name} is {name} Kafka")
        run.torn()
        run.wait(run.scale(15))
        proxy.heal()
        run.note("it is back")
        run.wait(8)
    proxy.slow(0.3)
    run.note(f"Kafka answers {member.name} late")
    run.wait(6)
    proxy.heal()


def refused_for_good(run: Run) -> None:
    """The outcomes topic permanently refuses a write: the process ends with 1 rather than lose it."""
    member = run.up(1)[0]
    run.load.start()
    run.wait(4)
    servers, outcomes = run.broker.bootstrap_servers, run.stage.outcomes
    set_config(servers, outcomes, "max.message.bytes", "64")
    run.note("the outcomes topic refuses every record as too large")
    run.expect_exit(member, 60)
    run.torn()
    set_config(servers, outcomes, "max.message.bytes", "1048588")
    run.up(1)
    run.wait(4)


def pointer_kept(run: Run) -> None:
    """Frontiers stand far behind; killed, the ledger alone knows what is done above them, and that is enough."""
    run.up(1)
    run.load.start()
    for _ in range(3):
        run.wait(5)
        run.note(f"{_above(run)} events done above the frontiers")
        run.kill(run.members.survivors()[0])
        run.up(1)
    run.wait(6)
    run.misbehave({"latency": LATENCY})


def pointer_damaged(run: Run) -> None:
    """The commits' metadata becomes garbage, then the ledger is trimmed: sent again, never lost, always in order."""
    run.up(1)
    run.load.start()
    run.wait(6)
    run.kill(run.members.survivors()[0])
    run.wait(4)  # the group must be empty to be committed for
    run.note(f"{_above(run)} events done above the frontiers")
    _damage(run)
    run.up(1)
    run.wait(6)
    run.kill(run.members.survivors()[0])
    _trim(run)
    run.up(1)
    run.wait(6)
    run.misbehave({"latency": LATENCY})
    complaints = run.members.count("ledger_pointer_unusable")
    run.figures["unusable pointers reported"] = complaints
    run.require(complaints > 0, "a damaged pointer was not reported")


def _above(run: Run) -> int:
    stage = run.stage
    run.ledger.catch_up()
    frontiers = committed(run.broker.bootstrap_servers, stage.group, stage.topic)
    return sum(position.offset > frontiers[position.partition].offset for position in run.ledger.positions)


def _damage(run: Run) -> None:
    stage = run.stage
    servers = run.broker.bootstrap_servers
    consumer = Consumer({"bootstrap.servers": servers, "group.id": stage.group, "log_level": 0})
    wrong = "np2;partition=0;offset=0;crc=00000000"
    texts = (wrong, "garbage \ufffd \t", "np9:1:2:3", wrong.replace("offset=0", "offset=999999999"), "x" * 4_000, "")
    points = committed(servers, stage.group, stage.topic)
    damaged = [
        TopicPartition(stage.topic, number, one.offset, text)
        for (number, one), text in zip(points.items(), texts, strict=True)
        if one.offset >= 0
    ]
    consumer.commit(offsets=damaged, asynchronous=False)
    consumer.close()
    run.note(f"damaged the metadata of {len(damaged)} commits")


def _trim(run: Run) -> None:
    servers, outcomes = run.broker.bootstrap_servers, run.stage.outcomes
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    run.ledger.catch_up()
    all_of_it = [TopicPartition(outcomes, number, end) for number, end in ends(servers, outcomes).items()]
    for done in admin.delete_records(all_of_it).values():
        done.result(15)
    run.note("trimmed the ledger to nothing")


KAFKA = (
    Scenario(
        "broker-restart",
        "the broker stopped and started, killed and started",
        broker_restart,
        stops_broker=True,
    ),
    Scenario("stop-in-outage", "SIGTERM, twice, while the broker is away", stopped_in_an_outage, stops_broker=True),
    Scenario("broker-frozen", "the broker stands still for 15 s", frozen, stops_broker=True),
    Scenario("cut-off", "one member of two loses Kafka, but not the API", cut_off, stops_broker=True),
    Scenario(
        "ledger-refuses",
        "the outcomes topic refuses a record for good",
        refused_for_good,
        Allowed(exits=frozenset({0, 1})),
    ),
    Scenario(
        "pointer",
        "kill -9 while frontiers stand far behind",
        pointer_kept,
        plan=BLOCKING,
        changes=PATIENT,
    ),
    Scenario(
        "pointer-damaged",
        "commit metadata made garbage, ledger trimmed",
        pointer_damaged,
        Allowed(damaged_ledger=True),
        plan=BLOCKING,
        changes=PATIENT,
    ),
)
