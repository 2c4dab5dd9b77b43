"""How far a long reading has come: a bar on a terminal, now and then a line elsewhere; always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_SECONDS = 10.0
"""Between two lines, where there is no terminal to draw on."""
LOOK_EVERY = 256
"""Events between two looks at the clock."""


class Reading(Protocol):
    """Receives how far the reading has come."""

    def counted(self, events: int) -> None:
        """So many events have been dealt with."""
        ...

    def passed(self, read: int, total: int) -> None:
        """So much is read, of how much."""
        ...


@contextmanager
def reading(what: str) -> Iterator[Reading]:
    """Shows progress while the block runs; nothing is left of a bar when it ends."""
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    from rich.console import Console  # noqa: PLC0415 - 50 ms, for those who see it
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - the same

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[events]:,} events"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, bar.add_task(what, total=None, events=0))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """As `reading`, for work that counts by itself: call what is given with (done, of how many)."""
    if not sys.stderr.isatty():
        yield _SomeLines(what).report
        return
    from rich.console import Console  # noqa: PLC0415 - 50 ms, for those who see it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _SomeLines:
    def __init__(self, what: str) -> None:
        self._what = what
        self._said = time.monotonic()

    def report(self, done: int, total: int) -> None:
        if time.monotonic() - self._said >= LINE_SECONDS:
            self._said = time.monotonic()
            print(f"{self._what}: {done:,} of {total:,} …", file=sys.stderr)


class _Lines:
    def __init__(self, what: str) -> None:
        self._what = what
        self._said = time.monotonic()
        self._share = ""
        self._looked = 0

    def counted(self, events: int) -> None:
        if events - self._looked < LOOK_EVERY:
            return
        self._looked = events
        if time.monotonic() - self._said >= LINE_SECONDS:
            self._said = time.monotonic()
            print(f"{self._what}: {events:,} events{self._share} …", file=sys.stderr)

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
