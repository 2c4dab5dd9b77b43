"""Writes log lines from a thread of its own, so that no reader of the log can stop or slow the service.

A pipe without a reader, a full disk, a closed descriptor or a stalled reader costs lines, never time and never
the process. What does not fit into the buffer, or cannot be written, is dropped and counted.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable

STANDARD_ERROR = 2
MOST_BYTES = 1_048_576
"""Buffered at most: some 5,000 lines."""
CLOSE_SECONDS = 2.0
"""How long the end waits for a reader that may have stalled."""


class LogWriter:
    """A stream for structlog's `WriteLoggerFactory`; `write` never blocks and never raises."""

    def __init__(self, descriptor: int = STANDARD_ERROR, most_bytes: int = MOST_BYTES) -> None:
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._busy = False
        self._count_dropped: Callable[[int], None] | None = None
        self._report: Callable[[int], None] | None = None
        self._unreported = 0
        self._uncounted = 0
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def on_dropped(self, count: Callable[[int], None]) -> None:
        """Call `count` with the number of lines whenever some were dropped, those before included."""
        with self._changed:
            self._count_dropped = count
            count(self._uncounted)
            self._uncounted = 0

    def report_with(self, report: Callable[[int], None]) -> None:
        """Call `report`, from the writer's thread, with the number dropped once a line could be written again."""
        self._report = report

    def write(self, text: str) -> None:
        """Add text to the buffer, or drop it where the buffer is full."""
        line = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if self._bytes + len(line) <= self._most_bytes:
                self._bytes += len(line)
                self._lines.append(line)
                self._changed.notify_all()
                return
        self._dropped()

    def flush(self) -> None:
        """Do nothing: the thread writes each line at once."""

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Wait until everything is written, for as long as a stalled reader is given."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._busy, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                line = self._lines.popleft()
                self._bytes -= len(line)
                self._busy = True
            if self._written(line):
                self._report_dropped()
            else:
                self._dropped()

    def _written(self, line: bytes) -> bool:
        try:
            while line:
                try:
                    line = line[os.write(self._descriptor, line) :]
                except BlockingIOError:  # another process made the pipe non-blocking
                    select.select([], [self._descriptor], [])
        except (OSError, ValueError):
            return False
        return True

    def _dropped(self) -> None:
        with self._changed:
            self._unreported += 1
            if self._count_dropped is None:
                self._uncounted += 1
            else:
                self._count_dropped(1)

    def _report_dropped(self) -> None:
        with self._changed:
            dropped, report = self._unreported, self._report
            if not dropped or report is None or self._bytes > self._most_bytes // 2:
                return
            self._unreported = 0
        report(dropped)
