"""The definition of "well": each way of not being well is found, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

from pipeline.delivery.snapshot import DeliverySnapshot
from pipeline.model.credential import RefusedCredential
from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt
from pipeline.model.kafka_health import AbsentLeader, HeldPartition, KafkaHealth, StuckPartition
from pipeline.model.notice import DEFAULT_API
from pipeline.model.pause import EVERYTHING, Pause, Scope, ScopeKind
from pipeline.status.condition import ConditionName, Severity, StatusMessage
from pipeline.status.conditions import CONDITIONS, conditions
from pipeline.status.facts import Failing, RefusedRules, RemovedRules, Unmatched, Unmoved
from tests.unit.web.status_sources import API, SNAPSHOT, T0, Shop

ROOT = Path(__file__).parents[3]
P0, P1 = TopicPartition("shop.events", 0), TopicPartition("shop.events", 1)
IDLE = SNAPSHOT._replace(lanes=0, lanes_waiting=0, buffered=0, oldest={P0: 0.0}, spans={P0: 0})

LEADERLESS = AbsentLeader(P0, "broker-3:9092", elected=False)
HELD = HeldPartition(17, T0, 900, T0, "the schema registry answers 503: down")


def halted(halt: Halt) -> DeliverySnapshot:
    return IDLE._replace(apis={DEFAULT_API: API._replace(halted=halt, halted_since=T0)})


BROKEN: dict[ConditionName, dict[str, Any]] = {
    ConditionName.READING_STUCK: {"live": (False, "the consumer has not polled for 31 s")},
    ConditionName.KAFKA_UNREACHABLE: {"kafka": KafkaHealth(0, 0.0)},
    ConditionName.SENDING_HALTED: {"snapshot": halted(Halt.QUOTA)},
    ConditionName.TOKEN_MISSING: {"has_token": False},
    ConditionName.OUTCOMES_UNACKNOWLEDGED: {
        "snapshot": IDLE._replace(unacknowledged=634, unacknowledged_since=T0 - 31),
    },
    ConditionName.BROKER_ABSENT: {
        "kafka": KafkaHealth(2, 0.0, absent=(LEADERLESS,)),
        "other_facts": {"leaderless_since": {P0: T0 - 31}},
    },
    ConditionName.PARTITION_UNREADABLE: {"stuck_partitions": {P0: StuckPartition(17, T0, "Invalid compressed data")}},
    ConditionName.SCHEMA_UNAVAILABLE: {"held_partitions": {P0: HELD}},
    ConditionName.PARTITION_BACKPRESSURED: {
        "snapshot": IDLE._replace(backpressured={P0: T0 - 60}),
        "other_facts": {"unmoved": {P0: Unmoved(T0 - 301, T0, 900, 0)}},
    },
    ConditionName.PARTITION_BLOCKED: {"other_facts": {"unmoved": {P0: Unmoved(T0 - 301, T0, 900, 0)}}},
    ConditionName.RULE_FAILING: {"other_facts": {"failing": {"order-paid": Failing(19, 20)}}},
    ConditionName.RULE_SUSPENDED: {"snapshot": IDLE._replace(suspended={"order-paid": T0})},
    ConditionName.PAUSED: {"other_facts": {"pauses": (Pause(Scope(ScopeKind.RULE, "paid"), 0.0, by="ann"),)}},
    ConditionName.NONE_MATCHED: {"other_facts": {"unmatched": Unmatched(T0 - 18_000, 5_000)}},
    ConditionName.RULES_REMOVAL_REFUSED: {"refused": RefusedRules(T0, 1, ("the file a.yaml is gone",), removal=True)},
    ConditionName.RULES_REFUSED: {"refused": RefusedRules(T0, 3, ("a.yaml:1:1: error unknown-key `x`",))},
    ConditionName.RULES_REMOVED: {"other_facts": {"removed_rules": RemovedRules(T0 - 60, ("order-paid",), 8_000)}},
    ConditionName.CREDENTIALS_REFUSED: {"refused_credentials": {"notices.token_file": RefusedCredential(T0, "empty")}},
    ConditionName.EVENT_WAITS_LONG: {"other_facts": {"unmoved": {P0: Unmoved(T0, T0 - 901, 0, 3)}}},
    ConditionName.EVENTS_GONE_UNREAD: {"other_facts": {"counted": {"events_gone_unread": 5_669}}},
    ConditionName.TOPIC_RECREATED: {"other_facts": {"counted": {"topics_recreated": 4}}},
    ConditionName.LEDGER_POINTER_UNUSABLE: {"other_facts": {"counted": {"ledger_pointers_unusable": 1}}},
    ConditionName.COMMITS_FAILING: {"other_facts": {"counted": {"commit_errors": 6}}},
    ConditionName.LOG_LINES_DROPPED: {"other_facts": {"counted": {"log_lines_dropped": 200}}},
}
"""What the service looks like while exactly this condition holds."""

NEARLY: list[dict[str, Any]] = [
    {},
    {"kafka": KafkaHealth(3, 0.01)},
    {"snapshot": IDLE._replace(unacknowledged=634, unacknowledged_since=T0 - 29)},
    {
        "kafka": KafkaHealth(2, 0.0, absent=(LEADERLESS,)),
        "other_facts": {"leaderless_since": {P0: T0 - 5, P1: T0 - 99}},
    },
    {"snapshot": IDLE._replace(backpressured={P0: T0 - 59})},
    {"other_facts": {"unmoved": {P0: Unmoved(T0 - 299, T0, 900, 0)}}},
    {"other_facts": {"unmoved": {P0: Unmoved(T0 - 9_000, T0 - 10, 900, 7)}}},
    {"other_facts": {"unmoved": {P0: Unmoved(T0 - 10, T0 - 600, 900, 7)}}},
    {"other_facts": {"failing": {"order-paid": Failing(9, 20)}}},
    {"other_facts": {"failing": {"order-paid": Failing(9, 9)}}},
    {"other_facts": {"removed_rules": RemovedRules(T0 - 3_601, ("order-paid",), 0)}},
    {"other_facts": {"counted": {"commit_errors": 5}}},
]
"""Normal running that looks similar."""


def shop(**facts: Any) -> Shop:  # noqa: ANN401 - any fact
    made = Shop(snapshot=IDLE, lag={})
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def test_the_list_is_closed_and_in_the_order_of_its_names() -> None:
    """Each name has one function, and the metric's label has no other value."""
    assert [name for name, _ in CONDITIONS] == list(ConditionName) == list(BROKEN)


