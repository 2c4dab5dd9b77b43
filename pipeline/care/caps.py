"""Which caps are reached, by what, and until when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.care.declaration import Calendar, Cap, Category, Window
from pipeline.care.recipient import Recipient, Sent, milliseconds, notice_number
from pipeline.care.wall_clock import WallClock
from pipeline.model.outcome import CAP, Because

MOST_NAMED = 5
"""Messages that an explanation names, the newest; a cap may count hundreds."""


def reached(
    category: Category, notice_id: str, recipient: Recipient, clock: WallClock, now: float
) -> tuple[Because, ...]:
    """Return why a message of the category is over its caps: an entry for each that is reached."""
    because: list[Because] = []
    for cap in category.caps:
        least = cap.at_most - sum(cap.reserve.values()) if cap.reserve else cap.at_most
        if len(recipient.sends) < least:
            continue  # most recipients
        counted = _counted(cap, recipient.sends, clock, now)
        if len(counted) >= least and _is_full(cap, category.name, counted):
            own = notice_number(notice_id)
            counted = [sent for sent in counted if sent.number != own]
            if _is_full(cap, category.name, counted):
                because.append(_explained(cap, category.name, counted, clock, now))
    return tuple(because)


def _counted(cap: Cap, sends: Sequence[Sent], clock: WallClock, now: float) -> list[Sent]:
    """Return the messages that count at this time, in their order."""
    since, of = _since_ms(cap.window, clock, now), cap.of
    if of is None:
        return [sent for sent in sends if sent[0] >= since]
    return [sent for sent in sends if sent[0] >= since and sent[2] in of]


def _since_ms(window: Window, clock: WallClock, now: float) -> int:
    """Return the first millisecond that counts. A message counts against a rolling window for exactly its length."""
    if window.calendar is None:
        return milliseconds(now) - window.seconds * 1_000 + 1
    return clock.period(window.calendar, now).begins * 1_000


def _is_full(cap: Cap, category: str, counted: Sequence[Sent]) -> bool:
    return len(counted) >= cap.at_most - sum(_kept_free(cap, category, counted).values())


def _kept_free(cap: Cap, category: str, counted: Sequence[Sent]) -> dict[str, int]:
    """Return how many messages are kept free for other categories: what they have not used of their reserves."""
    if not cap.reserve:
        return {}
    used = Counter([sent.category for sent in counted])
    free = {other: most - used[other] for other, most in cap.reserve.items() if other != category}
    return {other: number for other, number in free.items() if number > 0}


def _explained(cap: Cap, category: str, counted: Sequence[Sent], clock: WallClock, now: float) -> Because:
    """Explain a cap: `2 of 2 on 2026-11-30: 09:12 coupon-expiring, 11:40 coupon-issued`."""
    calendar = cap.window.calendar
    shown = clock.shows(now)
    if calendar is Calendar.DAY:
        when, pattern = f"on {shown:%Y-%m-%d}", "%H:%M"
    elif calendar is Calendar.WEEK:
        when, pattern = f"in week {shown:%G-W%V}", "%m-%d %H:%M"
    else:
        when, pattern = f"in {cap.window}", "%m-%d %H:%M"
    text = f"{len(counted)} of {cap.at_most} {when}"
    kept = _kept_free(cap, category, counted)
    if kept:
        text += ", kept free: " + ", ".join([f"{number} for {name}" for name, number in kept.items()])
    if counted:
        named = [f"{clock.shows(sent.at_ms / 1_000).strftime(pattern)} {sent.rule}" for sent in counted[-MOST_NAMED:]]
        text += ": " + ("…, " if len(counted) > MOST_NAMED else "") + ", ".join(named)
    return Because(CAP, cap.name, text, _until(cap, category, counted, clock, now))


def _until(cap: Cap, category: str, counted: Sequence[Sent], clock: WallClock, now: float) -> float | None:
    """Return when a message of the category is possible again, if no other is sent before; None: never."""
    if cap.window.calendar is not None:
        return clock.period(cap.window.calendar, now).ends
    for index, sent in enumerate(counted, 1):
        if not _is_full(cap, category, counted[index:]):
            return sent.at_ms / 1_000 + cap.window.seconds
    return None
