"""One scenario's run: everything that takes part in it, what may be done to it, and what came of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

from pipeline.model.outcome import PAUSE, Because, OutcomeKind
from pipeline.sandbox.faults import FaultPlan
from tests.acceptance.service import uncommitted
from tests.acceptance.stage import Stage
from tests.broker.cluster import Cluster
from tests.broker.handle import Broker
from tests.broker.maven import MavenBroker
from tests.broker.proxy import Proxy, running_proxy
from tests.broker.topics import committed, ranges
from tests.chaos.care import IntentsTail, care_topics
from tests.chaos.journal import Journal
from tests.chaos.judge import Evidence, violations
from tests.chaos.judge_care import CareEvidence
from tests.chaos.kafka import Ledger, dead_letters, markers
from tests.chaos.load import Load
from tests.chaos.members import Member, Members
from tests.chaos.operation import Operation
from tests.chaos.scenario import Scenario, Setting, Timestamp

Entered = TypeVar("Entered")
SETTLE_SECONDS = 3.0
"""Longer than the sandbox takes for a reply, on a busy machine too, and shorter than a session: what was under way when
a process died has then been taken or not, and was not sent again."""
END_SECONDS = 400.0
COMMIT_SECONDS = 30.0
BROKER = {"group_consumer_session_timeout_ms": "5000"}
"""Settings of the single node."""


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
        self.care: IntentsTail | None = None
        if setting.care:
            topics = care_topics(stage.topic, stage.group)
            self.care = IntentsTail(stage.broker.bootstrap_servers, topics, stage.group)
            self.load.choices = topics.preferences
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

    def enter(self, given: AbstractContextManager[Entered]) -> Entered:
        """Enter what ends with the run."""
        return self._stack.enter_context(given)

    def join(self, other: Run) -> None:
        """Judge this run, of a second group, at the end as well."""
        other.load = self.load
        self._others.append(other)

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
        if self.care is not None:
            self._wait_for_care(self.care)
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

    def _wait_for_care(self, care: IntentsTail) -> None:
        """Wait until choices of recipients have passed, which have no outcome."""
        deadline = time.monotonic() + COMMIT_SECONDS
        while any(self._behind(care).values()) and time.monotonic() < deadline:
            time.sleep(0.25)

    def _behind(self, care: IntentsTail) -> dict[str, int]:
        """Records that the group has not committed, by topic; what only ends a partition of intents does not count."""
        servers, group, topics = self.broker.bootstrap_servers, self.stage.group, care.topics
        care.catch_up()
        done = committed(servers, group, topics.intents)
        return {
            topics.preferences: uncommitted(servers, group, topics.preferences),
            topics.intents: sum(done[number].offset <= last for number, last in care.last.items()),
        }

    def _care_evidence(self, care: IntentsTail) -> CareEvidence:
        behind = self._behind(care)
        findings: dict[str, int] = {}
        if not self._judged and not self.scenario.allowed.damaged_ledger:
            report = self.operation("audit").succeed(codes=(0, 1))
            counts: dict[str, int] = dict(report["findings"])  # type: ignore[call-overload] # an object in JSON
            findings = {code: count for code, count in counts.items() if count}
        self.figures["choices"] = care.choices
        self.figures["suppressed by care"] = self.ledger.suppressed_by_care
        return CareEvidence(care.ranks, care.forbidden, frozenset(care.opted_out_once), behind, findings)

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
            care=None if self.care is None else self._care_evidence(self.care),
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
        if self.care is not None:
            self.care.close()
        self._stack.close()
