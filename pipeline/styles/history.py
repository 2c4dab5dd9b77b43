"""Style `history`: `first`, `keyword1`…, `remark`, each with a colour; no text is refused for its length.

Source: WeChat's notice of 2023-05-04: `first`, `remark`, colours, emoji and line breaks are no longer shown, and each
field shows 20 characters.
"""

from __future__ import annotations

import re

from pipeline.phrases import phrase
from pipeline.styles.field_kind import FieldKind
from pipeline.styles.style import Shown, Style
from pipeline.styles.text import ELLIPSIS, clusters

DISPLAY_LIMIT = 20
"""Characters of a field that are shown; a run of digits or Latin letters counts as one."""
AROUND = frozenset({"first", "remark"})
"""Keys above and below the labelled fields."""
_KEY = re.compile(r"first|remark|keyword\d+")
_EMOJI = (("\u2600", "\u27bf"), ("\u2b00", "\u2bff"), ("\U0001f000", "\U0001faff"))
"""Unicode's blocks of pictographs, from Miscellaneous Symbols on."""


class History(Style):
    """Fields with free text."""

    name = "history"

    def owns(self, key: str) -> bool:
        """The three forms of keys that templates of this style have."""
        return _KEY.fullmatch(key) is not None

    def shown(self, key: str, kind: FieldKind, text: str, color: str | None) -> Shown:
        """What WeChat does not show, it drops without an error."""
        del kind
        if key in AROUND:
            return Shown("", None, displayed(text), 0, (phrase("`{key}` is not shown", key=key),))
        losses = []
        line = " ".join(text.split()) if text.splitlines() != [text] else text
        if line != text:
            losses.append(phrase("line breaks are not shown"))
        plain = "".join(cluster for cluster in clusters(line) if not _is_emoji(cluster))
        if plain != line:
            losses.append(phrase("emoji are not shown"))
        count, cut = displayed(plain), shown(plain)
        if cut != plain:
            losses.append(
                phrase("cut: {count} of at most {display_limit} characters", count=count, display_limit=DISPLAY_LIMIT)
            )
        return Shown(cut, None, count, DISPLAY_LIMIT, (*losses, *lost_color(color)))


HISTORY = History()


def displayed(text: str) -> int:
    """Characters as WeChat counts them for display: a run of digits or Latin letters is one."""
    return len(_units(text))


def shown(text: str, characters: int = DISPLAY_LIMIT) -> str:
    """What WeChat shows of a field: `characters` as `displayed` counts them, then an ellipsis."""
    units = _units(text)
    return text if len(units) <= characters else "".join(units[:characters]) + ELLIPSIS


def lost_color(color: str | None) -> tuple[str, ...]:
    """The loss of a colour where none is shown; black is what is shown instead."""
    return () if color is None or color.lower() in {"#000", "#000000"} else (phrase("colour is not shown"),)


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


def _is_emoji(cluster: str) -> bool:
    return "\ufe0f" in cluster or any(first <= cluster[0] <= last for first, last in _EMOJI)
