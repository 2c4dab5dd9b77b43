"""The whole check of a rule set, before it is live: at the terminal, at start and at every reload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import RulesRefused
from pipeline.model.finding import Finding
from pipeline.rules.cel.engine import Environment
from pipeline.rules.cel.fields import versions
from pipeline.rules.cel.typing import TypedEnvironment
from pipeline.rules.lint.case_checks import Known, check_case
from pipeline.rules.lint.cases import Case, read_cases
from pipeline.rules.rule_compiler import RuleCompiler, event_types, with_defaults
from pipeline.rules.ruleset import Rule, RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.rules.source.catalogue import read_templates
from pipeline.rules.source.document import Document, parse
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.finding_codes import CODES
from pipeline.rules.source.format import RuleFields, RuleFile, RuleModel
from pipeline.rules.source.report import Report
from pipeline.rules.source.rule_locations import RulePlaces
from pipeline.rules.source.structure import validate
from pipeline.rules.source.templates import Template

_Model = TypeVar("_Model", bound=BaseModel)


class CheckResult(NamedTuple):
    """What the check found."""

    ruleset: RuleSet | None
    """None where any finding is an error."""
    findings: tuple[Finding, ...]
    """In the order of files and places."""
    locations: Mapping[str, RulePlaces] = {}
    """By rule id: where the parts of each rule of the set stand."""
    cases: tuple[Case, ...] = ()
    """The cases of the test files, in the order of files and places."""


class _RuleFile(NamedTuple):
    document: Document
    defaults: RuleFields | None
    rules: tuple[tuple[int, RuleModel], ...]
    """Each rule with its number in the file; those that are not of the format's shape are left out."""
    is_whole: bool

    @property
    def merged(self) -> Iterator[tuple[int, RuleModel]]:
        """The rules with the file's defaults where they say nothing."""
        for index, rule in self.rules:
            yield index, with_defaults(rule, self.defaults)


def check(
    sources: RuleSources,
    schemas: SchemaCatalogue,
    *,
    environment: str | None = None,
    cel: Environment | None = None,
) -> CheckResult:
    """Check everything that can be known beforehand.

    `environment` picks template ids (`production`, `staging`); None checks without and takes any id. Rule sets that
    are compiled in the same `cel` share what they have in common.
    """
    findings: list[Finding] = []
    templates, catalogue = _templates(sources, findings)
    files = _rule_files(sources, findings)
    cel = cel or Environment()
    typed = _typed_environments(files, schemas)
    rules: list[Rule] = []
    locations: dict[str, RulePlaces] = {}
    for file in files:
        report = Report(file.document)
        compiler = RuleCompiler(report, file.defaults, templates, cel, typed, environment)
        for index, model in file.rules:
            if not with_defaults(model, file.defaults).enabled:
                findings.append(file.document.finding(("rules", index), "disabled", f"rule `{model.id}` takes no part"))
                continue
            rule = compiler.compile(index, model)
            if rule is not None:
                rules.append(rule)
                locations[rule.id] = RulePlaces.of(file.document, index, model)
        findings += report.findings
    findings += _duplicates(files)
    findings += _shadowed(files)
    cases = _tests(sources, files, _known(sources, files, templates, schemas), findings)
    if catalogue is not None and sources.is_whole:
        findings += _unused(files, templates, catalogue)
    if not any(file.rules for file in files) and not any(finding.is_error for finding in findings):
        path = next(iter(sources.rules), "rules")
        findings.append(Finding(path, 1, 1, CODES["no-rules"].level, "no-rules", "there is no rule"))
    ordered = tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding[:3]))
    if any(finding.is_error for finding in ordered):
        return CheckResult(None, ordered, cases=cases)
    return CheckResult(RuleSet(sources.version(), rules, templates, cel), ordered, locations, cases)


def load(
    sources: RuleSources, schemas: SchemaCatalogue, *, environment: str | None, cel: Environment | None = None
) -> RuleSet:
    """The rule set for the service.

    Raises:
        RulesRefused: with every finding, if any is an error.
    """
    checked = check(sources, schemas, environment=environment, cel=cel)
    if checked.ruleset is None:
        raise RulesRefused(checked.findings)
    return checked.ruleset


def _templates(sources: RuleSources, findings: list[Finding]) -> tuple[Mapping[str, Template], Document | None]:
    if sources.templates is None:
        path = next(iter(sources.rules), "templates.yaml")
        message = "there is no templates.yaml"
        hint = "put one beside the rules; `notice-pipeline init` makes an example"
        findings.append(Finding(path, 1, 1, CODES["no-templates"].level, "no-templates", message, hint))
        return {}, None
    templates, document, problems = read_templates(*sources.templates)
    findings += problems
    return templates, document


