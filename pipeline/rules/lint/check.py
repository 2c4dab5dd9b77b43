"""The check of the authors' tools: the compiler's errors, warnings on rules, and everything about rule tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from pipeline.model.finding import Finding
from pipeline.phrases import phrase
from pipeline.rules.cel.engine import Environment
from pipeline.rules.compile import Compilation, compile_rules, in_order
from pipeline.rules.lint.case_checks import Known, check_case, rules_off
from pipeline.rules.lint.cases import Case, read_cases
from pipeline.rules.lint.rule_warnings import rule_warnings
from pipeline.rules.rule_compiler import event_types
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.document import Document
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.report import Report
from pipeline.rules.source.rule_locations import RuleLocations


class SkippedCase(NamedTuple):
    """A case that is not run, and the rules that are off."""

    case: Case
    rules: tuple[str, ...]


class CheckResult(NamedTuple):
    """What the check finds."""

    ruleset: RuleSet | None
    """None where any finding is an error."""
    findings: tuple[Finding, ...]
    """In the order of files and locations."""
    locations: Mapping[str, RuleLocations] = {}
    """By rule id: where the parts of each rule of the set are."""
    cases: tuple[Case, ...] = ()
    """The cases of the test files, in the order of files and locations; without those that are skipped."""
    skipped: tuple[SkippedCase, ...] = ()
    """Cases of rules that are off: switching a rule off must not need a change of its tests."""
    compiled: RuleSet | None = None
    """The rule set where the rules and templates have no error, whatever the tests have."""
    off: tuple[str, ...] = ()
    """Ids of the rules that are off (`enabled: false`)."""
    care: Document | None = None
    """care.yaml; None where there is none."""


def check(
    sources: RuleSources,
    schemas: SchemaCatalogue,
    *,
    environment: str | None = None,
    apis: Collection[str] | None = None,
    cel: Environment | None = None,
    now: float | None = None,
) -> CheckResult:
    """Check rules, templates and tests without running a test; arguments as for `compile_rules`.

    With `now`, in seconds since 1970, a rule whose days are over is found.
    """
    compilation = compile_rules(sources, schemas, environment=environment, apis=apis, cel=cel)
    warnings = rule_warnings(compilation, sources, now)
    cases, skipped, faults = _tests(sources, compilation, schemas)
    findings = in_order([*compilation.errors, *warnings, *faults])
    off = tuple(rule.id for file in compilation.files for _, rule in file.merged if not rule.enabled)
    is_sound = not any(finding.is_error for finding in findings)
    ruleset = compilation.ruleset if is_sound else None
    care = compilation.care.document
    return CheckResult(ruleset, findings, compilation.locations, cases, skipped, compilation.ruleset, off, care)


def _tests(
    sources: RuleSources, compilation: Compilation, schemas: SchemaCatalogue
) -> tuple[tuple[Case, ...], tuple[SkippedCase, ...], list[Finding]]:
    """The cases of all test files, those that are skipped, the faults, and the rules that no case covers."""
    known = _known(sources, compilation, schemas)
    cases: list[Case] = []
    skipped: list[SkippedCase] = []
    findings: list[Finding] = []
    for path, text in sources.tests.items():
        read, faults = read_cases(path, text)
        findings += faults
        for case in read:
            off = rules_off(case, known)
            if off:
                skipped.append(SkippedCase(case, off))
            else:
                cases.append(case)
        if read:
            report = Report(read[0].document)
            for case in read:
                check_case(report, case, known)
            findings += report.findings
    tested = {notice.rule for case in cases for notice in case.expect.notices or ()}
    for file in compilation.files:
        for index, rule in file.merged:
            if rule.enabled and rule.id not in tested:
                message = phrase("no test expects a message of `{id}`", id=rule.id)
                findings.append(file.document.finding(("rules", index, "id"), "missing-test", message))
    return tuple(cases), tuple(skipped), findings


def _known(sources: RuleSources, compilation: Compilation, schemas: SchemaCatalogue) -> Known:
    files = compilation.files
    rules = {rule.id: rule for file in files for _, rule in file.merged}
    is_whole = sources.is_whole and len(files) == len(sources.rules) and all(file.is_whole for file in files)
    types = {event_type for rule in rules.values() for event_type in event_types(rule)}
    return Known(
        rules, is_whole, compilation.templates, schemas, frozenset(types.union(schemas)), compilation.care.care
    )
