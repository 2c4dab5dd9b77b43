"""Detects changes of a folder of rules by looking at its files once a second.

Polling finds what notifications of the operating system miss: a folder that another replaces, a symbolic link that is
pointed at another folder (Kubernetes does so below each ConfigMap), a file system of another machine. A look costs one
`stat` for each file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from pipeline.adapters.rule_files import watched_files
from pipeline.errors import UserError

LOOK_SECONDS = 1.0
"""Between two looks. A change is reported at the second look that finds it."""

_Seen = tuple[tuple[str, int, int, int, int], ...]

log = structlog.get_logger("rules")


class RuleWatch:
    """One folder of rules, or one file, and the state last reported."""

    def __init__(self, rules: Path) -> None:
        """Take the first look: make the watch before the rules are read, so that no change between is missed."""
        self._rules = rules
        self._reported = self._last = _look(rules)

    def changed(self) -> bool:
        """Look; True once for each change, as soon as two looks in a row find the same, so that no write is cut."""
        now = _look(self._rules)
        settled = now == self._last
        self._last = now
        if not settled or now == self._reported:
            return False
        self._reported = now
        return True

    async def run(self, report: Callable[[], None]) -> None:
        """Call `report` for each change, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                changed = await asyncio.to_thread(self.changed)
            except Exception as error:  # noqa: BLE001 - without threads or memory for a moment: look again
                failed = f"{type(error).__name__}: {error}"
                log.warning("rules_watch_failed", error=failed, retry_in_seconds=LOOK_SECONDS)
            else:
                if changed:
                    report()


def _look(rules: Path) -> _Seen:
    """Every file of rules and templates, and which content it has as far as its inode says."""
    return tuple(one for path in _files(rules) for one in _stat(path))


def _files(rules: Path) -> list[Path]:
    try:
        return watched_files(rules)
    except NotADirectoryError:
        return [rules]
    except (OSError, UserError):
        return []  # missing, for now or for good: a change


def _stat(path: Path) -> _Seen:
    try:
        stat = path.stat()
    except OSError:
        return ()
    return ((str(path), stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size),)
