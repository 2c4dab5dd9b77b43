"""Functions on times and dates, in a named zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel.core import Locale

from pipeline.phrases import joined, phrase
from pipeline.rules.functions.declaration import Example, Function, FunctionFailed, Overload, bounded
from pipeline.rules.functions.locales import locale_of, unknown_locale
from pipeline.rules.functions.patterns import bad_date_pattern, bad_pattern, format_of
from pipeline.rules.timestamp import EPOCH, Timestamp, stands_for_none

DEFAULT_ZONE = "Asia/Shanghai"

_NONE = phrase("1970-01-01 and days of the year 1 stand for a time that is not set: customers are not shown them")

_WEEKDAYS = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")
_NOON = 12
_SECOND = timedelta(seconds=1)
_WHOLE_MINUTES = int(datetime(1973, 1, 1, tzinfo=UTC).timestamp())
"""Seconds since 1970; from then on every zone is whole minutes off UTC. The last that was not is Liberia's, until 1972
(tz database)."""


def _render(time: datetime, pattern: str, locale: str | None) -> str:
    hour = time.hour
    if locale is None:
        names: tuple[str, ...] = (_WEEKDAYS[time.weekday()], "上午" if hour < _NOON else "下午")
    else:
        names = _names(locale_of(locale), time)
    return bounded(format_of(pattern).format(time, time.year % 100, hour % _NOON or _NOON, *names))


def _names(locale: Locale, time: datetime) -> tuple[str, ...]:
    """Weekday, half of the day, month, short month and short weekday as CLDR names them within a date."""
    weekday, month = time.weekday(), time.month
    days, months = locale.days["format"], locale.months["format"]
    half = locale.day_periods["format"]["abbreviated"]["am" if time.hour < _NOON else "pm"]
    names = days["wide"][weekday], half, months["wide"][month], months["abbreviated"][month]
    return (*names, days["abbreviated"][weekday])


@lru_cache(maxsize=1_024)
def unknown_zone(name: str) -> tuple[str, str] | None:
    """What is wrong with the name of a zone, and how to write it; None where there is one."""
    if name == DEFAULT_ZONE or name in available_timezones():  # reading all names takes 20 ms
        return None
    in_other_case = next((one for one in available_timezones() if one.casefold() == name.casefold()), None)
    if in_other_case is None and name.casefold().removeprefix("asia/") in _OF_CHINA:
        in_other_case = DEFAULT_ZONE
    return phrase("there is no such time zone"), phrase("write it like {zone}", zone=in_other_case or DEFAULT_ZONE)


_OF_CHINA = frozenset({"beijing", "guangzhou", "shenzhen", "peking", "china", "cn", "cst", "bjt", "utc+8", "gmt+8"})
"""Names for the time of China that the tz database does not have."""
_REVERSED = re.compile(r"Etc/GMT([+-])([0-9]+)")
_WITHOUT_SUMMER_TIME = {"EST": "America/New_York", "MST": "America/Denver", "HST": "Pacific/Honolulu"}


def doubtful_zone(name: str) -> tuple[str, str] | None:
    """What a known zone means that its name does not suggest, and the name to write; None for other zones."""
    if (found := _REVERSED.fullmatch(name)) and int(found[2]):
        is_east = found[1] == "-"
        offset = f"UTC{'+' if is_east else '-'}{found[2]}"
        zone = DEFAULT_ZONE if found[2] == "8" else phrase("a city, like Asia/Tokyo")
        return phrase("`{name}` is {offset}: the sign of these names is reversed", name=name, offset=offset), zone
    if name in _WITHOUT_SUMMER_TIME:
        return phrase("`{name}` has no summer time", name=name), _WITHOUT_SUMMER_TIME[name]
    return None


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    if problem := unknown_zone(name):
        raise FunctionFailed(joined("; ", problem))
    return ZoneInfo(name)


def local_time(time: datetime | Timestamp, pattern: str, zone: str = DEFAULT_ZONE, locale: str | None = None) -> str:
    """The time as clocks show it in the zone, daylight saving included; with a locale its names of days and months."""
    if "ss" not in pattern:
        seconds = time.seconds if isinstance(time, Timestamp) else (time - EPOCH) // _SECOND
        if seconds >= _WHOLE_MINUTES:
            return _of_minute(seconds // 60, pattern, zone, locale)
    return _local_time(time.as_datetime() if isinstance(time, Timestamp) else time, pattern, zone, locale)


@lru_cache(maxsize=4_096)
def _of_minute(minute: int, pattern: str, zone: str, locale: str | None) -> str:
    """The text of a minute, cached: events of one minute arrive together."""
    return _local_time(EPOCH + timedelta(minutes=minute), pattern, zone, locale)


def _local_time(time: datetime, pattern: str, zone: str, locale: str | None) -> str:
    if problem := bad_pattern(pattern, has_names=locale is not None):
        raise FunctionFailed(problem)
    if stands_for_none((time - EPOCH) // _SECOND):
        raise FunctionFailed(_NONE)
    try:
        local = time.astimezone(_zone(zone))
    except OverflowError:
        raise FunctionFailed(phrase("the time is out of range")) from None
    if stands_for_none((local.replace(tzinfo=UTC) - EPOCH) // _SECOND):
        raise FunctionFailed(_NONE)
    return _render(local, pattern, locale)


def local_date(day: str, pattern: str, locale: str | None = None) -> str:
    """A calendar date as a text; a date has no zone, so it never shifts."""
    if problem := bad_date_pattern(pattern, has_names=locale is not None):
        raise FunctionFailed(problem)
    if _DATE.fullmatch(day) is None:
        raise FunctionFailed(phrase("the date is not of the form 2026-11-30"))
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        raise FunctionFailed(phrase("there is no such date")) from None
    if parsed.year == 1 or parsed == EPOCH.date():
        raise FunctionFailed(_NONE)
    return _render(datetime(parsed.year, parsed.month, parsed.day), pattern, locale)  # noqa: DTZ001 - a date has no zone


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


_LEFT_OUT = object()
"""An argument that is not there; one that is not constant is None."""


def _check_time(_: object, pattern: object, zone: object = None, locale: object = _LEFT_OUT) -> str | None:
    problem = bad_pattern(pattern, has_names=locale is not _LEFT_OUT) if isinstance(pattern, str) else None
    if problem is None and isinstance(zone, str) and (fault := unknown_zone(zone)) is not None:
        problem = joined("; ", fault)
    return problem or (unknown_locale(locale) if isinstance(locale, str) else None)


def _check_date(_: object, pattern: object, locale: object = _LEFT_OUT) -> str | None:
    problem = bad_date_pattern(pattern, has_names=locale is not _LEFT_OUT) if isinstance(pattern, str) else None
    return problem or (unknown_locale(locale) if isinstance(locale, str) else None)


FUNCTIONS = (
    Function(
        "local_time",
        (
            Overload(("timestamp", "string"), "string"),
            Overload(("timestamp", "string", "string"), "string"),
            Overload(("timestamp", "string", "string", "string"), "string"),
        ),
        local_time,
        phrase(
            "A time as clocks show it in a zone, Asia/Shanghai unless named, daylight saving "
            "included. Pattern letters: `YYYY YY` year, `MM M` month, `DD D` day, `HH H` hour to "
            "24, `hh h` hour to 12 with `A` 上午/下午, `mm` minute, `ss` second, `EEEE` weekday; other "
            "Latin letters need single quotes. A locale behind the zone gives names in its "
            "language: `EEEE EEE` weekday, `MMMM MMM` month, `A` half of the day. A time that "
            "comes as a text: `local_time(timestamp(event.at), …)`."
        ),
        (
            Example('local_time(timestamp("2026-11-23T16:30:00Z"), "YYYY年M月D日 HH:mm")', "2026年11月24日 00:30"),
            Example('local_time(timestamp("2026-11-23T16:30:00Z"), "A h:mm")', "上午 12:30"),
            Example('local_time(timestamp("2026-07-01T12:00:00Z"), "HH:mm", "Europe/Berlin")', "14:00"),
            Example('local_time(timestamp("2026-12-01T12:00:00Z"), "HH:mm", "Europe/Berlin")', "13:00"),
            Example(
                'local_time(event.at, "EEEE, D MMMM YYYY", "Asia/Shanghai", event.locale)',
                "Monday, 23 November 2026",
                {"at": Timestamp(1_795_406_400, 0), "locale": "en-GB"},
            ),
        ),
        _check_time,
    ),
    Function(
        "local_date",
        (Overload(("string", "string"), "string"), Overload(("string", "string", "string"), "string")),
        local_date,
        phrase(
            "A calendar date (2026-11-30) as a text, with the letters for year, month, day and "
            "weekday. A date has no zone, so it never shifts; the third argument is a locale, as "
            "of `local_time`."
        ),
        (
            Example('local_date(event.expires_on, "YYYY年M月D日")', "2026年11月30日", {"expires_on": "2026-11-30"}),
            Example('local_date("2026-11-30", "M月D日 EEEE")', "11月30日 星期一"),
            Example('local_date("2026-11-30", "EEE D MMM", "de")', "Mo. 30 Nov."),
        ),
        _check_date,
    ),
)
