"""Notices that a folder of rules is not as it was, by looking at it now and then.

Looking finds what notifications of the operating system miss: a folder that another was moved in place of, a symbolic
link turned to another folder (Kubernetes does so below each ConfigMap), a file system of another machine. A look is
one `stat` for each file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from pipeline.adapters.rule_files import SUFFIXES

LOOK_SECONDS = 1.0
"""Between two looks; a change is told of at the second that finds it the same."""

_Seen = tuple[tuple[str, int, int, int, int], ...]


class RuleWatch:
    """One folder of rules, and how it was last told of."""

    def __init__(self, rules: Path) -> None:
        """Look for the first time: to be made before the rules are read, so that no change is missed between."""
        self._rules = rules
        self._told = self._last = _look(rules)

    def changed(self) -> bool:
        """Look; True once for each change, when it has not gone on since the look before: nobody is still writing."""
        now = _look(self._rules)
        settled = now == self._last
        self._last = now
        if not settled or now == self._told:
            return False
        self._told = now
        return True

    async def keep(self, tell: Callable[[], None]) -> None:
        """Call `tell` for each change, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await asyncio.to_thread(self.changed):
                tell()


def _look(rules: Path) -> _Seen:
    """Every file of rules, templates and tests, and which content it has as far as its inode tells."""
    folders = (rules, rules / "tests")
    return tuple(one for folder in folders for path in _files(folder) for one in _stat(path))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    except NotADirectoryError:
        return [folder]
    except OSError:
        return []  # gone for the moment, or for good: that is a change


def _stat(path: Path) -> _Seen:
    try:
        stat = path.stat()
    except OSError:
        return ()
    return ((str(path), stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size),)
