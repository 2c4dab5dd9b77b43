"""May a message leave now, and if not, why, and when is one possible again?"""

from __future__ import annotations

import itertools

import pytest

from pipeline.care.decision import SEND, End, Send, decide
from pipeline.care.declaration import NO_CARE, Care, Category, InQuiet, OverCap, Quiet, QuietHours
from pipeline.care.preferences import Preferences
from pipeline.care.recipient import Recipient
from pipeline.model.outcome import Because, OutcomeKind, Reason
from tests.unit.care.cares import CARE, NIGHT, accepted, at, facts, recipient

NOON = at("2026-11-30 12:00")
MIDNIGHT = at("2026-12-01 00:00")
TWO_COUPONS = (("marketing", "coupon-expiring", "2026-11-30 09:12"), ("marketing", "coupon-issued", "2026-11-30 11:40"))


def _suppressed(reason: Reason, *because: Because) -> End:
    return End(OutcomeKind.SUPPRESSED, reason, because)


def test_a_message_to_a_new_recipient_leaves() -> None:
    """By day, and nothing was sent before."""
    assert decide(CARE, facts(), Recipient(), NOON) == SEND


def test_over_a_cap_it_ends_and_says_which_messages_came_before() -> None:
    """The text of `explain`, and the midnight after which one is possible again."""
    assert decide(CARE, facts(), recipient(*TWO_COUPONS), NOON) == _suppressed(
        Reason.CAP_REACHED,
        Because(
            "cap",
            "marketing-a-day",
            "2 of 2 on 2026-11-30: 09:12 coupon-expiring, 11:40 coupon-issued",
            MIDNIGHT,
        ),
    )


def test_under_the_cap_it_leaves() -> None:
    """One of two."""
    assert decide(CARE, facts(), recipient(TWO_COUPONS[0]), NOON) == SEND


def test_a_calendar_day_begins_again_at_midnight_there() -> None:
    """What was sent at 23:59 does not count a minute later; quiet hours would end it otherwise."""
    awake = CARE._replace(categories={"marketing": CARE.categories["marketing"]._replace(quiet=None)})
    late = recipient(("marketing", "a", "2026-11-30 23:58"), ("marketing", "b", "2026-11-30 23:59"))
    assert isinstance(decide(awake, facts(), late, MIDNIGHT - 0.001), End)
    assert decide(awake, facts(), late, MIDNIGHT) == SEND


def test_the_day_is_that_of_the_recipient_s_time_zone() -> None:
    """In Auckland it is the next day already."""
    known = recipient(*TWO_COUPONS)
    known.preferences = Preferences(zone="Pacific/Auckland")
    evening = at("2026-11-30 20:00")
    assert decide(CARE, facts(), known, evening) == _suppressed(
        Reason.QUIET_HOURS, Because("quiet_hours", "night", "01:00", at("2026-12-01 08:00", "Pacific/Auckland"))
    )
    awake = CARE._replace(categories={"marketing": CARE.categories["marketing"]._replace(quiet=None)})
    assert decide(awake, facts(), known, evening) == SEND


def test_the_time_zone_of_preferences_counts_only_where_the_file_names_it() -> None:
    """Else everyone's is the declared one."""
    known = Recipient()
    known.preferences = Preferences(zone="America/New_York")
    assert decide(CARE, facts(), known, NOON) != SEND
    assert decide(CARE._replace(zone_of_preferences=False), facts(), known, NOON) == SEND


def test_in_quiet_hours_it_ends_until_they_are_over() -> None:
    """Over midnight, by the recipient's clock."""
    assert decide(CARE, facts(), Recipient(), at("2026-11-30 22:30")) == _suppressed(
        Reason.QUIET_HOURS, Because("quiet_hours", "night", "22:30", at("2026-12-01 08:00"))
    )
    assert decide(CARE, facts(), Recipient(), at("2026-11-30 21:59:59")) == SEND
    assert decide(CARE, facts(), Recipient(), at("2026-12-01 08:00")) == SEND


def test_a_category_may_send_in_quiet_hours() -> None:
    """`then: send`."""
    assert decide(CARE, facts(category="transactional"), Recipient(), at("2026-11-30 23:00")) == SEND


def test_after_an_opt_out_nothing_of_that_list_leaves() -> None:
    """Not by time alone: there is no end."""
    known = Recipient()
    known.preferences = Preferences(frozenset({"promotions"}))
    assert decide(CARE, facts(), known, NOON) == _suppressed(Reason.OPTED_OUT, Because("opt_out", "promotions"))
    assert decide(CARE, facts(category="transactional"), known, NOON) == SEND


