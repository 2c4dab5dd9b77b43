"""Compile a rule set: every error in a rule or template refuses it, at start and at each reload.

Warnings, notes and everything about rule tests are in `pipeline.rules.lint`, which the service does not import.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import RulesRefused
from pipeline.model.finding import Finding
from pipeline.model.notice import MOST_ITEMS
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.care_compiler import CareSource, read_care
from pipeline.rules.cel.engine import Environment
from pipeline.rules.cel.fields import versions
from pipeline.rules.cel.typing import TypedEnvironment
from pipeline.rules.expressions import ExpressionSource, Typed
from pipeline.rules.functions.times import DEFAULT_ZONE
from pipeline.rules.rule_compiler import RuleCompiler, Shared, event_types, with_defaults
from pipeline.rules.ruleset import Rule, RuleSet
from pipeline.rules.schema.compatibility import incompatibilities
from pipeline.rules.schema.event_schema import EventSchema, SchemaCatalogue
from pipeline.rules.sound import SoundExpressions, Trees
from pipeline.rules.source.catalogue import read_templates
from pipeline.rules.source.document import Document, parse
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.finding_codes import CODES
from pipeline.rules.source.format import RuleFields, RuleFile, RuleModel
from pipeline.rules.source.report import Report
from pipeline.rules.source.rule_locations import RuleLocations
from pipeline.rules.source.structure import validate
from pipeline.rules.source.templates import Template

_Model = TypeVar("_Model", bound=BaseModel)


class RuleDocument(NamedTuple):
    """One rule file, read."""

    document: Document
    defaults: RuleFields | None
    rules: tuple[tuple[int, RuleModel], ...]
    """Each rule with its number in the file; rules that do not fit the format are left out."""
    timezone: str
    """Zone of the days of its rules."""
    is_whole: bool
    """Whether the file fits the format, so that no rule is left out."""
    merged: tuple[tuple[int, RuleModel], ...]
    """The rules, with the file's defaults for the keys that they do not set."""


class Compilation(NamedTuple):
    """What compiling a rule set gives."""

    ruleset: RuleSet | None
    """None if there is any error."""
    errors: tuple[Finding, ...]
    """In the order of files and locations."""
    files: tuple[RuleDocument, ...]
    expressions: Mapping[str, Sequence[ExpressionSource]]
    """By file: its expressions that compile."""
    locations: Mapping[str, RuleLocations]
    """By rule id: where the parts of each compiled rule are."""
    templates: Mapping[str, Template]
    catalogue: Document | None
    """The file of the templates; None where it is missing or is not YAML."""
    typed: Typed
    cel: Environment
    care: CareSource


def compile_rules(
    sources: RuleSources,
    schemas: SchemaCatalogue,
    *,
    environment: str | None = None,
    apis: Collection[str] | None = None,
    cel: Environment | None = None,
    most_items: int = MOST_ITEMS,
    only: Collection[str] | None = None,
) -> Compilation:
    """Compile rules and templates; the files of tests are not read.

    `environment` picks template ids (`production`, `staging`); None takes any id. `apis` are the names that a template
    may give; None takes any. `most_items` bounds the items of `for_each` of one event. Rule sets that are compiled in
    the same `cel` share their common expressions. `only` are ids of rules to compile whether they are enabled or not;
    other rules are left out.
    """
    errors: list[Finding] = []
    templates, catalogue = _templates(sources, apis, errors)
    care = read_care(sources.care, errors)
    files = _rule_files(sources, errors)
    cel = cel or Environment()
    typed = _typed_environments(files, schemas)
    shared = Shared(templates, care, cel, typed, SoundExpressions(cel), Trees())
    rules: list[Rule] = []
    off: list[str] = []
    locations: dict[str, RuleLocations] = {}
    expressions: dict[str, Sequence[ExpressionSource]] = {}
    for file in files:
        report = Report(file.document)
        compiler = RuleCompiler(report, file.defaults, shared, environment, _misplaced(file))
        for (index, model), (_, merged) in zip(file.rules, file.merged, strict=True):
            if not merged.enabled:
                off.append(model.id)
            if not merged.enabled if only is None else model.id not in only:
                continue
            rule = compiler.compile(index, model, merged, file.timezone, most_items)
            if rule is not None:
                rules.append(rule)
                locations[rule.id] = RuleLocations.of(file.document, index, model)
        compiler.check_defaults()
        expressions[file.document.path] = compiler.expressions
        errors += report.findings
    errors += _duplicates(files)
    ordered = in_order(errors)
    ruleset = None
    if not ordered:
        version, names = sources.version(), sources.rules
        ruleset = RuleSet(version, rules, templates, cel, off=off, files=names, care=care.care)
    return Compilation(ruleset, ordered, tuple(files), expressions, locations, templates, catalogue, typed, cel, care)


