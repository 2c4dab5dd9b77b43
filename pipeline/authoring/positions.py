"""Positions in a text as findings, editors and this code count them.

Findings count lines and columns from 1, columns in characters. The Language Server Protocol counts both from 0, columns
in UTF-16 code units, as JavaScript does (LSP 3.17, "Position"). Completion counts characters from the text's beginning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LINE_END = re.compile(r"\r\n|\n|\r")
_MARKED = re.compile(r"[\w.-]+|[^\s\w]+", re.ASCII)


class Positions:
    """The lines of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        ends = [(match.start(), match.end()) for match in _LINE_END.finditer(text)]
        self._starts: Sequence[int] = [0, *(end for _, end in ends)]
        self._ends: Sequence[int] = [*(start for start, _ in ends), len(text)]

    def offset(self, line: int, units: int) -> int:
        """The index of the character at a position of the protocol; outside of the text, the nearest one."""
        if line >= len(self._starts):
            return len(self._text)
        start, end = self._starts[max(0, line)], self._ends[max(0, line)]
        left, at = units, start
        while at < end and left > 0:
            left -= _units(self._text[at])
            at += 1
        return at

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of the protocol for the index of a character."""
        line = next((n for n in range(len(self._starts) - 1, 0, -1) if self._starts[n] <= offset), 0)
        return line, sum(map(_units, self._text[self._starts[line] : offset]))

    def marked(self, line: int, column: int) -> tuple[int, int]:
        """The indexes of the first character that a finding at `line` and `column` marks, and behind the last one.

        It marks the word that begins there, or one character, never beyond the line.
        """
        number = min(max(1, line), len(self._starts)) - 1
        start, end = self._starts[number], self._ends[number]
        first = min(start + max(0, column - 1), end)
        match = _MARKED.match(self._text, first, end)
        last = match.end() if match is not None else min(first + 1, end)
        if first == last and first > start:  # behind the last character: that one
            first -= 1
        return first, last


def _units(character: str) -> int:
    return 2 if ord(character) > 0xFFFF else 1  # noqa: PLR2004 - the last character of UTF-16 with one unit
