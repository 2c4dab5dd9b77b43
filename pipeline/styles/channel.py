"""What the channel takes in each kind of field: limits, and what may be cut.

Source: WeChat's published table of template parameter types; error 47003 names the field that breaks it. The table does
not say what it counts. Limits are counted in code points, which is never less than what people see, so a text that
passes here passes there; a cut falls between characters as people see them, so it never leaves half an emoji.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from pipeline.styles.graphemes import clusters

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


_DAY = r"(0?[1-9]|[12][0-9]|3[01])"
_MONTH = r"(0?[1-9]|1[0-2])"
_DATE = rf"[0-9]{{4}}(年{_MONTH}月{_DAY}日|-{_MONTH}-{_DAY}|/{_MONTH}/{_DAY}|\.{_MONTH}\.{_DAY})"
_CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"
_MOMENT = rf"({_DATE}( ?{_CLOCK})?|{_CLOCK})"
_LIMITS: Mapping[FieldKind, _Limit] = {
    FieldKind.THING: _Limit(20, "characters", may_be_cut=True),
    FieldKind.NUMBER: _Limit(32, "digits", re.compile(r"[0-9]+(\.[0-9]+)?"), "digits, with decimals if need be"),
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
        "like 2019年10月1日 or 2019-10-01, a range with ~",
    ),
    FieldKind.AMOUNT: _Limit(
        32,
        "characters",
        re.compile(r"[¥￥$＄€£￡₩￦฿₽₹₫₱₺₴]?[0-9]{1,10}(\.[0-9]+)?元?"),
        "one currency symbol, up to 10 digits, decimals, 元; no thousands separators",
    ),
    FieldKind.PHONE_NUMBER: _Limit(17, "characters", re.compile(r"[0-9+*\-() ]+"), "digits and symbols"),
    FieldKind.CAR_NUMBER: _Limit(
        8,
        "characters",
        re.compile(r"[\u4e00-\u9fff]?[A-Za-z0-9]+[\u4e00-\u9fff]?"),
        "a plate: letters and digits, first and last may be Chinese",
    ),
    FieldKind.NAME: _Limit(20, "letters"),
    FieldKind.PHRASE: _Limit(
        5, "Chinese characters", re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+"), "Chinese characters only"
    ),
    FieldKind.ENUM: _Limit(20, "characters"),
    FieldKind.CONST: _Limit(20, "characters"),
    FieldKind.PLAIN: _Limit(2_000, "characters", may_be_cut=True),
}
_CHINESE_NAME = _Limit(10, "characters of a name that is not all Latin")
_PREFIX = re.compile(r"([a-z_]+?)_?\d*")
_PREFIXES = frozenset(FieldKind) - {FieldKind.PLAIN}


def kind_of(key: str) -> FieldKind | None:
    """The kind that a key's prefix names (`thing4`: thing); None where it names none."""
    match = _PREFIX.fullmatch(key)
    if match is None or match[1] not in _PREFIXES:
        return None
    return FieldKind(match[1])


def violation(kind: FieldKind, text: str, values: tuple[str, ...] = ()) -> str | None:
    """What the channel would refuse `text` for, in words that do not hold the text; None where it would take it.

    `values` are the registered ones of kinds `enum` and `const`; empty: not known.
    """
    if not is_visible(text):
        return "is empty"
    if not text.isprintable() and _refused(kind).search(text) is not None:
        return "holds a line break or control character"
    limit = _CHINESE_NAME if kind is FieldKind.NAME and not text.isascii() else _LIMITS[kind]
    count = sum(character.isdigit() for character in text) if kind is FieldKind.NUMBER else len(text)
    if count > limit.most:
        return f"has {count} of at most {limit.most} {limit.unit}"
    if limit.shape is not None and limit.shape.fullmatch(text) is None:
        return f"is not what `{kind}` takes: {limit.meaning}"
    if values and text not in values:
        return f"is none of the registered values ({', '.join(values)})"
    return None


@lru_cache(maxsize=256)
def quick_look(kind: FieldKind, values: tuple[str, ...] = ()) -> Callable[[str], object]:
    """A look at a text in half the time: where it is true, `violation` has nothing against it; else ask that."""
    if values:
        return frozenset(value for value in values if violation(kind, value, values) is None).__contains__
    limit = _CHINESE_NAME if kind is FieldKind.NAME else _LIMITS[kind]
    refused = _refused(kind).pattern.strip("[]")
    taken = f"[{_SEEN}][^{refused}]{{0,{limit.most - 1}}}"
    return re.compile(taken if limit.shape is None else rf"(?={taken}\Z){limit.shape.pattern}").fullmatch


def may_be_cut(kind: FieldKind) -> bool:
    """Whether a shorter text is still right: a cut order or phone number is a wrong one."""
    return _LIMITS[kind].may_be_cut


