"""Why recipient care holds a message back, in words: for tests of rules, `explain`, `find` and pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.care.declaration import DEFAULT_ZONE
from pipeline.model.outcome import CAP, ONCE, OPT_OUT, QUIET_HOURS, Because
from pipeline.phrases import joined, phrase

KINDS = frozenset({CAP, ONCE, OPT_OUT, QUIET_HOURS})
"""`Because.what` of recipient care."""
_COUNTED = re.compile(
    r"(?P<counted>\d+) of (?P<most>\d+) (?P<when>on|in week|in) (?P<period>[^ ,:]+)"
    r"(?:, kept free: (?P<kept>[^:]+))?(?:: (?P<named>.+))?"
)
"""The value of a cap (`pipeline.care.caps`)."""


class CareWords(NamedTuple):
    """What the rules of today say of the names in an outcome."""

    zone: str = DEFAULT_ZONE
    """The clock of times."""
    places: Mapping[tuple[str, str], str] = {}
    """Where a condition is declared, such as `rules/care.yaml:6:5`, by kind and name."""
    names_zone: bool = False
    """Whether to name the zone: recipients have their own, which is not known here."""

    def of(self, because: Sequence[Because]) -> str:
        """Why a message is held back, in one line; empty if recipient care had no part in it."""
        return joined("; ", (self._one(one) for one in because if one.what in KINDS))

    def _one(self, because: Because) -> str:
        zone = self.zone if self.names_zone else None
        return in_words(because, self.zone, self.places.get((because.what, because.name or "")), zone)


def in_words(because: Because, zone: str, place: str | None = None, named_zone: str | None = None) -> str:
    """Why a message is not sent, with the time from which one is possible again, on the clock of `zone`.

    `place` is where the condition is declared; `named_zone` follows the time.
    """
    words = _condition(because)
    if place is not None:
        words = phrase("{words} ({place})", words=words, place=place)
    if because.what == CAP and because.value is not None:
        value = _counted(because.value)
        words = (
            phrase("{words}: {value}", words=words, value=value)
            if place is None
            else phrase("{words}; {value}", words=words, value=value)
        )
    if because.until is None:
        return words
    try:
        until = datetime.fromtimestamp(because.until, ZoneInfo(zone))
    except (ValueError, OverflowError, OSError):  # another program's outcome
        return words
    if named_zone is not None:
        return phrase(
            "{words}; possible again {until:%Y-%m-%d %H:%M} ({zone})", words=words, until=until, zone=named_zone
        )
    return phrase("{words}; possible again {until:%Y-%m-%d %H:%M}", words=words, until=until)


def _condition(because: Because) -> str:
    match because.what:
        case str(what) if what == CAP:
            return phrase("cap `{name}` is reached", name=because.name)
        case str(what) if what == QUIET_HOURS:
            return phrase("it is {value} in quiet hours `{name}`", value=because.value, name=because.name)
        case str(what) if what == OPT_OUT:
            return phrase("the recipient opted out of `{name}`", name=because.name)
        case str(what) if what == ONCE:
            return phrase("`{name}` has sent one with the same key of `once`", name=because.name)
        case other:
            return f"{other} {because.name or ''}".strip()


def _counted(value: str) -> str:
    """The value of a cap, as a phrase if it has the known form; one of a later release as it is."""
    match = _COUNTED.fullmatch(value)
    if match is None:
        return value
    counted, most, when, period, kept, named = match.groups()
    if when == "on":
        words = phrase("{counted} of {most} on {period}", counted=counted, most=most, period=period)
    elif when == "in week":
        words = phrase("{counted} of {most} in week {period}", counted=counted, most=most, period=period)
    else:
        words = phrase("{counted} of {most} in {period}", counted=counted, most=most, period=period)
    if kept is not None:
        words = phrase("{words}, kept free: {kept}", words=words, kept=joined(", ", map(_kept_for, kept.split(", "))))
    return words if named is None else phrase("{words}: {named}", words=words, named=named)


def _kept_for(one: str) -> str:
    number, _, name = one.partition(" for ")
    return phrase("{number} for {name}", number=number, name=name) if name else one
