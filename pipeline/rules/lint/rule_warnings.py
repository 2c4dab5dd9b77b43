"""Warnings and notes on rules and templates: what is allowed and probably not meant."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping

from pipeline.model.finding import Finding
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.cel import contradictions, literals
from pipeline.rules.cel.engine import Environment, ExpressionFailed
from pipeline.rules.cel.tree import Kind
from pipeline.rules.compile import Compilation, RuleDocument
from pipeline.rules.constants import is_fixed
from pipeline.rules.expressions import ExpressionSource
from pipeline.rules.functions.times import doubtful_zone
from pipeline.rules.lint import money_warnings, text_warnings
from pipeline.rules.lint.care_warnings import care_warnings
from pipeline.rules.lint.expression_warnings import Use, expression_faults
from pipeline.rules.lint.recipients import recipient_doubts
from pipeline.rules.rule_compiler import event_types, template_aliases
from pipeline.rules.source.document import Path
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.finding_codes import CODES, is_error
from pipeline.rules.source.format import FieldValue, RuleModel
from pipeline.rules.source.report import Report
from pipeline.rules.source.templates import Template
from pipeline.styles.category import AMOUNT
from pipeline.styles.registry import STYLES

_NAMES = frozenset({"when", "for_each", "to", "template", "url", "reference", "once", "data"})
TYPES_ALIKE = 0.85
"""Least likeness of a suggested event type: all types of a team begin alike, so the usual 0.6 would suggest any."""
_NO_SCHEMA = phrase("put it into the folder `schemas`: an .avsc file, from the team that emits these events")


def rule_warnings(compilation: Compilation, sources: RuleSources, now: float | None = None) -> Iterator[Finding]:
    """The warnings and notes on a compiled rule set; `sources` are its files.

    `now`, in seconds since 1970, is needed for those about days that are over.
    """
    for file in compilation.files:
        yield from _FileWarnings(file, compilation).findings()
        yield from _days(file, compilation, now)
        yield from _unused_items(file, compilation)
    yield from _shadowed(compilation.files)
    if sources.is_whole:
        yield from _unused(compilation)
    yield from _template_ids(compilation)
    yield from care_warnings(compilation, is_whole=sources.is_whole)
    for path, hint in sources.ignored.items():
        yield Finding(path, 1, 1, CODES["file-not-read"].level, "file-not-read", phrase("this file is not read"), hint)
    if not compilation.errors and not any(file.rules for file in compilation.files):
        path = next((file.document.path for file in compilation.files), "rules")
        yield Finding(path, 1, 1, CODES["no-rules"].level, "no-rules", phrase("there is no rule"))


class _FileWarnings:
    """The warnings on the rules of one file."""

    def __init__(self, file: RuleDocument, compilation: Compilation) -> None:
        self._file = file
        self._compilation = compilation
        self._report = Report(file.document)
        self._merged = dict(file.merged)
        self._faults: dict[Hashable, Collection[literals.Fault]] = {}
        """What is found in an expression, by all that it depends on: most rules of a file share some expressions."""

    def findings(self) -> Iterator[Finding]:
        for index, rule in self._file.merged:
            if not rule.enabled:
                self._report.add(
                    ("rules", index), "disabled", phrase("rule `{id}` is off: `enabled: false`", id=rule.id)
                )
        self._unknown_types()
        for source in self._compilation.expressions[self._file.document.path]:
            self._expression(source)
        self._texts()
        yield from self._report.findings
        for line, column, message, hint in text_warnings.comments(self._file.document):
            code = "text-in-comment"
            yield Finding(self._file.document.path, line, column, CODES[code].level, code, message, hint)

    def _expression(self, source: ExpressionSource) -> None:
        where = self._where(source.path)
        is_whole = where.name == "to" and self._is_whole_recipient(source.path)
        environments = [id(one) for event_type in source.on for one in source.typed.get(event_type, ())]
        key = (id(source.tree), where, is_whole, source.known, *environments)
        found = self._faults.get(key)
        if found is None:
            found = self._faults[key] = expression_faults(source, where, is_whole=is_whole)
        dropped = {fault.at for fault in found if fault.code == "integer-division"}
        for fault in found:
            covers_division = fault.code == "bare-amount" and any(fault.at <= at for at in dropped)
            if not is_error(fault.code) and not covers_division:
                self._report.add_inside(source.path, source.at + fault.at, fault.code, fault.message, fault.hint)
        if source.is_condition:
            _decided(self._report, source, self._compilation.cel)
        elif where.name in {"data", "url"}:
            self._constants(source)

    def _constants(self, source: ExpressionSource) -> None:
        """The texts within an expression."""
        every = source.tree.nodes
        keys = {key.id for node in every if node.kind is Kind.MAP for key in node.children[::2]}  # of `label()`
        for node in every:
            if node.kind is Kind.CONSTANT and isinstance(node.value, str) and node.id not in keys:
                self._placeholders(source.path, source.at + node.start + 1, node.value, source.on)

    def _texts(self) -> None:
        """The parts outside `${…}` of the texts of rules."""
        for index, rule in self._merged.items():
            if not rule.enabled:
                continue
            for path, text in _texts_of(index, rule, dict(self._file.rules)[index]):
                for at, literal in text_warnings.literals_of(text):
                    self._placeholders(path, at, literal, event_types(rule))
                for doubt in text_warnings.stray_braces(text):
                    self._report.add_inside(path, doubt.at, "foreign-placeholder", doubt.message, doubt.hint)
                if path[-1] == "url" and (host := text_warnings.unreachable_host(text)) is not None:
                    self._report.add_inside(path, host.at, "unreachable-url", host.message, host.hint)
                if self._where(path).kind is AMOUNT and (bare := money_warnings.bare_constant(text)) is not None:
                    self._report.add_inside(path, bare.at, bare.code, bare.message, bare.hint)
                for at in money_warnings.doubled_around(text):
                    self._report.add_inside(path, at, *money_warnings.DOUBLED)
            given = dict(self._file.rules)[index]
            for doubt in recipient_doubts(rule.to or ""):
                path = ("rules", index, "to") if "to" in given.model_fields_set else ("defaults", "to")
                self._report.add_inside(path, doubt.at, "doubtful-recipient", doubt.message, doubt.hint)

    def _placeholders(self, path: Path, at: int, text: str, on: Iterable[str]) -> None:
        known = [self._compilation.typed.get(event_type, ()) for event_type in on]
        fields = next((environments[-1].fields for environments in known if environments), None)
        for doubt in text_warnings.placeholders(text, fields):
            self._report.add_inside(path, at + doubt.at, "foreign-placeholder", doubt.message, doubt.hint)

    def _is_whole_recipient(self, path: Path) -> bool:
        """Whether `to` is one expression, without a text around it; that of `defaults` counts as one."""
        to = self._merged[path[1]].to if path[0] == "rules" and isinstance(path[1], int) else ""
        return to is None or (not to.partition("${")[0] and to.count("${") < 2 and not to.rpartition("}")[2])  # noqa: PLR2004 - one

    def _where(self, path: Path) -> Use:
        name = next((str(part) for part in path if part in _NAMES), "")
        if name != "data":
            return Use(name, None)
        key = str(path[path.index("data") + 1])
        rules = [self._merged[path[1]]] if path[0] == "rules" and isinstance(path[1], int) else self._merged.values()
        templates = (self._compilation.templates.get(alias) for rule in rules for alias in template_aliases(rule))
        fields = (template.field(key) for template in templates if template is not None)
        return Use(name, next((field.kind for field in fields if field is not None), None))

    def _unknown_types(self) -> None:
        typed = self._compilation.typed
        for (number, given), (_, rule) in zip(self._file.rules, self._file.merged, strict=True):
            path = ("rules", number, "on") if "on" in given.model_fields_set else ("defaults", "on")
            types = event_types(rule) if rule.enabled else ()
            for index, event_type in enumerate(types):
                if event_type in types[:index]:
                    summary = phrase("`{event_type}` is there twice", event_type=event_type)
                    self._report.add((*path, index), "repeated-type", summary)
                elif not typed.get(event_type):
                    location = path if isinstance(rule.on, str) else (*path, index)
                    summary = phrase(
                        "no schema of `{event_type}` is known: its expressions are not checked", event_type=event_type
                    )
                    hint = _type_hint(event_type, typed)
                    self._report.add_inside(location, 0, "unknown-event-type", summary, hint)


def _type_hint(given: str, known: Iterable[str]) -> str:
    names = list(known)
    if "," in given or "，" in given:
        parts = [part.strip() for part in given.replace("，", ",").split(",")]
        return phrase("several types are a list: on: [{parts}]", parts=joined(", ", parts))
    if "*" in given:
        return phrase("a type is written in full, there are no wildcards: name each one, on: [a, b]")
    visible = "".join(filter(str.isprintable, given)).strip()
    if visible != given and visible in names:
        return phrase("it has an invisible character: type `{visible}` again", visible=visible)
    ends = [name for name in names if name.endswith(f".{visible}")]
    if len(ends) == 1:
        return phrase("write the whole name: {ends}", ends=ends[0])
    return did_you_mean(given, names, TYPES_ALIKE) or _NO_SCHEMA


def _texts_of(index: int, rule: RuleModel, given: RuleModel) -> Iterator[tuple[Path, str]]:
    """The texts that customers or browsers get, each with its path: in the rule, else in the file's defaults."""

    def base(name: str) -> Path:
        return ("rules", index, name) if name in given.model_fields_set else ("defaults", name)

    if rule.url:
        yield base("url"), rule.url
    if rule.reference:
        yield base("reference"), rule.reference
    for key, value in (rule.data or {}).items():
        holder: Path = ("rules", index, "data") if key in (given.data or {}) else ("defaults", "data")
        if isinstance(value, FieldValue):
            yield (*holder, key, "value"), value.value
        else:
            yield (*holder, key), value


