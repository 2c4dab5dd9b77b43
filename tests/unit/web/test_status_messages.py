"""Messages of the status page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.model.event import TopicPartition
from pipeline.model.halt import Halt
from pipeline.model.kafka_health import KafkaHealth, StuckPartition
from pipeline.status.condition import Severity
from pipeline.status.facts import RefusedRules

from .status_sources import T0, Shop

RUNBOOK = (Path(__file__).parents[3] / "docs" / "runbook.md").read_text(encoding="utf-8")


def test_all_is_well() -> None:
    """One note, and nothing to do."""
    shop = Shop()
    (message,) = shop.watch().status().messages
    assert (message.severity, message.message, message.alert) == (Severity.NOTE, "Sending", None)


@pytest.mark.parametrize("halt", Halt)
def test_every_halt_has_a_message_and_a_section_of_the_runbook(halt: Halt) -> None:
    """With the time since when and advice; the section exists."""
    shop = Shop()
    shop.halt(halt, T0)
    (message,) = shop.watch().status().messages
    assert message.severity is Severity.HALTED
    assert "since 15:03:20 UTC on 2026-11-25" in message.message
    assert re.search(rf"^## {message.alert}$", RUNBOOK, re.MULTILINE)


def test_the_worst_is_said_first() -> None:
    """A halt, then suspended rules, then refused ones; each with its section of the runbook."""
    shop = Shop(refused=RefusedRules(T0, 3, ("shop.yaml:1:1: error unknown-key `x`",)))
    shop.halt(Halt.UNAUTHORISED, T0)
    shop.snapshot = shop.snapshot._replace(suspended={f"rule-{number}": T0 for number in range(7)})
    halted, suspended, refused = shop.watch().status().messages
    assert "refuses our token" in halted.message
    assert "shop.yaml:1:1: error unknown-key `x` (and 2 more)" in refused.advice
    assert suspended.message.startswith("7 rules (rule-0, rule-1, rule-2, rule-3, rule-4 and 2 more) are suspended")
    for message in (refused, suspended):
        assert re.search(rf"^## {message.alert}$", RUNBOOK, re.MULTILINE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phase": "starting"}, "Starting"),
        ({"phase": "stopping"}, "Stopping"),
        ({"has_token": False}, "no token"),
        ({"kafka": KafkaHealth(0, 0.0)}, "Kafka cannot be reached"),
        ({"live": (False, "the consumer has not been active for 31 s")}, "stuck"),
    ],
)
def test_other_conditions_have_their_messages(change: dict[str, object], message: str) -> None:
    """Each condition has its own message."""
    messages = Shop(**change).watch().status().messages  # type: ignore[arg-type] # a row of the table
    assert message in messages[0].message


def test_a_shadow_is_reported() -> None:
    """Beside whatever else there is to say."""
    assert [message.message[:8] for message in Shop(shadow=True).watch().status().messages] == ["Working", "Shadow: "]


def test_a_member_without_partitions_waits() -> None:
    """It is not a fault."""
    shop = Shop()
    shop.snapshot = shop.snapshot._replace(oldest={}, spans={}, lanes=0)
    (message,) = shop.watch().status().messages
    assert message.severity is Severity.NOTE
    assert message.message.startswith("Waiting for partitions")


def test_a_partition_that_cannot_be_read_on_is_named() -> None:
    """Sending of the others continues."""
    shop = Shop(stuck_partitions={TopicPartition("shop.events", 3): StuckPartition(17, 0.0, "Invalid compressed data")})
    message = shop.watch().status().messages[0]
    assert (message.severity, message.alert) == (Severity.ATTENTION, "NoticePartitionStuck")
    assert "shop.events/3 cannot be read at offset 17" in message.message
    assert "Invalid compressed data" in message.advice


def test_a_halt_of_one_api_of_several_names_it_and_needs_attention() -> None:
    """The others get their notices, so that not everything stands."""
    shop = Shop()
    shop.halt(Halt.BREAKER_OPEN, T0, "sms")
    (message,) = shop.watch().status().messages
    assert message.severity is Severity.ATTENTION
    assert message.message.startswith("Sending through sms is stopped because the API as a whole fails, since 15:03:20")


def test_halts_of_all_apis_stop_sending() -> None:
    """Each is named with its reason."""
    shop = Shop()
    shop.halt(Halt.QUOTA, T0)
    shop.halt(Halt.BREAKER_OPEN, T0, "sms")
    first, second = shop.watch().status().messages
    assert (first.severity, second.severity) == (Severity.HALTED, Severity.HALTED)
    assert first.message.startswith("Sending through notices is stopped because the day's quota is spent")
    assert "through sms" in second.message


def test_a_missing_token_of_one_api_of_several_names_it() -> None:
    """As a halt does."""
    shop = Shop(has_token=False)
    shop.snapshot = shop.snapshot._replace(apis={**shop.snapshot.apis, "sms": shop.snapshot.apis["notices"]})
    (message,) = shop.watch().status().messages
    assert message.severity is Severity.ATTENTION
    assert message.message == "Nothing is sent through notices yet: the token source has given no token"
