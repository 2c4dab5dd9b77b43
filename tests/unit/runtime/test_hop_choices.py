"""Preferences of recipients: read by the map role, in force in the send role."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.care.preferences import Choice, Preferences
from pipeline.care.recipients import CareTerms
from pipeline.errors import Undecodable
from pipeline.model.event import Record, TopicPartition
from pipeline.model.intent import NOT_RESTORED, PreferencesChoice, Seen
from pipeline.model.ledger import Assigned, RestoredCare
from pipeline.model.outcome import Reason
from pipeline.rules.cel.engine import Environment
from pipeline.rules.ruleset import RuleSet
from pipeline.runtime.hop import Hop, ReadIntent
from tests.unit.care.cares import CARE
from tests.unit.delivery.making import T0, Bench

INTENTS, PREFERENCES = TopicPartition("intents", 0), TopicPartition("preferences", 0)
RULES = RuleSet("v1", (), {}, Environment())
OUT = b'{"opted_out": ["promotions"]}'


class Clock:
    """Stands still."""

    def now(self) -> float:
        return T0

    def correction(self) -> float:
        return 0.0


class Telemetry:
    """Counts repetitions."""

    def __init__(self) -> None:
        self.repeated = 0

    def intent_repeated(self) -> None:
        self.repeated += 1


def _hop(read: ReadIntent | None = None) -> tuple[Hop, Bench]:
    bench = Bench(care=CareTerms(CARE, lambda text: f"#{text}"), partitions=())
    bench.delivery.assign(Assigned(PREFERENCES, 1, 0, {}))
    bench.delivery.assign(Assigned(INTENTS, 1, 0, {}, care=RestoredCare({}, {}), intents=NOT_RESTORED))
    return Hop("intents", lambda _: read, "group", bench.delivery, Clock(), "preferences"), bench


def _record(
    value: bytes | None, key: bytes | None = b"ann", offset: int = 0, place: TopicPartition = PREFERENCES
) -> Record:
    return Record(*place, offset, key, value, (), int(T0 * 1_000), 10)


def test_a_record_becomes_an_intent_and_is_done_with_it() -> None:
    """In the order of the other intents of its partition."""
    hop, bench = _hop()
    assert hop.choose(_record(OUT), 1, RULES, T0) == ()
    hop.choose(_record(None, b" bob ", 1), 1, RULES, T0)
    pending = bench.delivery.intents()
    assert [one.content for one in pending] == [PreferencesChoice("ann", OUT.decode()), PreferencesChoice("bob", None)]
    assert bench.committed()[PREFERENCES] == 0
    for one in pending:
        bench.delivery.intent_written(one.ticket)
    assert bench.committed() == {PREFERENCES: 2}


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (None, OUT, Reason.SCHEMA_MISMATCH),
        (b"", OUT, Reason.SCHEMA_MISMATCH),
        (b"\xff", OUT, Reason.MALFORMED_JSON),
        (b"ann", b"\xff", Reason.MALFORMED_JSON),
        (b"ann", b"{", Reason.MALFORMED_JSON),
        (b"ann", b'{"opted_out": "promotions"}', Reason.SCHEMA_MISMATCH),
    ],
)
def test_what_cannot_be_read_has_an_outcome(key: bytes | None, value: bytes, reason: Reason) -> None:
    """An opt-out must not get lost without a word."""
    hop, bench = _hop()
    with pytest.raises(Undecodable) as caught:
        hop.choose(_record(value, key), 1, RULES, T0)
    assert caught.value.reason is reason
    assert bench.delivery.intents() == []


def test_a_wrong_time_zone_does_not_lose_the_opt_out() -> None:
    """It is named."""
    hop, bench = _hop()
    faults = hop.choose(_record(b'{"opted_out": ["promotions"], "timezone": "Mars"}'), 1, RULES, T0)
    assert faults == ("timezone: no such time zone",)
    assert len(bench.delivery.intents()) == 1


def test_the_send_role_puts_a_choice_in_force_and_passes_over_its_repetition() -> None:
    """What is repeated may be older than what is known."""
    telemetry: Any = Telemetry()
    seen = Seen("preferences/0", 3, "ann", 0, int(T0 * 1_000))
    choice = Choice("#ann", Preferences(frozenset({"promotions"})))
    hop, bench = _hop(ReadIntent("group", None, seen, choice))
    assert hop.take(_record(b"", place=INTENTS), 1, RULES, telemetry, T0)
    assert hop.take(_record(b"", offset=1, place=INTENTS), 1, RULES, telemetry, T0)
    assert telemetry.repeated == 1
    (record,) = bench.delivery.care_writes(T0)
    assert record.write.recipient == "#ann"
    assert bench.committed()[INTENTS] == 0
    bench.delivery.care_written(record, is_written=True)
    assert bench.committed()[INTENTS] == 2
