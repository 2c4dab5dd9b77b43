"""Recipient care in words: what is declared."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.care.declaration import Calendar, Cap, Care, InQuiet, OverCap
from pipeline.phrases import joined, phrase
from pipeline.rules.ruleset import Rule
from pipeline.rules.source.format import duration_text

_PER = {Calendar.DAY: phrase("a calendar day"), Calendar.WEEK: phrase("a calendar week")}


def zone_of(care: Care, preferred: str | None) -> str:
    """The zone whose clock decides for a recipient who prefers this one."""
    return preferred if preferred is not None and care.zone_of_preferences else care.zone


def care_of(rule: Rule, care: Care) -> tuple[str, ...]:
    """What may hold a message of the rule back, in the order of decision; empty where nothing does."""
    return tuple(_subject_to(rule, care))


def _subject_to(rule: Rule, care: Care) -> Iterator[str]:
    category = care.categories.get(rule.category)
    if category is not None and category.urgent:
        return
    if category is not None and category.opt_out is not None:
        yield phrase("list {opt_out}: recipients who opted out of it get none", opt_out=category.opt_out)
    if rule.once is not None:
        yield phrase(
            "once by {source}: no second one within {within}",
            source=rule.once.by.source,
            within=duration_text(rule.once.within),
        )
    if category is None:
        return
    if category.quiet is not None and category.quiet.then is InQuiet.DROP:
        hours = category.quiet.hours
        whose = (
            phrase("the recipient's clock")
            if care.zone_of_preferences
            else phrase("the clock of {zone}", zone=care.zone)
        )
        yield phrase(
            "quiet hours {name}: none from {start} to {end} on {whose}",
            name=hours.name,
            start=clock(hours.start),
            end=clock(hours.end),
            whose=whose,
        )
    for cap in category.caps if category.over_cap is OverCap.DROP else ():
        yield phrase("cap {name}: {cap}", name=cap.name, cap=cap_in_words(cap))


def category_in_words(rule: Rule, care: Care) -> str | None:
    """The rule's category; None where care.yaml does not declare it."""
    category = care.categories.get(rule.category)
    if category is None:
        return None
    if category.urgent:
        return phrase("{name}, urgent: no cap, quiet hours or opt-out holds it back", name=category.name)
    return category.name


def cap_in_words(cap: Cap) -> str:
    """`2 a calendar day, of marketing`."""
    per = (
        _PER[cap.window.calendar]
        if cap.window.calendar is not None
        else phrase("in {seconds}", seconds=duration_text(cap.window.seconds))
    )
    of = phrase("all categories") if cap.of is None else joined(", ", sorted(cap.of))
    kept = joined(
        ", ",
        (
            phrase("{number} of them kept free for {name}", number=number, name=name)
            for name, number in cap.reserve.items()
        ),
    )
    cap_alone = phrase("{at_most} {per}, of {of}", at_most=cap.at_most, per=per, of=of)
    return joined("; ", (cap_alone, kept)) if kept else cap_alone


def clock(minute: int) -> str:
    """A minute of the day as a clock shows it."""
    return f"{minute // 60:02}:{minute % 60:02}"
