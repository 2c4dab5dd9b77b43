"""Where a text may be cut: characters as people see them.

Source: Unicode Standard Annex 29, extended grapheme clusters. Python's own character data has no cluster classes, so
they are derived from general categories. Where that cannot tell, characters stay together: a cut then comes earlier
than it might, and never through the middle of what people see as one.
"""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_NON_JOINER = "\u200c"
_HANGUL_LEADING = (("\u1100", "\u115f"), ("\ua960", "\ua97c"))
_HANGUL_FOLLOWING = (("\u1160", "\u11ff"), ("\ud7b0", "\ud7fb"))
_HANGUL_SYLLABLES = ("\uac00", "\ud7a3")
_BASIC = "\u02ff"
"""Nothing up to here joins its neighbour, but for a line feed after a carriage return."""


def clusters(text: str) -> list[str]:
    r"""The text's characters as people see them; joined they are the text.

    >>> [len(cluster) for cluster in clusters("好e\u0301\U0001f468\u200d\U0001f469\U0001f1e8\U0001f1f3")]
    [1, 2, 3, 2]
    """
    if max(text, default="") <= _BASIC and "\r" not in text:
        return list(text)
    parts: list[str] = []
    for character in text:
        if parts and _belongs(parts[-1], character):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def _belongs(cluster: str, character: str) -> bool:
    """Whether `character` is seen as part of the cluster before it."""
    last = cluster[-1]
    if "\r" in {last, character} or "\n" in {last, character}:
        return last == "\r" and character == "\n"
    if unicodedata.category(last) in {"Cc", "Zl", "Zp"}:
        return False
    joins = last == _JOINER and not character.isascii()
    return joins or _extends(character) or _is_flag(cluster, character) or _is_hangul(last, character)


def _extends(character: str) -> bool:
    """Marks, joiners, variation selectors, skin tones and tags."""
    return (
        unicodedata.category(character) in {"Mn", "Me", "Mc"}
        or character in {_JOINER, _NON_JOINER, "\uff9e", "\uff9f"}
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_flag(cluster: str, character: str) -> bool:
    """Two regional indicators make a flag; a third begins the next."""
    return len(cluster) == 1 and all("\U0001f1e6" <= one <= "\U0001f1ff" for one in (cluster, character))


def _is_hangul(last: str, character: str) -> bool:
    """Korean letters that make one syllable."""
    begins = _within(last, _HANGUL_LEADING)
    if begins and (_within(character, _HANGUL_LEADING) or _within(character, (_HANGUL_SYLLABLES,))):
        return True
    return _within(character, _HANGUL_FOLLOWING) and (
        begins or _within(last, _HANGUL_FOLLOWING) or _within(last, (_HANGUL_SYLLABLES,))
    )


def _within(character: str, ranges: tuple[tuple[str, str], ...]) -> bool:
    return any(first <= character <= last for first, last in ranges)
