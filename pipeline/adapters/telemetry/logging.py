"""Structured logs: one stable name per event, JSON or console, repeats limited, recipients only as keyed hash."""

from __future__ import annotations

import atexit
import hashlib
import logging
import sys
from collections import Counter
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, cast

import structlog

if TYPE_CHECKING:
    from typing import TextIO

    from pipeline.adapters.telemetry.log_writer import LogWriter
    from pipeline.ports import Clock

MOST_MESSAGE = 2_000
"""Characters of a library's message."""
REPEATS_PER_MINUTE = 20
"""Lines of one event name at one level that are written within a minute; the rest are counted."""

DROPPED = "repeats_dropped"
"""The event name of the line that says how many repeats were not written."""
LINES_DROPPED = "log_lines_dropped"

log = structlog.get_logger("log")

Entry = MutableMapping[str, object]

_BLOCK = 64
"""Bytes of a block of SHA-256."""

_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
"""Tracebacks without the values of local variables, which structlog adds by default: among them are events, recipients
and tokens."""


def configure_logging(
    *, form: str, level: str, clock: Clock, worker: int | None = None, writer: LogWriter | None = None
) -> None:
    """Set up structlog for the whole process; `form` is `auto`, `json` or `console`.

    `worker` is the process's number among several that write to one place; each of its lines contains it. With a
    `writer` no line blocks; without one, lines go straight to standard error, as a command's should.
    What libraries log goes the same way. Repeats that were dropped are reported at the latest when the process ends.
    """
    limit = _RepeatLimit(clock)
    if writer is not None:
        writer.report_with(lambda lines: log.warning(LINES_DROPPED, lines=lines))
        atexit.register(writer.close)
    atexit.register(limit.report_dropped)
    terminal = sys.stderr is not None and sys.stderr.isatty()
    console = form == "console" or (form == "auto" and terminal)
    renderer: Callable[..., object] = (
        structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(sort_keys=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _numbered(worker) if worker is not None else _keep,
            structlog.processors.add_log_level,
            limit,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _TRACEBACKS if not console else _keep,
            renderer,  # type: ignore[list-item]  # a union of two renderers' precise types
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # One write for a line: lines of several workers do not mix.
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", writer or sys.stderr)),
        cache_logger_on_first_use=False,
    )
    if writer is not None:
        logging.root.handlers[:] = [_FromLibraries(logging.WARNING)]


def recipient_hash(key: bytes) -> Callable[[str], str]:
    """Return a function to the first 16 hex digits of HMAC-SHA256: it recognises a recipient and names none.

    It runs for every notice, so it is HMAC by its definition (RFC 2104): of two hashes that have read the key, copies
    read the rest. `hmac`'s own copy takes a third longer (docs/decisions/hot-path.md).
    """
    block = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def hashed(recipient: str) -> str:
        below, above = inner.copy(), outer.copy()
        below.update(recipient.encode("utf-8", "surrogatepass"))
        above.update(below.digest())
        return above.hexdigest()[:16]

    return hashed


def _numbered(worker: int) -> Callable[[object, str, Entry], Entry]:
    def add(_: object, __: str, entry: Entry) -> Entry:
        return {**entry, "worker": worker}

    return add


def _keep(_: object, __: str, entry: Entry) -> Entry:
    return entry


class _FromLibraries(logging.Handler):
    """Passes on what libraries log: by default Python writes it to standard error, and waits for its reader."""

    def emit(self, record: logging.LogRecord) -> None:
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write("library", logger=record.name, message=record.getMessage()[:MOST_MESSAGE], exc_info=record.exc_info)


class _RepeatLimit:
    """Drops the lines of one event name beyond its share of a minute, and reports how many.

    The report comes with the next line of a later minute, or at the end: a burst leaves a trace of its size.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute = -1
        self._seen: Counter[tuple[str, str]] = Counter()

    def __call__(self, _: object, method: str, entry: Entry) -> Entry:
        if entry.get("event") == DROPPED:
            return entry
        minute = int(self._clock.now() // 60)
        if minute != self._minute:
            self._minute = minute
            self.report_dropped()
        name = (method, str(entry.get("event")))
        self._seen[name] += 1
        if self._seen[name] > REPEATS_PER_MINUTE:
            raise structlog.DropEvent
        return entry

    def report_dropped(self) -> None:
        """Write one line for each name of which lines were dropped, and restart the counts."""
        seen, self._seen = self._seen, Counter()
        for (method, event), count in seen.items():
            if count > REPEATS_PER_MINUTE:
                getattr(log, method)(DROPPED, of=event, lines=count - REPEATS_PER_MINUTE)
