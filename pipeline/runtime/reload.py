"""Replaces the rules without a restart: read and checked whole, then swapped between two events, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pipeline.errors import RulesRefused, UserError

if TYPE_CHECKING:
    from pipeline.ports import Clock, Telemetry
    from pipeline.rules.ruleset import RuleSet
    from pipeline.runtime.intake import Intake

RETRY_SECONDS = 30.0
"""After a failure that says nothing about the rules, such as no file descriptors: no change of a file may follow it."""
MOST_NAMED = 20

log = structlog.get_logger("rules")


class Refused(NamedTuple):
    """Newer rules that are not in use."""

    at: float
    errors: int
    message: tuple[str, ...]
    """The first errors, each with its location."""


class Reload:
    """Swaps the rule set in use, on the loop's thread: no event ever sees half of two rule sets.

    Rules are read and checked in a thread of their own. A thousand take seconds, and sending goes on meanwhile.
    Whatever reading or checking raises, the rules in use stay.
    """

    def __init__(self, load: Callable[[], RuleSet], intake: Intake, telemetry: Telemetry, clock: Clock) -> None:
        """`load` reads and checks; the intake holds the rule set in use."""
        self._load = load
        self._intake = intake
        self._requested = asyncio.Event()
        self._telemetry = telemetry
        self._clock = clock
        self._retry = False
        self.loaded_at = clock.now()
        """When the rules in use were loaded."""
        self.refused: Refused | None = None
        """The newest rules on disk, where they were refused."""

    def request(self) -> None:
        """Read the rules again; a request during a reload leads to one more."""
        self._requested.set()

    async def run(self) -> None:
        """Carry out requests, one after the other, until cancelled."""
        while True:
            try:
                await asyncio.wait_for(self._requested.wait(), RETRY_SECONDS if self._retry else None)
            except TimeoutError:
                log.info("rules_read_again", after_seconds=RETRY_SECONDS)
            self._requested.clear()
            await self.reload()

    async def reload(self) -> bool:
        """Use the newest rules, or keep those in use; return whether the newest are in use."""
        self._retry = False
        try:
            rules = await asyncio.to_thread(self._load)
        except RulesRefused as refused:
            return self._refuse([str(finding) for finding in refused.findings if finding.is_error])
        except UserError as error:
            self._retry = True
            return self._refuse([error.message])
        except Exception as error:  # noqa: BLE001 - a fault of the checker must not end a service that has good rules
            self._retry = True
            return self._refuse([f"reading the rules failed: {type(error).__name__}: {error}"], error)
        before = self._intake.rules
        if before.rules and not rules.rules:
            self._retry = True
            return self._refuse(["the folder holds no rule any more"])
        if rules.version != before.version:
            removed = sorted({rule.id for rule in before.rules} - {rule.id for rule in rules.rules})
            log.info("rules_reloaded", version=rules.version, rules=len(rules.rules), before=before.version)
            if removed:
                log.warning("rules_removed", rules=removed[:MOST_NAMED], count=len(removed))
        self.loaded_at = self._clock.now()
        self.refused = None
        self._telemetry.rules_loaded(rules, self.loaded_at)
        self._intake.rules = rules
        return True

    def _refuse(self, errors: list[str], error: Exception | None = None) -> bool:
        log.error(
            "rules_refused", findings=errors[:5], errors=len(errors), in_use=self._intake.rules.version, exc_info=error
        )
        self.refused = Refused(self._clock.now(), len(errors), tuple(errors[:5]))
        self._telemetry.rules_refused()
        return False
