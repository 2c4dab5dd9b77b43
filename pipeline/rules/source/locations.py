"""The location of each character of a YAML text in its file, for the five ways that YAML has of writing a text.

A value differs from what is written: quotes and escapes go, lines are folded, indentation is dropped. The value is laid
beside its source again, character by character (YAML 1.2.2, chapters 7.3 and 8.1).
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_BLANK = " \t\r\n"


def index_in_source(source: str, value: str, index: int) -> int:
    """The index in `source` (a text as written, quotes or block header included) of character `index` of its value."""
    if source[:1] == '"':
        return _double_quoted(source, index)
    if source[:1] in {"|", ">"}:
        return _laid_beside(source, value, index, source.find("\n") + 1)
    return _laid_beside(source, value, index, 1 if source[:1] == "'" else 0)


def _double_quoted(source: str, index: int) -> int:
    at = 1
    for _ in range(index):
        at = _after(source, _unfolded(source, at))
    return min(_unfolded(source, at), len(source) - 1)


def _unfolded(source: str, at: int) -> int:
    """Skip an escaped line break and the indentation after it: they are not characters of the value."""
    while source.startswith("\\\n", at):
        at += 2
        while at < len(source) and source[at] in " \t":
            at += 1
    return at


def _after(source: str, at: int) -> int:
    """Behind the one character of the value that begins at `at`: an escape, a folded line, or itself."""
    if source[at : at + 1] == "\\":
        match = _ESCAPE.match(source, at)
        return match.end() if match is not None else at + 1
    blanks = _blanks(source, at)
    breaks = blanks.count("\n")
    if not breaks:
        return at + 1
    # One line break is a space of the value, n + 1 of them are n line breaks.
    return at + len(blanks) if breaks <= 2 else source.index("\n", at) + 1  # noqa: PLR2004 - as the line above says


def _blanks(source: str, at: int) -> str:
    end = at
    while end < len(source) and source[end] in _BLANK:
        end += 1
    return source[at:end]


def _laid_beside(source: str, value: str, index: int, at: int) -> int:
    """Every printed character of the value is in the source in order; between them only blanks differ."""
    for character in value[:index]:
        at = _position(source, character, at)
        at += 2 if character == "'" and source.startswith("''", at) and source[0] == "'" else 1
    if index < len(value):
        at = _position(source, value[index], at)
    return min(at, len(source))


def _position(source: str, character: str, at: int) -> int:
    """Where the character is found from `at` on, past indentation and folds."""
    if character in _BLANK and at < len(source) and source[at] in _BLANK:
        return at
    while at < len(source) and source[at] != character and source[at] in _BLANK:
        at += 1
    return at
