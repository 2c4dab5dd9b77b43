"""The keys and values of a YAML text that may be half-written, with where each is.

The parser of rules stops at the first fault. An editor asks while one is being typed, so this reader goes by lines and
indentation, and continues at the next line that looks like a key. Every text has an outline; for valid YAML without
tags and aliases it has the parser's paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Path = tuple[str | int, ...]
MOST_DEPTH = 64
"""Levels of nested brackets that are read."""
_KEY = re.compile(
    r"""(?P<key>"(?:\\.|[^"\\\n])*"|'(?:''|[^'\n])*'
    |[^\s#:{}\[\],&*!|>'"%@`-][^\n#]*?|-[^\s#:][^\n#]*?)[ \t]*:(?=[ \t\r\n]|\Z)""",
    re.VERBOSE,
)
_DASH = re.compile(r"-(?:[ \t]+|(?=[\r\n])|\Z)")
_BLANK = re.compile(r"[ \t\r]*")
_COMMENT = re.compile(r"[ \t]#")


class Span(NamedTuple):
    """Indexes of the first character, and behind the last one."""

    start: int
    end: int


class Entry(NamedTuple):
    """A key with its value, or an item of a list."""

    path: Path
    key: Span
    """The key as written; for an item, its dash or, within brackets, nothing."""
    value: Span
    """The value as written, quotes included; empty where there is none yet."""
    column: int
    """Column of the key or the item, counted from 0; -1 within brackets."""
    is_open: bool = True
    """Whether the value is on the lines below, or is not written yet."""


class Outline(NamedTuple):
    """What a text has, in its order."""

    text: str
    entries: Sequence[Entry]

    def find(self, path: Path) -> Entry | None:
        """The first entry with that path."""
        return next((entry for entry in self.entries if entry.path == path), None)

    def written(self, path: Path) -> str | None:
        """The value at `path` without its quotes; None where there is none, or where it has parts of its own."""
        entry = self.find(path)
        if entry is None or entry.value.start == entry.value.end:
            return None
        value = self.text[entry.value.start : entry.value.end]
        if value[0] in "{[":
            return None
        return value[1:-1] if value[0] in "\"'" and value[-1] == value[0] and len(value) > 1 else value

    def quote(self, value: Span) -> str:
        """The quote that YAML has around a value, closed or not; empty for a text without."""
        first = self.text[value.start : value.start + 1]
        if first not in {'"', "'"} or _quoted_end(self.text, value.start, value.end) < value.end:
            return ""
        return first

    def keys(self, path: Path) -> list[str]:
        """The keys of the mapping at `path`, in its order."""
        below = (one.path for one in self.entries if one.path[:-1] == path)
        return list(dict.fromkeys(one[-1] for one in below if isinstance(one[-1], str)))

    def below(self, path: Path) -> Iterator[Entry]:
        """The entries one level below `path`."""
        return (entry for entry in self.entries if entry.path[:-1] == path and len(entry.path) == len(path) + 1)


def outline(text: str) -> Outline:
    """Read a text. No text is refused."""
    reader = _Reader(text)
    reader.read()
    return Outline(text, reader.entries)


