"""Structured logs: one stable name per event, JSON or console, repeats limited, recipients only as keyed hash."""

from __future__ import annotations

import hmac
import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from pipeline.ports import Clock

REPEATS_PER_MINUTE = 20
"""Lines of one event name at one level that are written within a minute; the rest are counted."""

Entry = MutableMapping[str, object]


def configure_logging(*, form: str, level: str, clock: Clock, worker: int | None = None) -> None:
    """Set up structlog for the whole process; `form` is `auto`, `json` or `console`.

    `worker` is the process's number among several that write to the same place, and stands in each of its lines.
    """
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
            _RepeatLimit(clock),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks if not console else _keep,
            renderer,  # type: ignore[list-item]  # a union of two renderers' precise types
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # One write for a line: lines of several workers do not mix.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def recipient_hash(recipient: str, key: bytes) -> str:
    """The first 16 hex digits of HMAC-SHA256: the same recipient is recognised, nobody is named."""
    return hmac.digest(key, recipient.encode("utf-8", "surrogatepass"), "sha256")[:8].hex()


def _numbered(worker: int) -> Callable[[object, str, Entry], Entry]:
    def add(_: object, __: str, entry: Entry) -> Entry:
        return {**entry, "worker": worker}

    return add


def _keep(_: object, __: str, entry: Entry) -> Entry:
    return entry


class _RepeatLimit:
    """Drops what one event name writes beyond its share of a minute, and says how much when the minute ends."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute = -1
        self._seen: dict[tuple[str, str], int] = {}

    def __call__(self, _: object, method: str, entry: Entry) -> Entry:
        minute = int(self._clock.now() // 60)
        name = (method, str(entry.get("event")))
        if minute != self._minute:
            dropped = self._seen.get(name, 0) - REPEATS_PER_MINUTE
            self._minute, self._seen = minute, {}
            if dropped > 0:
                entry["repeats_dropped"] = dropped
        count = self._seen[name] = self._seen.get(name, 0) + 1
        if count > REPEATS_PER_MINUTE:
            raise structlog.DropEvent
        return entry
