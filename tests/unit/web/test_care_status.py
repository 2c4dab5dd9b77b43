"""Recipient care on the status page and in its JSON: who is known, what was held back, and what is behind."""

from __future__ import annotations

from pipeline.delivery.snapshot import CareSnapshot
from pipeline.model.event import TopicPartition
from pipeline.model.outcome import CAP, OPT_OUT, Because, Outcome, OutcomeKind, Reason
from pipeline.web.care_status import CareTally, CareTopics, SuppressedLine

from .status_sources import T0, Shop, outcome
from .test_status import app_of

MINUTE, HOUR = 60.0, 3_600.0


def held_back(number: int, reason: Reason = Reason.CAP_REACHED, what: str = CAP, name: str = "a-day") -> Outcome:
    """A message that recipient care held back."""
    because = (Because(what, name, "2 of 2 on 2026-11-30", T0 + HOUR),)
    return outcome(number, OutcomeKind.SUPPRESSED)._replace(reason=reason, because=because)


def test_what_was_held_back_is_counted_for_the_last_hour_and_day() -> None:
    """By condition and name, the most frequent first; what is older is forgotten."""
    tally = CareTally()
    for hours, count in ((30, 5), (3, 2), (0.5, 1)):
        for number in range(count):
            tally.suppressed(held_back(number), T0 - hours * HOUR)
    tally.suppressed(held_back(9, Reason.OPTED_OUT, OPT_OUT, "promotions"), T0)
    assert tally.lines(T0) == (
        SuppressedLine("cap_reached", "a-day", 1, 3),
        SuppressedLine("opted_out", "promotions", 1, 1),
    )


def test_memory_is_bounded_by_the_day() -> None:
    """However long the process runs."""
    tally = CareTally()
    for number in range(3_000):
        tally.suppressed(held_back(number), T0 + number * 10 * MINUTE)
    (line,) = tally.lines(T0 + 2_999 * 10 * MINUTE)
    assert (line.hour, line.day) == (7, 145)


async def test_the_page_shows_care_where_it_is_on() -> None:
    """Counts, lag and the time since which something is unwritten; no recipient."""
    shop = Shop()
    shop.care = CareTopics("notice.intents", "preferences")
    shop.snapshot = shop.snapshot._replace(care=CareSnapshot(1_234, 5, T0 - 30))
    shop.lag = {TopicPartition("notice.intents", 0): 7, TopicPartition("preferences", 1): 11}
    shop.tally.ended(held_back(1), T0)
    async with app_of(shop) as http:
        page = (await http.get("/")).text
        status = (await http.get("/status.json")).json()
    for part in ("Recipient care", "1,234", "cap a-day", "Preferences waiting"):
        assert part in page
    assert "canary" not in page
    assert status["care"] == {
        "recipients": 1_234,
        "unwritten": 5,
        "unwritten_seconds": 30.0,
        "intents_waiting": 7,
        "preferences_waiting": 11,
        "suppressed": [{"reason": "cap_reached", "name": "a-day", "hour": 1, "day": 1}],
    }


async def test_without_care_neither_page_nor_json_names_it() -> None:
    """It is off; and where it is on, a topic of preferences may not be configured."""
    shop = Shop()
    async with app_of(shop) as http:
        assert "Recipient care" not in (await http.get("/")).text
        assert "care" not in (await http.get("/status.json")).json()
    shop.care = CareTopics("notice.intents", None)
    async with app_of(shop) as http:
        page = (await http.get("/")).text
    assert "No message was held back." in page
    assert "Preferences waiting" not in page