@dataclass(slots=True)
class _Frame:
    """A mapping or a list that further lines may belong to."""

    column: int
    path: Path
    items: int | None = None
    """Number of items so far; None for a mapping."""
    last: str = ""
    """The key of a mapping that was read last."""


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._frames = [_Frame(-1, ())]
        self.entries: list[Entry] = []

    def read(self) -> None:
        at = 0
        while at < len(self._text):
            at = self._line(at)

    def _line(self, begin: int) -> int:
        """Read the line at `begin`, and the lines that its value goes on; return where the next one begins."""
        text = self._text
        at = _skip_blank(text, begin)
        end = _line_end(text, at)
        if at == end or text[at] == "#" or text.startswith(("---", "..."), begin):
            return end + 1
        while (dash := _DASH.match(text, at, end)) is not None:
            column = at - begin
            path = self._item(column)
            rest = dash.end()
            if rest >= end or text[rest] == "#":
                self._add(Entry(path, Span(at, at + 1), Span(min(rest, end), min(rest, end)), column))
                return end + 1
            if _DASH.match(text, rest, end) is None and _KEY.match(text, rest, end) is None:
                return self._value(path, Span(at, at + 1), rest, column)
            self._add(Entry(path, Span(at, at + 1), Span(rest, rest), column))
            at = rest
        key = _KEY.match(text, at, end)
        if key is None:
            return end + 1
        name = _plain(key["key"])
        path = (*self._mapping(at - begin, name), name)
        return self._value(path, Span(*key.span("key")), key.end(), at - begin)

    def _item(self, column: int) -> Path:
        """The path of a list's item whose dash is in that column."""
        while len(self._frames) > 1 and self._frames[-1].column > column:
            self._frames.pop()
        frame = self._frames[-1]
        if frame.column == column and frame.items is None and frame.last:
            # A list may begin in its key's own column.
            frame = _Frame(column, (*frame.path, frame.last), 0)
            self._frames.append(frame)
        elif frame.column != column or frame.items is None:
            frame = _Frame(column, self._inner(), 0)
            self._frames.append(frame)
        assert frame.items is not None  # noqa: S101 - each of the three is a list
        frame.items += 1
        return (*frame.path, frame.items - 1)

    def _mapping(self, column: int, name: str) -> Path:
        """The path of the mapping that has a key in that column."""
        while len(self._frames) > 1 and (
            self._frames[-1].column > column
            or (self._frames[-1].column == column and self._frames[-1].items is not None)
        ):
            self._frames.pop()
        if self._frames[-1].column != column:
            self._frames.append(_Frame(column, self._inner()))
        self._frames[-1].last = name
        return self._frames[-1].path

    def _inner(self) -> Path:
        """The path of what is below the line that was read last."""
        frame = self._frames[-1]
        if frame.items is not None:
            return (*frame.path, max(0, frame.items - 1))
        return (*frame.path, frame.last) if frame.last else frame.path

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)

    def _value(self, path: Path, key: Span, at: int, column: int) -> int:
        """Record an entry with the value at or behind `at`; return where the next line begins."""
        text = self._text
        at = _skip_blank(text, at)
        end = _line_end(text, at)
        first = text[at : at + 1] if at < end else ""
        if first in {"", "#"}:
            self._add(Entry(path, key, Span(at, at), column))
            return end + 1
        if first in "|>":
            span = self._block(end, column)
        elif first in "\"'":
            span = Span(at, _quoted_end(text, at, _limit(text, at, column)))
            behind = text[span.end : _line_end(text, span.end)].strip()
            if behind and behind[0] != "#":  # `"a" != event.b`: a fault, and not a text within quotes
                span = self._plain(at, end, column)
        elif first in "{[":
            return self._brackets(path, key, at, column)
        else:
            span = self._plain(at, end, column)
        self._add(Entry(path, key, span, column, is_open=False))
        return (end if span.start == span.end else _line_end(text, span.end)) + 1

    def _block(self, end: int, column: int) -> Span:
        """A text behind `|` or `>`: the lines below that are indented more."""
        start = last = min(end + 1, len(self._text))
        at = start
        while at < len(self._text):
            first, stop = _skip_blank(self._text, at), _line_end(self._text, at)
            if first < stop and first - at <= column:
                break
            last = stop if first < stop else last
            at = stop + 1
        return Span(start, last)

    def _plain(self, at: int, end: int, column: int) -> Span:
        """A text without quotes: to a comment, and the lines below that are indented more and are no keys."""
        text = self._text
        comment = _COMMENT.search(text, at, end)
        stop = comment.start() if comment is not None else end
        line = end + 1
        while comment is None and line < len(text):
            first, after = _skip_blank(text, line), _line_end(text, line)
            if first == after or first - line <= column or text[first] == "#":
                break
            if _KEY.match(text, first, after) is not None or _DASH.match(text, first, after) is not None:
                break
            stop, line = after, after + 1
        return Span(at, at + len(text[at:stop].rstrip()))

    def _brackets(self, path: Path, key: Span, at: int, column: int) -> int:
        limit = _limit(self._text, at, column)
        place = len(self.entries)
        end = _Brackets(self._text, limit, self.entries).read(path, at, 0)
        self.entries.insert(place, Entry(path, key, Span(at, end), column, is_open=False))
        return _line_end(self._text, end) + 1


