"""The text of a request's timestamp."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SECONDS, MILLISECONDS = "s", "ms"
_DIRECTIVES = frozenset("YmdHMSfyjz%")
"""Of strftime: those that do not depend on the language of the process."""
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)


def check_format(text: str) -> None:
    """Check a format: `s`, `ms`, or strftime's directives for a whole date and time.

    Raises:
        ValueError: what is wrong with it.
    """
    if text in {SECONDS, MILLISECONDS}:
        return
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII")
    used = {found[1] for found in _DIRECTIVE.finditer(text)}
    if not used:
        raise ValueError("must be `s`, `ms`, or a format such as `%Y-%m-%d %H:%M:%S`")
    unknown = sorted(used - _DIRECTIVES)
    if unknown:
        known = ", ".join(f"%{letter}" for letter in sorted(_DIRECTIVES))
        raise ValueError(f"unknown directive %{unknown[0]}; known are {known}")
    missing = [letter for letter in "YmdHMS" if letter not in used and not _stands_in(letter, used)]
    if missing:
        raise ValueError(f"must have a whole date and time: %{missing[0]} is missing")


def _stands_in(letter: str, used: set[str]) -> bool:
    return (letter == "Y" and "y" in used) or (letter in "md" and "j" in used)


def zone(name: str) -> tzinfo:
    """The time zone of an IANA name.

    Raises:
        ValueError: there is no such zone.
    """
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}; write an IANA name such as Asia/Shanghai") from None


def timestamp_writer(text: str, place: tzinfo) -> Callable[[float], str]:
    """The function that writes seconds since the epoch by the format, in the zone; rounded down."""
    if text == SECONDS:
        return lambda at: str(int(at))
    if text == MILLISECONDS:
        return lambda at: str(int(at * 1_000))
    return lambda at: datetime.fromtimestamp(at, place).strftime(text)


def timestamp_reader(text: str, place: tzinfo) -> Callable[[str], float | None]:
    """The function that reads such a timestamp back, for a server that checks it; None if it is not one."""
    if text in {SECONDS, MILLISECONDS}:
        divisor, digits = (1, 12) if text == SECONDS else (1_000, 15)

        def read_number(written: str) -> float | None:
            is_number = written.isascii() and written.isdigit() and len(written) <= digits
            return int(written) / divisor if is_number else None

        return read_number

    def read(written: str) -> float | None:
        try:
            parsed = datetime.strptime(written, text)  # noqa: DTZ007 - the zone follows
            return (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=place)).timestamp()
        except (ValueError, OverflowError):
            return None

    return read
