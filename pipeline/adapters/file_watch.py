"""Detects changes of files by looking at them once a second.

Polling finds what notifications of the operating system miss: a folder that another replaces, a symbolic link that is
pointed at another folder (Kubernetes does so below each ConfigMap and Secret), a file system of another machine. A look
costs one `stat` for each file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

LOOK_SECONDS = 1.0
"""Between two looks. A change is reported at the second look that finds it."""

Seen = tuple[tuple[str, int, int, int, int], ...]
"""Every file that exists, and which content it has as far as its inode says."""


class FileWatch:
    """Some files, and their state as last reported."""

    def __init__(self, files: Callable[[], Sequence[Path]]) -> None:
        """Take the first look: make the watch before the files are read, so that no change between is missed.

        `files` returns the files to look at, which may change.
        """
        self._files = files
        self._reported = self._last = self._look()

    def changed(self) -> bool:
        """Look; True once for each change, as soon as two looks in a row find the same, so that no write is cut."""
        now = self._look()
        settled = now == self._last
        self._last = now
        if not settled or now == self._reported:
            return False
        self._reported = now
        return True

    def _look(self) -> Seen:
        return tuple(one for path in self._files() for one in _stat(path))


def _stat(path: Path) -> Seen:
    try:
        stat = path.stat()
    except OSError:
        return ()
    return ((str(path), stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size),)
