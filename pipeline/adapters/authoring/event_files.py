"""Reads events from files for the authors' tools, one by one, and types them by their schemas as the service does.

A file holds one JSON object, a list of them, or one on each line, plain or gzipped. Each object has one of the forms of
`pipeline.adapters.authoring.event_forms`.
"""

from __future__ import annotations

import codecs
import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pipeline.adapters.authoring.event_forms import Given, UnrecognisedShape, given
from pipeline.adapters.authoring.json_stream import Broken, Piece, pieces
from pipeline.adapters.events import cloudevents
from pipeline.adapters.events.strict_json import Malformed, loads
from pipeline.errors import UserError
from pipeline.model.event import Event, Position
from pipeline.phrases import phrase
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.schema.json_events import JsonReader, SchemaMismatch, plain_json

CHUNK = 65_536
_GZIP = b"\x1f\x8b"


class EventFault(UserError):
    """One event of a file cannot be read; the message begins with file and line."""


class GivenEvent(NamedTuple):
    """An event of a file, its data still as JSON."""

    where: str
    """`file:line`, for messages."""
    given: Given


OnFault = Callable[[EventFault], None]


def raised(fault: EventFault) -> None:
    """Raise the fault: the default, which ends the reading."""
    raise fault


def file_pieces(path: Path) -> Iterator[Piece | Broken]:
    """The text of every event of a file, in bounded memory; `-` is the standard input.

    Raises:
        UserError: the file cannot be read.
    """
    with _opened(path) as file:
        yield from pieces(_texts(path, file))


def given_event(path: Path, number: int, piece: Piece | Broken) -> GivenEvent:
    """The event in one piece of a file; `number` counts the pieces from 0.

    Raises:
        EventFault: the piece is not an event.
    """
    where = f"{path}:{piece.line}"
    if isinstance(piece, Broken):
        column = f":{piece.column}" if piece.column is not None else ""
        raise EventFault(phrase("{where}: {fault}", where=where + column, fault=piece.message))
    try:
        return GivenEvent(where, given(loads(piece.text), Position(str(path), 0, number)))
    except (Malformed, UnrecognisedShape) as fault:
        raise EventFault(phrase("{where}: {fault}", where=where, fault=fault)) from None


def given_events(path: Path, on_fault: OnFault = raised) -> Iterator[GivenEvent]:
    """Every event of a file, untyped, in bounded memory; `-` is the standard input.

    `on_fault` is called for each piece that is not an event; if it returns, reading continues where possible.

    Raises:
        UserError: the file cannot be read.
        EventFault: by `raised`.
    """
    for number, piece in enumerate(file_pieces(path)):
        try:
            one = given_event(path, number, piece)
        except EventFault as fault:
            on_fault(fault)
            continue
        yield one


class EventTyper:
    """Turns given events into what rules read: typed by the newest schema of their type, or untyped without one."""

    def __init__(
        self, catalogue: SchemaCatalogue, *, time_ms: int = 0, strict: bool = False, keeps_unreadable: bool = True
    ) -> None:
        """`time_ms` is the time of events that do not give one.

        Fields that the schema lacks are ignored, as in the service; with `strict` they are a fault. So is a field that
        does not fit its schema without `keeps_unreadable`; else it fails the rules that read it, as in the service.
        """
        self._catalogue = catalogue
        self._time_ms = time_ms
        self._strict = strict
        self._keeps_unreadable = keeps_unreadable and not strict
        self._readers: dict[str, JsonReader | None] = {}

    def event(self, one: GivenEvent, default_type: str | None = None) -> Event:
        """The typed event; `default_type` is for an event that does not name its own type.

        Raises:
            EventFault: the event names no type, or does not fit its schema.
        """
        where, (event_type, data, record, attributes) = one
        event_type = event_type or default_type
        if event_type is None:
            hint = phrase("give --type, or put the data into an object with `type` and `data`")
            raise EventFault(phrase("{where}: the event does not name its type", where=where), hint=hint)
        reader = self._reader(event_type)
        try:
            typed = reader.read(data) if reader is not None else plain_json(data)
        except SchemaMismatch as mismatch:
            raise EventFault(
                phrase("{where}: `{type}`: {message}", where=where, type=event_type, message=mismatch.message),
                hint=mismatch.hint,
            ) from None
        if not isinstance(typed, dict):
            raise EventFault(phrase("{where}: the data of an event must be an object", where=where))
        event = cloudevents.event(event_type, typed, record, attributes)
        return event if event.time_ms else replace(event, time_ms=self._time_ms)

    def _reader(self, event_type: str) -> JsonReader | None:
        if event_type not in self._readers:
            schema = self._catalogue.newest(event_type)
            self._readers[event_type] = None if schema is None else self._made(schema)
        return self._readers[event_type]

    def _made(self, schema: EventSchema) -> JsonReader:
        return JsonReader(schema, is_lenient=not self._strict, keeps_unreadable=self._keeps_unreadable)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        if str(path) == "-":
            yield _unpacked(sys.stdin.buffer)
            return
        with path.open("rb") as file:
            yield _unpacked(file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(phrase("{path}: cannot be unpacked: {error}", path=path, error=error)) from None
    except OSError as error:
        raise UserError(
            phrase("{path}: cannot be read: {strerror}", path=path, strerror=error.strerror or error)
        ) from None


def _unpacked(file: BinaryIO) -> BinaryIO:
    peek = getattr(file, "peek", None)
    begins = peek(len(_GZIP))[: len(_GZIP)] if peek is not None else b""
    return gzip.GzipFile(fileobj=file) if begins == _GZIP else file  # type: ignore[return-value]  # it reads as one


def _texts(path: Path, file: BinaryIO) -> Iterator[str]:
    """The file's text in chunks that are not empty."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    line = 1
    while True:
        chunk = file.read(CHUNK)
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line += chunk.count(b"\n", 0, error.start)
            raise UserError(
                phrase("{path}:{line}: not UTF-8", path=path, line=line), hint=phrase("save the file as UTF-8")
            ) from None
        if text:
            yield text
        if not chunk:
            return
        line += chunk.count(b"\n")
