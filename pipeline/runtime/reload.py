"""New rules without a restart: checked whole, then swapped between two events; bad ones are refused."""

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

log = structlog.get_logger("rules")


class Refused(NamedTuple):
    """Newer rules that are not used."""

    at: float
    errors: int
    message: tuple[str, ...]
    """The first errors, each with its place."""


class Reload:
    """Swaps the rule set in use, on the loop's thread: no event ever sees half of two rule sets.

    Rules are read and checked in a thread beside it. A thousand take seconds, and all that time notices are sent on.
    """

    def __init__(self, load: Callable[[], RuleSet], intake: Intake, telemetry: Telemetry, clock: Clock) -> None:
        """`load` reads and checks; the intake holds the rule set in use."""
        self._load = load
        self._intake = intake
        self._asked = asyncio.Event()
        self._telemetry = telemetry
        self._clock = clock
        self.loaded_at = clock.now()
        """When the rules in use were loaded."""
        self.refused: Refused | None = None
        """The newest rules on disk, where they have errors."""

    def ask(self) -> None:
        """Read the rules again; asked while that is under way, once more after it."""
        self._asked.set()

    async def keep(self) -> None:
        """Do what is asked, one after the other, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self.adopt()

    async def adopt(self) -> bool:
        """Use the newest rules, or keep the old where those are refused; tells whether the newest are in use."""
        try:
            rules = await asyncio.to_thread(self._load)
        except RulesRefused as refused:
            errors = [str(finding) for finding in refused.findings if finding.is_error]
            log.error("rules_refused", findings=errors[:5], errors=len(errors), in_use=self._intake.rules.version)
            self._refuse(errors)
            return False
        except UserError as error:
            log.error("rules_refused", error=error.message, in_use=self._intake.rules.version)
            self._refuse([error.message])
            return False
        if rules.version != self._intake.rules.version:
            log.info("rules_reloaded", version=rules.version, rules=len(rules.rules), before=self._intake.rules.version)
        self.loaded_at = self._clock.now()
        self.refused = None
        self._telemetry.rules_loaded(rules, self.loaded_at)
        self._intake.rules = rules
        return True

    def _refuse(self, errors: list[str]) -> None:
        self.refused = Refused(self._clock.now(), len(errors), tuple(errors[:5]))
        self._telemetry.rules_refused()
