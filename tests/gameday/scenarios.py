"""What is broken, which alert must tell of it and which panel show it, and what the runbook says to do."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from pipeline.adapters.events.writer import Encoding, EventEncoder
from pipeline.rules.schema.examples import example
from tests.chaos.kafka import set_config
from tests.gameday.stack import EVENT_TYPE, OUTCOMES, SHIPPED, TOPIC, Stack, schema_of

Step = Callable[[Stack], None]
STUCK = f"{7:032x}"
"""One of the traffic's recipients."""
REFUSED, ANOTHER = f"{9_999:032x}", f"{9_998:032x}"
"""None of them."""
MANY_OF_ONE = 2_950


class Scenario(NamedTuple):
    """One fault, from its injection to its fix."""

    name: str
    inject: Step
    alerts: frozenset[str]
    """Alerts that must all fire, and no other."""
    panel: str
    """The panel that the runbook's section points to first."""
    fix: Step
    runbook: str
    """The step of the runbook that `fix` carries out."""
    may_follow: frozenset[str] = frozenset()
    """Tickets that tell of what it cost, and stay for as long as the objective looks back."""
    factor: float = 30.0
    """How much faster than in production alerts run. A restart takes its own time: at 30 it would look like minutes."""


def _kill_three_times(stack: Stack) -> None:
    for _ in range(3):
        time.sleep(15)
        stack.service.end(signal.SIGKILL)
        stack.service.start()


def _bad_rule(stack: Stack) -> None:
    file = stack.service.folder / "rules" / "trade.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("event.order_no", "event.oder_no"), encoding="utf-8")


def _good_rule(stack: Stack) -> None:
    file = stack.service.folder / "rules" / "trade.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("event.oder_no", "event.order_no"), encoding="utf-8")


def _poison(stack: Stack) -> None:
    for value in (b"\x00\x00\x00\x00\x09truncated", b"plain text", b'{"half": '):
        stack.traffic.emit(value)


def _nothing(_: Stack) -> None:
    """It ends by itself, or the fault to be fixed is outside the service."""


def _restart_cluster(stack: Stack) -> None:
    stack.cluster.start()
    stack.cluster.wait_until_in_sync()


def _want_three_replicas(stack: Stack) -> None:
    set_config(stack.cluster.bootstrap_servers, OUTCOMES, "min.insync.replicas", "3")
    stack.cluster.kill_node(stack.cluster.leader(TOPIC))


def _want_two_replicas(stack: Stack) -> None:
    set_config(stack.cluster.bootstrap_servers, OUTCOMES, "min.insync.replicas", "2")
    _restart_cluster(stack)


def _remove_rules(stack: Stack) -> None:
    rules = stack.service.folder / "rules"
    (rules / "trade.yaml").rename(stack.service.folder / "trade.yaml")


def _restore_rules(stack: Stack) -> None:
    (stack.service.folder / "trade.yaml").rename(stack.service.folder / "rules" / "trade.yaml")


def _lose_token(stack: Stack) -> None:
    stack.token_way.cut()
    stack.sandbox.state.credentials.revoke_issued()


def _lose_registry(stack: Stack) -> None:
    """An event of a version that the service has not seen, while the registry is away."""
    known = schema_of(EVENT_TYPE)
    number = stack.registry.add(f"{TOPIC}-value", {**known.avro, "doc": "a version of its own"})
    stack.registry.away = True
    value, _ = EventEncoder(known, number, Encoding.AVRO).encode(example(known, lambda: 0.5, 0), 0)
    stack.traffic.emit(value, key=STUCK)


def _find_registry(stack: Stack) -> None:
    stack.registry.away = False


def _refuse_one_rule(stack: Stack) -> None:
    """61 of 62 notices of a rule: its recipient alone gets the code, so that other rules are well."""
    stack.traffic.emit_events(SHIPPED, ANOTHER, 1)
    stack.misbehave(faults=[{"code": 47003, "recipients": [REFUSED]}])
    stack.traffic.emit_events(SHIPPED, REFUSED, 61)


def _take_the_rule_again(stack: Stack) -> None:
    stack.misbehave()
    stack.traffic.emit_events(SHIPPED, REFUSED, 20)


def _send_unknown_types(stack: Stack) -> None:
    stack.traffic.type = "com.example.trade.order.payed.v1"


def _send_known_types(stack: Stack) -> None:
    stack.traffic.type = EVENT_TYPE


def _fill_one_partition(stack: Stack) -> None:
    """Events of one recipient, whose notices fail again and again: 2,048 are in memory, and some 900 wait in Kafka."""
    stack.misbehave(faults=[{"code": 43117, "recipients": [STUCK]}])
    stack.traffic.emit_events(EVENT_TYPE, STUCK, MANY_OF_ONE)


def _end_second(stack: Stack) -> None:
    stack.second.end(signal.SIGTERM)


def _start_second(stack: Stack) -> None:
    stack.second.start()


def _slow(stack: Stack) -> None:
    stack.traffic.rate = 200.0
    stack.misbehave(latency="800ms-1200ms", limits={"in_flight": 16})


def _fast(stack: Stack) -> None:
    stack.traffic.rate = 40.0
    stack.misbehave()


