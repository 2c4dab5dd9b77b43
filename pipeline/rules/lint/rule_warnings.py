"""Warnings and notes on rules and templates: what is allowed and probably not meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.model.finding import Finding
from pipeline.model.suggestion import did_you_mean
from pipeline.rules.cel import contradictions, literals
from pipeline.rules.cel.engine import Environment, ExpressionFailed
from pipeline.rules.compile import Compilation, RuleDocument
from pipeline.rules.constants import is_fixed
from pipeline.rules.expressions import ExpressionSource
from pipeline.rules.rule_compiler import event_types
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.finding_codes import CODES, is_error
from pipeline.rules.source.report import Report

TYPES_ALIKE = 0.85
"""Least likeness of a suggested event type: all types of a team begin alike, so the usual 0.6 would suggest any."""
_NO_SCHEMA = "put it into the folder `schemas`: an .avsc file, from the team that emits these events"


def rule_warnings(compilation: Compilation, sources: RuleSources) -> Iterator[Finding]:
    """The warnings and notes on a compiled rule set; `sources` are its files."""
    for file in compilation.files:
        report = Report(file.document)
        for index, rule in file.merged:
            if not rule.enabled:
                report.add(("rules", index), "disabled", f"rule `{rule.id}` is disabled")
        _unknown_types(report, file, compilation)
        for source in compilation.expressions[file.document.path]:
            _missing_labels(report, source, compilation)
            _integer_divisions(report, source, compilation)
            if source.is_condition:
                _decided(report, source, compilation.cel)
        yield from report.findings
    yield from _shadowed(compilation.files)
    if sources.is_whole:
        yield from _unused(compilation)
    for path, hint in sources.ignored.items():
        yield Finding(path, 1, 1, CODES["file-not-read"].level, "file-not-read", "this file is not read", hint)
    if not compilation.errors and not any(file.rules for file in compilation.files):
        path = next((file.document.path for file in compilation.files), "rules")
        yield Finding(path, 1, 1, CODES["no-rules"].level, "no-rules", "there is no rule")


def _unknown_types(report: Report, file: RuleDocument, compilation: Compilation) -> None:
    for (number, given), (_, rule) in zip(file.rules, file.merged, strict=True):
        path = ("rules", number, "on") if "on" in given.model_fields_set else ("defaults", "on")
        for index, event_type in enumerate(event_types(rule) if rule.enabled else ()):
            if not compilation.typed.get(event_type):
                location = path if isinstance(rule.on, str) else (*path, index)
                summary = f"no schema of `{event_type}` is known: its expressions are not checked"
                hint = did_you_mean(event_type, compilation.typed, TYPES_ALIKE) or _NO_SCHEMA
                report.add_inside(location, 0, "unknown-event-type", summary, hint)


def _integer_divisions(report: Report, source: ExpressionSource, compilation: Compilation) -> None:
    for event_type in source.on:
        for environment in compilation.typed.get(event_type, ()):
            for fault in literals.integer_divisions(source.tree, environment.fields):
                report.add_inside(source.path, source.at + fault.at, fault.code, fault.message, fault.hint)


def _missing_labels(report: Report, source: ExpressionSource, compilation: Compilation) -> None:
    for event_type in source.on:
        for environment in compilation.typed.get(event_type, ()):
            for fault in literals.enum_faults(source.tree, environment.fields):
                if not is_error(fault.code):
                    report.add_inside(source.path, source.at + fault.at, fault.code, fault.message, fault.hint)


def _decided(report: Report, condition: ExpressionSource, cel: Environment) -> None:
    """A condition whose value does not depend on the event."""
    root, path = condition.tree.root, condition.path
    if is_fixed(root):
        value = _value(condition, cel)
        if isinstance(value, bool):
            code, summary = ("always-matches", "always") if value else ("never-matches", "never")
            report.add_inside(path, 0, code, f"the condition is {summary} true")
    elif clash := contradictions.never(root):
        summary = f"the condition is never true: no `{clash.path}` satisfies both this and the part before it"
        report.add_inside(path, clash.at.start, "never-matches", summary)
    elif clash := contradictions.always(root):
        summary = f"the condition is always true: any `{clash.path}` satisfies this or the part before it"
        report.add_inside(path, clash.at.start, "always-matches", summary, "did you mean `&&`?")


def _value(condition: ExpressionSource, cel: Environment) -> object:
    try:
        return condition.expression.evaluate(cel.bind({}))
    except ExpressionFailed:
        return None


def _shadowed(files: Iterable[RuleDocument]) -> Iterator[Finding]:
    stopped: dict[str, str] = {}
    for file in files:
        for index, rule in file.merged:
            if not rule.enabled:
                continue
            types = event_types(rule)
            if types and all(event_type in stopped for event_type in types):
                message = f"rule `{stopped[types[0]]}` stops every event of this type before"
                yield file.document.finding(("rules", index), "shadowed", message)
            if rule.stop and rule.when is None:
                for event_type in types:
                    stopped.setdefault(event_type, rule.id)


def _unused(compilation: Compilation) -> Iterator[Finding]:
    if compilation.catalogue is None or not all(file.is_whole for file in compilation.files):
        return
    used = {rule.template for file in compilation.files for _, rule in file.merged}
    for alias in compilation.templates:
        if alias not in used:
            yield compilation.catalogue.finding(("templates", alias), "unused-template", f"no rule uses `{alias}`")
