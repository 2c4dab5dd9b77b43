"""Clocks and calendars, at clock changes that are known by name."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from pipeline.care.declaration import Calendar, QuietHours
from pipeline.care.wall_clock import wall_clock
from tests.unit.care.cares import NIGHT, at

BERLIN = wall_clock("Europe/Berlin")
GAP = QuietHours("gap", 2 * 60, 2 * 60 + 30)
"""Within the hour that Berlin's clocks skip in spring and show twice in autumn."""


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Europe/Berlin", "2026-10-26", 24),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Africa/Cairo", "2026-04-24", 23),  # at midnight: the day begins at 01:00
        ("Asia/Beirut", "2026-03-29", 23),  # the same
        ("America/Havana", "2026-11-01", 25),  # 00:00 to 01:00 is shown twice
        ("America/Santiago", "2026-04-04", 25),  # at midnight, back to 23:00
        ("Asia/Shanghai", "2026-11-30", 24),
    ],
)
def test_a_day_has_23_to_25_hours(zone: str, day: str, hours: float) -> None:
    """Whatever moment of it one asks about."""
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone)).timestamp()
    begins, ends = wall_clock(zone).period(Calendar.DAY, noon)
    assert (ends - begins) / 3_600 == hours
    for moment in (begins, ends - 0.001, noon):
        assert wall_clock(zone).period(Calendar.DAY, moment) == (begins, ends)
        assert f"{wall_clock(zone).shows(moment):%Y-%m-%d}" == day


@pytest.mark.parametrize(("day", "hours"), [("2026-03-25", 167), ("2026-10-21", 169), ("2026-11-30", 168)])
def test_a_week_goes_from_monday_to_monday(day: str, hours: int) -> None:
    """Also the one in which clocks change."""
    begins, ends = BERLIN.period(Calendar.WEEK, at(f"{day} 15:00", "Europe/Berlin"))
    assert (ends - begins) / 3_600 == hours
    assert f"{BERLIN.shows(begins):%A %H:%M}" == f"{BERLIN.shows(ends):%A %H:%M}" == "Monday 00:00"


def test_quiet_hours_over_a_clock_change_end_by_the_clock() -> None:
    """The night of 25 October has an hour more, that of 29 March an hour less."""
    for evening, morning, hours in (
        ("2026-10-24 23:00", "2026-10-25 08:00", 10),
        ("2026-03-28 23:00", "2026-03-29 08:00", 8),
        ("2026-11-29 23:00", "2026-11-30 08:00", 9),
    ):
        begins, ends = at(evening, "Europe/Berlin"), at(morning, "Europe/Berlin")
        assert BERLIN.leaves(NIGHT, begins) == ends
        assert ends - begins == hours * 3_600


def test_hours_that_the_clocks_skip_do_not_exist_on_that_day() -> None:
    """01:59 is followed by 03:00."""
    change = at("2026-03-29 03:00", "Europe/Berlin")
    assert not BERLIN.is_in(GAP, change - 1)
    assert not BERLIN.is_in(GAP, change)
    until_half_past_two = QuietHours("over the gap", 60, 150)
    assert BERLIN.leaves(until_half_past_two, change - 600) == change


def test_hours_that_the_clocks_show_twice_are_quiet_twice() -> None:
    """02:00 to 02:30, and an hour later again; in between they are over."""
    first = datetime(2026, 10, 25, 2, 10, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert BERLIN.is_in(GAP, first)
    assert BERLIN.leaves(GAP, first) == first + 20 * 60
    assert not BERLIN.is_in(GAP, first + 30 * 60)
    assert BERLIN.is_in(GAP, first + 3_600)


def test_hours_that_end_when_the_clocks_are_set_back_go_on() -> None:
    """Instead of 03:00 the clocks show 02:00, which belongs to them."""
    hours = QuietHours("until three", 23 * 60, 3 * 60)
    assert BERLIN.leaves(hours, at("2026-10-25 00:30", "Europe/Berlin")) == at("2026-10-25 03:00", "Europe/Berlin")


def test_outside_the_hours_they_are_left_already() -> None:
    """The moment itself is returned, to the fraction of a second."""
    noon = at("2026-11-30 12:00", "Europe/Berlin") + 0.25
    assert BERLIN.leaves(NIGHT, noon) == noon


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.5, 0.999])
def test_the_end_is_a_whole_minute(fraction: float) -> None:
    """From any fraction of a second."""
    assert BERLIN.leaves(NIGHT, at("2026-11-30 22:00", "Europe/Berlin") + fraction) == pytest.approx(
        at("2026-12-01 08:00", "Europe/Berlin"), abs=1e-6
    )


def test_a_zone_that_this_machine_does_not_know_is_replaced() -> None:
    """By the declared one, else UTC: a state that a newer release wrote must not stop a member."""
    assert wall_clock("Mars/Olympus", "Asia/Tokyo").name == "Asia/Tokyo"
    assert wall_clock("Mars/Olympus", "Mars/Base").name == "UTC"
    assert wall_clock("../etc/passwd").name == "UTC"