SCENARIOS = (
    Scenario(
        "The token source is down",
        _lose_token,
        frozenset({"NoticeTokenRefreshFailing"}),
        "Halted",
        lambda stack: stack.token_way.heal(),
        "restore the token endpoint; the token is requested again, and sending continues",
    ),
    Scenario(
        "The registry is away, and a schema is needed",
        _lose_registry,
        frozenset({"NoticeSchemaAwaited"}),
        "Oldest unfinished event by partition",
        _find_registry,
        "bring the registry back; the schema is asked for again, and the partition continues",
    ),
    Scenario(
        "61 of 62 messages of a rule are refused",
        _refuse_one_rule,
        frozenset({"NoticeRuleFailing", "NoticeDeadLettersArriving"}),
        "Failed notices by rule and reason",
        _take_the_rule_again,
        "correct the template; the alert ends when its next messages are accepted",
        may_follow=frozenset({"NoticeDeliveryFastBurn", "NoticeDeliverySlowBurn"}),
    ),
    Scenario(
        "Events are read and no rule matches",
        _send_unknown_types,
        frozenset({"NoticeNoneMatched"}),
        "Unmatched by type",
        _send_known_types,
        "correct the type that the log event `no_rule_for_type` names",
    ),
    Scenario(
        "Messages are refused for a while (three of ten)",
        lambda stack: stack.misbehave(faults=[{"code": 47003, "probability": 0.3}]),
        frozenset({"NoticeDeliveryFastBurn"}),
        "Failed notices by rule and reason",
        lambda stack: stack.misbehave(),
        "what refuses them is corrected; the fast burn ends with the trouble",
        may_follow=frozenset({"NoticeDeadLettersArriving", "NoticeDeliverySlowBurn"}),
    ),
    Scenario(
        "One of two installations of a namespace is gone",
        _end_second,
        frozenset({"NoticePipelineAbsent"}),
        "Members",
        _start_second,
        "start it again; the alert names its release, and the other installation has none",
        may_follow=frozenset({"NoticePipelineMemberDown"}),
    ),
    Scenario(
        "One partition is blocked",
        _fill_one_partition,
        frozenset({"NoticePartitionBackpressured"}),
        "Lag by partition",
        lambda stack: stack.misbehave(),
        "the API accepts the recipient again; otherwise its notices end with the retry horizon",
        may_follow=frozenset({"NoticeFrontierOld", "NoticeDelayFastBurn", "NoticeDelaySlowBurn"}),
    ),
    Scenario(
        "The API is down",
        lambda stack: stack.misbehave(faults=[{"do": "close"}]),
        frozenset({"NoticeBreakerOpen"}),
        "Halted",
        lambda stack: stack.misbehave(),
        "tell the API's owners; it closes by itself when three probes in a row succeed",
    ),
    Scenario(
        "The API refuses our account (403)",
        lambda stack: stack.misbehave(faults=[{"status": 403, "code": 403}]),
        frozenset({"NoticeSendingUnauthorised"}),
        "Halted",
        lambda stack: stack.misbehave(),
        "the account's rights are restored; one notice is tried every 30 s, and sending continues automatically",
    ),
    Scenario(
        "Poison events",
        _poison,
        frozenset({"NoticeDeadLettersArriving"}),
        "Dead letters by reason",
        _nothing,
        "inform the producer; other events were delivered, and the alert ends half an hour after the last one",
    ),
    Scenario(
        "All brokers are down",
        lambda stack: stack.cluster.kill(),
        frozenset({"NoticeKafkaUnreachable"}),
        "Outcomes published",
        _restart_cluster,
        "bring the brokers back; members go on by themselves",
    ),
    Scenario(
        "A file of rules disappears",
        _remove_rules,
        frozenset({"NoticeRulesRemovalRefused"}),
        "Newest rules in use",
        _restore_rules,
        "put the file back; the folder is read at once",
    ),
    Scenario(
        "A rule with a mistake is shipped",
        _bad_rule,
        frozenset({"NoticeRulesReloadRefused"}),
        "Newest rules in use",
        _good_rule,
        "fix what `rules_refused` in the log names; the folder is read at once",
    ),
    Scenario(
        "One recipient is stuck",
        lambda stack: stack.misbehave(faults=[{"code": 43117, "recipients": [STUCK]}]),
        frozenset({"NoticeFrontierOld"}),
        "Oldest unfinished event by partition",
        lambda stack: stack.misbehave(),
        "nothing flows for one customer only: wait, it ends with the horizon",
    ),
    Scenario(
        "It crashes again and again",
        _kill_three_times,
        frozenset({"NoticePipelineRestarting"}),
        "Members",
        _nothing,
        "find the cause in the last lines of the log (here: kill -9)",
        factor=10.0,
    ),
    # Last: the slow burn of the delay objective looks back for days, and would fire in every later scenario.
    Scenario(
        "Clients cannot reach one broker",
        lambda stack: stack.cluster.cut_off_from_clients(stack.cluster.leader(TOPIC)),
        frozenset({"NoticeBrokerAbsent"}),
        "Outcomes published",
        lambda stack: stack.cluster.heal(),
        "make the broker reachable that page and `/readyz` name",
        may_follow=frozenset({"NoticeOutcomesUnacknowledged", "NoticePartitionBlocked", "NoticeDelaySlowBurn"}),
    ),
    Scenario(
        "The outcomes topic lacks replicas",
        _want_three_replicas,
        frozenset({"NoticeOutcomesUnacknowledged"}),
        "Outcomes published",
        _want_two_replicas,
        "bring the replicas back, or lower `min.insync.replicas`",
        may_follow=frozenset({"NoticeBrokerAbsent", "NoticePartitionBlocked", "NoticeDelaySlowBurn"}),
    ),
    Scenario(
        "The API has become slow",
        _slow,
        frozenset({"NoticeConsumerLagGrowing"}),
        "Lag",
        _fast,
        "tell the API's owners; more members do not help while in flight is at the limit",
        may_follow=frozenset({"NoticeDelaySlowBurn"}),
    ),
)
