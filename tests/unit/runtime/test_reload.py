"""What is remembered of newer rules that were refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from pipeline.errors import RulesRefused, UserError
from pipeline.model.finding import Finding, Level
from pipeline.rules.check import load
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema import SchemaCatalogue
from pipeline.rules.sources import RuleSources
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


def test_a_refusal_is_remembered_until_good_rules_come() -> None:
    """With its first errors, each with its place; warnings are none."""
    intake = cast("Intake", SimpleNamespace(rules=rules()))
    reload = Reload(intake, Deaf(), At())  # type: ignore[arg-type] # counts only what a reload counts
    assert not reload.adopt(refuse)
    assert reload.refused == Refused(100.0, 1, ("shop.yaml:3:5: error unknown-key what is this?",))
    assert not reload.adopt(missing)
    assert reload.refused == Refused(100.0, 1, ("rules: there is no such folder",))
    assert reload.adopt(rules)
    assert reload.refused is None
