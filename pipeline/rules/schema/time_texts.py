"""Texts that name a point in time: RFC 3339, and the forms that other platforms write and that mean one thing only."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from pipeline.rules.timestamp import EPOCH, stands_for_none

_ZONE_NAME = re.compile(r"(?<=[0-9Zz])(\[!?[A-Za-z0-9_+/=.-]{1,64}\])+$")
"""Java's `ZonedDateTime` appends `[Asia/Shanghai]` to the offset, which alone decides, and JavaScript's Temporal
`[u-ca=gregory]` as well (RFC 9557, section 3)."""
_GREENWICH = re.compile(r"(?<=[0-9]) ?(GMT|UTC)$")
_END_OF_DAY = re.compile(r"(?<=[0-9][T ])24:00(?=(:00([.,]0+)?)?(Z|[+-]|$))")
"""Midnight as the end of a day (ISO 8601)."""
_LEAP_SECOND = re.compile(r"(?<=:[0-5][0-9]):60(?=[.,Zz+-]|$)")
MAX_LENGTH = 100


def point_in_time(text: str) -> datetime | None:
    """Return the time, with its offset from UTC; without one if the text has none; None if it is not a time.

    Read are RFC 3339 in upper or lower case, with any number of fractional digits and with a leap second (which becomes
    the first second of the next minute); 24:00 (the beginning of the next day); offsets without a colon; `GMT` and
    `UTC`; and a zone's name in brackets behind an offset. Fractions beyond microseconds are dropped.
    """
    if len(text) > MAX_LENGTH:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return _unusual(text)


def _unusual(text: str) -> datetime | None:
    without_name, names = _ZONE_NAME.subn("", text.strip())
    seconds, leaps = _LEAP_SECOND.subn(":59", _GREENWICH.sub("Z", without_name).upper())
    hours, days = _END_OF_DAY.subn("00:00", seconds)
    try:
        time = datetime.fromisoformat(hours) + timedelta(days=days, seconds=leaps)
    except (ValueError, OverflowError):
        return None
    return None if names and time.tzinfo is None else time  # a zone without its offset must not be dropped


def milliseconds(time: datetime) -> int:
    """Milliseconds since 1970 of a time with an offset; parts of one are dropped."""
    since = time - EPOCH
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


def milliseconds_of(text: str) -> int | None:
    """Milliseconds since 1970 of a text; None where it names no time with an offset, or one that stands for no time."""
    time = point_in_time(text)
    if time is None or time.tzinfo is None:
        return None
    count = milliseconds(time)
    return None if stands_for_none(count // 1_000) else count
