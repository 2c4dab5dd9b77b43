"""`--from` and `--to`: an offset, a moment, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pipeline.errors import UserError

FORMS = "2026-01-31T14:00:00+08:00, 2026-01-31 (UTC where no zone is given), -24h, -90m, -7d, now"
"""What may be written, for help texts."""
_AGO = re.compile(r"-(\d{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_bound(text: str | None, option: str, now: datetime) -> int | datetime | None:
    """What was written for `option`: digits are an offset, everything else a moment.

    Raises:
        UserError: it is neither.
    """
    if text is not None and text.isascii() and text.isdigit():
        return int(text[:19])
    return read_moment(text, option, now, forms=f"an offset, {FORMS}")


def read_moment(text: str | None, option: str, now: datetime, *, forms: str = FORMS) -> datetime | None:
    """What was written for `option`, where only moments are meant.

    Raises:
        UserError: it is none, or one beyond the calendar.
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
        raise UserError(f"{option}: `{text[:60]}` is no moment", hint=f"write {forms}") from None
