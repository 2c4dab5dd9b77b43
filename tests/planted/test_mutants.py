"""Mistakes made by program: how many pass the check and the tests of the example rules unseen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.adapters.events.schema_files import read_schemas
from pipeline.authoring.rule_tests.running import run
from pipeline.model.finding import Level
from pipeline.rules.cel.engine import Environment
from pipeline.rules.compile import compile_rules
from pipeline.rules.lint.check import check
from pipeline.rules.source.files import RuleSources
from tests.planted import clinic
from tests.planted.mutants import OPERATORS, Examples, Mutant, mutants

ROOT = Path(__file__).parents[2]
COUNT = 500
CLINIC_COUNT = 150
MOST_UNSEEN = 0.02
"""Share of the mutants that may pass unseen, without those that change nothing."""
NEVER_EMPTY = "its text is never empty, so it is never left out: a time, an amount, a label or a fixed text"
EQUIVALENT = {
    **{
        f"a needed field: {key}": NEVER_EMPTY
        for key in (
            "order_paid.time4", "order_paid.amount5", "order_shipped.time12", "order_closed.thing7",
            "refund_succeeded.time5", "refund_succeeded.amount3", "refund_rejected.amount2", "coupon_issued.amount2",
            "coupon_issued.time3", "coupon_expiring.amount2", "coupon_expiring.time3", "wallet_recharged.time1",
            "wallet_recharged.amount3", "wallet_statement.keyword2", "wallet_statement.keyword3",
            "wallet_statement.keyword4",
        )
    },
    "an optional field: wallet_statement.first": NEVER_EMPTY,
    "an optional field: wallet_statement.remark": NEVER_EMPTY,
}  # fmt: skip
"""Mutants that change no message, by operator and place, each with the reason. Those that compile to the same rules
(`24h` for `1d`, the default category left out, `alipay` for `history`) are recognised by the comparison itself."""


@pytest.fixture(scope="module")
def examples() -> Examples:
    """The example files."""
    rules = ROOT / "rules"
    templates = rules / "templates.yaml"
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(rules.glob("*.yaml")) if path != templates}
    tests = {f"tests/{path.name}": path.read_text(encoding="utf-8") for path in sorted(rules.glob("tests/*.yaml"))}
    catalogue = (templates.name, templates.read_text(encoding="utf-8"))
    return Examples(files, catalogue, tests, read_schemas(ROOT / "schemas" / "events"))


def is_seen(sources: RuleSources, examples: Examples, cel: Environment) -> bool:
    """Whether `check --strict` or `test` ends with 1."""
    checked = check(sources, examples.schemas, cel=cel)
    if checked.ruleset is None or any(finding.level is Level.WARNING for finding in checked.findings):
        return True
    ruleset = checked.ruleset
    return any(not run(case, ruleset, examples.schemas, {}).passed for case in checked.cases)


def place(mutant: Mutant) -> str:
    """Operator, template and key of a mutant of a template's field."""
    catalogue = mutant.sources.templates
    text = catalogue[1] if catalogue is not None else ""
    key = mutant.line.partition(":")[0]
    lines = text.splitlines()
    at = next((number for number, line in enumerate(lines) if mutant.after in line and line.strip().startswith(key)), 0)
    aliases = [line.strip().partition(":")[0] for line in lines[:at] if line.startswith("  ") and line[2] != " "]
    return f"{mutant.operator}: {aliases[-1] if aliases else ''}.{key}"


def is_equivalent(mutant: Mutant, examples: Examples, cel: Environment) -> bool:
    """Whether no message changes: the same rules come out, or it is one of those listed."""
    if place(mutant) in EQUIVALENT:
        return True
    types = {kind for text in mutant.sources.rules.values() for kind in examples.schemas if f"on: {kind}\n" in text}
    before = compile_rules(examples.of_type(next(iter(types))), examples.schemas, cel=cel).ruleset
    after = compile_rules(mutant.sources, examples.schemas, cel=cel).ruleset
    return before is not None and after is not None and before.rules == after.rules


def unseen(chosen: Sequence[Mutant], examples: Examples, cel: Environment) -> list[Mutant]:
    """The mutants that pass both, without those that change nothing."""
    passed = [mutant for mutant in chosen if not is_seen(mutant.sources, examples, cel)]
    return [mutant for mutant in passed if not is_equivalent(mutant, examples, cel)]


def test_the_examples_themselves_pass(examples: Examples) -> None:
    """So that what is seen of a mutant is its mistake."""
    cel = Environment()
    assert not [kind for kind in examples.schemas if is_seen(examples.of_type(kind), examples, cel)]


def test_hardly_a_mistake_passes_unseen(examples: Examples) -> None:
    """Of 500 small mistakes under 2 % pass `check --strict` and `test`."""
    chosen = mutants(examples, COUNT)
    assert len(chosen) == COUNT
    assert {mutant.operator for mutant in chosen} == set(OPERATORS)
    left = unseen(chosen, examples, Environment())
    assert len(left) < MOST_UNSEEN * COUNT, "\n".join(mutant.name for mutant in left)


def test_hardly_a_mistake_in_a_list_a_choice_or_days_passes_unseen() -> None:
    """The same of rules with `for_each`, `template: {by: …}`, `active`, `reference` and functions of texts."""
    files = clinic.clinic()
    cel = Environment()
    assert not is_seen(files.of_type(clinic.TYPE), files, cel)
    of_old_kinds = mutants(files, CLINIC_COUNT)
    of_new_kinds = mutants(files, CLINIC_COUNT, clinic.OPERATORS)
    assert {mutant.operator for mutant in of_new_kinds} == set(clinic.OPERATORS)
    chosen = [*of_old_kinds, *of_new_kinds]
    left = unseen(chosen, files, cel)
    assert len(left) < MOST_UNSEEN * len(chosen), "\n".join(mutant.name for mutant in left)
