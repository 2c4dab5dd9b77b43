"""How caps count: windows, reserves, and when a message is possible again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipeline.care.caps import reached
from pipeline.care.declaration import HOUR, Cap, Category, Window
from pipeline.care.recipient import Accepted, Recipient
from pipeline.care.wall_clock import wall_clock
from pipeline.model.outcome import Because
from tests.unit.care.cares import DAY_OF_24_HOURS, WEEK, at, recipient

SHANGHAI = wall_clock("Asia/Shanghai")
NOON = at("2026-11-30 12:00")
ROLLING = Cap("rolling", None, 2, DAY_OF_24_HOURS, {})
RESERVED = Cap("reserved", None, 5, DAY_OF_24_HOURS, {"a": 2, "b": 1})


def _reached(cap: Cap, category: str, known: Recipient, now: float = NOON) -> Sequence[Because]:
    return reached(Category(category, (cap,)), "new", known, SHANGHAI, now)


def _sent(**numbers: int) -> Recipient:
    return recipient(
        *[(name, "rule", f"2026-11-30 {number + 1:02}:00") for name, most in numbers.items() for number in range(most)]
    )


def test_a_message_counts_against_a_rolling_window_for_exactly_its_length() -> None:
    """To the millisecond; the oldest that makes the difference says when one is possible again."""
    known = recipient(("c", "first", "2026-11-29 13:00"), ("c", "second", "2026-11-30 11:00"))
    (why,) = _reached(ROLLING, "c", known)
    assert why == Because(
        "cap", "rolling", "2 of 2 in 24h: 11-29 13:00 first, 11-30 11:00 second", at("2026-11-30 13:00")
    )
    assert _reached(ROLLING, "c", known, at("2026-11-30 13:00") - 0.001)
    assert not _reached(ROLLING, "c", known, at("2026-11-30 13:00"))


def test_a_week_is_that_of_the_calendar() -> None:
    """From Monday to Monday there; 30 November 2026 is a Monday."""
    cap = Cap("weekly", None, 1, WEEK, {})
    assert not _reached(cap, "c", recipient(("c", "r", "2026-11-29 23:59")), at("2026-11-30 00:00"))
    (why,) = _reached(cap, "c", recipient(("c", "r", "2026-11-30 00:00")), at("2026-12-06 23:59"))
    assert why == Because("cap", "weekly", "1 of 1 in week 2026-W49: 11-30 00:00 r", at("2026-12-07 00:00"))


def test_a_cap_counts_only_its_categories() -> None:
    """Whatever category it is that obeys it."""
    cap = Cap("a-only", frozenset({"a"}), 1, DAY_OF_24_HOURS, {})
    assert not _reached(cap, "b", _sent(b=5))
    assert _reached(cap, "b", _sent(a=1))


@pytest.mark.parametrize(
    ("category", "sent", "is_full"),
    [
        ("c", {"c": 1}, False),
        ("c", {"c": 2}, True),  # 3 are kept free
        ("c", {"a": 1, "c": 1}, False),
        ("c", {"a": 2, "c": 1}, False),  # the reserve of a is used up
        ("c", {"a": 2, "c": 2}, True),
        ("c", {"a": 3, "c": 1}, True),  # a used more than its reserve: 1 is left, for b
        ("c", {"a": 3, "b": 1}, False),
        ("c", {"a": 3, "b": 2}, True),
        ("a", {"c": 2}, False),
        ("a", {"a": 1, "c": 2}, False),
        ("a", {"a": 2, "c": 2}, True),  # 1 is left, for b
        ("b", {"a": 2, "c": 2}, False),
        ("b", {"a": 2, "b": 1, "c": 2}, True),
    ],
)
def test_others_leave_the_reserve_of_a_category_free_as_far_as_it_is_not_used(
    category: str, sent: dict[str, int], is_full: object
) -> None:
    """At most 5 in all, of which 2 are for a and 1 for b."""
    assert bool(_reached(RESERVED, category, _sent(**sent))) is is_full


def test_the_explanation_names_what_is_kept_free() -> None:
    """Else `2 of 5` would not look like a reason."""
    (why,) = _reached(RESERVED, "c", _sent(c=2))
    assert why.value == ("2 of 5 in 24h, kept free: 2 for a, 1 for b: 11-30 01:00 rule, 11-30 02:00 rule")


def test_with_a_reserve_a_message_is_possible_again_when_enough_others_have_left_the_window() -> None:
    """An old message of the reserve's category makes no room: its place is kept free again."""
    known = recipient(
        ("a", "r", "2026-11-30 01:00"),
        ("a", "r", "2026-11-30 02:00"),
        ("c", "r", "2026-11-30 03:00"),
        ("c", "r", "2026-11-30 04:00"),
    )
    (why,) = _reached(RESERVED, "c", known)
    assert why.until == at("2026-12-01 03:00")
    assert _reached(RESERVED, "c", known, why.until - 0.001)
    assert not _reached(RESERVED, "c", known, why.until)


def test_a_reserve_that_takes_the_whole_cap_never_lets_another_category_through() -> None:
    """`check` refuses it; the decision has no end then, and does not fail."""
    (why,) = _reached(Cap("all-reserved", None, 2, DAY_OF_24_HOURS, {"a": 2}), "c", Recipient())
    assert why.until is None


def test_an_explanation_names_the_newest_messages() -> None:
    """Five of them, where a cap counts hundreds."""
    known = _sent(c=9)
    (why,) = _reached(ROLLING, "c", known)
    assert why.value is not None
    assert why.value.startswith("9 of 2 in 24h: …, 11-30 05:00 rule, ")
    assert why.value.count("rule") == 5


def test_a_message_from_a_clock_that_is_ahead_counts() -> None:
    """Another member's clock may be some seconds ahead."""
    known = Recipient()
    known.fold(Accepted("1", "c", "r", round(NOON * 1_000) + 5_000))
    known.fold(Accepted("2", "c", "r", round(NOON * 1_000) + 6_000))
    assert _reached(ROLLING, "c", known)


@pytest.mark.parametrize(("seconds", "text"), [(24 * HOUR, "24h"), (90 * 60, "90m"), (45, "45s"), (7_200, "2h")])
def test_a_window_reads_as_in_the_rules(seconds: int, text: str) -> None:
    """`per: 24h`."""
    assert str(Window(None, seconds)) == text
