"""The clocks and the calendar of one time zone, around every change of its clocks.

A time of day is always compared with what the clocks there show at a moment. "Now plus the minutes that are left"
is wrong whenever the clocks change in between.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.care.declaration import HOUR, LONGEST_DAY, Calendar, QuietHours

_MINUTES = 1_440
_SECONDS = 86_400
_STEP = LONGEST_DAY + HOUR
"""Longer than every day, so that such a step ends on another date."""
_ONE_DAY, _ONE_WEEK = timedelta(days=1), timedelta(days=7)


class Period(NamedTuple):
    """A day or week of the calendar, in whole seconds since the epoch."""

    begins: int
    ends: int
    """The first second that does not belong to it."""


_DAY = Calendar.DAY
_NONE = Period(0, 0)


class WallClock:
    """The clocks of one zone. It remembers the current day and week, which most calls ask for."""

    __slots__ = ("_day", "_week", "_zone", "name")

    def __init__(self, zone: ZoneInfo) -> None:
        self.name = zone.key
        self._zone = zone
        self._day = _NONE
        self._week = _NONE

    def shows(self, moment: float) -> datetime:
        """What the clocks show at a moment, in seconds since the epoch."""
        return datetime.fromtimestamp(moment, self._zone)

    def period(self, calendar: Calendar, moment: float) -> Period:
        """The day or week to which a moment belongs."""
        if calendar is _DAY:
            begins, ends = self._day
            if not begins <= moment < ends:
                today = self.shows(moment).date()
                self._day = self._between(today, today + _ONE_DAY, moment)
            return self._day
        begins, ends = self._week
        if not begins <= moment < ends:
            today = self.shows(moment).date()
            monday = today - timedelta(days=today.weekday())
            self._week = self._between(monday, monday + _ONE_WEEK, moment)
        return self._week

    def is_in(self, hours: QuietHours, moment: float) -> bool:
        """Whether the clocks show a time within the hours."""
        shown = self.shows(moment)
        minute = shown.hour * 60 + shown.minute
        _, start, end = hours
        return start <= minute < end if start < end else minute >= start or minute < end

    def leaves(self, hours: QuietHours, moment: float) -> float:
        """Return the first moment from this one on at which the clocks show a time outside the hours."""
        while self.is_in(hours, moment):
            shown = self.shows(moment)
            past = (shown.hour * 60 + shown.minute) * 60 + shown.second
            left = (hours.end * 60 - past) % _SECONDS - shown.microsecond / 1_000_000
            moment = self._change(moment, moment + left)
        return moment

    def _change(self, moment: float, later: float) -> float:
        """Return when the clocks change between two moments less than a day apart; `later` if they do not."""
        offset = self.shows(moment).utcoffset()
        if self.shows(later).utcoffset() == offset:
            return later
        return _first(lambda second: self.shows(second).utcoffset() != offset, int(moment), -int(-later // 1))

    def _between(self, first: date, end: date, moment: float) -> Period:
        """Return the period from the beginning of `first` to that of `end`, around a moment that belongs to it."""
        second = int(moment // 1)
        before, after = second - _STEP, second + _STEP
        while self.shows(before).date() >= first:
            before -= _STEP
        while self.shows(after).date() < end:
            after += _STEP
        return Period(
            _first(lambda at: self.shows(at).date() >= first, before, second),
            _first(lambda at: self.shows(at).date() >= end, second, after),
        )


def _first(holds: Callable[[int], bool], before: int, after: int) -> int:
    """Return the first second after `before` at which a condition holds, which it does at `after`: a bisection.

    Clocks change at whole seconds.
    """
    while after - before > 1:
        middle = (before + after) // 2
        if holds(middle):
            after = middle
        else:
            before = middle
    return after


@lru_cache(maxsize=1_024)
def wall_clock(name: str, otherwise: str = "UTC") -> WallClock:
    """Return the clocks of a zone; those of `otherwise` if this machine's data has no zone of that name.

    A member with older zone data must still decide about a recipient whose zone a newer one recorded.
    """
    for candidate in (name, otherwise):
        try:
            return WallClock(ZoneInfo(candidate))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return WallClock(ZoneInfo("UTC"))
