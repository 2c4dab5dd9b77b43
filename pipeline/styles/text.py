"""Characters as people see them: what a text shows, where it may be cut, and which characters no message may have."""

from __future__ import annotations

import re
import unicodedata

import regex

ELLIPSIS = "…"
_CLUSTER = regex.compile(r"\X")
"""An extended grapheme cluster (Unicode Standard Annex 29): one character as people see it."""
_SEPARATE = "\u02ff"
"""Up to here each code point is a cluster of its own, except a line feed after a carriage return."""


def clusters(text: str) -> list[str]:
    r"""The text's characters as people see them; joined they are the text.

    >>> [len(cluster) for cluster in clusters("好e\u0301\U0001f468\u200d\U0001f469\U0001f1e8\U0001f1f3")]
    [1, 2, 3, 2]
    """
    if max(text, default="") <= _SEPARATE and "\r" not in text:
        return list(text)
    found: list[str] = _CLUSTER.findall(text)
    return found


def shorten(text: str, characters: int) -> str:
    """At most `characters` code points, the last an ellipsis if anything is left out; a cluster is never cut."""
    if len(text) <= characters:
        return text
    kept, space = "", characters - len(ELLIPSIS)
    for cluster in clusters(text[: characters * 2 + 64]):
        if len(kept) + len(cluster) > space:
            break
        kept += cluster
    return kept.rstrip() + ELLIPSIS


def is_visible(text: str) -> bool:
    """Whether the text shows anything. White space, control and invisible characters show nothing.

    Neither do combining marks alone, which have no letter to combine with.
    """
    if text[:1].isascii() and text[:1].isalnum():
        return True  # most texts
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
SEEN = (
    "!-~¡-¬®-ʯЀ-҂\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2100-\u27ff\u3001-\u3029ぁ-ゖァ-ヿ㐀-鿿가-힣\uff01-\uff9f￠-￦"
    "\U0001f300-\U0001faff"
)
"""Characters that certainly show something, as the inside of a class; most texts begin with one."""
_DIRECTIONS = "\u202a-\u202e\u2066-\u2069"
"""They reverse the order of what follows: a sender could make an amount read backwards."""
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029"
"""Unicode's categories Cc (except tab and line breaks), Cs, Zl and Zp: a closed list, by Unicode's stability policy."""
FORBIDDEN = _CONTROLS + _DIRECTIONS
"""Characters that no field takes, as the inside of a class."""
BREAKS = "\t\n\r"
