"""What `rules/care.yaml` declares, compiled: categories, caps and quiet hours. Immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

HOUR = 3_600
LONGEST_DAY = 26 * HOUR
"""A day on which clocks are set back by two hours, as in Antarctica/Troll; elsewhere by one at most."""
LONGEST_WEEK = 170 * HOUR
DEFAULT_ZONE = "Asia/Shanghai"


class Calendar(StrEnum):
    """A period of the recipient's calendar."""

    DAY = "day"
    """From midnight to midnight there: 23 or 25 hours long where clocks change."""
    WEEK = "week"
    """From Monday to Monday there (ISO 8601)."""


class Window(NamedTuple):
    """The period in which a cap counts: of the calendar, or rolling."""

    calendar: Calendar | None
    """None: rolling, the last `seconds` before the decision."""
    seconds: int
    """Of a rolling window its length; of a calendar's the longest that it can be."""

    def __str__(self) -> str:
        """As `per` in the rules: `day`, `week`, `24h`, `90m` or `45s`."""
        if self.calendar is not None:
            return self.calendar.value
        if self.seconds % HOUR == 0:
            return f"{self.seconds // HOUR}h"
        return f"{self.seconds // 60}m" if self.seconds % 60 == 0 else f"{self.seconds}s"


DAY = Window(Calendar.DAY, LONGEST_DAY)
WEEK = Window(Calendar.WEEK, LONGEST_WEEK)


class Cap(NamedTuple):
    """At most so many messages to one recipient within a window."""

    name: str
    of: frozenset[str] | None
    """The categories whose messages count; None: all that have a category."""
    at_most: int
    """At least 1."""
    window: Window
    reserve: Mapping[str, int]
    """Messages of `at_most` that are kept free for a category, as far as it has not used them. Their sum is below
    `at_most`."""


class QuietHours(NamedTuple):
    """A part of each local day, minute by minute: `start` belongs to it, `end` does not."""

    name: str
    start: int
    """Minute of the local day, 0 to 1439."""
    end: int
    """Minute of the local day, other than `start`; below it: the hours go over midnight."""


class OverCap(StrEnum):
    """What happens to a message of a category whose cap is reached."""

    DROP = "drop"
    """It is suppressed."""
    SEND = "send"
    """It is sent nevertheless, and counts."""


class InQuiet(StrEnum):
    """What happens to a message in quiet hours."""

    DROP = "drop"
    """It is suppressed."""
    SEND = "send"
    """It is sent nevertheless."""


class Quiet(NamedTuple):
    """The quiet hours of a category."""

    hours: QuietHours
    then: InQuiet


class Category(NamedTuple):
    """What applies to the rules of one category."""

    name: str
    caps: tuple[Cap, ...] = ()
    """Caps that it obeys, in the order of the file. A cap may count messages of a category that does not obey it."""
    over_cap: OverCap = OverCap.DROP
    quiet: Quiet | None = None
    opt_out: str | None = None
    """The list that a recipient may opt out of; None: of none."""
    urgent: bool = False
    """Whether nothing here applies to it; its messages do not count either."""


class Care(NamedTuple):
    """The compiled file. Without categories nothing is decided."""

    categories: Mapping[str, Category]
    caps: Mapping[str, Cap]
    """Every cap, by name."""
    zone: str = DEFAULT_ZONE
    """IANA name of the time zone of recipients whose own is unknown."""
    zone_of_preferences: bool = False
    """Whether the time zone in a recipient's preferences is used."""
    fingerprint: str = ""
    """Of everything that decides, for pages and `explain`."""

    @property
    def longest(self) -> int:
        """Seconds of the longest window: what was sent before is never counted."""
        return max((cap.window.seconds for cap in self.caps.values()), default=0)


NO_CARE = Care({}, {})
"""No file: every message leaves."""