def _decided(report: Report, condition: ExpressionSource, cel: Environment) -> None:
    """A condition whose value does not depend on the event."""
    root, path = condition.tree.root, condition.path
    for node, field, is_true in contradictions.of_itself(root):
        code = "always-matches" if is_true else "never-matches"
        summary = phrase("`{field}` is compared with itself", field=field)
        report.add_inside(path, node.start, code, summary, phrase("name the other field, or a value"))
    if is_fixed(root):
        value = _value(condition, cel)
        if isinstance(value, bool):
            if value:
                report.add_inside(path, 0, "always-matches", phrase("the condition is always true"))
            else:
                report.add_inside(path, 0, "never-matches", phrase("the condition is never true"))
    elif clash := contradictions.never(root):
        summary = phrase(
            "the condition is never true: no `{path}` satisfies both this and the part before it", path=clash.path
        )
        report.add_inside(path, clash.at.start, "never-matches", summary, phrase("did you mean `||`?"))
    elif clash := contradictions.always(root):
        summary = phrase(
            "the condition is always true: any `{path}` satisfies this or the part before it", path=clash.path
        )
        report.add_inside(path, clash.at.start, "always-matches", summary, phrase("did you mean `&&`?"))


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
                message = phrase("rule `{stopped}` stops every event of this type before", stopped=stopped[types[0]])
                yield file.document.finding(("rules", index), "shadowed", message)
            if rule.stop and rule.when is None and rule.active is None:
                for event_type in types:
                    stopped.setdefault(event_type, rule.id)