@pytest.mark.parametrize("name", ConditionName)
def test_each_condition_is_found_alone_and_says_what_is_wrong(name: ConditionName) -> None:
    """With severity, message, advice, evidence in JSON, one line for `/readyz`, and a section of the runbook."""
    broken = shop(**BROKEN[name])
    (found,) = conditions(broken.facts())
    assert found.condition is name
    assert found.severity in {Severity.HALTED, Severity.ATTENTION}
    assert found.message
    assert found.advice
    assert found.summary
    assert "\n" not in found.summary
    orjson.dumps(found)
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {found.alert}$", runbook, re.MULTILINE)
    assert broken.messages() == (found,)


def test_every_condition_has_an_alert() -> None:
    """Whatever keeps the page from saying that all is well also reaches the person on call."""
    document = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "alerts.yaml")
    alerts = {rule["alert"] for group in document["groups"] for rule in group["rules"]}
    named = {found.alert for broken in BROKEN.values() for found in conditions(shop(**broken).facts())}
    assert named <= alerts


@pytest.mark.parametrize("facts", NEARLY, ids=str)
def test_normal_running_is_well(facts: dict[str, Any]) -> None:
    """No false alarm."""
    assert conditions(shop(**facts).facts()) == ()


def test_only_a_service_with_nothing_to_do_says_that_all_is_well() -> None:
    """Events in Kafka or in memory are work."""
    assert [one.message for one in shop().messages()] == ["All is well; nothing waits to be sent"]
    assert [one.message for one in shop(lag={P0: 900}).messages()] == ["Sending: 900 events to be read"]
    assert [one.message for one in shop(snapshot=IDLE._replace(buffered=1)).messages()] == ["Sending"]


@pytest.mark.parametrize(
    "other",
    [
        {"snapshot": halted(Halt.BREAKER_OPEN)},
        {"has_token": False},
        {"kafka": KafkaHealth(0, 0.0)},
        {"stuck_partitions": {P0: StuckPartition(17, T0, "Invalid compressed data")}},
        {"kafka": KafkaHealth(2, 0.0, absent=(LEADERLESS,)), "more_facts": {"leaderless_since": {P0: T0 - 999}}},
    ],
)
def test_a_blocked_partition_with_a_known_cause_is_not_reported_besides(other: dict[str, Any]) -> None:
    """One message for one cause."""
    more = other.pop("more_facts", {})
    blocked = shop(other_facts={"unmoved": {P0: Unmoved(T0 - 999, T0 - 999, 900, 0)}, **more}, **other)
    assert [one.condition for one in conditions(blocked.facts())][1:] == []


