"""The pattern language of times and dates: which patterns there are, and what is wrong with any other one.

The language is closed: a pattern that gives a plausible but wrong text (the month in place of the minutes) is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from pipeline.phrases import joined, phrase

MAX_PATTERN = 64

LETTERS: Mapping[str, str] = {
    "YYYY": "{0.year:04}",
    "YY": "{1:02}",
    "MM": "{0.month:02}",
    "M": "{0.month}",
    "DD": "{0.day:02}",
    "D": "{0.day}",
    "HH": "{0.hour:02}",
    "H": "{0.hour}",
    "hh": "{2:02}",
    "h": "{2}",
    "mm": "{0.minute:02}",
    "ss": "{0.second:02}",
    "EEEE": "{3}",
    "A": "{4}",
}
"""Letters to their part of a format of: time, year of the century, hour to 12, weekday, half of the day."""
NAMES: Mapping[str, str] = {"MMMM": "{5}", "MMM": "{6}", "EEE": "{7}"}
"""The same for names that only a locale gives: month, short month, short weekday."""
_TOKENS = re.compile(r"'[^']*'|T(?=[Hh])|([A-Za-z])\1*|[^A-Za-z']+|'")
"""A run of one letter is one token: `MMMM` is not two months. The `T` of ISO 8601 is a token of its own."""
_PARTS: Mapping[str, str] = {
    **dict.fromkeys(("YYYY", "YY"), phrase("year")),
    **dict.fromkeys(("MM", "M", "MMMM", "MMM"), phrase("month")),
    **dict.fromkeys(("DD", "D"), phrase("day")),
    **dict.fromkeys(("HH", "H", "hh", "h"), phrase("hour")),
    "mm": phrase("minute"),
    "ss": phrase("second"),
    **dict.fromkeys(("EEEE", "EEE"), phrase("weekday")),
    "A": phrase("half of the day"),
}
"""What each token shows."""
_OF_A_DAY = frozenset({"hour", "minute", "second", "half of the day"})
_OF_DATES = frozenset({"year", "month", "day"})
_TO_24, _TO_12 = frozenset({"HH", "H"}), frozenset({"hh", "h"})
_NO_NAMES = phrase("MM or M (months are numbers: write 月 after them; a locale behind the zone gives them names)")
_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("y", "Y", "yyyy", "YYY", "YYYYY"), "YYYY"),
    "yy": "YY",
    **dict.fromkeys(("MMM", "MMMM"), _NO_NAMES),
    **dict.fromkeys(("dd", "DDD", "DDDD"), "DD"),
    **dict.fromkeys(("d",), "D"),
    **dict.fromkeys(("ddd", "dddd", "E", "EE", "EEE", "W", "w"), "EEEE"),
    **dict.fromkeys(("a", "aa", "AA", "AAAA", "p", "P"), "A"),
    "HHH": "HH",
    **dict.fromkeys(("m", "i", "mmm"), "mm"),
    **dict.fromkeys(("s", "S", "SS", "SSS", "sss"), "ss"),
    **dict.fromkeys(("k", "kk"), "HH"),
    "T": phrase("'T', in single quotes,"),
}
"""Letters of other pattern languages to the letters here."""


@lru_cache(maxsize=1_024)
def _tokens(pattern: str) -> tuple[str, ...]:
    return tuple(found[0] for found in _TOKENS.finditer(pattern))


@lru_cache(maxsize=1_024)
def format_of(pattern: str) -> str:
    """A pattern as a format of `str.format`; its arguments are those of `LETTERS`."""
    known = {**LETTERS, **NAMES}
    return "".join(known.get(letters) or _escaped(letters.strip("'")) for letters in _tokens(pattern))


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


@lru_cache(maxsize=1_024)
def bad_pattern(pattern: str, *, has_names: bool = False) -> str | None:
    """What is wrong with a pattern of a time; None for a right one. `has_names`: a locale names months and days."""
    if not 1 <= len(pattern) <= MAX_PATTERN:
        return phrase("a pattern has 1 to {max_pattern} characters", max_pattern=MAX_PATTERN)
    return next(_faults(_tokens(pattern), has_names=has_names), None)


def bad_date_pattern(pattern: str, *, has_names: bool = False) -> str | None:
    """What is wrong with a pattern of a date, which has no time of day."""
    if _OF_A_DAY.intersection(_PARTS.get(letters, "") for letters in _tokens(pattern[: MAX_PATTERN + 1])):
        return phrase("a date has no time of day; months are MM")
    return bad_pattern(pattern, has_names=has_names)


def _faults(tokens: Sequence[str], *, has_names: bool) -> Iterator[str]:
    names = NAMES if has_names else {}
    for fault in (*(_bad_token(one) for one in tokens if one not in names), _swapped(tokens)):
        if fault is not None:
            yield fault
    parts = [_PARTS[letters] for letters in tokens if letters in _PARTS]
    if not parts:
        yield phrase("the pattern shows nothing of the time; its letters are {letters}", letters=joined(" ", LETTERS))
    for part in dict.fromkeys(parts):
        if parts.count(part) > 1:
            yield phrase("the {part} is in the pattern twice", part=part)
    yield from _left_out(parts)
    if _TO_12.intersection(tokens) and "A" not in tokens:
        yield phrase("hh counts hours to 12 and needs A (上午/下午) beside it; HH counts them to 24")
    if _TO_24.intersection(tokens) and "A" in tokens:
        yield phrase("A (上午/下午) goes with hours to 12: write hh or h; HH counts them to 24")


def _bad_token(letters: str) -> str | None:
    if letters in LETTERS or (letters.startswith("'") and len(letters) > 1):
        return None
    if letters == "'":
        return phrase("the quote `'` is not closed")
    if letters[0].isascii() and letters[0].isalpha():
        near = (
            phrase("write {elsewhere}", elsewhere=_ELSEWHERE[letters])
            if letters in _ELSEWHERE
            else phrase("known are {letters}", letters=joined(" ", LETTERS))
        )
        return phrase("`{letters}` has no meaning in a pattern; {near}", letters=letters, near=near)
    wide = next((one for one in letters if _plain_letter(one) is not None), None)
    return (
        None
        if wide is None
        else phrase("`{wide}` is a full-width letter; write `{plain}`", wide=wide, plain=_plain_letter(wide))
    )


def _plain_letter(character: str) -> str | None:
    plain = unicodedata.normalize("NFKC", character)
    return plain if not character.isascii() and plain.isascii() and plain.isalpha() else None


def _swapped(tokens: Sequence[str]) -> str | None:
    """Months and minutes in each other's place."""
    shown = [(letters, tokens[at + 1] if at + 1 < len(tokens) else "") for at, letters in enumerate(tokens)]
    shown = [(letters, behind) for letters, behind in shown if letters in _PARTS]
    for (before, _), (letters, behind) in zip([("", ""), *shown], shown, strict=False):
        if _PARTS.get(before) == "hour" and letters in {"MM", "M"} and not behind.startswith("月"):
            return phrase("MM is months; minutes are mm")
        if letters == "mm" and _PARTS.get(before) != "hour":
            return phrase("mm is minutes; months are MM")
    return _colon_before_a_date(tokens)


def _colon_before_a_date(tokens: Sequence[str]) -> str | None:
    """A part of a date where minutes or seconds stand: `HH:DD`, `HH:mm:MM`."""
    for before, colon, letters in zip(tokens, tokens[1:], tokens[2:], strict=False):
        part = _PARTS.get(letters)
        if colon in {":", "："} and _PARTS.get(before) in _OF_A_DAY and part in _OF_DATES:
            return phrase("{letters} is the {part}; a time of day is HH:mm or HH:mm:ss", letters=letters, part=part)
    return None


def _left_out(parts: Sequence[str]) -> Iterator[str]:
    """Parts of a time that mean something else, or nothing, without another one."""
    order = {part: at for at, part in reversed([*enumerate(parts)])}
    if "second" in order and "minute" not in order:
        yield phrase("ss is seconds and needs mm, minutes, before it")
    if "year" in order and "day" in order and "month" not in order:
        yield phrase("there is a year and a day, and no month (MM) between them")
    if "year" in order and "hour" in order and "day" not in order:
        yield phrase("there is a year and a time of day, and no day (DD) between them")
    if order.get("year", 9) < order.get("day", -1) < order.get("month", -1):
        yield phrase("the day comes before the month; after a year write MM, then DD")