class _Brackets:
    """Reads what is within `{ }` and `[ ]`."""

    def __init__(self, text: str, limit: int, entries: list[Entry]) -> None:
        """Nothing is read from `limit` on."""
        self._text = text
        self._limit = limit
        self._entries = entries

    def read(self, path: Path, at: int, depth: int) -> int:
        """Record what the brackets at `at` hold; return the index behind them."""
        text, limit = self._text, self._limit
        is_list = text[at] == "["
        closing, number = "]" if is_list else "}", 0
        at += 1
        while at < limit:
            at = _skip_space(text, at, limit)
            if at >= limit:
                break
            if text[at] == closing:
                return at + 1
            if text[at] == ",":
                number += 1
                at += 1
            elif text[at] in "]}":  # of the other kind: a fault, which ends these as well
                return at
            elif is_list:
                at = self._value((*path, number), Span(at, at), at, depth)
            else:
                at = self._pair(path, at, depth)
        return limit

    def _pair(self, path: Path, at: int, depth: int) -> int:
        text, limit = self._text, self._limit
        end = _quoted_end(text, at, limit) if text[at] in "\"'" else _flow_key_end(text, at, limit)
        key = Span(at, at + len(text[at:end].rstrip()))
        if key.start == key.end:
            return at + 1
        inner = (*path, _plain(text[key.start : key.end]))
        at = _skip_space(text, end, limit)
        if at < limit and text[at] == ":":
            begins = at + 1
            at = _skip_space(text, begins, limit)
            if at < limit and text[at] not in ",}]":
                return self._value(inner, key, at, depth)
            self._entries.append(Entry(inner, key, Span(at, at), -1))
            return at
        self._entries.append(Entry(inner, key, Span(key.end, key.end), -1))
        return at

    def _value(self, path: Path, key: Span, at: int, depth: int) -> int:
        text, limit = self._text, self._limit
        if text[at] in "{[" and depth < MOST_DEPTH:
            place = len(self._entries)
            end = self.read(path, at, depth + 1)
            self._entries.insert(place, Entry(path, key, Span(at, end), -1, is_open=False))
            return max(end, at + 1)
        end = _quoted_end(text, at, limit) if text[at] in "\"'" else _flow_plain_end(text, at, limit)
        end = max(end, at + 1)
        value = Span(at, at + len(text[at:end].rstrip()))
        self._entries.append(Entry(path, key, value, -1, is_open=False))
        return end


def _limit(text: str, at: int, column: int) -> int:
    """Where a value of several lines must end: before a line that looks like a key, indented no more than its own."""
    line = _line_end(text, at) + 1
    while line < len(text):
        first, end = _skip_blank(text, line), _line_end(text, line)
        if first < end and first - line <= column and (_KEY.match(text, first, end) or _DASH.match(text, first, end)):
            return line - 1
        line = end + 1
    return len(text)


def _quoted_end(text: str, at: int, limit: int) -> int:
    """The index behind the closing quote; the limit, or the line's end, where there is none."""
    quote, index = text[at], at + 1
    while index < limit:
        if text[index] == "\\" and quote == '"':
            index += 2
        elif text[index] == quote:
            if quote == "'" and text.startswith("''", index):
                index += 2
            else:
                return index + 1
        else:
            index += 1
    return min(_line_end(text, at), limit)


def _flow_key_end(text: str, at: int, limit: int) -> int:
    while (
        at < limit
        and text[at] not in ",{}[]\n"
        and not (text[at] == ":" and (at + 1 >= limit or text[at + 1] in " \t\r\n,{}[]"))
    ):
        at += 1
    return at


def _flow_plain_end(text: str, at: int, limit: int) -> int:
    """The end of a text without quotes within brackets; `${…}` is taken whole, although YAML would not."""
    while at < limit and text[at] not in ",]}\n":
        if text.startswith("${", at):
            closing = text.find("}", at, min(limit, _line_end(text, at)))
            at = closing if closing >= 0 else at + 1
        elif text.startswith(" #", at):
            break
        at += 1
    return min(at, limit)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _skip_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match is not None else at


def _skip_space(text: str, at: int, limit: int) -> int:
    while at < limit and text[at] in " \t\r\n":
        at += 1
    return at


def _plain(key: str) -> str:
    return key[1:-1] if key[:1] in {'"', "'"} and key[-1:] == key[:1] and len(key) > 1 else key