def test_other_partitions_than_the_one_that_waits_for_a_schema_can_be_blocked() -> None:
    """Each partition has its own cause."""
    both = {
        "unmoved": {P0: Unmoved(T0 - 999, T0, 5, 0), P1: Unmoved(T0 - 999, T0, 900, 0)},
    }
    schema, blocked = conditions(shop(other_facts=both, held_partitions={P0: HELD}).facts())
    assert schema.evidence["partition"] == "shop.events/0"
    assert blocked.evidence["partitions"] == ["shop.events/1"]
    assert blocked.evidence["lag"] == 900


@pytest.mark.parametrize(
    ("pause", "summary"),
    [
        (Pause(EVERYTHING, 0.0), "sending is halted: paused by an operator"),
        (Pause(EVERYTHING, 0.0, by="ann", reason="price"), "sending is halted: paused by ann: price"),
    ],
)
def test_a_pause_of_everything_is_a_halt_that_names_its_operator(pause: Pause, summary: str) -> None:
    """It is reported once."""
    (found,) = conditions(shop(snapshot=halted(Halt.PAUSED), other_facts={"pauses": (pause,)}).facts())
    assert (found.condition, found.summary, found.unready) == (ConditionName.SENDING_HALTED, summary, True)


def test_what_follows_from_missing_acknowledgements_is_not_reported_beside_them() -> None:
    """Buffers fill and events wait because nothing more is sent: no recipient and no partition is at fault."""
    snapshot = IDLE._replace(unacknowledged=2_048, unacknowledged_since=T0 - 1_000, backpressured={P0: T0 - 990})
    found = conditions(
        shop(snapshot=snapshot, other_facts={"unmoved": {P0: Unmoved(T0 - 980, T0 - 980, 9, 7)}}).facts()
    )
    assert [one.condition for one in found] == [ConditionName.OUTCOMES_UNACKNOWLEDGED]
    assert "`producer_throttled`" in found[0].advice


def _absent_leaders(*absent: AbsentLeader, since: Mapping[TopicPartition, float]) -> tuple[StatusMessage, ...]:
    return conditions(shop(kafka=KafkaHealth(2, 0.0, absent=absent), other_facts={"leaderless_since": since}).facts())


def test_partitions_without_a_leader_are_named_with_the_last_one() -> None:
    """On the page, for `/readyz` and as evidence; those that have just lost theirs are not."""
    (found,) = _absent_leaders(
        LEADERLESS, AbsentLeader(P1, "broker-3:9092", elected=False), since={P0: T0 - 31, P1: T0 - 3}
    )
    assert found.condition is ConditionName.BROKER_ABSENT
    assert found.message.startswith("No leader for shop.events/0 since ")
    assert found.message.endswith("; the last was broker-3:9092")
    assert found.summary == "no leader for shop.events/0; the last was broker-3:9092"
    assert found.evidence == {"brokers": ["broker-3:9092"], "partitions": ["shop.events/0"], "since": T0 - 31}
    (unknown,) = _absent_leaders(AbsentLeader(P0, None, elected=False), since={P0: T0 - 31})
    assert unknown.summary == "no leader for shop.events/0"


def test_a_leader_without_a_connection_is_another_message_than_no_leader() -> None:
    """One is the member's network as a rule, the other the cluster's."""
    unreachable, leaderless = _absent_leaders(
        LEADERLESS, AbsentLeader(P1, "broker-2:9092", elected=True), since={P0: T0 - 31, P1: T0 - 40}
    )
    assert unreachable.summary == "no connection to broker-2:9092, the leader of shop.events/1"
    assert leaderless.summary == "no leader for shop.events/0; the last was broker-3:9092"


def test_without_any_broker_the_leaders_are_not_reported_besides() -> None:
    """One message for one cause."""
    kafka = KafkaHealth(0, 0.0, absent=(LEADERLESS,))
    found = conditions(shop(kafka=kafka, other_facts={"leaderless_since": {P0: T0 - 99}}).facts())
    assert [one.condition for one in found] == [ConditionName.KAFKA_UNREACHABLE]
