"""The intake of records that are not events, and of those that it fails on."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from pipeline.adapters.events.decoder import EventDecoder
from pipeline.delivery.machine import EvaluatedRecord
from pipeline.model import dead_letter
from pipeline.model.event import UNKNOWN_ORIGIN, UNREADABLE_HEADERS, Event, Origin, Record
from pipeline.model.ledger import Assigned
from pipeline.model.notice import Notice, Refusal
from pipeline.model.outcome import OutcomeKind, Reason
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.runtime.intake import MOST_TYPES_LOGGED, Intake
from tests.unit.delivery.making import P0, T0
from tests.unit.runtime.test_tasks import Anything, Standing


class Rules:
    """Raises for one value, and matches nothing else."""

    version = "v1"
    event_types = frozenset({"known"})

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def evaluate(self, event: Event) -> tuple[()]:
        if event.record.value == b"bad":
            raise self._error
        return ()


class Decoder:
    """Takes the key as the event's type."""

    def decode(self, record: Record, _origin: Origin | None = None) -> Event:
        event_type = (record.key or b"").decode()
        return Event(event_type, {}, record, str(record.position), None, None, 0, None, None)


class Offered:
    """Stands for delivery: keeps what is offered."""

    def __init__(self) -> None:
        self.arrivals: list[EvaluatedRecord] = []

    def offer(self, arrival: EvaluatedRecord, _now: float) -> None:
        self.arrivals.append(arrival)


class CountsForOthers(Anything):
    """Stands for telemetry: keeps the topics of records for other groups."""

    def __init__(self) -> None:
        self.topics: list[str] = []

    def for_another_group(self, topic: str) -> None:
        self.topics.append(topic)


async def evaluated(
    rules: Any,  # noqa: ANN401 - what stands for a rule set
    records: list[Record],
    given: EventDecoder | None = None,
    *,
    origin: Origin = UNKNOWN_ORIGIN,
    counts: CountsForOthers | None = None,
) -> list[EvaluatedRecord]:
    """What the intake offers of these records."""
    offered: Any = Offered()
    telemetry: Any = counts or Anything()
    decoder: Any = given or Decoder()
    intake = Intake(
        decoder=decoder,
        rules=rules,
        delivery=offered,
        clock=Standing(),
        telemetry=telemetry,
        progressed=lambda: None,
        publish_unmatched=False,
    )
    intake.open(Assigned(P0, 1, 0, {}, origin=origin))
    intake.take(records)
    for _ in records:
        await asyncio.sleep(0)
    return list(offered.arrivals)


def record(offset: int, value: bytes = b"good", event_type: bytes = b"known") -> Record:
    """A record whose key is the event's type."""
    return Record(*P0, offset, event_type, value, (), int(T0 * 1000))


@pytest.mark.parametrize("error", [ValueError, RecursionError, OverflowError, AssertionError, KeyError])
async def test_a_record_that_raises_becomes_an_outcome_and_the_next_one_goes_on(error: type[Exception]) -> None:
    """After a restart the same record would raise again: its partition would never get past it."""
    arrivals = await evaluated(Rules(error), [record(0), record(1, b"bad"), record(2)])
    assert [one.record.offset for one in arrivals] == [0, 1, 2]
    (outcome,) = arrivals[1].outcomes
    assert (outcome.kind, outcome.reason) == (OutcomeKind.UNDECODABLE, Reason.INTERNAL_ERROR)
    assert error.__name__ in outcome.detail
    assert not arrivals[2].outcomes


async def test_unreadable_headers_make_the_record_undecodable() -> None:
    """The headers may say what the record is, so it is not read without them."""
    known = {"orders": "known"}
    decoder = EventDecoder(look_up=None, known={}, catalogue=SchemaCatalogue([]), json_types=known, max_bytes=1_000)
    given = record(0, b"{}")._replace(headers=UNREADABLE_HEADERS)
    (arrival,) = await evaluated(Rules(ValueError), [given], decoder)
    assert [outcome.reason for outcome in arrival.outcomes] == [Reason.MALFORMED_HEADERS]


