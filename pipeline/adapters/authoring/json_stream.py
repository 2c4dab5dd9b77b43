"""The objects of a JSON text, one after the other, in bounded memory: a list of them, one on each line, or one alone.

The standard library's parser finds where each object ends; it stops where the text that has been read so far ends, and
is then called again with twice as much. So an object may spread over lines, and a list of any length may be one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.phrases import phrase

MAX_CHARACTERS = 4_194_304
"""Largest object: four times Kafka's default limit for a record."""
MAX_BROKEN = 100
"""Broken objects after which the rest of the text is not read."""
MAX_WASTED = 16_777_216
"""Characters of broken objects after which the rest of the text is not read."""

_SPACE = re.compile(r"[ \t\r\n]*+")
_SCANNER = json.JSONDecoder(parse_int=str, parse_float=str)
"""Numbers stay text: only the end of the object is wanted, and `int()` refuses more than 4,300 digits."""
_LONGEST_TOKEN = len("-Infinity") + 3
"""A parse error this near to the end of the buffer may be a token that the next chunk completes."""


class Piece(NamedTuple):
    """The text of one JSON object."""

    line: int
    """Line of its first character, from 1."""
    text: str


class Broken(NamedTuple):
    """A part of the text that is not a complete JSON object."""

    line: int
    message: str
    column: int | None = None


def pieces(chunks: Iterator[str]) -> Iterator[Piece | Broken]:
    """Every object of the text that `chunks` (none of them empty) make up, in order.

    After a broken object, reading continues at the next line that begins with `{`. In a list, the rest is not read.
    """
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
        """Line of the character at `_at`."""
        self._wasted = 0

    def peek(self) -> str:
        """The next character that is not white space; empty at the end of the text."""
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
                if broken >= MAX_BROKEN or self._wasted >= MAX_WASTED:
                    yield Broken(piece.line, phrase("too many objects are broken: the rest was not read"))
                    return
                self._skip_to_line()

    def items(self) -> Iterator[Piece | Broken]:
        follows = "["
        while follows in {"[", ","}:
            self._advance(self._at + 1)
            if self.peek() == "]" and follows == "[":
                follows = "]"
                break
            piece = self._object() if self.peek() else None
            if piece is not None:
                yield piece
            if isinstance(piece, Broken):
                return
            follows = self.peek()
        if not follows:
            yield Broken(self._line, phrase("the list does not end: was the file cut off?"))
        elif follows != "]":
            yield Broken(self._line, phrase("`,` or `]` is expected here"))
        else:
            self._advance(self._at + 1)
            if self.peek():
                yield Broken(self._line, phrase("there is text after the end of the list"))

    def _object(self) -> Piece | Broken:
        """The object that begins here. If it is broken, the position stays where it is."""
        if self._buffer[self._at] != "{":
            return Broken(self._line, "an event is a JSON object, in `{}`")
        while True:
            try:
                _, end = _SCANNER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                seen = len(self._buffer) - self._at
                if _may_be_incomplete(error):
                    if seen > MAX_CHARACTERS:
                        self._wasted += seen
                        return Broken(
                            self._line,
                            phrase("an object of more than {max_characters} characters", max_characters=MAX_CHARACTERS),
                        )
                    if self._fill(seen):
                        continue
                return self._broken(error)
            except RecursionError:
                return Broken(self._line, phrase("nested too deeply"))
            piece = Piece(self._line, self._buffer[self._at : end])
            self._advance(end)
            return piece

    def _broken(self, error: json.JSONDecodeError) -> Broken:
        self._wasted += error.pos - self._at
        begins_next = self._buffer[error.pos - 1 : error.pos + 1] == "\n{"
        if error.msg.startswith("Unterminated") or begins_next or not self._buffer[error.pos :].strip():
            return Broken(self._line, phrase("this object does not end: was the file cut off?"))
        line = self._line + self._buffer.count("\n", self._at, error.pos)
        if self._buffer[error.pos] == "\n":
            return Broken(line, phrase('a text without its closing `"`'))
        column = error.pos - max(self._buffer.rfind("\n", self._at, error.pos), self._at - 1)
        return Broken(line, phrase("not JSON at character {pos}", pos=error.pos - self._at), column)

    def _advance(self, to: int) -> None:
        self._line += self._buffer.count("\n", self._at, to)
        self._at = to

    def _skip_to_line(self) -> None:
        while (end := self._buffer.find("\n{", self._at)) < 0:
            self._advance(max(self._at, len(self._buffer) - 1))  # the last character may be the line break
            if not self._fill():
                self._at = len(self._buffer)
                return
        self._advance(end + 1)

    def _fill(self, least: int = 1) -> bool:
        """Read at least `least` characters more and drop what has been passed; False at the end of the text.

        A caller that parses an object again asks for as many as it has seen, so that the work grows linearly.
        """
        chunks: list[str] = []
        while least > 0 and (chunk := next(self._chunks, "")):
            chunks.append(chunk)
            least -= len(chunk)
        if chunks:
            self._buffer = "".join((self._buffer[self._at :], *chunks))
            self._at = 0
        return bool(chunks)


def _may_be_incomplete(error: json.JSONDecodeError) -> bool:
    """Whether more text could make it right."""
    return error.msg.startswith("Unterminated string") or error.pos >= len(error.doc) - _LONGEST_TOKEN
