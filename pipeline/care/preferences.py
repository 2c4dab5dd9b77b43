"""What recipients have chosen: the values of the preferences topic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import Undecodable
from pipeline.model.outcome import Reason

MOST_LISTS = 100
MOST_CHARACTERS = 128
"""Limits of one value, so that a hostile record cannot fill the memory: lists, and characters of each text."""


class Preferences(NamedTuple):
    """The choices of one recipient."""

    opted_out: frozenset[str] = frozenset()
    """The lists from which no message is wanted; a category names its list as `opt_out`."""
    zone: str | None = None
    """IANA name of the recipient's time zone; None: not known."""
    locale: str | None = None
    """Language and region, such as `zh-CN`; None: not known."""


NO_PREFERENCES = Preferences()


class Choice(NamedTuple):
    """What one recipient has chosen, on the way to where the messages to the recipient are decided."""

    recipient: str
    """As in outcomes: hashed, where they are hashed there."""
    preferences: Preferences | None
    """None: forget what was chosen before."""


class ReadPreferences(NamedTuple):
    """The usable part of a value."""

    preferences: Preferences
    faults: tuple[str, ...] = ()
    """Faults of what was left out, as texts for operators. A wrong time zone must not lose an opt-out."""


def parse_preferences(value: bytes | None) -> ReadPreferences | None:
    """Read a JSON value of the preferences topic; None (a tombstone, or JSON's `null`): forget the recipient's.

    Raises:
        Undecodable: `malformed_json` if it is not JSON, `schema_mismatch` if the opt-outs cannot be read.
    """
    if value is None:
        return None
    try:
        given: object = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise Undecodable(Reason.MALFORMED_JSON, f"preferences: {_position(error)}") from None
    return preferences_of(given)


def preferences_of(value: object) -> ReadPreferences | None:
    """Read a decoded value: `{"opted_out": [...], "timezone": "...", "locale": "..."}`; None: forget.

    Each field may be absent or null; unknown fields are ignored, so that producers may add some.

    Raises:
        Undecodable: `schema_mismatch` if the opt-outs cannot be read.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Undecodable(Reason.SCHEMA_MISMATCH, "preferences: the value is not an object")
    faults: list[str] = []
    zone = _text(value, "timezone", faults)
    if zone is not None and not is_zone(zone):
        faults.append("timezone: no such time zone")
        zone = None
    return ReadPreferences(
        Preferences(_opted_out(value.get("opted_out")), zone, _text(value, "locale", faults)), tuple(faults)
    )


@lru_cache(maxsize=1_024)
def is_zone(name: str) -> bool:
    """Whether it is the IANA name of a time zone of this machine."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _opted_out(given: object) -> frozenset[str]:
    if given is None:
        return frozenset()
    if not isinstance(given, list | tuple) or len(given) > MOST_LISTS:
        raise Undecodable(Reason.SCHEMA_MISMATCH, f"preferences: opted_out is not a list of at most {MOST_LISTS} texts")
    if not all(isinstance(name, str) and _is_short_text(name) for name in given):
        raise Undecodable(
            Reason.SCHEMA_MISMATCH,
            f"preferences: opted_out has an entry that is not a text of 1 to {MOST_CHARACTERS} printable characters",
        )
    return frozenset(given)


def _text(value: Mapping[str, object], field: str, faults: list[str]) -> str | None:
    given = value.get(field)
    if given is None:
        return None
    if isinstance(given, str) and _is_short_text(given):
        return given
    faults.append(f"{field}: not a text of 1 to {MOST_CHARACTERS} printable characters")
    return None


def _is_short_text(text: str) -> bool:
    return 0 < len(text) <= MOST_CHARACTERS and text.isprintable()


def _position(error: Exception) -> str:
    """Describe a fault of JSON without its text."""
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON at line {error.lineno}, column {error.colno}"
    return (
        "not UTF-8"
        if isinstance(error, UnicodeDecodeError)
        else "JSON that is nested too deep or has a too long number"
    )