async def test_an_event_type_without_a_rule_is_logged_once_and_only_so_many_types_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The type may be a typo; types come from outside, so their number is bounded."""
    types = [b"unknown-%d" % number for number in range(MOST_TYPES_LOGGED + 5)] * 2
    await evaluated(Rules(ValueError), [record(number, event_type=name) for number, name in enumerate(types)])
    assert capsys.readouterr().out.count("no_rule_for_type") == MOST_TYPES_LOGGED


async def test_undecodable_records_are_logged_but_not_each() -> None:
    """The first of 200 at once, with position and reason; the others are counted by the metric."""
    poison = [record(number, b"not json")._replace(headers=()) for number in range(200)]
    decoder = EventDecoder(look_up=None, known={}, catalogue=SchemaCatalogue([]), json_types={}, max_bytes=1_000)
    with capture_logs() as logs:
        arrivals = await evaluated(Rules(ValueError), poison, decoder)
    assert len(arrivals) == 200
    (line,) = [entry for entry in logs if entry["event"] == "record_undecodable"]
    assert (line["position"], line["reason"], line["repeated"]) == ("orders/0/0", "no_type", 0)


class EverythingFails(Rules):
    """Fails on every event that is evaluated, which makes an outcome of it."""

    def evaluate(self, event: Event) -> tuple[()]:
        raise ValueError(event.type)


async def test_a_record_redriven_for_another_group_is_passed_by() -> None:
    """It is counted and not evaluated, makes no outcome, and is still offered: its offset must be committed."""

    def redriven(offset: int, *group: tuple[str, bytes]) -> Record:
        return record(offset)._replace(headers=((dead_letter.REDRIVES, b"1"), *group))

    records = [
        redriven(0, (dead_letter.GROUP, b"theirs")),
        redriven(1, (dead_letter.GROUP, b"ours")),
        redriven(2),
        record(3)._replace(headers=((dead_letter.GROUP, b"theirs"),)),
    ]
    counts = CountsForOthers()
    arrivals = await evaluated(EverythingFails(ValueError), records, origin=Origin("ours"), counts=counts)
    assert [(one.record.offset, len(one.outcomes)) for one in arrivals] == [(0, 0), (1, 1), (2, 0), (3, 1)]
    assert counts.topics == [P0.topic, P0.topic]


class Lists:
    """Makes as many notices of one rule as the record's value says, and one refusal for the value `none`."""

    version = "v1"
    event_types = frozenset({"known"})

    def evaluate(self, event: Event) -> list[Notice | Refusal]:
        value = event.record.value or b""
        if value == b"none":
            return [Refusal("r", "listed", "template", None, Reason.FIELD_LIMIT, "thing1: too long", "T1", 4)]
        return [
            Notice(f"{event.record.offset}/{at}", "listed", "template", "ann", b"{}", None, item=at)
            for at in range(int(value))
        ]


class CountsMatches(Anything):
    """Stands for telemetry: keeps the rules that matched."""

    def __init__(self) -> None:
        self.rules: list[str] = []

    def matched(self, rule: str) -> None:
        self.rules.append(rule)


def listing(counts: CountsMatches) -> tuple[Intake, Offered]:
    offered: Any = Offered()
    telemetry, decoder, rules = cast("Any", counts), cast("Any", Decoder()), cast("Any", Lists())
    intake = Intake(
        decoder=decoder,
        rules=rules,
        delivery=offered,
        clock=Standing(),
        telemetry=telemetry,
        progressed=lambda: None,
        publish_unmatched=False,
    )
    intake.open(Assigned(P0, 1, 0, {}))
    return intake, offered


async def test_long_lists_leave_the_loop_to_others_and_bound_what_is_read() -> None:
    """A slice ends after some notices; the notices of a record are expected of the next ones, less and less."""
    counts = CountsMatches()
    intake, offered = listing(counts)
    intake.take([record(0, b"1"), record(1, b"100"), record(2, b"100"), record(3, b"1")])
    await asyncio.sleep(0)
    assert [len(one.notices) for one in offered.arrivals] == [1, 100]
    assert intake.fan_out == 100
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [len(one.notices) for one in offered.arrivals] == [1, 100, 100, 1]
    assert counts.rules == ["listed"] * 4  # events, not messages
    for offset in range(4, 400):
        intake.take([record(offset, b"1")])
        await asyncio.sleep(0)
    assert intake.fan_out == 1


async def test_a_refused_item_names_itself_in_its_outcome() -> None:
    """Its position is in the outcome and in the detail, the reference as well."""
    intake, offered = listing(CountsMatches())
    intake.take([record(0, b"none")])
    await asyncio.sleep(0)
    (outcome,) = offered.arrivals[0].outcomes
    assert (outcome.detail, outcome.item, outcome.reference) == ("item 4: thing1: too long", 4, "T1")
