"""The rules of a file without those that have errors, so that the others can still be shown."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from pipeline.authoring.completion.outline import outline

_PAIRS = {"'": "'", '"': '"', "{": "}", "[": "]"}
_OF_A_RULE = 2
"""Length of the path of a rule, `("rules", 0)`."""


class Remaining(NamedTuple):
    """What remains of a file."""

    text: str
    """With empty lines in place of what is left out, so that every location stays the same."""
    left_out: tuple[str, ...]
    """The ids of the rules that are left out; the number of one without an id."""


def unclosed_lines(text: str) -> set[int]:
    """The lines, counted from 1, with a quote or bracket that is not closed: YAML's parser notices it further below."""
    found = outline(text)
    return {
        text.count("\n", 0, entry.key.start) + 1
        for entry in found.entries
        if (value := text[entry.value.start : entry.value.end])
        and value[0] in _PAIRS
        and entry.column >= 0
        and not (len(value) > 1 and value[-1] == _PAIRS[value[0]])
    }


def without_rules(text: str, lines: Collection[int]) -> Remaining | None:
    """The file without the rules that have one of `lines`; None if a line is outside of every rule, or no rule remains.

    Lines are counted from 1.
    """
    found = outline(text)
    items = [entry for entry in found.entries if entry.path[:1] == ("rules",) and len(entry.path) == _OF_A_RULE]
    starts = [text.count("\n", 0, entry.key.start) + 1 for entry in items]
    written = text.split("\n")
    left_out: list[str] = []
    named: set[int] = set()
    for entry, start, end in zip(items, starts, [*starts, len(written) + 1][1:], strict=True):
        inside = {line for line in lines if start <= line < end}
        if not inside:
            continue
        named |= inside
        left_out.append(found.written((*entry.path, "id")) or f"rule {int(entry.path[1]) + 1}")
        written[start - 1 : end - 1] = [""] * (end - start)
    if named != set(lines) or len(left_out) == len(items):
        return None
    return Remaining("\n".join(written), tuple(left_out))