def most(kind: FieldKind) -> int:
    """The greatest number of characters (of a number: digits) that the kind takes."""
    return _LIMITS[kind].most


def meaning(kind: FieldKind) -> str:
    """What the kind takes, in a few words."""
    limit = _LIMITS[kind]
    bound = f"at most {limit.most} {limit.unit}"
    return f"{bound}: {limit.meaning}" if limit.meaning else bound


def cut(kind: FieldKind, text: str) -> str:
    """`text` brought within the kind's limit: control characters go, and an ellipsis stands for what did not fit.

    A text with anything to see becomes one that `violation` has nothing against.

    Raises:
        ValueError: the kind is one whose value a cut would make wrong (see `may_be_cut`).
    """
    if not may_be_cut(kind):
        raise ValueError(f"a cut `{kind}` would be a wrong one")
    text = _refused(kind).sub(" ", text)
    if kind is not FieldKind.PLAIN:
        text = " ".join(text.split())
    return shorten(text.strip(), most(kind))


def shorten(text: str, characters: int) -> str:
    """At most `characters` code points, the last an ellipsis where any were left out; never half a character."""
    if len(text) <= characters:
        return text
    kept, room = "", characters - len(ELLIPSIS)
    for cluster in clusters(text[: characters * 2 + 64]):
        if len(kept) + len(cluster) > room:
            break
        kept += cluster
    return kept.rstrip() + ELLIPSIS


def displayed(text: str) -> int:
    """Characters as WeChat counts them for display: a run of digits or Latin letters is one."""
    return len(_units(text))


def shown(text: str, characters: int = DISPLAY_LIMIT) -> str:
    """What WeChat shows of a history field: `characters` as `displayed` counts them, then an ellipsis."""
    units = _units(text)
    return text if len(units) <= characters else "".join(units[:characters]) + ELLIPSIS


def _units(text: str) -> list[str]:
    units: list[str] = []
    in_run = False
    for cluster in clusters(text):
        latin = cluster.isascii() and cluster.isalnum()
        if latin and in_run:
            units[-1] += cluster
        else:
            units.append(cluster)
        in_run = latin
    return units


def is_visible(text: str) -> bool:
    """Whether the text shows anything. White space, control and invisible characters show nothing.

    Neither do combining marks alone, which have no letter to stand on.
    """
    return any(unicodedata.category(one) not in _UNSEEN and not _INVISIBLE.match(one) for one in text)


def has_invisible(text: str) -> bool:
    """Whether the text has a character that shows nothing: zero-width, a filler, a variation selector, a soft hyphen.

    Two texts that differ in such a character look the same.
    """
    return not text.isascii() and _INVISIBLE.search(text) is not None


_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), the empty Braille pattern, the null notehead."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
_SEEN = (
    "!-~¡-¬®-ʯЀ-҂\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2100-\u27ff\u3001-\u3029ぁ-ゖァ-ヿ㐀-鿿가-힣\uff01-\uff9f￠-￦"
    "\U0001f300-\U0001faff"
)
"""Characters that are surely seen, as a class of regular expressions: what most texts begin with."""
_DIRECTIONS = "\u202a-\u202e\u2066-\u2069"
"""They turn the order of what follows: a sender could make an amount read backwards."""
_BREAKS = "\t\n\r"
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029"
"""Unicode's categories Cc (but for breaks), Cs, Zl and Zp: a closed list, by Unicode's stability policy."""
_REFUSED_IN_PLAIN = re.compile(f"[{_CONTROLS}{_DIRECTIONS}]")
_REFUSED = re.compile(f"[{_CONTROLS}{_DIRECTIONS}{_BREAKS}]")


def _refused(kind: FieldKind) -> re.Pattern[str]:
    """Characters that no field of the kind takes."""
    return _REFUSED_IN_PLAIN if kind is FieldKind.PLAIN else _REFUSED


def as_markdown() -> str:
    """The reference of field kinds."""
    lines = [
        "# Fields of a card",
        "",
        "Generated from `pipeline/styles/channel.py`; do not edit. A key's prefix tells its kind: `thing4` is a "
        "`thing`. A template whose keys do not tell says `type:`.",
        "",
        "| kind | takes | may be cut (`overflow: truncate`) |",
        "|---|---|---|",
    ]
    lines += [f"| `{kind}` | {meaning(kind)} | {'yes' if may_be_cut(kind) else 'no'} |" for kind in FieldKind]
    lines += [
        "",
        f"A `name` that is not all Latin has at most {_CHINESE_NAME.most} characters. `enum` and `const` take "
        "registered values only, where the template lists them (`values:`). `plain` is every field of history and "
        "Alipay templates.",
        "",
        "No kind takes an empty value, and none but `plain` a line break. Characters are counted as code points: an "
        "emoji may count as several. Error 47003 of the channel names the field that broke a limit.",
        "",
    ]
    return "\n".join(lines)
