"""What the channel takes in each kind of field: limits, and what may be cut.

Source: WeChat's published table of template parameter types; error 47003 names the field that breaks it. Characters
are counted as people see them (grapheme clusters would need a table; a base character with its combining marks,
variation selectors and joiners counts as one), so that a cut never leaves half an emoji.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

ELLIPSIS = "…"
DISPLAY_LIMIT = 20
"""Characters of a history field that WeChat shows since 2023-05-04; a run of digits or Latin letters counts as one."""


class FieldKind(StrEnum):
    """A field's type, from the prefix of its key."""

    THING = "thing"
    NUMBER = "number"
    LETTER = "letter"
    SYMBOL = "symbol"
    CHARACTER_STRING = "character_string"
    TIME = "time"
    DATE = "date"
    AMOUNT = "amount"
    PHONE_NUMBER = "phone_number"
    CAR_NUMBER = "car_number"
    NAME = "name"
    PHRASE = "phrase"
    ENUM = "enum"
    CONST = "const"
    PLAIN = "plain"
    """History and Alipay fields: any text."""


class _Limit(NamedTuple):
    most: int
    unit: str
    shape: re.Pattern[str] | None = None
    meaning: str = ""
    may_be_cut: bool = False


_DATE = r"\d{4}(年\d{1,2}月\d{1,2}日|-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2}|\.\d{1,2}\.\d{1,2})"
_CLOCK = r"\d{1,2}:\d{2}(:\d{2})?"
_MOMENT = rf"({_DATE}( ?{_CLOCK})?|{_CLOCK})"
_LIMITS: Mapping[FieldKind, _Limit] = {
    FieldKind.THING: _Limit(20, "characters", may_be_cut=True),
    FieldKind.NUMBER: _Limit(32, "digits", re.compile(r"-?\d+(\.\d+)?"), "digits, with decimals if need be"),
    FieldKind.LETTER: _Limit(32, "letters", re.compile(r"[A-Za-z]+"), "Latin letters only"),
    FieldKind.SYMBOL: _Limit(5, "symbols", re.compile(r"[^\w\s]+"), "symbols only"),
    FieldKind.CHARACTER_STRING: _Limit(
        32, "characters", re.compile(r"[\x20-\x7e]+"), "digits, letters or symbols; no Chinese"
    ),
    FieldKind.TIME: _Limit(
        64,
        "characters",
        re.compile(rf"{_MOMENT}( ?~ ?{_MOMENT})?"),
        "like 15:01 or 2019年10月1日 15:01, a range with ~",
    ),
    FieldKind.DATE: _Limit(
        64,
        "characters",
        re.compile(rf"{_DATE}( ?{_CLOCK})?( ?~ ?{_DATE}( ?{_CLOCK})?)?"),
        "like 2019年10月1日 or 2019-10-01",
    ),
    FieldKind.AMOUNT: _Limit(
        16,
        "characters",
        re.compile(r"[¥￥$€£]?\d{1,10}(\.\d+)?元?"),
        "one currency symbol and up to 10 digits, decimals, 元; no thousands separators",
    ),
    FieldKind.PHONE_NUMBER: _Limit(17, "characters", re.compile(r"[0-9+\-() ]+"), "digits and symbols"),
    FieldKind.CAR_NUMBER: _Limit(
        8,
        "characters",
        re.compile(r"[\u4e00-\u9fff]?[A-Za-z0-9]*[\u4e00-\u9fff]?"),
        "a plate: first and last may be Chinese",
    ),
    FieldKind.NAME: _Limit(20, "letters, 10 with any Chinese"),
    FieldKind.PHRASE: _Limit(5, "Chinese characters", re.compile(r"[\u4e00-\u9fff]+"), "Chinese characters only"),
    FieldKind.ENUM: _Limit(20, "characters"),
    FieldKind.CONST: _Limit(20, "characters"),
    FieldKind.PLAIN: _Limit(2_000, "characters", may_be_cut=True),
}
_PREFIX = re.compile(r"([a-z_]+?)_?\d*")
_PREFIXES = frozenset(FieldKind) - {FieldKind.PLAIN}
_LATIN_RUN = re.compile(r"[0-9A-Za-z]+")


def kind_of(key: str) -> FieldKind | None:
    """The kind that a key's prefix names (`thing4`: thing); None where it names none."""
    match = _PREFIX.fullmatch(key)
    if match is None or match[1] not in _PREFIXES:
        return None
    return FieldKind(match[1])


def violation(kind: FieldKind, text: str, values: tuple[str, ...] = ()) -> str | None:
    """What the channel would refuse `text` for, without saying the text; None where it would take it."""
    if not text.strip():
        return "is empty"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text) and kind is not FieldKind.PLAIN:
        return "holds a line break or control character"
    limit = _LIMITS[kind]
    most = 10 if kind is FieldKind.NAME and not text.isascii() else limit.most
    count = sum(character.isdigit() for character in text) if kind is FieldKind.NUMBER else len(clusters(text))
    if count > most:
        return f"has {count} of at most {most} {limit.unit}"
    if limit.shape is not None and limit.shape.fullmatch(text) is None:
        return f"is not what `{kind}` takes: {limit.meaning}"
    if values and text not in values:
        return f"is none of the registered values ({', '.join(values)})"
    return None


def may_be_cut(kind: FieldKind) -> bool:
    """Whether a shorter text is still right: a cut order or phone number is a wrong one."""
    return _LIMITS[kind].may_be_cut


def most(kind: FieldKind) -> int:
    """The greatest number of characters that the kind takes."""
    return _LIMITS[kind].most


def cut(kind: FieldKind, text: str) -> str:
    """`text` shortened to the kind's limit, with an ellipsis; line breaks become spaces."""
    if kind is not FieldKind.PLAIN:
        text = " ".join(text.split())
    return shorten(text, _LIMITS[kind].most)


def shorten(text: str, characters: int) -> str:
    """At most `characters` characters as people see them, the last an ellipsis where any were left out."""
    parts = clusters(text)
    if len(parts) <= characters:
        return text
    return "".join(parts[: max(0, characters - 1)]).rstrip() + ELLIPSIS


def displayed(text: str) -> int:
    """Characters as WeChat counts them for display: a run of digits or Latin letters is one."""
    return len(clusters(_LATIN_RUN.sub("a", text)))


def clusters(text: str) -> list[str]:
    """The text's characters as people see them."""
    if text.isascii():
        return list(text)
    parts: list[str] = []
    joined = False
    for character in text:
        flags = "\U0001f1e6" <= character <= "\U0001f1ff"
        pairs = flags and bool(parts) and len(parts[-1]) == 1 and "\U0001f1e6" <= parts[-1] <= "\U0001f1ff"
        if parts and (joined or pairs or _extends(character)):
            parts[-1] += character
        else:
            parts.append(character)
        joined = character == "\u200d"
    return parts


def _extends(character: str) -> bool:
    """Whether it belongs to the character before it: marks, variation selectors, joiners, skin tones, tags."""
    return (
        unicodedata.category(character) in {"Mn", "Me", "Mc"}
        or character == "\u200d"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )
