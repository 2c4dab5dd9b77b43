"""Structured logs: one stable name per event, JSON or console, repeats limited, recipients only as keyed hash."""

from __future__ import annotations

import atexit
import hmac
import logging
import sys
from collections import Counter
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from pipeline.ports import Clock

REPEATS_PER_MINUTE = 20
"""Lines of one event name at one level that are written within a minute; the rest are counted."""

DROPPED = "repeats_dropped"
"""The event name of the line that tells how many were not written."""

log = structlog.get_logger("log")

Entry = MutableMapping[str, object]


def configure_logging(*, form: str, level: str, clock: Clock, worker: int | None = None) -> None:
    """Set up structlog for the whole process; `form` is `auto`, `json` or `console`.

    `worker` is the process's number among several that write to the same place, and stands in each of its lines.
    Lines that were dropped as repeats are told of at the process's end, whichever way it comes to that.
    """
    limit = _RepeatLimit(clock)
    atexit.register(limit.tell_dropped)
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer: Callable[..., object] = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
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
            structlog.processors.dict_tracebacks if not console else _keep,
            renderer,  # type: ignore[list-item]  # a union of two renderers' precise types
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # One write for a line: lines of several workers do not mix.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def recipient_hash(key: bytes) -> Callable[[str], str]:
    """A function to the first 16 hex digits of HMAC-SHA256: the same recipient is recognised, nobody is named.

    It runs for every notice: the key is taken in once, and copied, which is faster than the one-shot form.
    """
    keyed = hmac.new(key, digestmod="sha256")

    def hashed(recipient: str) -> str:
        one = keyed.copy()
        one.update(recipient.encode("utf-8", "surrogatepass"))
        return one.digest()[:8].hex()

    return hashed


def _numbered(worker: int) -> Callable[[object, str, Entry], Entry]:
    def add(_: object, __: str, entry: Entry) -> Entry:
        return {**entry, "worker": worker}

    return add


def _keep(_: object, __: str, entry: Entry) -> Entry:
    return entry


class _RepeatLimit:
    """Drops what one event name writes beyond its share of a minute, and says how much.

    It says so with the next line of a later minute, whatever that is, or the end: a burst leaves a trace of its size.
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
            self.tell_dropped()
        name = (method, str(entry.get("event")))
        self._seen[name] += 1
        if self._seen[name] > REPEATS_PER_MINUTE:
            raise structlog.DropEvent
        return entry

    def tell_dropped(self) -> None:
        """One line for each name of which lines were dropped, and begin to count anew."""
        seen, self._seen = self._seen, Counter()
        for (method, event), count in seen.items():
            if count > REPEATS_PER_MINUTE:
                getattr(log, method)(DROPPED, of=event, lines=count - REPEATS_PER_MINUTE)