def _rule_files(sources: RuleSources, findings: list[Finding]) -> list[_RuleFile]:
    files: list[_RuleFile] = []
    for path, text in sources.rules.items():
        document = parse(path, text)
        if isinstance(document, Finding):
            findings.append(document)
            continue
        model, problems = validate(document, RuleFile)
        findings += problems
        if model is not None:
            files.append(_RuleFile(document, model.defaults, tuple(enumerate(model.rules)), is_whole=True))
        else:
            files.append(_salvaged(document))
    return files


def _salvaged(document: Document) -> _RuleFile:
    """Of a file with faults in its structure the rules that have none: their own faults are worth telling, too."""
    content = document.value if isinstance(document.value, dict) else {}
    given = content.get("rules")
    rules = [(index, _fitting(RuleModel, rule)) for index, rule in enumerate(given if isinstance(given, list) else ())]
    fitting = tuple((index, rule) for index, rule in rules if rule is not None)
    return _RuleFile(document, _fitting(RuleFields, content.get("defaults")), fitting, is_whole=False)


def _fitting(model: type[_Model], value: object) -> _Model | None:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _typed_environments(
    files: Sequence[_RuleFile], schemas: SchemaCatalogue
) -> Mapping[str, Sequence[TypedEnvironment]]:
    used = {event_type for file in files for _, rule in file.merged for event_type in event_types(rule)}
    typed: dict[str, Sequence[TypedEnvironment]] = dict.fromkeys(schemas, ())
    typed |= {
        event_type: [TypedEnvironment(fields) for fields in versions(one.root for one in schemas.versions(event_type))]
        for event_type in used
        if schemas.versions(event_type)
    }
    return typed


def _duplicates(files: Sequence[_RuleFile]) -> list[Finding]:
    seen: dict[str, str] = {}
    findings: list[Finding] = []
    for file in files:
        for index, rule in file.rules:
            location = file.document.location(("rules", index, "id"))
            if rule.id in seen:
                message = f"rule `{rule.id}` stands already at {seen[rule.id]}"
                findings.append(file.document.finding(("rules", index, "id"), "duplicate-rule", message))
            else:
                seen[rule.id] = f"{file.document.path}:{location.line}"
    return findings


def _shadowed(files: Sequence[_RuleFile]) -> list[Finding]:
    stopped: dict[str, str] = {}
    findings: list[Finding] = []
    for file in files:
        for index, rule in file.merged:
            if not rule.enabled:
                continue
            types = event_types(rule)
            if types and all(event_type in stopped for event_type in types):
                message = f"rule `{stopped[types[0]]}` stops every event of this type before"
                findings.append(file.document.finding(("rules", index), "shadowed", message))
            if rule.stop and rule.when is None:
                for event_type in types:
                    stopped.setdefault(event_type, rule.id)
    return findings


def _known(
    sources: RuleSources, files: Sequence[_RuleFile], templates: Mapping[str, Template], schemas: SchemaCatalogue
) -> Known:
    rules = {rule.id: rule for file in files for _, rule in file.merged}
    is_whole = sources.is_whole and len(files) == len(sources.rules) and all(file.is_whole for file in files)
    types = {event_type for rule in rules.values() for event_type in event_types(rule)}
    return Known(rules, is_whole, templates, schemas, frozenset(types.union(schemas)))


def _tests(sources: RuleSources, files: Sequence[_RuleFile], known: Known, findings: list[Finding]) -> tuple[Case, ...]:
    cases: list[Case] = []
    for path, text in sources.tests.items():
        read, problems = read_cases(path, text)
        findings += problems
        cases += read
        if read:
            report = Report(read[0].document)
            for case in read:
                check_case(report, case, known)
            findings += report.findings
    tested = {notice.rule for case in cases for notice in case.expect.notices or ()}
    for file in files:
        for index, rule in file.merged:
            if rule.enabled and rule.id not in tested:
                message = f"no test expects a message of `{rule.id}`"
                findings.append(file.document.finding(("rules", index, "id"), "missing-test", message))
    return tuple(cases)


def _unused(files: Sequence[_RuleFile], templates: Mapping[str, Template], document: Document) -> list[Finding]:
    if not all(file.is_whole for file in files):
        return []
    used = {rule.template for file in files for _, rule in file.merged}
    return [
        document.finding(("templates", alias), "unused-template", f"no rule uses `{alias}`")
        for alias in templates
        if alias not in used
    ]
