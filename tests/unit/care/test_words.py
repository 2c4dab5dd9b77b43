"""Why a message is held back, in words: where it is declared, what counted, and from when one is possible again."""

from __future__ import annotations

import pytest

from pipeline.care.words import CareWords, in_words
from pipeline.languages import speaking
from pipeline.model.outcome import CAP, ONCE, OPT_OUT, PAUSE, QUIET_HOURS, Because
from tests.unit.care.cares import at

MIDNIGHT = at("2026-12-01 00:00")
REACHED = Because(CAP, "marketing-a-day", "2 of 2 on 2026-11-30: 09:12 coupon-expiring, 11:40 coupon-issued", MIDNIGHT)
WORDS = CareWords("Asia/Shanghai", {(CAP, "marketing-a-day"): "rules/care.yaml:6:5"})


def test_a_cap_is_explained_with_its_place_what_counted_and_its_end() -> None:
    """The text of the documentation."""
    assert WORDS.of([REACHED]) == (
        "cap `marketing-a-day` is reached (rules/care.yaml:6:5); 2 of 2 on 2026-11-30: 09:12 coupon-expiring, "
        "11:40 coupon-issued; possible again 2026-12-01 00:00"
    )
    assert speaking("zh")(WORDS.of([REACHED])) == (
        "上限 `marketing-a-day` 已达到（rules/care.yaml:6:5）；2026-11-30 已发 2 条，最多 2 条："
        "09:12 coupon-expiring, 11:40 coupon-issued；2026-12-01 00:00 起可以再发"
    )


def test_the_zone_is_named_where_recipients_have_their_own() -> None:
    """The outcome does not say which one is the recipient's."""
    assert WORDS._replace(names_zone=True).of([REACHED]).endswith("; possible again 2026-12-01 00:00 (Asia/Shanghai)")


@pytest.mark.parametrize(
    ("value", "chinese"),
    [
        ("3 of 3 in week 2026-W48", "2026-W48 这一周已发 3 条，最多 3 条"),
        (
            "6 of 10 in 24h, kept free: 4 for transactional",
            "24h 内已发 6 条，最多 10 条，预留：为 transactional 留 4 条",
        ),
        ("what a later release writes", "what a later release writes"),
    ],
)
def test_every_window_has_its_words(value: str, chinese: str) -> None:
    """A value of another form stays as it is."""
    words = in_words(Because(CAP, "all", value), "Asia/Shanghai")
    assert words == f"cap `all` is reached: {value}"
    assert speaking("zh")(words) == f"上限 `all` 已达到：{chinese}"


def test_each_condition_has_its_words_and_others_are_left_out() -> None:
    """A pause is explained elsewhere."""
    because = [
        Because(OPT_OUT, "promotions"),
        Because(ONCE, "parcel", None, MIDNIGHT),
        Because(QUIET_HOURS, "night", "23:10", MIDNIGHT),
        Because(PAUSE, "rule parcel"),
    ]
    assert CareWords().of(because) == (
        "the recipient opted out of `promotions`; `parcel` has sent one with the same key of `once`; possible again "
        "2026-12-01 00:00; it is 23:10 in quiet hours `night`; possible again 2026-12-01 00:00"
    )
    assert CareWords().of([]) == ""


def test_a_time_beyond_the_calendar_is_left_out() -> None:
    """Other programs may write outcomes."""
    assert in_words(Because(ONCE, "parcel", None, 1e30), "Asia/Shanghai").endswith("`once`")
