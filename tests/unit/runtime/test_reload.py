"""New rules while the service runs: read beside the loop, swapped on it, refused with words that are remembered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs

from pipeline.errors import RulesRefused, UserError
from pipeline.model.finding import Finding, Level
from pipeline.ports import Telemetry
from pipeline.rules.compile import load
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.files import RuleSources
from pipeline.runtime import reload as reload_module
from pipeline.runtime.intake import Intake
from pipeline.runtime.reload import Reload, ReloadOptions
from pipeline.status.facts import RefusedRules

RULES = """
rules:
  - {id: paid, on: shop.paid, to: u1, template: paid, data: {thing1: 咖啡}}
"""
TEMPLATES = "templates: {paid: {title: 付款成功, ids: {production: T1}, fields: {thing1: {}}}}"


CAUTIOUS = ReloadOptions(max_removed_share=0.5, allow_removal=False)


class Counted:
    """Telemetry that remembers that rules were loaded or refused."""

    def __init__(self) -> None:
        self.loaded = asyncio.Event()
        self.refused = asyncio.Event()
        self.removed = 0

    def rules_removed(self, count: int) -> None:
        self.removed += count

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


def rule_files(**ids: str) -> RuleSet:
    """Rules by file: `a="x y"` is a file a.yaml with the rules x and y; `-z` is a rule that is switched off."""
    texts = {}
    for name, listed in ids.items():
        lines = [
            f"  - {{id: {one.lstrip('-')}, on: shop.paid, to: u1, template: paid, data: {{thing1: 咖啡}}"
            + (", enabled: false}" if one.startswith("-") else "}")
            for one in listed.split()
        ]
        texts[f"{name}.yaml"] = "rules:" + ("\n" + "\n".join(lines) if lines else " []")
    return load(RuleSources(texts, ("templates.yaml", TEMPLATES)), SchemaCatalogue(), environment="production")


def refuse() -> RuleSet:
    findings = [Finding("shop.yaml", 3, 5, level, "unknown-key", "what is this?") for level in Level]
    raise RulesRefused(findings)


def missing() -> RuleSet:
    raise UserError("rules: there is no such folder")


class Stage:
    """A reload of whatever is lying on the disk at the time."""

    def __init__(self, before: RuleSet | None = None, options: ReloadOptions = CAUTIOUS) -> None:
        self.disk: Callable[[], RuleSet] = rules
        self.intake = cast("Intake", SimpleNamespace(rules=before or rules()))
        self.counted = Counted()
        self.off: list[set[str]] = []
        self.accepted: list[RuleSet] = []
        self.reload = Reload(
            self._read,
            self.intake,
            cast("Telemetry", self.counted),
            At(),
            options=options,
            rules_off=self._rules_off,
            accepted=self.accepted.append,
        )

    def _rules_off(self, rules: frozenset[str]) -> int:
        self.off.append(set(rules))
        return 7

    def _read(self) -> RuleSet:
        return self.disk()


async def test_a_refusal_is_remembered_until_good_rules_come() -> None:
    """With its first errors, each with its place; warnings are none."""
    stage = Stage()
    reload = stage.reload
    stage.disk = refuse
    assert not await reload.reload()
    assert reload.refused == RefusedRules(100.0, 1, ("shop.yaml:3:5: error unknown-key what is this?",))
    stage.disk = missing
    assert not await reload.reload()
    assert reload.refused == RefusedRules(100.0, 1, ("rules: there is no such folder",))
    stage.disk = rules
    assert await reload.reload()
    assert stage.accepted == [stage.intake.rules]
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
    """While they are checked the old are in use and the loop continues; asked meanwhile, they are read once more."""
    stage = Stage()
    before = stage.intake.rules
    started, go_on, again = threading.Event(), threading.Event(), threading.Event()
    reads: list[str] = []

    def slowly() -> RuleSet:
        reads.append(threading.current_thread().name)
        (again if started.is_set() else started).set()
        go_on.wait(10)
        return rules()

    stage.disk = slowly
    keeping = asyncio.create_task(stage.reload.run())
    stage.reload.request()
    await asyncio.to_thread(started.wait, 10)
    assert stage.intake.rules is before
    stage.reload.request()
    stage.reload.request()
    go_on.set()
    assert await asyncio.to_thread(again.wait, 10)
    keeping.cancel()
    assert stage.intake.rules is not before
    assert threading.main_thread().name not in reads
    assert len(reads) == 2


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ({"a": "x y", "b": "z"}, {"a": "x y"}, "the file b.yaml is gone, with its rule: z"),
        ({"a": "x y", "b": "z"}, {"b": "z"}, "the file a.yaml is gone, with 2 rules: x, y"),
        (
            {"a": "u v", "b": "w", "c": "x y z"},
            {"c": "x y z"},
            "2 files (a.yaml, b.yaml) are gone, with 3 rules: u, v, w",
        ),
        ({"a": "u v w x y z"}, {"a": "u v"}, "4 of 6 rules are gone, more than the share 0.5"),
        ({"a": "x y"}, {"a": ""}, "the folder has no rules any more"),
        ({"a": "x y"}, {}, "the folder has no rules any more"),
    ],
)
async def test_a_reload_that_loses_many_rules_or_a_file_is_refused(
    before: dict[str, str], after: dict[str, str], error: str
) -> None:
    """A folder that is not mounted and a merge that lost a file look like that; the rules in use stay."""
    stage = Stage(rule_files(**before))
    in_use = stage.intake.rules
    stage.disk = lambda: rule_files(**after)
    assert not await stage.reload.reload()
    assert stage.intake.rules is in_use
    assert stage.counted.refused.is_set()
    assert stage.off == []
    assert stage.reload.refused is not None
    assert stage.reload.refused.removal
    assert stage.reload.refused.message[0].startswith(error)


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        ({"a": "x y z"}, {"a": "x y"}, {"z"}),
        ({"a": "x y"}, {"a": "x"}, {"y"}),
        ({"a": "u v w x"}, {"a": "u v"}, {"w", "x"}),
        ({"a": "x y", "b": "z"}, {"a": "x y z"}, set()),
        ({"a": "x y", "b": "z"}, {"a": "x y", "b": "-z"}, {"z"}),
        ({"a": "x y"}, {"a": "-x -y"}, {"x", "y"}),
    ],
)
async def test_a_small_removal_a_move_and_a_switch_are_accepted(
    before: dict[str, str], after: dict[str, str], gone: set[str]
) -> None:
    """One rule may always go; a rule that moves to another file stays; `enabled: false` is written on purpose."""
    stage = Stage(rule_files(**before))
    stage.disk = lambda: rule_files(**after)
    assert await stage.reload.reload()
    assert stage.off == ([gone] if gone else [])
    assert stage.counted.removed == len(gone)
    assert (stage.reload.removed is not None) == bool(gone)


async def test_a_removal_is_accepted_where_it_is_allowed() -> None:
    """`rule_options.allow_removal`; a folder without any rule stays refused."""
    stage = Stage(rule_files(a="x y", b="z"), ReloadOptions(0.0, allow_removal=True))
    stage.disk = lambda: rule_files(a="x")
    assert await stage.reload.reload()
    assert stage.reload.removed is not None
    assert stage.reload.removed.rules == ("y", "z")
    assert stage.reload.removed.cancelled == 7
    stage.disk = rule_files
    assert not await stage.reload.reload()


async def test_a_rule_that_comes_back_is_in_use_again() -> None:
    """Its notices are no longer ended; those of a rule that stays away are."""
    stage = Stage(rule_files(a="x y z"))
    for on_disk in ("x y", "x y z", "x z", "x z"):
        stage.disk = lambda on_disk=on_disk: rule_files(a=on_disk)  # type: ignore[misc] # the value of this round
        assert await stage.reload.reload()
    assert stage.off == [{"z"}, set(), {"y"}]
    assert stage.counted.removed == 2


async def test_a_removed_rule_that_is_in_use_again_is_no_longer_shown_as_removed() -> None:
    """One that stays away is, until a newer removal replaces it."""
    stage = Stage(rule_files(a="w x y z"), ReloadOptions(0.5, allow_removal=True))
    shown: list[tuple[str, ...] | None] = []
    for on_disk in ("w x y", "w x y z", "w x", "w x y", "w x z", "w x y z"):
        stage.disk = lambda on_disk=on_disk: rule_files(a=on_disk)  # type: ignore[misc] # the value of this round
        assert await stage.reload.reload()
        shown.append(stage.reload.removed and stage.reload.removed.rules)
    assert shown == [("z",), None, ("y", "z"), ("z",), ("y",), None]


async def test_the_end_of_a_refusal_is_logged() -> None:
    """Also where the files are again what is in use, so that no version changes."""
    stage = Stage()
    with capture_logs() as logs:
        stage.disk = refuse
        await stage.reload.reload()
        stage.disk = rules
        await stage.reload.reload()
    assert [entry["event"] for entry in logs] == ["rules_refused", "rules_refusal_ended"]