def _unused_items(file: RuleDocument, compilation: Compilation) -> Iterator[Finding]:
    """Rules whose messages do not differ by the item of their list."""
    read: dict[str | int, set[str]] = {}
    for source in compilation.expressions[file.document.path]:
        names = {node.name for node in source.tree.nodes if node.kind is Kind.NAME}
        read.setdefault(source.path[1] if source.path[0] == "rules" else "defaults", set()).update(names)
    compiled = {rule.id: rule for rule in compilation.ruleset.rules} if compilation.ruleset is not None else {}
    for index, rule in file.merged:
        each = compiled[rule.id].for_each if rule.id in compiled else None
        if each is not None and each.name not in read.get(index, set()) | read.get("defaults", set()):
            message = phrase(
                "no text of `{id}` reads `{name}`: all messages of an event are the same", id=rule.id, name=each.name
            )
            path = compilation.locations[rule.id].key("for_each")
            yield file.document.finding(path, "unused-item", message, phrase("write to: ${{{name}.…}}", name=each.name))


def _days(file: RuleDocument, compilation: Compilation, now: float | None) -> Iterator[Finding]:
    """Days of rules that are over, and a zone that no day is in."""
    report = Report(file.document)
    active = {index: rule for index, rule in file.merged if rule.active is not None}
    compiled = {rule.id: rule for rule in compilation.ruleset.rules} if compilation.ruleset is not None else {}
    for rule in active.values():
        days = compiled[rule.id].active if rule.id in compiled else None
        if days is not None and now is not None and days.are_over(now):
            path = (*compilation.locations[rule.id].key("active"), "until")
            summary = phrase(
                "`{id}` is over since the end of {last}: it matches no new event", id=rule.id, last=days.last
            )
            report.add_inside(
                path, 0, "days-over", summary, phrase("remove the rule with its tests, or write another day")
            )
    content = file.document.value
    if isinstance(content, dict) and "timezone" in content:
        if not active:
            summary = phrase("no rule of the file has `active`, whose days this zone is for")
            hint = phrase('name the zone in the function: local_time(…, "HH:mm", "{timezone}")', timezone=file.timezone)
            report.add_inside(("timezone",), 0, "unused-timezone", summary, hint)
        elif (doubt := doubtful_zone(file.timezone)) is not None:
            report.add_inside(("timezone",), 0, "doubtful-zone", doubt[0], phrase("write {doubt}", doubt=doubt[1]))
    yield from report.findings


