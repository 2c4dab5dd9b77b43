"""Replaces the rules without a restart: read and checked whole, then swapped between two events, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pipeline.errors import RulesRefused, UserError
from pipeline.rules.removal import removal
from pipeline.status.facts import RefusedRules, RemovedRules

if TYPE_CHECKING:
    from pipeline.ports import Clock, Telemetry
    from pipeline.rules.ruleset import RuleSet
    from pipeline.runtime.intake import Intake

RETRY_SECONDS = 30.0
"""After a failure that says nothing about the rules, such as no file descriptors: no change of a file may follow it."""
MOST_NAMED = 20
ALLOW_HINT = "to remove them, set rule_options.allow_removal, or restart the service, which uses what is on disk"

log = structlog.get_logger("rules")


class ReloadOptions(NamedTuple):
    """Which removals of rules are accepted."""

    max_removed_share: float
    allow_removal: bool


class Reload:
    """Swaps the rule set in use, on the loop's thread: no event ever sees half of two rule sets.

    Rules are read and checked in a separate thread, because a thousand take seconds and sending must continue.
    Whatever reading or checking raises, the rules in use stay.
    """

    def __init__(
        self,
        load: Callable[[], RuleSet],
        intake: Intake,
        telemetry: Telemetry,
        clock: Clock,
        *,
        options: ReloadOptions,
        rules_off: Callable[[frozenset[str]], int],
        accepted: Callable[[RuleSet], None] = lambda _: None,
    ) -> None:
        """`load` reads and checks; the intake holds the rule set in use.

        `accepted` is called on the loop's thread with rules that are used from now on.
        `rules_off` ends the buffered notices of rules that are not in use any more, and returns how many.
        """
        self._load = load
        self._intake = intake
        self._options = options
        self._rules_off = rules_off
        self._accepted = accepted
        self._off: frozenset[str] = frozenset()
        """Rules that were in use since the start and are not now."""
        self._requested = asyncio.Event()
        self._telemetry = telemetry
        self._clock = clock
        self._retry = False
        self.loaded_at = clock.now()
        """When the rules in use were loaded."""
        self.refused: RefusedRules | None = None
        """The newest rules on disk, where they were refused."""
        self.removed: RemovedRules | None = None
        """The rules that the newest reload with a removal took out of use, and that are not in use again."""

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
        if before.rules and not rules.rules and not rules.off:
            self._retry = True
            return self._refuse(["the folder has no rules any more"], removal=True)
        gone = removal(before, rules)
        refusal = None if self._options.allow_removal else gone.refusal(self._options.max_removed_share)
        if refusal is not None:
            return self._refuse([f"{refusal}; {ALLOW_HINT}"], removal=True)
        self._use(rules, before)
        return True

    def _use(self, rules: RuleSet, before: RuleSet) -> None:
        if rules.version != before.version:
            log.info("rules_reloaded", version=rules.version, rules=len(rules.rules), before=before.version)
        if self.refused is not None:
            seconds = round(self._clock.now() - self.refused.at, 1)
            log.info("rules_refusal_ended", version=rules.version, refused_seconds=seconds)
        self.loaded_at = self._clock.now()
        self.refused = None
        self._telemetry.rules_loaded(rules, self.loaded_at)
        self._accepted(rules)
        self._intake.rules = rules
        self._end_notices_of_removed(rules, before)

    def _end_notices_of_removed(self, rules: RuleSet, before: RuleSet) -> None:
        """End the buffered notices of rules that are removed or switched off: nothing may be sent for them."""
        in_use = {rule.id for rule in rules.rules}
        gone = {rule.id for rule in before.rules} - in_use
        off = (self._off | gone) - in_use
        if not gone and off == self._off:
            return
        self._off = off
        if self.removed is not None:
            away = tuple(rule for rule in self.removed.rules if rule in off)
            self.removed = self.removed._replace(rules=away) if away else None
        cancelled = self._rules_off(off)
        if gone:
            names = tuple(sorted(gone))
            self.removed = RemovedRules(self.loaded_at, names, cancelled)
            self._telemetry.rules_removed(len(names))
            log.warning("rules_removed", rules=names[:MOST_NAMED], count=len(names), notices_cancelled=cancelled)

    def _refuse(self, errors: list[str], error: Exception | None = None, *, removal: bool = False) -> bool:
        log.error(
            "rules_removal_refused" if removal else "rules_refused",
            findings=errors[:5],
            errors=len(errors),
            in_use=self._intake.rules.version,
            exc_info=error,
        )
        self.refused = RefusedRules(self._clock.now(), len(errors), tuple(errors[:5]), removal)
        self._telemetry.rules_refused()
        return False
