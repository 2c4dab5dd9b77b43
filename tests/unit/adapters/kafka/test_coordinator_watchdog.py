"""When the group's coordinator counts as silent, and when it has been heard again."""

from __future__ import annotations

import json

import pytest

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.kafka.group import membership as kafka_group
from pipeline.adapters.kafka.group.coordinator_watchdog import RECOVERY_SECONDS, SILENT_SECONDS, CoordinatorWatchdog
from pipeline.adapters.kafka.ledger.reader import LedgerReader
from pipeline.adapters.kafka.source import KafkaSource
from tests.fakes.identities import UnknownIdentities

EVERY_SECOND = range(20)


class Watch:
    """A clock that is set by hand."""

    at = 1_000.0

    def now(self) -> float:
        return self.at


def silent() -> tuple[CoordinatorWatchdog, Watch]:
    """One that has gone silent at 1,003 seconds."""
    watch = Watch()
    silence = CoordinatorWatchdog(watch.now)
    for second in range(4):
        watch.at = 1_000.0 + second
        silence.observe(float(second), 7, 1)
    assert silence.out_of_touch()
    return silence, watch


def test_an_answer_that_is_owed_for_long_is_silence() -> None:
    """Not before: a slow answer is none."""
    watch = Watch()
    silence = CoordinatorWatchdog(watch.now)
    said = []
    for second in range(5):
        silence.observe(float(second), 7, 1)
        said.append(silence.out_of_touch())
    first = next(second for second in range(5) if second >= SILENT_SECONDS)
    assert said == [second >= first for second in range(5)]


def test_what_was_heard_first_counts_a_while_later() -> None:
    """The word that our partitions are lost comes behind the records that were requested before."""
    silence, watch = silent()
    silence.observe(4.0, 8, 0)
    assert silence.out_of_touch()
    watch.at += RECOVERY_SECONDS - 0.1
    assert silence.out_of_touch()
    watch.at += 0.2
    assert not silence.out_of_touch()


def test_a_connection_that_is_given_up_is_no_answer() -> None:
    """With it librdkafka forgets what is owed."""
    silence, watch = silent()
    for second in EVERY_SECOND:
        watch.at += 1.0
        silence.observe(4.0 + second, 7, 0)
        assert silence.out_of_touch()


def test_requests_that_time_out_are_silence() -> None:
    """librdkafka gives each of them up after a second or two and asks again: nothing is owed in between."""
    watch = Watch()
    silence = CoordinatorWatchdog(watch.now)
    said = []
    for second, owed in enumerate([1, 0, 1, 0, 1]):
        silence.observe(float(second), 7, owed)
        said.append(silence.out_of_touch())
    assert said == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("answers", "owed"),
    [
        ([7] * 20, [0] * 20),
        (list(EVERY_SECOND), [1] * 20),
        ([second // 2 for second in EVERY_SECOND], [1] * 20),
        ([(second + 4) // 5 for second in EVERY_SECOND], [1, 0, 0, 0, 0] * 4),
    ],
    ids=["nothing to say", "busy", "slow", "a heartbeat every five seconds"],
)
def test_an_error_elsewhere_is_not_silence(answers: list[int], owed: list[int]) -> None:
    """An idle group, a busy one, one that is looked at in the very moments when it has been asked."""
    watch = Watch()
    silence = CoordinatorWatchdog(watch.now)
    for second in EVERY_SECOND:
        watch.at += 1.0
        silence.observe(float(second), answers[second], owed[second])
        assert not silence.out_of_touch()


class Reports:
    """In place of librdkafka's consumer: keeps whom to give its statistics."""

    def __init__(self, properties: dict[str, object]) -> None:
        self.give = properties["stats_cb"]


@pytest.mark.parametrize("next_generation", [True, False], ids=["consumer", "classic"])
def test_the_source_knows_of_it_where_the_protocol_needs_it(
    monkeypatch: pytest.MonkeyPatch, *, next_generation: bool
) -> None:
    """Under the classic protocol a request to join is answered when every member has joined, which is not silence."""
    made: list[Reports] = []

    def make(properties: dict[str, object]) -> Reports:
        made.append(Reports(properties))
        return made[-1]

    monkeypatch.setattr(kafka_group, "Consumer", make)
    ledger = LedgerReader.__new__(LedgerReader)
    source = KafkaSource(
        {"group.id": "g"},
        ["t"],
        ledger,
        SystemClock(),
        next_generation=next_generation,
        committed=lambda *_: None,
        identities=UnknownIdentities(),
    )
    alias = {"nodeid": -1, "state": "UP", "rx": 4, "waitresp_cnt": 1, "outbuf_cnt": 0, "rtt": {"avg": 0, "cnt": 0}}
    for second in range(5):
        made[0].give(json.dumps({"ts": second * 1_000_000, "brokers": {"GroupCoordinator": alias}}))  # type: ignore[operator]  # the callback
    assert source.out_of_touch() is next_generation