def test_a_second_message_of_the_same_key_is_a_duplicate_until_its_time_is_over() -> None:
    """Of another value, or after the time, it is none."""
    known = Recipient()
    known.fold(accepted(facts("n1", once="SF100"), NOON))
    later = NOON + 3_600
    assert decide(CARE, facts("n2", once="SF100"), known, later) == _suppressed(
        Reason.DUPLICATE, Because("once", "coupon", None, NOON + 86_400)
    )
    assert decide(CARE, facts("n2", once="SF200"), known, later) == SEND
    assert decide(CARE, facts("n2", once="SF100"), known, NOON + 86_400 - 0.001) != SEND
    assert decide(CARE, facts("n2", once="SF100"), known, NOON + 86_400) == SEND


def test_once_applies_without_a_category() -> None:
    """Also where nothing else is declared."""
    known = Recipient()
    known.fold(accepted(facts("n1", None, once="SF100"), NOON))
    assert decide(NO_CARE, facts("n2", None, once="SF100"), known, NOON).because[0].what == "once"


def test_a_notice_is_neither_its_own_duplicate_nor_counted_against_itself() -> None:
    """One that may have been sent, and is redriven, is in the state already."""
    known = recipient(TWO_COUPONS[0])
    own = facts("mine", once="SF100")
    known.fold(accepted(own, NOON - 60))
    assert decide(CARE, own, known, NOON) == SEND
    assert isinstance(decide(CARE, facts("another"), known, NOON), End)


@pytest.mark.parametrize("category", ["security", None, "of-a-rule-set-that-is-gone"])
def test_nothing_stops_what_is_urgent_or_has_no_category(category: str | None) -> None:
    """In the night, over every cap, and after opting out."""
    known = recipient(*TWO_COUPONS * 10)
    known.preferences = Preferences(frozenset({"promotions"}))
    assert decide(CARE, facts(category=category), known, at("2026-11-30 23:00")) == SEND


def test_over_cap_send_is_sent_and_says_what_was_reached() -> None:
    """It counts nevertheless, for others and for itself."""
    known = recipient(*[("transactional", "paid", f"2026-11-30 {hour:02}:00") for hour in range(1, 12)])
    decision = decide(CARE, facts(category="transactional"), known, NOON)
    assert isinstance(decision, Send)
    assert [(one.what, one.name) for one in decision.because] == [("cap", "everything")]
    assert isinstance(decide(CARE, facts(), known, NOON), End)


def test_all_caps_that_are_reached_are_named() -> None:
    """Each with its own end."""
    known = recipient(*TWO_COUPONS, *[("transactional", "paid", f"2026-11-30 {hour:02}:00") for hour in range(1, 9)])
    decision = decide(CARE, facts(), known, NOON)
    assert [(one.name, one.until) for one in decision.because] == [
        ("marketing-a-day", MIDNIGHT),
        ("everything", at("2026-12-01 01:00")),
    ]


# The order of decisions: a message that several conditions stop has the first of them as its reason.

_STOPS = [Reason.OPTED_OUT, Reason.DUPLICATE, Reason.QUIET_HOURS, Reason.CAP_REACHED]


@pytest.mark.parametrize(
    "stops", [frozenset(chosen) for size in range(5) for chosen in itertools.combinations(_STOPS, size)], ids=sorted
)
def test_the_reason_is_the_first_in_the_order_of_decisions(stops: frozenset[Reason]) -> None:
    """Opted out, then once, then quiet hours, then caps: every combination of them."""
    now = at("2026-11-30 23:00") if Reason.QUIET_HOURS in stops else NOON
    known = recipient(*TWO_COUPONS) if Reason.CAP_REACHED in stops else Recipient()
    if Reason.OPTED_OUT in stops:
        known.preferences = Preferences(frozenset({"promotions"}))
    if Reason.DUPLICATE in stops:
        known.fold(accepted(facts("n1", None, once="SF100"), now - 60))
    decision = decide(CARE, facts("n2", once="SF100"), known, now)
    expected = next((reason for reason in _STOPS if reason in stops), None)
    assert (decision.reason if isinstance(decision, End) else None) == expected
    if isinstance(decision, End):
        assert decision.because
        assert decision.kind is OutcomeKind.SUPPRESSED


def test_quiet_hours_of_one_minute_and_of_the_whole_day_but_one() -> None:
    """The end does not belong to them."""
    for start, end, moments in ((720, 721, (0, 59.999)), (721, 720, (-0.001, 60))):
        hours = QuietHours("h", start, end)
        care = Care({"c": Category("c", quiet=Quiet(hours, InQuiet.DROP))}, {}, "Asia/Shanghai")
        for moment in moments:
            assert isinstance(decide(care, facts(category="c"), Recipient(), NOON + moment), End)
        for moment in {-0.001, 0, 59.999, 60} - set(moments):
            assert decide(care, facts(category="c"), Recipient(), NOON + moment) == SEND


def test_a_category_without_caps_has_only_its_other_conditions() -> None:
    """`over_cap` says nothing there."""
    care = Care({"c": Category("c", over_cap=OverCap.DROP, quiet=Quiet(NIGHT, InQuiet.DROP))}, {})
    assert decide(care, facts(category="c"), recipient(*TWO_COUPONS), NOON) == SEND
