"""What the probes are reported: while the consumer's thread waits, and while no broker is there."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt
from pipeline.model.kafka_health import HeldPartition, KafkaHealth, StuckPartition
from pipeline.model.notice import DEFAULT_API
from pipeline.model.pause import EVERYTHING, Pause, Scope, ScopeKind
from pipeline.runtime.health import STUCK_SECONDS, Health


def health(
    *,
    silent: float = 0.0,
    draining: bool = False,
    kafka: KafkaHealth | None = None,
    stuck: dict[TopicPartition, StuckPartition] | None = None,
    pauses: Sequence[Pause] = (),
    held: dict[TopicPartition, HeldPartition] | None = None,
    apis: Sequence[str] = (DEFAULT_API,),
    halts: dict[str, Halt] | None = None,
    without_token: Sequence[str] = (),
) -> Health:
    subject: Any = {
        "clock": SimpleNamespace(now=lambda: 1_000.0),
        "source": SimpleNamespace(
            last_poll_at=lambda: 1_000.0 - silent, health=lambda: kafka, stuck=lambda: stuck or {}
        ),
        "delivery": SimpleNamespace(
            apis=apis,
            halted=lambda api: (
                Halt.PAUSED if any(one.scope == EVERYTHING for one in pauses) else (halts or {}).get(api)
            ),
            pauses=lambda _: pauses,
        ),
        "engine": SimpleNamespace(without_token=without_token),
        "bridge": SimpleNamespace(draining=draining, assigned=set()),
        "intake": SimpleNamespace(held=lambda: held or {}),
    }
    made = Health(**subject)
    made.started()
    return made


def test_a_consumer_that_does_not_come_round_is_stuck() -> None:
    """Its loop may be well; nothing is read all the same."""
    assert health(silent=STUCK_SECONDS, draining=False).live().ok
    assert not health(silent=STUCK_SECONDS + 1, draining=False).live().ok


def test_a_drain_is_no_standstill() -> None:
    """It has a deadline of its own, which may be longer; to be killed in it would make the duplicates it prevents."""
    assert health(silent=STUCK_SECONDS + 60, draining=True).live().ok


@pytest.mark.parametrize(
    ("kafka", "message"),
    [
        (None, "waiting for partitions"),
        (KafkaHealth(1, 0.01), "waiting for partitions"),
        (KafkaHealth(0, 0.01), "waiting for partitions; Kafka cannot be reached: no broker is connected"),
        (
            KafkaHealth(1, 0.01, silent=True),
            "waiting for partitions; Kafka is silent: nothing is read or sent until the group's coordinator answers",
        ),
    ],
)
def test_a_broker_that_is_away_is_named_and_keeps_every_member_in_service(
    kafka: KafkaHealth | None, message: str
) -> None:
    """It is away for all members alike: to drain them would only add to it."""
    assert health(kafka=kafka).ready() == (True, message)


def test_a_partition_that_cannot_be_read_on_makes_the_member_unready() -> None:
    """Its events wait, whatever else continues."""
    ready = health(stuck={TopicPartition("orders", 3): StuckPartition(17, 0.0, "Invalid compressed data")}).ready()
    assert ready == (False, "orders/3 cannot be read at offset 17: Invalid compressed data")


@pytest.mark.parametrize(
    ("pause", "ok", "message"),
    [
        (Pause(EVERYTHING, 0.0), False, "sending is halted: paused by an operator"),
        (Pause(EVERYTHING, 0.0, by="ann", reason="price"), False, "sending is halted: paused by ann: price"),
        (Pause(Scope(ScopeKind.RULE, "paid"), 0.0, by="ann"), True, "waiting for partitions; paused: rule paid"),
    ],
)
def test_a_pause_is_named(pause: Pause, ok: bool, message: str) -> None:  # noqa: FBT001 - a parameter of the test
    """A pause of everything makes the member unready; one of a rule does not."""
    assert health(pauses=[pause]).ready() == (ok, message)


def test_a_partition_that_waits_for_a_schema_makes_the_member_unready() -> None:
    """Nothing of it is sent; the message names the registry's answer."""
    error = "the schema registry at http://registry answers 503: down"
    held = {TopicPartition("orders", 3): HeldPartition(17, 0.0, 5, 0.0, error)}
    assert health(held=held).ready() == (False, f"orders/3 waits for a schema at offset 17: {error}")


@pytest.mark.parametrize(
    ("apis", "message"),
    [((DEFAULT_API,), "sending is halted: quota"), ((DEFAULT_API, "sms"), "sending for notices is halted: quota")],
)
def test_a_halt_makes_the_member_unready_and_names_the_api_if_there_are_several(
    apis: Sequence[str], message: str
) -> None:
    """So that a new configuration with a wrong token of any API does not roll out."""
    assert health(apis=apis, halts={DEFAULT_API: Halt.QUOTA}).ready() == (False, message)


@pytest.mark.parametrize(
    ("apis", "message"), [((DEFAULT_API,), "no token yet"), ((DEFAULT_API, "sms"), "no token yet for notices")]
)
def test_a_missing_token_makes_the_member_unready(apis: Sequence[str], message: str) -> None:
    """The API is named if there are several."""
    assert health(apis=apis, without_token=[DEFAULT_API]).ready() == (False, message)
