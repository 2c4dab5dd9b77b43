"""Shows the progress of a long read on standard error: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from pipeline.cli.language import in_language
from pipeline.cli.printing import warn
from pipeline.phrases import phrase

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_SECONDS = 10.0
"""Interval between two lines, without a terminal."""
LOOK_EVERY = 256
"""Events between two readings of the clock."""


class Reading(Protocol):
    """Receives the progress."""

    def counted(self, events: int) -> None:
        """`events` have been processed."""
        ...

    def passed(self, read: int, total: int) -> None:
        """`read` of `total` has been read."""
        ...


@contextmanager
def reading(what: str) -> Iterator[Reading]:
    """Show progress while the block runs. A bar is removed at the end."""
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    from rich.console import Console  # noqa: PLC0415 - 50 ms, needed only on a terminal
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - the same

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn(_events()))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, bar.add_task(what, total=None, events=0))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """As `reading`, for work that counts itself: call the result with (done, total)."""
    if not sys.stderr.isatty():
        yield _SomeLines(what).passed
        return
    from rich.console import Console  # noqa: PLC0415 - 50 ms, needed only on a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _events() -> str:
    """The template of a column, in the library's own form."""
    return in_language(phrase("{count} events", count="{task.fields[events]:,}"))


class _SomeLines:
    def __init__(self, what: str) -> None:
        self._what = what
        self._printed = time.monotonic()

    def passed(self, done: int, total: int) -> None:
        if time.monotonic() - self._printed >= LINE_SECONDS:
            self._printed = time.monotonic()
            warn(phrase("{work}: {done:,} of {total:,} …", work=self._what, done=done, total=total))


class _Lines:
    def __init__(self, what: str) -> None:
        self._what = what
        self._printed = time.monotonic()
        self._share = ""
        self._checked = 0

    def counted(self, events: int) -> None:
        if events - self._checked < LOOK_EVERY:
            return
        self._checked = events
        if time.monotonic() - self._printed >= LINE_SECONDS:
            self._printed = time.monotonic()
            warn(phrase("{work}: {count:,} events{share} …", work=self._what, count=events, share=self._share))

    def passed(self, read: int, total: int) -> None:
        self._share = f", {read / total:.0%}" if total else ""


class _Bar:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task
        self._shown = 0

    def counted(self, events: int) -> None:
        if events - self._shown >= LOOK_EVERY:
            self._shown = events
            self._bar.update(self._task, events=events)

    def passed(self, read: int, total: int) -> None:
        self._bar.update(self._task, completed=read, total=total)
