"""`coverage`: which branches of the rules their tests reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.adapters.authoring.rule_test_events import read_test_events
from pipeline.authoring.rule_tests.care_coverage import CareCoverage
from pipeline.authoring.rule_tests.coverage import Coverage, RuleCoverage, percent
from pipeline.authoring.rule_tests.running import run
from pipeline.cli.app import FINDINGS
from pipeline.cli.authors.check import EnvironmentOption, RulesArgument, SchemasOption
from pipeline.cli.authors.rule_set import Named, SoundRules
from pipeline.cli.printing import plain, print_json, say
from pipeline.errors import UserError
from pipeline.phrases import counted, joined, phrase
from pipeline.terminal_escape import terminal_escape


def command(
    rules: RulesArgument = Path("rules"),
    schemas: SchemasOption = None,
    environment: EnvironmentOption = None,
    fail_under: Annotated[
        float | None,
        typer.Option(min=0, max=100, help="Exit 1 if fewer branches are reached.", metavar="PERCENT"),
    ] = None,
    output: Annotated[Literal["text", "json"], typer.Option(help="Output format.")] = "text",
) -> None:
    """Report which branches of the rules the tests reach, and list those that they do not, with location.

    The branches of a rule: that it matches and that it does not match; and that each operand of `&&` and `||`, and each
    condition before `?`, is true and is false, in conditions and in texts; each label of `label()`; and that
    `default()` gives the value itself and the other value. Of recipient care, timelines reach: each cap reached and
    not, in quiet hours and outside, opted out and not; and for `once`, a duplicate and the first.

    Exit 0: reported; 1: less than `--fail-under`, a test failed, or the rules have errors; 2: misuse, or no tests.

    Example: `notice-pipeline coverage --fail-under 100`
    """
    if rules.is_file():
        raise UserError(
            phrase("{rules} is a file", rules=rules), hint=phrase("name the folder of rules; all its tests are run")
        )
    sound = SoundRules.of(Named(rules, schemas, environment, None), None)
    cases = sound.checked.cases
    if not cases and not sound.checked.skipped:
        raise UserError(
            phrase("{rules}: there are no tests", rules=rules),
            hint=phrase("tests are in {rules}/*.yaml", rules=rules / "tests"),
        )
    coverage = Coverage(sound.ruleset, sound.checked.locations, sound.catalogue)
    care = CareCoverage(sound.ruleset, sound.checked.care)
    files = read_test_events(cases)
    failed = 0
    for case in cases:
        result = run(case, sound.ruleset, sound.catalogue, files)
        failed += not result.passed
        if result.event is not None:
            coverage.note(result.event)
            coverage.note_once(result.decisions)
            care.note(result.decisions)
    seen, categories = coverage.rules(), care.categories()
    reached = percent([*seen, *categories])
    is_enough = fail_under is None or reached >= fail_under
    if output == "json":
        print_json(_as_json(seen, categories, len(cases), failed) | {"off": list(sound.checked.off)})
    else:
        for line in (
            *_lines(seen, categories, rules, len(cases)),
            *(phrase("{rule}  off", rule=rule) for rule in sound.checked.off),
        ):
            say(plain(line))
        if failed:
            say(
                plain(
                    phrase(
                        "{failed} of the tests failed: `notice-pipeline test {rules}` shows why",
                        failed=failed,
                        rules=terminal_escape(str(rules)),
                    )
                )
            )
        if not is_enough:
            say(plain(phrase("that is less than {fail_under:g} %", fail_under=fail_under)))
    if failed or not is_enough:
        raise typer.Exit(FINDINGS)


def _lines(seen: Sequence[RuleCoverage], categories: Sequence[RuleCoverage], folder: Path, tests: int) -> Iterator[str]:
    every = [
        *((rule.rule, rule) for rule in seen),
        *((phrase("category {rule}", rule=one.rule), one) for one in categories),
    ]
    width = max((len(name) for name, _ in every), default=0)
    for name, rule in every:
        reached = rule.branches - len(rule.missing)
        figures = phrase("{reached} of {branches}", reached=reached, branches=rule.branches)
        yield name + " " * (width - len(name)) + f"  {_share(rule.percent):>5} %  " + figures
        for branch in rule.missing:
            yield f"  {rule.path}:{branch.location.line}:{branch.location.column}: " + branch.message
    branches = sum(rule.branches for _, rule in every)
    missing = sum(len(rule.missing) for _, rule in every)
    of = counted(len(seen), "{count} rule", "{count} rules")
    if categories:
        others = counted(len(categories), "{count} category", "{count} categories")
        of = joined(" and ", (of, others))
    yield phrase(
        "{folder}: {percent} %: {reached} of {branches} branches of {of} reached by {tests}",
        folder=folder,
        percent=_share(percent([*seen, *categories])),
        reached=branches - missing,
        branches=branches,
        of=of,
        tests=counted(tests, "{count} test", "{count} tests"),
    )


def _share(share: float) -> str:
    """The percentage, rounded down: 99.99 is not 100."""
    return f"{int(share * 10) / 10:g}"


def _as_json(
    seen: Sequence[RuleCoverage], categories: Sequence[RuleCoverage], tests: int, failed: int
) -> dict[str, object]:
    every = [*seen, *categories]
    return {
        "percent": round(percent(every), 3),
        "branches": sum(rule.branches for rule in every),
        "missing": sum(len(rule.missing) for rule in every),
        "tests": tests,
        "failed": failed,
        "rules": [_one_as_json(rule) for rule in seen],
        "categories": [_one_as_json(category) for category in categories],
    }


def _one_as_json(rule: RuleCoverage) -> dict[str, object]:
    return {
        "id": rule.rule,
        "path": rule.path,
        "line": rule.location.line,
        "column": rule.location.column,
        "percent": round(rule.percent, 3),
        "branches": rule.branches,
        "missing": [
            {
                "line": branch.location.line,
                "column": branch.location.column,
                "expression": branch.expression,
                "never": "matched" if not branch.expression else branch.expected,
                "words": branch.message,
            }
            for branch in rule.missing
        ],
    }
