"""Reads `--from` and `--to`: an offset, a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pipeline.errors import UserError
from pipeline.phrases import phrase

FORMS = "2026-01-31T14:00:00+08:00, 2026-01-31 (UTC where no zone is given), -24h, -90m, -7d, now"
"""Accepted forms, for help texts."""
_AGO = re.compile(r"-(\d{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_bound(text: str | None, option: str, now: datetime) -> int | datetime | None:
    """Read the value of `option`: digits are an offset, everything else is a time.

    Raises:
        UserError: it is neither.
    """
    if text is not None and text.isascii() and text.isdigit():
        return int(text[:19])
    return read_time(text, option, now, forms=f"an offset, {FORMS}")


def read_time(text: str | None, option: str, now: datetime, *, forms: str = FORMS) -> datetime | None:
    """Read the value of `option`, which must be a time.

    Raises:
        UserError: it is not a time, or is beyond the calendar.
    """
    if text is None:
        return None
    if text == "now":
        return now
    try:
        ago = _AGO.fullmatch(text)
        if ago is not None:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        written = datetime.fromisoformat(text)
        return written.replace(tzinfo=UTC) if written.tzinfo is None else written.astimezone(UTC)
    except (ValueError, OverflowError):
        message = phrase("{option}: `{text}` is not a time", option=option, text=text[:60])
        raise UserError(message, hint=phrase("write {forms}", forms=forms)) from None


def require_order(since: datetime | None, until: datetime | None, start: str | None, end: str | None) -> None:
    """Check that the times that `--from` and `--to` were read as form a range; `start` and `end` are their texts.

    Raises:
        UserError: the range is empty.
    """
    if since is not None and until is not None and since >= until:
        raise UserError(phrase("--from {start} is not before --to {end}", start=start, end=end))
