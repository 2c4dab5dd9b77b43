"""Makes texts that others wrote safe to print: terminals execute control characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

MAX_TEXT = 200
MAX_ITEMS = 10
MAX_DEPTH = 4
"""Longest text of one value that is shown."""

STAND_IN = "·"
_TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of text, and so the order of a line (Unicode Standard Annex 9)."""
_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_SUSPECT = re.compile("[^\x20-\x7e\u00a0-\u061b\u061d-\u200d\u2010-\u2027\u202f-\u2065\u2070-\ud7ff\ue000-\U0010ffff]")
_UNFIT_FOR_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def character(one: str) -> str:
    """The character, or a dot for a control character."""
    return STAND_IN if one in _TURNING or unicodedata.category(one) in _HIDDEN else one


def terminal_escape(text: str, keep: str = "") -> str:
    """The text with a dot for each control character, except those in `keep`."""
    return _SUSPECT.sub(lambda found: found[0] if found[0] in keep else character(found[0]), text)


def escaped(json: str) -> str:
    """JSON with escape sequences for control characters: the same value, safe to print."""
    return _UNFIT_FOR_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", json)


def shown(value: object, depth: int = 0) -> str:
    """A value as an expression would write it, on one line, shortened if it is long."""
    if isinstance(value, Mapping):
        below = [f"{_text(str(key))}: {shown(one, depth + 1)}" for key, one in _first(value.items(), depth)]
        return f"{{{_listed(below, len(value))}}}"
    if isinstance(value, list):
        return f"[{_listed([shown(one, depth + 1) for one in _first(value, depth)], len(value))}]"
    return _scalar(value)


def _scalar(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case bytes():
            return f"bytes({len(value)})"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case timedelta():
            return f"{value.total_seconds():g}s"
        case _:
            return terminal_escape(str(value))[:MAX_TEXT]


def _text(value: str) -> str:
    quoted = value[:MAX_TEXT].replace("\\", "\\\\").replace('"', '\\"')
    whole = _SUSPECT.sub(lambda found: _ESCAPES.get(found[0], f"\\u{ord(found[0]):04x}"), quoted)
    return f'"{whole}"' if len(value) <= MAX_TEXT else f'"{whole}…" ({len(value)} characters)'


_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_Item = TypeVar("_Item")


def _first(items: Iterable[_Item], depth: int) -> Iterable[_Item]:
    return islice(items, MAX_ITEMS if depth < MAX_DEPTH else 0)


def _listed(items: list[str], count: int) -> str:
    if len(items) < count:
        items.append(f"… {count - len(items)} more" if items else "…")
    return ", ".join(items)
