"""Findings of the judge as text."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 3


def some(what: str, found: Iterable[object]) -> Iterable[str]:
    """Return one line with how many there are and the first of them; nothing if there are none."""
    listed = sorted(map(str, found))
    if listed:
        more = " …" if len(listed) > SHOWN else ""
        yield f"{len(listed)} {what}: {', '.join(listed[:SHOWN])}{more}"
