"""A service that is only said to be there, for pages to show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.delivery.breaker import BreakerState
from pipeline.delivery.snapshot import ApiSnapshot, DeliverySnapshot
from pipeline.model.credential import RefusedCredential
from pipeline.model.event import Position, TopicPartition
from pipeline.model.halt import Halt
from pipeline.model.kafka_health import HeldPartition, KafkaHealth, StuckPartition
from pipeline.model.notice import DEFAULT_API
from pipeline.model.outcome import Outcome, OutcomeKind, Reason
from pipeline.model.pause import Pause
from pipeline.rules.compile import load
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from pipeline.status.condition import StatusMessage
from pipeline.status.conditions import conditions, status_messages
from pipeline.status.facts import Facts, RefusedRules, SendingState
from pipeline.web.care_status import CareTopics
from pipeline.web.service_status import StatusCollector, StatusSources
from pipeline.web.tally import Tally

T0 = 1_795_619_000.0
TEMPLATES = """
templates:
  paid: {title: 付款成功, ids: {production: T1}, fields: {thing1: {label: 商品}}}
"""
RULE = """
  - id: {id}
    on: shop.paid
    to: u1
    template: paid
    data: {{thing1: 咖啡}}
"""


def rule_set(*ids: str) -> RuleSet:
    rules = "rules:" + "".join(RULE.format(id=name) for name in ids)
    sources = RuleSources({"shop.yaml": rules}, ("templates.yaml", TEMPLATES))
    return load(sources, SchemaCatalogue(), environment="production")


def outcome(
    number: int,
    kind: OutcomeKind = OutcomeKind.ACCEPTED,
    *,
    rule: str | None = "order-paid",
    event_type: str = "shop.paid",
) -> Outcome:
    reason = Reason.OK if kind is OutcomeKind.ACCEPTED else Reason.RECIPIENT
    return Outcome(
        id=f"id-{number}",
        kind=kind,
        reason=reason,
        position=Position("shop.events", 0, number),
        event_type=event_type,
        event_id=None,
        event_source=None,
        event_time=T0,
        rule=rule,
        rules_version="v1",
        template="paid",
        recipient="canary-recipient",
        attempts=1,
        status=200,
        code=200,
        received_at=T0,
        first_attempt_at=T0,
        finished_at=T0 + 0.25,
        redelivered=False,
        detail="canary-detail",
    )


class FixedClock:
    """A time that moves on request."""

    def __init__(self) -> None:
        self.time = T0

    def now(self) -> float:
        return self.time

    def correction(self) -> float:
        return 0.0


API = ApiSnapshot(
    in_flight=3, limit=64, breaker=BreakerState.CLOSED, halted=None, halted_since=None, retry_budget=500.0
)
SNAPSHOT = DeliverySnapshot(
    apis={DEFAULT_API: API},
    lanes=2,
    lanes_waiting=1,
    buffered=5,
    unacknowledged=0,
    unacknowledged_since=None,
    suspended={},
    oldest={TopicPartition("shop.events", 0): 1.5},
    spans={TopicPartition("shop.events", 0): 7},
    frontiers={TopicPartition("shop.events", 0): 93},
    backpressured={},
)


@dataclass
class Shop:
    """What is said of the service; change it and look again."""

    clock: FixedClock = field(default_factory=FixedClock)
    phase: str = "running"
    live: tuple[bool, str] = (True, "running")
    has_token: bool = True
    kafka: KafkaHealth | None = None
    stuck_partitions: dict[TopicPartition, StuckPartition] = field(default_factory=dict)
    held_partitions: dict[TopicPartition, HeldPartition] = field(default_factory=dict)
    snapshot: DeliverySnapshot = SNAPSHOT
    pauses: list[Pause] = field(default_factory=list)
    consumed: int = 0
    rules: RuleSet = field(default_factory=lambda: rule_set("order-paid", "order-shipped"))
    refused: RefusedRules | None = None
    refused_credentials: dict[str, RefusedCredential] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    shadow: bool = False
    matched: dict[str, int] = field(default_factory=lambda: {"order-paid": 4})
    lag: dict[TopicPartition, int] = field(default_factory=lambda: {TopicPartition("shop.events", 0): 42})
    care: CareTopics | None = None
    other_facts: dict[str, Any] = field(default_factory=dict)
    """Facts that have no attribute of their own here, by name."""

    def halt(self, halt: Halt, since: float, api: str = DEFAULT_API) -> None:
        """Sending by one API is halted; it is added if it is not there."""
        halted = API._replace(halted=halt, halted_since=since)
        self.snapshot = self.snapshot._replace(apis={**self.snapshot.apis, api: halted})

    def facts(self) -> Facts:
        """What is known of it now."""
        alive, alive_message = self.live
        return Facts(
            now=self.clock.time,
            phase=self.phase,
            alive=alive,
            alive_message=alive_message,
            sending=[
                SendingState(
                    name if len(self.snapshot.apis) > 1 else None,
                    api.halted,
                    api.halted_since,
                    self.has_token or name != DEFAULT_API,
                )
                for name, api in self.snapshot.apis.items()
            ],
            delivery=self.snapshot,
            lag=self.lag,
            shadow=self.shadow,
            kafka=self.kafka,
            stuck=self.stuck_partitions,
            held=self.held_partitions,
            refused_rules=self.refused,
            refused_credentials=self.refused_credentials,
            **self.other_facts,
        )

    def messages(self) -> tuple[StatusMessage, ...]:
        """What its page says."""
        facts = self.facts()
        return status_messages(facts, conditions(facts))

    def watch(self) -> StatusCollector:
        subjects = StatusSources(
            clock=self.clock,
            phase=lambda: self.phase,
            messages=self.messages,
            held=lambda: self.held_partitions,
            snapshot=lambda _: self.snapshot,
            lag=lambda: self.lag,
            consumed=lambda: self.consumed,
            matched=lambda: self.matched,
            rules=lambda: self.rules,
            rules_loaded_at=lambda: T0 - 60,
            refused_rules=lambda: self.refused,
            pauses=lambda: self.pauses,
            tally=self.tally,
            care=lambda: self.care,
        )
        return StatusCollector(subjects, "9.9.9")
