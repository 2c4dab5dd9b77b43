"""Recipient care is judged again: what should not have left is found, and nothing else."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pipeline.care.preferences import Preferences
from pipeline.care.words import CareWords
from pipeline.model.event import IntentPosition, Origin, Position
from pipeline.model.once import OnceUntil, once_key
from pipeline.model.outcome import Outcome, OutcomeKind
from pipeline.operations.audit.care import CareJudge, Violation
from pipeline.operations.audit.findings import Code
from tests.fakes.memory_rows import MemoryRows
from tests.fakes.outcomes import an_outcome
from tests.unit.care.cares import CARE, at

VERSION = "v1"
DAY = "2026-11-30 "
PROMOTIONS = Preferences(frozenset({"promotions"}))


class Bench:
    """One judge, and outcomes that are written in the order of their intents."""

    def __init__(self) -> None:
        self.judge = CareJudge(CARE, CareWords("Asia/Shanghai"), VERSION, "shop", "intents", MemoryRows)
        self._offsets = itertools.count()

    def sent(self, when: str, *, in_range: bool = True, intent: int | None = None, **changes: object) -> None:
        """A message of the marketing category to `r`, sent and accepted at this time of the day."""
        offset, second = next(self._offsets), at(DAY + when)
        plain: dict[str, Any] = {
            "id": f"n{offset}",
            "rule": "coupon",
            "rules_version": VERSION,
            "recipient": "r",
            "category": "marketing",
            "first_attempt_at": second,
            "finished_at": second + 0.1,
            "origin": Origin("shop", None, None),
            "intent": IntentPosition(3, offset if intent is None else intent),
        }
        outcome: Outcome = an_outcome(Position("orders", 0, offset))._replace(**(plain | changes))
        self.judge.outcome(outcome, in_range=in_range)

    def chose(self, preferences: Preferences | None, source: int | None = None, when: str | None = None) -> None:
        """The recipient chooses, at this time of the day."""
        position = None if source is None else Position("preferences", 0, source)
        at_second = None if when is None else at(DAY + when)
        self.judge.choice("r", next(self._offsets), preferences, position, at_second)

    def found(self) -> list[Violation]:
        return list(self.judge.violations())

    def codes(self) -> list[tuple[Code, int]]:
        """The violations with the offsets of their events."""
        return [(one.code, one.position.offset) for one in self.found()]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_third_message_of_a_day_is_over_its_cap(bench: Bench) -> None:
    """With the positions of event and intent, and what had been sent."""
    for when in ("09:12", "11:40", "12:00"):
        bench.sent(when)
    assert bench.found() == [
        Violation(
            Code.OVER_CAP,
            Position("orders", 0, 2),
            "n2 of coupon, sent at 2026-11-30T04:00:00.000Z (intent intents/3/2): cap `marketing-a-day` is reached: "
            "2 of 2 on 2026-11-30: 09:12 coupon, 11:40 coupon; possible again 2026-12-01 00:00",
        )
    ]


def test_what_was_sent_before_the_range_counts_and_is_not_judged(bench: Bench) -> None:
    """Its events are not part of the audit."""
    for when in ("09:00", "10:00", "11:00"):
        bench.sent(when, in_range=False)
    bench.sent("12:00")
    assert bench.codes() == [(Code.OVER_CAP, 3)]


def test_a_message_that_waited_until_the_recipient_opted_in_again_is_no_violation(bench: Bench) -> None:
    """It is decided when it leaves; a choice that was written later does not excuse it."""
    bench.chose(PROMOTIONS, 0, "09:00")
    bench.sent("12:00")
    bench.sent("10:00")
    bench.chose(None, 1, "11:00")
    assert bench.codes() == [(Code.AFTER_OPT_OUT, 2)]


def test_a_message_is_not_counted_against_itself(bench: Bench) -> None:
    """One that a crash repeated has two outcomes at one intent."""
    bench.sent("09:00")
    for number in range(2):
        bench.sent(f"10:0{number}", id="twice", intent=7)
    assert bench.codes() == []


def test_what_does_not_count_allows_the_next(bench: Bench) -> None:
    """Refused by the API, urgent, of another recipient, of another group."""
    bench.sent("09:00", kind=OutcomeKind.REJECTED)
    bench.sent("09:01", category="security")
    bench.sent("09:02", recipient="another")
    bench.sent("09:03", origin=Origin("another", None, None))
    for when in ("10:00", "11:00"):
        bench.sent(when)
    assert bench.codes() == []


def test_a_category_that_is_sent_over_its_cap_is_no_violation(bench: Bench) -> None:
    """`over_cap: send`."""
    for minute in range(12):
        bench.sent(f"10:{minute:02}", category="transactional")
    assert bench.codes() == []


def test_an_opt_out_holds_for_what_follows_it(bench: Bench) -> None:
    """Until it is withdrawn. What a dead process writes again changes nothing."""
    bench.chose(PROMOTIONS, 10)
    bench.sent("10:00")
    bench.chose(None, 11)
    bench.chose(PROMOTIONS, 10)
    bench.sent("11:00")
    assert bench.codes() == [(Code.AFTER_OPT_OUT, 1)]


def test_what_was_chosen_before_the_first_known_choice_is_not_guessed(bench: Bench) -> None:
    """The recipient's time zone and lists of that time are not known."""
    for when in ("09:00", "10:00", "23:00"):
        bench.sent(when)
    bench.chose(Preferences())
    bench.sent("12:00")
    assert bench.codes() == [(Code.OVER_CAP, 4)]


def test_once_and_quiet_hours_are_judged(bench: Bench) -> None:
    """To the second: a message that was decided at the end of the day may be sent some milliseconds later."""
    once = OnceUntil(once_key("parcel", "SF1"), at(DAY + "20:00"))
    for when in ("09:00", "10:00"):
        bench.sent(when, category=None, once=once)
    bench.sent("22:00", recipient="late")
    bench.sent("22:01", recipient="later")
    assert sorted(bench.codes()) == [(Code.IN_QUIET_HOURS, 3), (Code.NOT_ONCE, 1)]


def test_the_zone_that_a_recipient_chose_decides(bench: Bench) -> None:
    """It is day in Berlin."""
    bench.chose(Preferences(zone="Europe/Berlin"))
    bench.sent("22:30")
    assert bench.codes() == []


def test_other_rules_are_not_judged_by_these(bench: Bench) -> None:
    """Nor what was sent a minute after a reload, when another process may have had the rules before."""
    for when in ("09:00", "10:00", "11:00"):
        bench.sent(when, rules_version="v0")
    bench.sent("11:01")
    bench.sent("11:03")
    assert bench.codes() == [(Code.OVER_CAP, 4)]


def test_what_was_never_tried_is_not_judged(bench: Bench) -> None:
    """Such as what care held back."""
    for when in ("09:00", "10:00"):
        bench.sent(when)
    bench.sent("11:00", kind=OutcomeKind.SUPPRESSED, first_attempt_at=None)
    assert bench.codes() == []
