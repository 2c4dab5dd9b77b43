"""A declaration of recipient care to test with, as a product team would write it, and messages."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from pipeline.care.declaration import (
    DAY,
    HOUR,
    WEEK,
    Calendar,
    Cap,
    Care,
    Category,
    InQuiet,
    OverCap,
    Quiet,
    QuietHours,
    Window,
)
from pipeline.care.facts import CareFacts
from pipeline.care.recipient import Accepted, Recipient, key_number, milliseconds
from pipeline.model.once import Once, once_key

__all__ = ["DAY", "WEEK", "Calendar", "Window"]

NIGHT = QuietHours("night", 22 * 60, 8 * 60)
DAY_OF_24_HOURS = Window(None, 24 * HOUR)
MARKETING_A_DAY = Cap("marketing-a-day", frozenset({"marketing"}), 2, DAY, {})
EVERYTHING = Cap("everything", None, 10, DAY_OF_24_HOURS, {"transactional": 4})
CARE = Care(
    categories={
        "marketing": Category(
            "marketing", (MARKETING_A_DAY, EVERYTHING), quiet=Quiet(NIGHT, InQuiet.DROP), opt_out="promotions"
        ),
        "transactional": Category("transactional", (EVERYTHING,), OverCap.SEND, Quiet(NIGHT, InQuiet.SEND)),
        "security": Category("security", urgent=True),
    },
    caps={"marketing-a-day": MARKETING_A_DAY, "everything": EVERYTHING},
    zone="Asia/Shanghai",
    zone_of_preferences=True,
)


def at(text: str, zone: str = "Asia/Shanghai") -> float:
    """A moment by the clocks of a zone: `2026-11-30 09:12`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def facts(
    notice_id: str = "n", category: str | None = "marketing", rule: str = "coupon", once: str | None = None
) -> CareFacts:
    """The facts of a notice; `once` is the value of its key, within a day."""
    return CareFacts(notice_id, rule, category, None if once is None else Once(once_key(rule, once), 24.0 * HOUR))


def accepted(given: CareFacts, now: float) -> Accepted:
    """What the ledger says once it was sent."""
    once = given.once
    taken = None
    if once is not None:
        number = key_number(once.key)
        assert number is not None
        taken = (number, milliseconds(now + once.within))
    return Accepted(given.notice_id, given.category, given.rule, milliseconds(now), taken)


def recipient(*sent: tuple[str, str, str]) -> Recipient:
    """A recipient who got messages: each its category, its rule, and when by the clocks of Shanghai."""
    known = Recipient()
    for number, (category, rule, when) in enumerate(sent):
        known.fold(Accepted(f"earlier-{number}", category, rule, milliseconds(at(when))))
    return known
