"""New rules while the service runs: read beside the loop, swapped on it, refused with words that are remembered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from pipeline.errors import RulesRefused, UserError
from pipeline.model.finding import Finding, Level
from pipeline.ports import Telemetry
from pipeline.rules.compile import load
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from pipeline.runtime import reload as reload_module
from pipeline.runtime.intake import Intake
from pipeline.runtime.reload import Refused, Reload

RULES = """
rules:
  - {id: paid, on: shop.paid, to: u1, template: paid, data: {thing1: 咖啡}}
"""
TEMPLATES = "templates: {paid: {title: 付款成功, ids: {production: T1}, fields: {thing1: {}}}}"


class Counted:
    """Telemetry that remembers that rules were loaded or refused."""

    def __init__(self) -> None:
        self.loaded = asyncio.Event()
        self.refused = asyncio.Event()

    def rules_loaded(self, _rules: RuleSet, _now: float) -> None:
        self.loaded.set()

    def rules_refused(self) -> None:
        self.refused.set()


class At:
    """A clock that stands."""

    def now(self) -> float:
        return 100.0

    def correction(self) -> float:
        return 0.0


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
        self.counted = Counted()
        self.reload = Reload(self._read, self.intake, cast("Telemetry", self.counted), At())

    def _read(self) -> RuleSet:
        return self.disk()


async def test_a_refusal_is_remembered_until_good_rules_come() -> None:
    """With its first errors, each with its place; warnings are none."""
    stage = Stage()
    reload = stage.reload
    stage.disk = refuse
    assert not await reload.reload()
    assert reload.refused == Refused(100.0, 1, ("shop.yaml:3:5: error unknown-key what is this?",))
    stage.disk = missing
    assert not await reload.reload()
    assert reload.refused == Refused(100.0, 1, ("rules: there is no such folder",))
    stage.disk = rules
    assert await reload.reload()
    assert reload.refused is None


@pytest.mark.parametrize(
    "error", [RuntimeError("CEL engine"), RecursionError(), OSError(24, "Too many open files"), MemoryError()]
)
async def test_whatever_checking_raises_the_rules_in_use_stay(error: Exception) -> None:
    """It is reported as a refusal, and tried again even if no file changes."""
    stage = Stage()
    before = stage.intake.rules

    def fail() -> RuleSet:
        raise error

    stage.disk = fail
    assert not await stage.reload.reload()
    assert stage.intake.rules is before
    assert stage.reload.refused is not None
    assert type(error).__name__ in stage.reload.refused.message[0]


async def test_a_failure_to_read_is_tried_again_without_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was unreadable for a moment may look the same afterwards."""
    monkeypatch.setattr(reload_module, "RETRY_SECONDS", 0.01)
    stage = Stage()
    stage.disk = missing
    running = asyncio.create_task(stage.reload.run())
    stage.reload.request()
    async with asyncio.timeout(10):
        await stage.counted.refused.wait()
        stage.disk = rules
        await stage.counted.loaded.wait()
    running.cancel()
    assert stage.reload.refused is None


async def test_a_folder_without_a_rule_does_not_replace_rules() -> None:
    """A volume that is not mounted looks like that; every event would go by without a message."""
    stage = Stage()
    before = stage.intake.rules
    stage.disk = lambda: load(
        RuleSources({}, ("templates.yaml", TEMPLATES)), SchemaCatalogue(), environment="production"
    )
    assert not await stage.reload.reload()
    assert stage.intake.rules is before


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
    keeping = asyncio.create_task(stage.reload.run())
    stage.reload.request()
    await asyncio.to_thread(begun.wait, 10)
    assert stage.intake.rules is before
    stage.reload.request()
    stage.reload.request()
    go_on.set()
    assert await asyncio.to_thread(again.wait, 10)
    keeping.cancel()
    assert stage.intake.rules is not before
    assert threading.main_thread().name not in reads
    assert len(reads) == 2
