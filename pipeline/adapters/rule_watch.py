"""Detects changes of a folder of rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from pipeline.adapters.file_watch import LOOK_SECONDS, FileWatch
from pipeline.adapters.rule_files import watched_files
from pipeline.errors import UserError

log = structlog.get_logger("rules")


class RuleWatch:
    """One folder of rules, or one file, and the state last reported."""

    def __init__(self, rules: Path) -> None:
        """Take the first look: make the watch before the rules are read, so that no change between is missed."""
        self._watch = FileWatch(lambda: _files(rules))

    def changed(self) -> bool:
        """Look; True once for each change, as soon as two looks in a row find the same, so that no write is cut."""
        return self._watch.changed()

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


def _files(rules: Path) -> list[Path]:
    try:
        return watched_files(rules)
    except NotADirectoryError:
        return [rules]
    except (OSError, UserError):
        return []  # missing, temporarily or permanently: a change
