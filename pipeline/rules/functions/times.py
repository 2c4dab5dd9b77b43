"""Moments and dates, in a named zone."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from pipeline.rules.functions.declaration import Example, Function, FunctionFailed, Overload, bounded

DEFAULT_ZONE = "Asia/Shanghai"
_TOKENS = re.compile(r"YYYY|YY|MM|M|DD|D|HH|H|hh|h|mm|ss|EEEE|A|'[^']*'|[A-Za-z]+|[^A-Za-z']+|'")
_WEEKDAYS = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    if problem := _unknown_zone(name):
        raise FunctionFailed(problem)
    return ZoneInfo(name)


@lru_cache(maxsize=1_024)
def _unknown_zone(name: str) -> str | None:
    return None if name in available_timezones() else "there is no such time zone; write it like Asia/Shanghai"


_LETTERS = frozenset({"YYYY", "YY", "MM", "M", "DD", "D", "HH", "H", "hh", "h", "mm", "ss", "EEEE", "A"})
_OF_A_DAY = frozenset({"HH", "H", "hh", "h", "mm", "ss", "A"})


@lru_cache(maxsize=1_024)
def _parts(pattern: str) -> tuple[str, ...]:
    parts = tuple(_TOKENS.findall(pattern))
    if problem := _bad_pattern(pattern):
        raise FunctionFailed(problem)
    return parts


def _bad_pattern(pattern: str) -> str | None:
    if not pattern or len(pattern) > 64:  # noqa: PLR2004 - no field takes more
        return "a pattern has 1 to 64 characters"
    for part in _TOKENS.findall(pattern):
        if part == "'" or (part[0].isascii() and part[0].isalpha() and part not in _LETTERS):
            return f"`{part}` means nothing in a pattern; known are YYYY YY MM M DD D HH H hh h mm ss EEEE A"
    return None


def _render(moment: datetime, pattern: str) -> str:
    hour12 = moment.hour % 12 or 12
    values = {
        "YYYY": f"{moment.year:04}",
        "YY": f"{moment.year % 100:02}",
        "MM": f"{moment.month:02}",
        "M": str(moment.month),
        "DD": f"{moment.day:02}",
        "D": str(moment.day),
        "HH": f"{moment.hour:02}",
        "H": str(moment.hour),
        "hh": f"{hour12:02}",
        "h": str(hour12),
        "mm": f"{moment.minute:02}",
        "ss": f"{moment.second:02}",
        "EEEE": _WEEKDAYS[moment.weekday()],
        "A": "上午" if moment.hour < 12 else "下午",  # noqa: PLR2004 - noon
    }
    return bounded("".join(values.get(part) or part.strip("'") for part in _parts(pattern)))


def local_time(moment: datetime, pattern: str, zone: str = DEFAULT_ZONE) -> str:
    """The moment as the zone's clocks show it, daylight saving included."""
    try:
        return _render(moment.astimezone(_zone(zone)), pattern)
    except OverflowError:
        raise FunctionFailed("the time is out of range") from None


def local_date(day: str, pattern: str) -> str:
    """A calendar date in words; a date has no zone, so it never shifts."""
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        raise FunctionFailed("the date is not of the form 2026-11-30") from None
    if any(part in _OF_A_DAY for part in _parts(pattern)):
        raise FunctionFailed("a date has no time of day")
    return _render(datetime(parsed.year, parsed.month, parsed.day), pattern)  # noqa: DTZ001 - a date, not a moment


def _check_time(_: object, pattern: str | None, zone: str | None = None) -> str | None:
    problem = _bad_pattern(pattern) if pattern is not None else None
    return problem or (_unknown_zone(zone) if zone is not None else None)


def _check_date(_: object, pattern: str | None) -> str | None:
    if pattern is None:
        return None
    if any(part in _OF_A_DAY for part in _TOKENS.findall(pattern)):
        return "a date has no time of day"
    return _bad_pattern(pattern)


FUNCTIONS = (
    Function(
        "local_time",
        (
            Overload(("timestamp", "string"), "string"),
            Overload(("timestamp", "string", "string"), "string"),
        ),
        local_time,
        "A moment as clocks show it in a zone, Asia/Shanghai unless named. Pattern: YYYY YY MM M DD D HH H hh h "
        "mm ss, EEEE weekday, A 上午/下午; other letters stand in single quotes.",
        (
            Example('local_time(timestamp("2026-11-23T16:30:00Z"), "YYYY年M月D日 HH:mm")', "2026年11月24日 00:30"),
            Example('local_time(timestamp("2026-07-01T12:00:00Z"), "HH:mm", "Europe/Berlin")', "14:00"),
        ),
        _check_time,
    ),
    Function(
        "local_date",
        (Overload(("string", "string"), "string"),),
        local_date,
        "A calendar date (2026-11-30) in words. A date has no zone: it never shifts.",
        (Example('local_date(event.expires_on, "YYYY年M月D日")', "2026年11月30日", {"expires_on": "2026-11-30"}),),
        _check_date,
    ),
)