def load(
    sources: RuleSources,
    schemas: SchemaCatalogue,
    *,
    environment: str | None,
    apis: Collection[str] | None = None,
    cel: Environment | None = None,
    most_items: int = MOST_ITEMS,
) -> RuleSet:
    """The rule set without findings; arguments as for `compile_rules`.

    Raises:
        RulesRefused: with every error.
    """
    compilation = compile_rules(sources, schemas, environment=environment, apis=apis, cel=cel, most_items=most_items)
    if compilation.ruleset is None:
        raise RulesRefused(compilation.errors)
    return compilation.ruleset


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings by file and location, each once."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: finding[:3]))


def _templates(
    sources: RuleSources, apis: Collection[str] | None, errors: list[Finding]
) -> tuple[Mapping[str, Template], Document | None]:
    if sources.templates is None:
        path = next(iter(sources.rules), "templates.yaml")
        message = phrase("there is no templates.yaml")
        usual = phrase("put one beside the rules; `notice-pipeline init` makes an example")
        below = (why for name, why in sources.ignored.items() if name.endswith(("/templates.yaml", "/templates.yml")))
        hint = next(below, usual)
        errors.append(Finding(path, 1, 1, CODES["no-templates"].level, "no-templates", message, hint))
        return {}, None
    templates, document, faults = read_templates(*sources.templates)
    errors += faults
    if document is not None and apis is not None:
        errors += _unknown_apis(document, templates, apis)
    return templates, document


def _unknown_apis(document: Document, templates: Mapping[str, Template], apis: Collection[str]) -> Iterator[Finding]:
    for alias, template in templates.items():
        if template.api not in apis:
            known = phrase("there is {apis}; others are added under `apis:` of pipeline.yaml", apis=joined(", ", apis))
            hint = did_you_mean(template.api, apis) or known
            message = phrase("there is no API `{api}`", api=template.api)
            yield document.finding(("templates", alias, "api"), "unknown-api", message, hint)


def _rule_files(sources: RuleSources, errors: list[Finding]) -> list[RuleDocument]:
    files: list[RuleDocument] = []
    for path, text in sources.rules.items():
        document = parse(path, text)
        if isinstance(document, Finding):
            errors.append(document)
            continue
        model, faults = validate(document, RuleFile)
        errors += faults
        if model is not None:
            rules = tuple(enumerate(model.rules))
            files.append(_rule_document(document, model.defaults, rules, model.timezone, is_whole=True))
        else:
            files.append(_salvaged(document))
    return files


def _salvaged(document: Document) -> RuleDocument:
    """The rules that fit the format, of a file that does not: their own errors are reported as well."""
    content = document.value if isinstance(document.value, dict) else {}
    given = content.get("rules")
    rules = [(index, _fitting(RuleModel, rule)) for index, rule in enumerate(given if isinstance(given, list) else ())]
    fitting = tuple((index, rule) for index, rule in rules if rule is not None)
    zone = content.get("timezone")
    timezone = zone if isinstance(zone, str) else DEFAULT_ZONE
    return _rule_document(document, _fitting(RuleFields, content.get("defaults")), fitting, timezone, is_whole=False)


def _rule_document(
    document: Document,
    defaults: RuleFields | None,
    rules: tuple[tuple[int, RuleModel], ...],
    timezone: str,
    *,
    is_whole: bool,
) -> RuleDocument:
    merged = tuple([(index, with_defaults(rule, defaults)) for index, rule in rules])
    return RuleDocument(document, defaults, rules, timezone, is_whole, merged)


def _misplaced(file: RuleDocument) -> frozenset[str]:
    """Keys of rules outside the rules."""
    content = file.document.value
    return frozenset(content) if isinstance(content, dict) and not file.is_whole else frozenset()


def _fitting(model: type[_Model], value: object) -> _Model | None:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _typed_environments(
    files: Sequence[RuleDocument], schemas: SchemaCatalogue
) -> Mapping[str, Sequence[TypedEnvironment]]:
    used = {event_type for file in files for _, rule in file.merged for event_type in event_types(rule)}
    typed: dict[str, Sequence[TypedEnvironment]] = dict.fromkeys(schemas, ())
    typed |= {
        event_type: _version_environments(schemas.versions(event_type))
        for event_type in used
        if schemas.versions(event_type)
    }
    return typed


def _version_environments(schemas: Sequence[EventSchema]) -> list[TypedEnvironment]:
    """For each version that events may have once they are decoded: older ones that the newest reads become it."""
    every = versions(schema.root for schema in schemas)
    newest = schemas[-1]
    return [
        TypedEnvironment(fields)
        for schema, fields in zip(schemas, every, strict=True)
        if schema is newest or incompatibilities(newest, schema)
    ]


def _duplicates(files: Sequence[RuleDocument]) -> list[Finding]:
    seen: dict[str, str] = {}
    findings: list[Finding] = []
    for file in files:
        for index, rule in file.rules:
            location = file.document.location(("rules", index, "id"))
            if rule.id in seen:
                message = phrase("rule `{id}` is already defined at {seen}", id=rule.id, seen=seen[rule.id])
                findings.append(file.document.finding(("rules", index, "id"), "duplicate-rule", message))
            else:
                seen[rule.id] = f"{file.document.path}:{location.line}"
    return findings
