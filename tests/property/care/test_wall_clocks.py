"""In every zone of the world, around every change of its clocks: quiet exactly while the clocks show a quiet time."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given
from hypothesis import strategies as st

from pipeline.care.declaration import LONGEST_DAY, LONGEST_WEEK, Calendar, QuietHours
from pipeline.care.wall_clock import WallClock, wall_clock
from tests.property.care.zones import FIRST, LAST, ZONES, changes, zones

_HOURS = [
    QuietHours("night", 22 * 60, 8 * 60),
    QuietHours("noon", 12 * 60, 14 * 60),
    QuietHours("in the gap", 2 * 60, 2 * 60 + 30),
    QuietHours("over the gap", 60 + 30, 3 * 60 + 30),
    QuietHours("until the change", 23 * 60, 3 * 60),
    QuietHours("midnight", 23 * 60 + 30, 30),
    QuietHours("from midnight", 0, 60),
    QuietHours("all but a quarter", 8 * 60 + 15, 8 * 60),
]
_AROUND = 27 * 3_600
"""Seconds before and after a change that are looked at: longer than any day."""
_QUARTER = 900
"""Seconds: clocks change, and days begin, at a quarter of an hour of UTC in all zones."""
_ASKED = [*range(0, 92, 7), *range(92, 124), *range(124, 212, 7)]
"""Quarters of an hour after the first at which the clock is asked; number 108 is the change."""


def _shown(zone: ZoneInfo, begin: int, end: int, step: int) -> list[datetime]:
    """What the clocks show at each step: the truth that the tests compare with."""
    return [datetime.fromtimestamp(second, zone) for second in range(begin, end, step)]


def _ends(shown: list[int], hours: QuietHours) -> list[int]:
    """Of each quarter the first from it on in which the clocks show a time outside the hours."""
    start, length = hours.start, (hours.end - hours.start) % 1_440
    ends, over = [0] * len(shown), len(shown)
    for quarter in range(len(shown) - 1, -1, -1):
        if (shown[quarter] - start) % 1_440 >= length:
            over = quarter
        ends[quarter] = over
    return ends


def test_the_zones_of_the_world_have_many_clocks() -> None:
    """So that the tests below are about something: changes by an hour, by half an hour, and at midnight."""
    assert len(available_timezones()) > 400
    assert len(zones()) > 60
    assert len(changes()) > 250
    assert {abs(change.by) for change in changes()} >= {timedelta(hours=1), timedelta(minutes=30)}
    assert all(change.at % _QUARTER == change.by.total_seconds() % _QUARTER == 0 for change in changes())


def test_quiet_hours_around_every_change() -> None:
    """Whether they are on, and when they are over, against the clocks quarter by quarter."""
    for change in changes():
        clock, begin = wall_clock(change.zone), change.at - _AROUND
        times = _shown(ZoneInfo(change.zone), begin, change.at + 2 * _AROUND, _QUARTER)
        shown = [time.hour * 60 + time.minute for time in times]
        for hours in _HOURS:
            ends = _ends(shown, hours)
            for quarter in _ASKED:
                moment, over = begin + _QUARTER * quarter, begin + _QUARTER * ends[quarter]
                is_quiet = over != moment
                assert clock.is_in(hours, moment) is is_quiet, (change, hours, quarter)
                assert clock.is_in(hours, moment + 899) is is_quiet, (change, hours, quarter)
                assert clock.leaves(hours, moment) == over, (change, hours, quarter)


def test_days_and_weeks_around_every_change() -> None:
    """A day has every minute of its date and no other; a week goes from Monday to Monday."""
    for change in changes():
        zone = ZoneInfo(change.zone)
        begin = change.at - 2 * _AROUND
        dates = [shown.date() for shown in _shown(zone, begin, change.at + 2 * _AROUND, _QUARTER)]
        for moment in (change.at - 86_400, change.at - 1, change.at, change.at + 1, change.at + 86_400):
            today = datetime.fromtimestamp(moment, zone).date()
            day = WallClock(zone).period(Calendar.DAY, moment)
            first = dates.index(today)
            assert day == (begin + _QUARTER * first, begin + _QUARTER * (first + dates.count(today))), change
            assert day.ends - day.begins <= LONGEST_DAY
            week = WallClock(zone).period(Calendar.WEEK, moment)
            assert _is_week(zone, week.begins, week.ends, moment), change
            assert week.ends - week.begins <= LONGEST_WEEK


def _is_week(zone: ZoneInfo, begins: int, ends: int, moment: float) -> bool:
    """Whether these are the Mondays around a moment: the seconds before them are Sundays."""
    days = [datetime.fromtimestamp(second, zone) for second in (begins - 1, begins, moment, ends - 1, ends)]
    numbers = [day.isocalendar()[:2] for day in days]
    return [day.isoweekday() for day in days if day is not days[2]] == [7, 1, 7, 1] and (
        numbers[0] != numbers[1] == numbers[2] == numbers[3] != numbers[4]
    )


_MOMENTS = st.floats(FIRST, LAST, allow_nan=False)
_ANY_HOURS = st.builds(QuietHours, st.just("h"), st.integers(0, 1_439), st.integers(0, 1_439)).filter(
    lambda hours: hours.start != hours.end
)


@given(ZONES, _ANY_HOURS, _MOMENTS)
def test_hours_are_over_when_the_clocks_say_so(zone: str, hours: QuietHours, moment: float) -> None:
    """At any moment of these years: until then the clocks show a quiet time, and then none."""
    clock = wall_clock(zone)
    over = clock.leaves(hours, moment)
    assert over >= moment
    assert not clock.is_in(hours, over)
    for step in range(0, max(0, int(over - moment)), 600):
        assert clock.is_in(hours, moment + step)
    if over - moment >= 1:
        assert clock.is_in(hours, over - 0.001)


@given(ZONES, st.lists(_MOMENTS, min_size=1, max_size=20))
def test_what_a_clock_remembers_changes_no_answer(zone: str, moments: list[float]) -> None:
    """Whatever was asked before."""
    asked = WallClock(ZoneInfo(zone))
    for moment in moments:
        for calendar in Calendar:
            assert asked.period(calendar, moment) == WallClock(ZoneInfo(zone)).period(calendar, moment)
