"""What is being written at a position of a text: a key of a mapping, or a value."""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.authoring.completion.outline import Entry, Outline, Path, Span

_WORD = re.compile(r"""["']?[\w.-]*\Z""")


class Place(NamedTuple):
    """What the cursor is in."""

    path: Path
    """Of the mapping that a key is written in, or of the value."""
    word: Span
    """The key as written, or the value; it may be empty."""
    column: int
    """The column of the keys there, or -1 within brackets."""
    entry: Entry | None = None
    """The key that is there already, or the value's."""
    is_key: bool = False


def place(outline: Outline, offset: int) -> Place:
    """What the character at `offset` belongs to; `offset` may be the text's length."""
    inside: Entry | None = None
    for entry in outline.entries:
        if entry.key.start > offset:
            break
        if entry.key.start <= offset <= entry.key.end and outline.text[entry.key.start : entry.key.end] not in {
            "-",
            "",
        }:
            return Place(entry.path[:-1], entry.key, entry.column, entry, is_key=True)
        if _holds(outline, entry, offset):
            inside = entry
    if inside is None:
        return _between(outline, offset)
    value = outline.text[inside.value.start : inside.value.end]
    if value[:1] in {"{", "["} and inside.value.start < offset:
        if offset == inside.value.end and value[-1:] in {"}", "]"}:
            return Place(inside.path, inside.value, inside.column, inside, is_key=False)
        word = Span(offset, offset)
        if value[0] == "{":
            return Place(inside.path, word, -1, is_key=True)
        number = sum(1 for one in outline.below(inside.path) if one.value.end <= offset)
        return Place((*inside.path, number), word, -1, is_key=False)
    return Place(inside.path, inside.value, inside.column, inside, is_key=False)


def _holds(outline: Outline, entry: Entry, offset: int) -> bool:
    """Whether the offset is in the entry's value, or where its value is to be written."""
    if entry.value.start < entry.value.end:
        is_plain = outline.text[entry.value.start] not in "\"'{["
        behind = outline.text[entry.value.end : offset].strip(" ") if is_plain else "none"
        return entry.value.start <= offset and (offset <= entry.value.end or not behind)
    begin = entry.key.end if outline.text[entry.key.end - 1 : entry.key.end] == "-" else entry.key.end + 1
    if entry.column < 0:
        return begin <= offset <= max(begin, entry.value.start) and outline.text[entry.key.end : begin] == ":"
    end = outline.text.find("\n", begin)
    return begin <= offset <= (len(outline.text) if end < 0 else end) and "#" not in outline.text[begin:offset]


def _between(outline: Outline, offset: int) -> Place:
    """On a line of its own: its indentation says what it belongs to."""
    text = outline.text
    begin = text.rfind("\n", 0, offset) + 1
    match = _WORD.search(text, begin, offset)
    start = match.start() if match is not None else offset
    column = start - begin
    if text[begin:start].strip(" "):  # behind something else, such as a comment
        return Place((), Span(offset, offset), column, is_key=False)
    word = Span(start, offset)
    for entry in reversed(outline.entries):
        if entry.key.start >= begin or entry.column < 0:
            continue
        if entry.column == column and isinstance(entry.path[-1], str):
            return Place(entry.path[:-1], word, column, is_key=True)
        if entry.column < column:
            path = entry.path if entry.is_open else entry.path[:-1]
            return Place(path, word, column, is_key=True)
    return Place((), word, column, is_key=True)
