"""Functions on times and dates, in a named zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from pipeline.rules.functions.declaration import Example, Function, FunctionFailed, Overload, bounded
from pipeline.rules.timestamp import EPOCH, Timestamp

DEFAULT_ZONE = "Asia/Shanghai"
MAX_PATTERN = 64

_WEEKDAYS = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")
_NOON = 12
_SECOND = timedelta(seconds=1)
_WHOLE_MINUTES = int(datetime(1973, 1, 1, tzinfo=UTC).timestamp())
"""Seconds since 1970; from then on every zone is whole minutes off UTC. The last that was not is Liberia's, until 1972
(tz database)."""
_LETTERS: Mapping[str, str] = {
    "YYYY": "{0.year:04}",
    "YY": "{1:02}",
    "MM": "{0.month:02}",
    "M": "{0.month}",
    "DD": "{0.day:02}",
    "D": "{0.day}",
    "HH": "{0.hour:02}",
    "H": "{0.hour}",
    "hh": "{2:02}",
    "h": "{2}",
    "mm": "{0.minute:02}",
    "ss": "{0.second:02}",
    "EEEE": "{3}",
    "A": "{4}",
}
"""Letters to their part of a format of: time, year of the century, hour to 12, weekday, half of the day."""
_TOKENS = re.compile(r"YYYY|YY|MM|M|DD|D|HH|H|hh|h|mm|ss|EEEE|A|'[^']*'|[A-Za-z]+|[^A-Za-z']+|'")
_HOURS = frozenset({"HH", "H", "hh", "h"})
_OF_A_DAY = _HOURS | {"mm", "ss", "A"}
_ELSEWHERE = {"yyyy": "YYYY", "yy": "YY", "dd": "DD", "d": "D", "a": "A", "m": "mm", "s": "ss", "SSS": "ss"}
"""Letters of other pattern languages to the letters here."""


@lru_cache(maxsize=1_024)
def _tokens(pattern: str) -> tuple[str, ...]:
    return tuple(_TOKENS.findall(pattern))


@lru_cache(maxsize=1_024)
def _bad_pattern(pattern: str) -> str | None:
    """What is wrong with a pattern; the mistakes that give a plausible wrong time are refused as well."""
    if not 1 <= len(pattern) <= MAX_PATTERN:
        return f"a pattern has 1 to {MAX_PATTERN} characters"
    parts = _tokens(pattern)
    for part in parts:
        if part == "'" or (part[0].isascii() and part[0].isalpha() and part not in _LETTERS):
            near = f"write {_ELSEWHERE[part]}" if part in _ELSEWHERE else f"known are {' '.join(_LETTERS)}"
            return f"`{part}` has no meaning in a pattern; {near}"
    if "mm" in parts and not _HOURS.intersection(parts):
        return "mm is minutes; months are MM"
    if {"hh", "h"}.intersection(parts) and "A" not in parts:
        return "hh counts hours to 12 and needs A (上午/下午) beside it; HH counts them to 24"
    return None


def _bad_date_pattern(pattern: str) -> str | None:
    if _OF_A_DAY.intersection(_tokens(pattern[: MAX_PATTERN + 1])):
        return "a date has no time of day; months are MM"
    return _bad_pattern(pattern)


@lru_cache(maxsize=1_024)
def _format(pattern: str) -> str:
    """The pattern as a format of `str.format`."""
    return "".join(_LETTERS.get(token) or _escaped(token.strip("'")) for token in _tokens(pattern))


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _render(time: datetime, pattern: str) -> str:
    hour = time.hour
    return bounded(
        _format(pattern).format(
            time,
            time.year % 100,
            hour % _NOON or _NOON,
            _WEEKDAYS[time.weekday()],
            "上午" if hour < _NOON else "下午",
        )
    )


@lru_cache(maxsize=1_024)
def _unknown_zone(name: str) -> str | None:
    return None if name in available_timezones() else "there is no such time zone; write it like Asia/Shanghai"


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    if problem := _unknown_zone(name):
        raise FunctionFailed(problem)
    return ZoneInfo(name)


def local_time(time: datetime | Timestamp, pattern: str, zone: str = DEFAULT_ZONE) -> str:
    """The time as clocks show it in the zone, daylight saving included."""
    if "ss" not in pattern:
        seconds = time.seconds if isinstance(time, Timestamp) else (time - EPOCH) // _SECOND
        if seconds >= _WHOLE_MINUTES:
            return _of_minute(seconds // 60, pattern, zone)
    return _local_time(time.as_datetime() if isinstance(time, Timestamp) else time, pattern, zone)


@lru_cache(maxsize=4_096)
def _of_minute(minute: int, pattern: str, zone: str) -> str:
    """The text of a minute, cached: events of one minute arrive together."""
    return _local_time(EPOCH + timedelta(minutes=minute), pattern, zone)


def _local_time(time: datetime, pattern: str, zone: str) -> str:
    if problem := _bad_pattern(pattern):
        raise FunctionFailed(problem)
    try:
        return _render(time.astimezone(_zone(zone)), pattern)
    except OverflowError:
        raise FunctionFailed("the time is out of range") from None


def local_date(day: str, pattern: str) -> str:
    """A calendar date as a text; a date has no zone, so it never shifts."""
    if problem := _bad_date_pattern(pattern):
        raise FunctionFailed(problem)
    if _DATE.fullmatch(day) is None:
        raise FunctionFailed("the date is not of the form 2026-11-30")
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        raise FunctionFailed("there is no such date") from None
    return _render(datetime(parsed.year, parsed.month, parsed.day), pattern)  # noqa: DTZ001 - a date has no zone


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _check_time(_: object, pattern: object, zone: object = None) -> str | None:
    problem = _bad_pattern(pattern) if isinstance(pattern, str) else None
    return problem or (_unknown_zone(zone) if isinstance(zone, str) else None)


def _check_date(_: object, pattern: object) -> str | None:
    return _bad_date_pattern(pattern) if isinstance(pattern, str) else None


FUNCTIONS = (
    Function(
        "local_time",
        (
            Overload(("timestamp", "string"), "string"),
            Overload(("timestamp", "string", "string"), "string"),
        ),
        local_time,
        "A time as clocks show it in a zone, Asia/Shanghai unless named, daylight saving included. Pattern letters: "
        "`YYYY YY` year, `MM M` month, `DD D` day, `HH H` hour to 24, `hh h` hour to 12 with `A` 上午/下午, `mm` "
        "minute, `ss` second, `EEEE` weekday; other Latin letters need single quotes. A time that comes as a "
        "text: `local_time(timestamp(event.at), …)`.",
        (
            Example('local_time(timestamp("2026-11-23T16:30:00Z"), "YYYY年M月D日 HH:mm")', "2026年11月24日 00:30"),
            Example('local_time(timestamp("2026-11-23T16:30:00Z"), "A h:mm")', "上午 12:30"),
            Example('local_time(timestamp("2026-07-01T12:00:00Z"), "HH:mm", "Europe/Berlin")', "14:00"),
            Example('local_time(timestamp("2026-12-01T12:00:00Z"), "HH:mm", "Europe/Berlin")', "13:00"),
        ),
        _check_time,
    ),
    Function(
        "local_date",
        (Overload(("string", "string"), "string"),),
        local_date,
        "A calendar date (2026-11-30) as a text, with the letters for year, month, day and weekday. A date has no "
        "zone, so it never shifts.",
        (
            Example('local_date(event.expires_on, "YYYY年M月D日")', "2026年11月30日", {"expires_on": "2026-11-30"}),
            Example('local_date("2026-11-30", "M月D日 EEEE")', "11月30日 星期一"),
        ),
        _check_date,
    ),
)
