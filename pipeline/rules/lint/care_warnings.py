"""Warnings on recipient care: what is declared and never decides anything."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.care.declaration import Calendar, Cap, Care, Category, OverCap
from pipeline.model.finding import Finding
from pipeline.phrases import joined, phrase
from pipeline.rules.care_compiler import held_back_by
from pipeline.rules.cel import braces
from pipeline.rules.compile import Compilation
from pipeline.rules.source.format import CATEGORIES
from pipeline.rules.source.report import Report

_CALENDAR_DAYS = {Calendar.DAY: 1, Calendar.WEEK: 7}


def care_warnings(compilation: Compilation, *, is_whole: bool) -> Iterator[Finding]:
    """The warnings on care.yaml and on `once`; `is_whole`: whether all rules were read."""
    yield from _constant_keys(compilation)
    source = compilation.care
    if source.document is None or not source.is_sound:
        return
    report = Report(source.document)
    for cap in source.care.caps.values():
        if (found := _without_effect(cap, source.care)) is not None:
            report.add(("care", "caps", cap.name), "cap-without-effect", *found)
    if is_whole and not compilation.errors:
        used = {rule.category or "" for file in compilation.files for _, rule in file.merged}
        used |= {CATEGORIES[0]} if "" in used else set()
        for name, category in source.care.categories.items():
            if name not in used and (name not in CATEGORIES or held_back_by(category)):
                message = phrase("no rule has category `{name}`", name=name)
                report.add(
                    ("care", "categories", name),
                    "unused-category",
                    message,
                    phrase("write category: {name}", name=name),
                )
    yield from report.findings


def _without_effect(cap: Cap, care: Care) -> tuple[str, str] | None:
    """Why the cap never holds a message back, with a hint; None where it may."""
    obeying = [one for one in care.categories.values() if cap in one.caps]
    counted = phrase("all categories") if cap.of is None else joined(", ", (f"`{name}`" for name in sorted(cap.of)))
    if not obeying:
        return phrase("no category has `{name}` below its `caps:`", name=cap.name), phrase(
            "it counts {counted}: name it there", counted=counted
        )
    if cap.of is not None and not any(one.name in cap.of for one in obeying):
        names = joined(", ", (f"`{one.name}`" for one in obeying))
        return phrase(
            "`{name}` counts {counted} and holds back {names} alone", name=cap.name, counted=counted, names=names
        ), phrase("name it below `caps:` of {counted}", counted=counted)
    if all(one.over_cap is OverCap.SEND for one in obeying):
        return (
            phrase("every category with `{name}` has `over_cap: send`", name=cap.name),
            phrase("write over_cap: drop where it should hold back"),
        )
    held = [one for one in obeying if one.over_cap is OverCap.DROP]
    for other in care.caps.values():
        if other is not cap and _is_reached_first(other, cap, held):
            return (
                phrase(
                    "`{name}` is reached before it: at most {at_most} of the same in a window as long",
                    name=other.name,
                    at_most=other.at_most,
                ),
                phrase("remove it, or write a smaller `at_most`"),
            )
    return None


def _is_reached_first(other: Cap, cap: Cap, held: list[Category]) -> bool:
    """Whether `other` holds back every message that `cap` would."""
    if cap.reserve or not _covers(other, cap) or not (other.of is None or (cap.of is not None and cap.of <= other.of)):
        return False
    if not all(other in one.caps for one in held):
        return False
    is_equal = other[1:3] == cap[1:3] and other.window == cap.window and not other.reserve
    return other.at_most < cap.at_most or (other.at_most == cap.at_most and (not is_equal or other.name < cap.name))


def _covers(other: Cap, cap: Cap) -> bool:
    """Whether every window of `cap` lies in one of `other`."""
    outer, inner = other.window.calendar, cap.window.calendar
    if outer is None or inner is None:
        return outer is inner and other.window.seconds >= cap.window.seconds
    return _CALENDAR_DAYS[outer] >= _CALENDAR_DAYS[inner]


def _constant_keys(compilation: Compilation) -> Iterator[Finding]:
    for rule, locations in compilation.locations.items():
        text = locations.text("once", "by")
        if not text or locations.expressions("once", "by") or braces.FIELD.search(text):
            continue
        message = phrase(
            "every message of `{rule}` has this key: a recipient gets one of them within the time", rule=rule
        )
        report = Report(locations.document)
        report.add_inside(
            locations.value("once", "by"), 0, "constant-once", message, phrase("write a field: ${event.order_no}")
        )
        yield from report.findings