def _unused(compilation: Compilation) -> Iterator[Finding]:
    if compilation.catalogue is None or not all(file.is_whole for file in compilation.files):
        return
    used = {alias for file in compilation.files for _, rule in file.merged for alias in template_aliases(rule)}
    for alias in compilation.templates:
        if alias not in used:
            yield compilation.catalogue.finding(
                ("templates", alias), "unused-template", phrase("no rule uses `{alias}`", alias=alias)
            )


def _template_ids(compilation: Compilation) -> Iterator[Finding]:
    if compilation.catalogue is None:
        return
    code, report = "doubtful-template-id", Report(compilation.catalogue)
    others: dict[tuple[str, str], str] = {}
    for alias, template in compilation.templates.items():
        for stage, message, hint in text_warnings.template_id_doubts(template.ids, others):
            report.add_inside(("templates", alias, "ids", stage), 0, code, message, hint)
        missing = [stage for stage in _stages(compilation) if stage not in template.ids]
        for stage in missing:
            message = phrase("there is no id for {stage}, which the other templates have", stage=stage)
            report.add(
                ("templates", alias, "ids"),
                code,
                message,
                phrase("write {stage}: and the id, or use it in no rule there", stage=stage),
            )
        for stage, one in template.ids.items():
            others.setdefault((stage, one), alias)
        if (key := _of_other_style(template)) is not None:
            message = phrase("`{key}` is not a key of style `{name}`", key=key, name=template.style.name)
            hint = phrase(
                "history and alipay have first, keyword1, … and remark; category has thing1, time2, amount3, …"
            )
            report.add(("templates", alias, "style"), "doubtful-style", message, hint)
    yield from report.findings


def _of_other_style(template: Template) -> str | None:
    """The first key that is one of another style's and not of the template's own."""
    others = [style for style in STYLES.values() if style is not template.style]
    keys = (field.key for field in template.fields if not template.style.owns(field.key))
    return next((key for key in keys if any(style.owns(key) for style in others)), None)


def _stages(compilation: Compilation) -> list[str]:
    """The environments that most templates have an id for."""
    templates: Mapping[str, object] = compilation.templates
    counts: dict[str, int] = {}
    for template in compilation.templates.values():
        for stage in template.ids:
            counts[stage] = counts.get(stage, 0) + 1
    return [stage for stage, count in counts.items() if 2 * count > len(templates)]
