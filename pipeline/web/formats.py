"""Formats numbers and times for pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pipeline.phrases import joined, marked, phrase
from pipeline.web.rates import STEP_SECONDS, WINDOW_SECONDS

_SECONDS = marked("{number} s")
_UNITS = ((86_400, marked("{number} d")), (3_600, marked("{number} h")), (60, marked("{number} min")))
CURVE_WIDTH, CURVE_HEIGHT = 240, 36
"""Size of a curve in its own coordinates."""


def count(number: float) -> str:
    """`12,345`."""
    return f"{number:,.0f}"


def rate(per_second: float) -> str:
    """Three significant digits: `0`, `0.25`, `12.5`, `1,234`."""
    if per_second <= 0:
        return "0"
    if per_second >= 100:  # noqa: PLR2004 - three digits before the point
        return f"{per_second:,.0f}"
    return f"{per_second:.1f}" if per_second >= 10 else f"{per_second:.2f}"  # noqa: PLR2004 - the same


def share(part: float) -> str:
    """`0 %`, `0.4 %`, `12 %`, and never `0 %` for more than nothing."""
    if 0 < part < 0.001:  # noqa: PLR2004 - a tenth of a percent
        return phrase("under 0.1 %")
    places = 1 if 0 < part < 0.1 else 0  # noqa: PLR2004 - one digit after the point
    return phrase("{percent} %", percent=f"{part * 100:.{places}f}")


def duration(seconds: float) -> str:
    """The two largest units: `0 s`, `12 ms`, `4.2 s`, `3 min 5 s`, `2 d 4 h`."""
    if seconds <= 0:
        return phrase(_SECONDS, number=0)
    if seconds < 1:
        return phrase("{number} ms", number=f"{max(1, seconds * 1_000):.0f}")
    if seconds < 10:  # noqa: PLR2004 - one digit after the point
        return phrase(_SECONDS, number=f"{seconds:.1f}")
    whole = round(seconds)
    for (size, unit), (smaller, below) in zip(_UNITS, (*_UNITS[1:], (1, _SECONDS)), strict=True):
        if whole >= size:
            rest = whole % size // smaller
            parts = [phrase(unit, number=whole // size), *([phrase(below, number=rest)] if rest else [])]
            return joined(" ", parts)
    return phrase(_SECONDS, number=whole)


def clock(at: float) -> str:
    """`14:03:22`, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"


def moment(at: float) -> str:
    """`2026-11-23 14:03:22 UTC`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def instant(at_ms: int | None) -> str:
    """The moment of a time in milliseconds, which a record's producer chose freely; empty for None."""
    if at_ms is None:
        return ""
    try:
        return moment(at_ms / 1000)
    except (ValueError, OverflowError, OSError):  # a year beyond the calendar
        return f"{at_ms} ms"


def iso(at: float) -> str:
    """The value of a `time` element's attribute."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def curve(values: Sequence[float]) -> str:
    """The points of a line that ends at the right edge; empty for fewer than two values."""
    if len(values) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    most = max(*values, 1e-9)
    step = CURVE_WIDTH / (WINDOW_SECONDS / STEP_SECONDS - 1)
    first = CURVE_WIDTH - step * (len(values) - 1)
    height = CURVE_HEIGHT - 2
    return " ".join(
        f"{first + index * step:.1f},{1 + height * (1 - value / most):.1f}" for index, value in enumerate(values)
    )


FILTERS = {
    "count": count,
    "rate": rate,
    "share": share,
    "duration": duration,
    "clock": clock,
    "moment": moment,
    "instant": instant,
    "iso": iso,
    "curve": curve,
}
"""Filters by their name in templates."""
