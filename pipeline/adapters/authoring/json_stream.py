"""The objects of a JSON text, one after the other, in bounded memory: a list of them, one on each line, or one alone.

Only where each object begins and ends is found here: brackets are counted past texts, which in JSON never hold a line
break. So an object may be spread over lines, and a list of any length may stand on a single one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_CHARACTERS = 4_194_304
"""Of one object: four times what Kafka takes as a record unless it is told otherwise."""

MAX_DEPTH = 200
"""Brackets within brackets; events are refused beyond 32 later on."""

MAX_BROKEN = 100
MAX_IN_VAIN = 16_777_216
"""Broken objects, and characters searched for their ends, after which the rest is not looked at."""

_SPACE = re.compile(r"[ \t\r\n]*+")
_PLAIN = re.compile(r'(?:[^"{}\[\]]++|"[^"\\\n]*+"){0,100}')
"""Towards the next bracket, past texts without a backslash: a hundred steps, for each is remembered until the last. A
possessive group would remember none, but CPython 3.11.2, Debian's, mistakes where one ends."""
_IN_TEXT = re.compile(r'[^"\\\n]*+')


class Piece(NamedTuple):
    """The text of one object, not parsed yet."""

    line: int
    """Where it begins, counted from 1."""
    text: str


class Broken(NamedTuple):
    """What is no object, or does not end; after it the next line with `{` is tried, unless it stands in a list."""

    line: int
    message: str


def pieces(chunks: Iterator[str]) -> Iterator[Piece | Broken]:
    """Every object of the text that `chunks` (none of them empty) make up, in order."""
    reader = _Reader(chunks)
    if reader.peek() == "[":
        yield from reader.items()
    else:
        yield from reader.lines()


class _Reader:
    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks
        self._buffer = ""
        self._at = 0
        self._line = 1
        """Of the character at `_at`."""
        self._in_vain = 0

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            match = _SPACE.match(self._buffer, self._at)
            self._advance(match.end() if match is not None else self._at)
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._fill():
                return ""

    def lines(self) -> Iterator[Piece | Broken]:
        broken = 0
        while self.peek():
            piece = self._object()
            yield piece
            if isinstance(piece, Broken):
                broken += 1
                if broken >= MAX_BROKEN or self._in_vain >= MAX_IN_VAIN:
                    yield Broken(piece.line, "too much is broken: the rest was not read")
                    return
                self._skip_to_line()

    def items(self) -> Iterator[Piece | Broken]:
        self._advance(self._at + 1)
        if self.peek() == "]":
            self._advance(self._at + 1)
        else:
            yield from self._items()
        if self.peek():
            yield Broken(self._line, "something stands after the end of the list")

    def _items(self) -> Iterator[Piece | Broken]:
        """Until the bracket is passed, or the rest is passed over as nothing can be made of it."""
        while self.peek():
            piece = self._object()
            yield piece
            if isinstance(piece, Broken):
                return self._drop_rest()
            follows = self.peek()
            if not follows:
                break
            if follows not in ",]":
                yield Broken(self._line, "`,` or `]` should stand here")
                return self._drop_rest()
            self._advance(self._at + 1)
            if follows == "]":
                return None
        yield Broken(self._line, "the list does not end: was the file cut off?")
        return None

    def _object(self) -> Piece | Broken:
        """The object that begins here; where there is none, nothing is passed."""
        if self._at == len(self._buffer) or self._buffer[self._at] != "{":
            return Broken(self._line, "an event is a JSON object, in `{}`")
        size, broken = self._extent()
        if broken is not None:
            self._in_vain += size
            return broken
        piece = Piece(self._line, self._buffer[self._at : self._at + size])
        self._advance(self._at + size)
        return piece

    def _extent(self) -> tuple[int, Broken | None]:
        """How many characters the object has; what is wrong with it, and how many were read to find out."""
        depth, scan = 0, self._at
        while True:
            scan = self._past_plain(scan)
            size = scan - self._at
            if scan == len(self._buffer) or self._may_go_on(scan):
                seen = len(self._buffer) - self._at
                if seen > MAX_CHARACTERS:
                    return seen, Broken(self._line, f"an object of more than {MAX_CHARACTERS} characters")
                if not self._fill(seen):
                    return seen, Broken(self._line, "this object does not end: was the file cut off?")
                scan = size  # what was passed before is dropped by filling
            elif self._buffer[scan] == '"':
                line = self._line + self._buffer.count("\n", self._at, scan)
                return size, Broken(line, 'a text without its closing `"`')
            else:
                depth += 1 if self._buffer[scan] in "{[" else -1
                scan += 1
                if not depth:
                    return size + 1, None
                if depth > MAX_DEPTH:
                    return size, Broken(self._line, "nested too deeply")

    def _past_plain(self, scan: int) -> int:
        """Where the next bracket is, or a text begins that does not end in what is there, or the buffer ends."""
        buffer = self._buffer
        while (match := _PLAIN.match(buffer, scan)) is not None:
            scan = match.end()
            if scan == len(buffer) or buffer[scan] in "{}[]":
                break
            if buffer[scan] == '"':
                end = _text_end(buffer, scan)
                if end is None:
                    break
                scan = end
        return scan

    def _may_go_on(self, scan: int) -> bool:
        """Whether a text begins here whose end is yet to come."""
        return self._buffer[scan] == '"' and self._buffer.find("\n", scan) < 0

    def _advance(self, to: int) -> None:
        self._line += self._buffer.count("\n", self._at, to)
        self._at = to

    def _skip_to_line(self) -> None:
        """Go to the next line that begins with a bracket: what follows a break is mostly what it broke."""
        while (end := self._buffer.find("\n{", self._at)) < 0:
            self._advance(max(self._at, len(self._buffer) - 1))  # the last may be the line break sought
            if not self._fill():
                self._at = len(self._buffer)
                return
        self._advance(end + 1)

    def _drop_rest(self) -> None:
        self._at = len(self._buffer)
        self._chunks = iter(())

    def _fill(self, least: int = 1) -> bool:
        """Get at least so many characters more, dropping what was passed; false at the end.

        Who searches again from the beginning asks for as many as it has seen, lest the search grow with their square.
        """
        chunks: list[str] = []
        while least > 0 and (chunk := next(self._chunks, "")):
            chunks.append(chunk)
            least -= len(chunk)
        self._buffer = "".join((self._buffer[self._at :], *chunks))
        self._at = 0
        return bool(chunks)


def _text_end(buffer: str, at: int) -> int | None:
    """Behind the text that begins at `at`; None: it does not end on its line, or not in what is there."""
    at += 1
    while (match := _IN_TEXT.match(buffer, at)) is not None:
        at = match.end()
        if buffer.startswith('"', at):
            return at + 1
        if not buffer.startswith("\\", at) or buffer[at + 1 : at + 2] in {"", "\n"}:
            return None
        at += 2
    return None
