"""Recipient care in words: what is declared, and why a message is not sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from pipeline.care.declaration import Calendar, Cap, Care, InQuiet, OverCap
from pipeline.model.outcome import CAP, ONCE, OPT_OUT, QUIET_HOURS, Because
from pipeline.rules.ruleset import Rule
from pipeline.rules.source.format import duration_text

_PER = {Calendar.DAY: "a calendar day", Calendar.WEEK: "a calendar week"}


def zone_of(care: Care, preferred: str | None) -> str:
    """The zone whose clock decides for a recipient who prefers this one."""
    return preferred if preferred is not None and care.zone_of_preferences else care.zone


def in_words(because: Because, zone: str) -> str:
    """Why a message is not sent, with the time from which one is possible again, on the clock of `zone`."""
    match because.what:
        case str(what) if what == CAP:
            words = f"cap `{because.name}` is reached: {because.value}"
        case str(what) if what == QUIET_HOURS:
            words = f"it is {because.value} in quiet hours `{because.name}`"
        case str(what) if what == OPT_OUT:
            words = f"the recipient opted out of `{because.name}`"
        case str(what) if what == ONCE:
            words = f"`{because.name}` has sent one with the same key of `once`"
        case other:
            words = f"{other} {because.name or ''}".strip()
    if because.until is None:
        return words
    return f"{words}; possible again {datetime.fromtimestamp(because.until, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def care_of(rule: Rule, care: Care) -> tuple[str, ...]:
    """What may hold a message of the rule back, in the order of decision; empty where nothing does."""
    return tuple(_subject_to(rule, care))


def _subject_to(rule: Rule, care: Care) -> Iterator[str]:
    category = care.categories.get(rule.category)
    if category is not None and category.urgent:
        return
    if category is not None and category.opt_out is not None:
        yield f"list {category.opt_out}: recipients who opted out of it get none"
    if rule.once is not None:
        yield f"once by {rule.once.by.source}: no second one within {duration_text(rule.once.within)}"
    if category is None:
        return
    if category.quiet is not None and category.quiet.then is InQuiet.DROP:
        hours = category.quiet.hours
        whose = "the recipient's clock" if care.zone_of_preferences else f"the clock of {care.zone}"
        yield f"quiet hours {hours.name}: none from {clock(hours.start)} to {clock(hours.end)} on {whose}"
    for cap in category.caps if category.over_cap is OverCap.DROP else ():
        yield f"cap {cap.name}: {cap_in_words(cap)}"


def category_in_words(rule: Rule, care: Care) -> str | None:
    """The rule's category; None where care.yaml does not declare it."""
    category = care.categories.get(rule.category)
    if category is None:
        return None
    if category.urgent:
        return f"{category.name}, urgent: no cap, quiet hours or opt-out holds it back"
    return category.name


def cap_in_words(cap: Cap) -> str:
    """`2 a calendar day, of marketing`."""
    per = _PER[cap.window.calendar] if cap.window.calendar is not None else f"in {duration_text(cap.window.seconds)}"
    of = "all categories" if cap.of is None else ", ".join(sorted(cap.of))
    kept = ", ".join(f"{number} of them kept free for {name}" for name, number in cap.reserve.items())
    return f"{cap.at_most} {per}, of {of}" + (f"; {kept}" if kept else "")


def clock(minute: int) -> str:
    """A minute of the day as a clock shows it."""
    return f"{minute // 60:02}:{minute % 60:02}"
