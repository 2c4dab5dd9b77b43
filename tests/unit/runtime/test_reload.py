"""New rules while the service runs: read beside the loop, swapped on it, refused with words that are remembered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

from pipeline.errors import RulesRefused, UserError
from pipeline.model.finding import Finding, Level
from pipeline.ports import Telemetry
from pipeline.rules.compile import load
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from pipeline.runtime.intake import Intake
from pipeline.runtime.reload import Refused, Reload

RULES = """
rules:
  - {id: paid, on: shop.paid, to: u1, template: paid, data: {thing1: 咖啡}}
"""
TEMPLATES = "templates: {paid: {title: 付款成功, ids: {production: T1}, fields: {thing1: {}}}}"


class Deaf:
    """A telemetry that counts nothing."""

    def rules_loaded(self, rules: RuleSet, now: float) -> None:
        pass

    def rules_refused(self) -> None:
        pass


class At:
    """A clock that stands."""

    def now(self) -> float:
        return 100.0


def rules() -> RuleSet:
    sources = RuleSources({"shop.yaml": RULES}, ("templates.yaml", TEMPLATES))
    return load(sources, SchemaCatalogue(), environment="production")


def refuse() -> RuleSet:
    findings = [Finding("shop.yaml", 3, 5, level, "unknown-key", "what is this?") for level in Level]
    raise RulesRefused(findings)


def missing() -> RuleSet:
    raise UserError("rules: there is no such folder")


class Stage:
    """A reload of whatever is lying on the disk at the time."""

    def __init__(self) -> None:
        self.disk: Callable[[], RuleSet] = rules
        self.intake = cast("Intake", SimpleNamespace(rules=rules()))
        telemetry = cast("Telemetry", Deaf())  # counts only what a reload counts
        self.reload = Reload(self._read, self.intake, telemetry, At())

    def _read(self) -> RuleSet:
        return self.disk()


async def test_a_refusal_is_remembered_until_good_rules_come() -> None:
    """With its first errors, each with its place; warnings are none."""
    stage = Stage()
    reload = stage.reload
    stage.disk = refuse
    assert not await reload.adopt()
    assert reload.refused == Refused(100.0, 1, ("shop.yaml:3:5: error unknown-key what is this?",))
    stage.disk = missing
    assert not await reload.adopt()
    assert reload.refused == Refused(100.0, 1, ("rules: there is no such folder",))
    stage.disk = rules
    assert await reload.adopt()
    assert reload.refused is None


async def test_rules_are_read_beside_the_loop_and_swapped_on_it() -> None:
    """While they are checked the old are in use and the loop goes on; asked meanwhile, they are read once more."""
    stage = Stage()
    before = stage.intake.rules
    begun, go_on, again = threading.Event(), threading.Event(), threading.Event()
    reads: list[str] = []

    def slowly() -> RuleSet:
        reads.append(threading.current_thread().name)
        (again if begun.is_set() else begun).set()
        go_on.wait(10)
        return rules()

    stage.disk = slowly
    keeping = asyncio.create_task(stage.reload.keep())
    stage.reload.ask()
    await asyncio.to_thread(begun.wait, 10)
    assert stage.intake.rules is before
    stage.reload.ask()
    stage.reload.ask()
    go_on.set()
    assert await asyncio.to_thread(again.wait, 10)
    keeping.cancel()
    assert stage.intake.rules is not before
    assert threading.main_thread().name not in reads
    assert len(reads) == 2
