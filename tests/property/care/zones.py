"""Every time zone of this machine, and every change of its clocks from 2024 to 2028."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as st

FIRST, LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2024, 2029))
_SAMPLE = 3 * 86_400
"""No zone changes its clocks twice within three days."""


class Change(NamedTuple):
    """One change of the clocks of a zone."""

    zone: str
    at: int
    """The first second of the new offset."""
    by: timedelta
    """Above 0: clocks are set forward."""


def _offset(zone: ZoneInfo, second: int) -> timedelta:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    assert offset is not None
    return offset


def _changes(name: str) -> tuple[Change, ...]:
    zone, found = ZoneInfo(name), []
    for second in range(FIRST, LAST, _SAMPLE):
        before, after = second, second + _SAMPLE
        old, new = _offset(zone, before), _offset(zone, after)
        if old == new:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
        found.append(Change(name, after, new - old))
    return tuple(found)


@cache
def zones() -> dict[str, tuple[Change, ...]]:
    """The zones whose clocks differ, each with its changes: of those with the same clocks in these years, one."""
    seen: dict[object, tuple[str, tuple[Change, ...]]] = {}
    for name in sorted(available_timezones()):
        changes = _changes(name)
        clocks = (_offset(ZoneInfo(name), FIRST), tuple([(change.at, change.by) for change in changes]))
        seen.setdefault(clocks, (name, changes))
    return dict(seen.values())


@cache
def changes() -> tuple[Change, ...]:
    """All changes of these zones."""
    return tuple([change for of_zone in zones().values() for change in of_zone])


ZONES = st.deferred(lambda: st.sampled_from(sorted(zones())))
"""The name of one of these zones; they are read for the first example, not by each process that collects tests."""
