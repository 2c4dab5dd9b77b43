"""One rule, from the format to compiled form; what is wrong with it becomes findings at their exact places."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pipeline.model.finding import Finding
from pipeline.model.notice import OnAmbiguous
from pipeline.rules import channel, cost
from pipeline.rules.cel import CompileError, Environment, Expression
from pipeline.rules.document import Document
from pipeline.rules.document import Path as DocumentPath
from pipeline.rules.finding_codes import CODES
from pipeline.rules.functions import FUNCTIONS
from pipeline.rules.language import FieldValue, RuleFields, RuleModel
from pipeline.rules.ruleset import Rule, RuleField, Text
from pipeline.rules.templates import Template
from pipeline.rules.text import Unclosed, split
from pipeline.rules.typing import TypedEnvironment

_LITERAL = re.compile(r"\s*(?:\"((?:[^\"\\])*)\"|'((?:[^'\\])*)'|(-?\d+))\s*")
_TEXT_RESULTS = frozenset({"STRING", "INT", "DOUBLE", "BOOL", "UINT", "DYN", "NULL", "NULL_TYPE"})


class RuleCompiler:
    """Compiles the rules of one file."""

    def __init__(
        self,
        document: Document,
        defaults: RuleFields | None,
        templates: Mapping[str, Template],
        environment: Environment,
        typed: Mapping[str, Sequence[TypedEnvironment]],
        stage: str | None,
    ) -> None:
        """`typed` has, by event type, one environment for each schema version; `stage` picks template ids."""
        self._document = document
        self._defaults = defaults
        self._templates = templates
        self._environment = environment
        self._typed = typed
        self._stage = stage
        self.findings: list[Finding] = []

    def compile(self, index: int, model: RuleModel) -> Rule | None:
        """The compiled rule, or None where findings keep it from being one."""
        before = len(self.findings)
        path: DocumentPath = ("rules", index)
        merged = self._merged(model)
        on = (merged.on,) if isinstance(merged.on, str) else merged.on or ()
        for name, value in (("on", on), ("to", merged.to), ("template", merged.template), ("data", merged.data)):
            if not value:
                self._add(path, "missing-key", f"rule `{model.id}` has no `{name}`")
        for event_type in on:
            if not self._typed.get(event_type):
                words = f"no schema of `{event_type}` is known: its expressions are not checked"
                near = difflib.get_close_matches(event_type, list(self._typed), n=1)
                self._add((*path, "on"), "unknown-event-type", words, f"did you mean `{near[0]}`?" if near else None)
        template = self._template(path, merged.template) if merged.template else None
        when = self._condition((*path, "when"), merged.when, on) if merged.when else None
        to = self._text((*path, "to"), merged.to or "", on, merged.when)
        url = self._url((*path, "url"), merged.url, on, merged.when) if merged.url else None
        fields = self._fields(path, merged, template, on)
        if any(finding.is_error for finding in self.findings[before:]) or to is None or template is None:
            return None
        rule = Rule(
            id=model.id,
            on=on,
            when=when,
            to=to,
            template=template.alias,
            template_id=template.ids.get(self._stage, "") if self._stage else next(iter(template.ids.values())),
            url=url,
            fields=tuple(fields),
            expires_after=merged.expires_after,
            ordered=merged.order == "recipient",
            on_ambiguous=OnAmbiguous(merged.on_ambiguous),
            stop=merged.stop,
            owner=merged.owner or "",
            description=model.description or "",
            category=merged.category or "transactional",
        )
        expressions = [expression for _, text in rule.texts for expression in text.expressions]
        return replace(rule, together=self._environment.together(expressions))

    def _merged(self, model: RuleModel) -> RuleModel:
        if self._defaults is None:
            return model
        given = {name: getattr(self._defaults, name) for name in self._defaults.model_fields_set}
        given |= {name: getattr(model, name) for name in model.model_fields_set}
        return model.model_copy(update=given)

    def _add(self, path: DocumentPath, code: str, words: str, hint: str | None = None) -> None:
        self.findings.append(self._document.finding(path, CODES[code].level, code, words, hint))

    def _add_inside(self, path: DocumentPath, at: int, code: str, words: str, hint: str | None) -> None:
        place = self._document.value_place(path, at)
        finding = Finding(self._document.path, place.line, place.column, CODES[code].level, code, words, hint)
        if finding not in self.findings:
            self.findings.append(finding)

    def _template(self, path: DocumentPath, alias: str) -> Template | None:
        template = self._templates.get(alias)
        if template is None:
            near = difflib.get_close_matches(alias, list(self._templates), n=1)
            hint = f"did you mean `{near[0]}`?" if near else None
            self._add((*path, "template"), "unknown-template", f"there is no template `{alias}`", hint)
        elif self._stage is not None and self._stage not in template.ids:
            words = f"template `{alias}` has no id for environment `{self._stage}`"
            self._add((*path, "template"), "no-template-id", words, f"it has one for {', '.join(template.ids)}")
        return template

    def _condition(self, path: DocumentPath, source: str, on: Sequence[str]) -> Expression | None:
        expression, results = self._expression(path, 0, source, on, source)
        for result in results:
            if result not in {"BOOL", "DYN"}:
                self._add_inside(
                    path, 0, "not-a-condition", f"the condition is {_named(result)}, not true or false", None
                )
        if expression is not None and "event" not in source:
            self._constant_condition(path, expression)
        return expression

    def _constant_condition(self, path: DocumentPath, expression: Expression) -> None:
        value = expression.evaluate(self._environment.bind({}))
        if value is False:
            self._add(path, "never-matches", "the condition is never true")
        elif value is True:
            self._add(path, "always-matches", "the condition is always true")

    def _expression(
        self, path: DocumentPath, at: int, source: str, on: Sequence[str], guard: str
    ) -> tuple[Expression | None, list[str]]:
        """Compile and check against every schema version; `guard` is where a null may have been asked for."""
        faulty = False
        results: list[str] = []
        for event_type in on:
            versions = self._typed.get(event_type, ())
            for number, typed in enumerate(versions, 1):
                faults, result = typed.check(source)
                for fault in faults:
                    version = f" (version {number} of {len(versions)} of {event_type})" if len(versions) > 1 else ""
                    self._add_inside(path, at + fault.at, fault.code, fault.words + version, fault.hint)
                    faulty = faulty or CODES[fault.code].level == "error"
                if result is not None:
                    results.append(result)
                for where, field in typed.nullable_paths(source):
                    if not _guarded(field, source, guard):
                        words, hint = f"`{field}` may be null", f"ask first: {field} != null ? … : …"
                        self._add_inside(path, at + where, "null-not-handled", words, hint)
        for where, words in _bad_arguments(source):
            self._add_inside(path, at + where, "bad-argument", words, None)
        if faulty:
            return None, []
        try:
            expression = self._environment.compile(source)
        except CompileError as error:
            for where, words in error.faults:
                self._add_inside(path, at + where, "expression-syntax", f"not an expression: {words}", None)
            return None, []
        for where, words in cost.excesses(expression.tree()):
            self._add_inside(path, at + where, "too-costly", words, None)
        return expression, results

    def _text(self, path: DocumentPath, text: str, on: Sequence[str], when: str | None) -> Text | None:
        try:
            parts = split(text)
        except Unclosed as error:
            self._add_inside(path, error.at, "expression-unclosed", "`${` without its `}`", None)
            return None
        compiled: list[str | Expression] = []
        for part in parts:
            if not part.is_expression:
                compiled.append(part.source)
                continue
            expression, results = self._expression(path, part.at, part.source, on, f"{when or ''} {part.source}")
            for result in results:
                if result not in _TEXT_RESULTS and not result.startswith("google.protobuf"):
                    hint = (
                        'write a time with local_time(event.…, "YYYY年M月D日 HH:mm")' if result == "TIMESTAMP" else None
                    )
                    self._add_inside(path, part.at, "not-a-text", f"this is {_named(result)}, not a text", hint)
            if expression is None:
                return None
            compiled.append(expression)
        return Text(tuple(compiled), text)

    def _url(self, path: DocumentPath, url: str, on: Sequence[str], when: str | None) -> Text | None:
        text = self._text(path, url, on, when)
        if not re.match(r"https://[A-Za-z0-9.-]+(:\d+)?(/|\?|#|$)", url):
            hint = "write scheme and host out; only what follows them may come from the event"
            self._add_inside(path, 0, "bad-url", "the url does not begin with https:// and a host", hint)
        return text

    def _fields(
        self, path: DocumentPath, rule: RuleModel, template: Template | None, on: Sequence[str]
    ) -> list[RuleField]:
        data = rule.data or {}
        fields: list[RuleField] = []
        for key, given in data.items():
            value = given if isinstance(given, FieldValue) else FieldValue(value=given)
            place: DocumentPath = (*path, "data", key, *(("value",) if isinstance(given, FieldValue) else ()))
            text = self._text(place, value.value, on, rule.when)
            declared = template.field(key) if template is not None else None
            if template is not None and declared is None:
                names = [field.key for field in template.fields]
                near = difflib.get_close_matches(key, names, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(names)}"
                words = f"template `{template.alias}` has no field `{key}`"
                self._add((*path, "data", key), "unknown-template-field", words, hint)
            if text is None or declared is None:
                continue
            truncate = rule.overflow.get(key) == "truncate"
            if truncate and not channel.may_be_cut(declared.kind):
                words = f"a shortened `{declared.kind}` is a wrong one"
                self._add((*path, "overflow", key), "cannot-truncate", words)
            if text.constant is not None and not (declared.optional and not text.constant) and not truncate:
                problem = channel.violation(declared.kind, text.constant, declared.values)
                if problem is not None:
                    self._add_inside(place, 0, "over-limit", f"`{key}` {problem}", None)
            color = value.color or rule.color
            fields.append(RuleField(key, text, color, declared.kind, declared.optional, truncate, declared.values))
        if template is not None and data:
            missing = [field.key for field in template.fields if field.key not in data and not field.optional]
            if missing:
                words = f"template `{template.alias}` wants {', '.join(f'`{key}`' for key in missing)}, too"
                self._add((*path, "data"), "field-not-filled", words)
        for key in rule.overflow:
            if key not in data:
                self._add(
                    (*path, "overflow", key), "unknown-template-field", f"`overflow` names `{key}`, `data` does not"
                )
        return fields


def _guarded(field: str, source: str, guard: str) -> bool:
    """Whether somewhere in the condition or the expression it is asked if the field is null, or there at all."""
    name = re.escape(field)
    asked = rf"{name}\s*[!=]=\s*null|null\s*[!=]=\s*{name}|has\(\s*{name}\s*\)|\bdefault\(\s*{name}\s*,"
    return re.search(asked, source) is not None or re.search(asked, guard) is not None


def _named(result: str) -> str:
    words = {
        "STRING": "a text",
        "INT": "a whole number",
        "DOUBLE": "a number",
        "BOOL": "true or false",
        "TIMESTAMP": "a time",
    }
    kind = result.partition("<")[0]
    return words.get(kind) or ("a list" if kind == "LIST" else "a map" if kind == "MAP" else f"a `{result}`")


def _bad_arguments(source: str) -> Iterator[tuple[int, str]]:
    """Calls of our functions whose fixed arguments are wrong for any event."""
    for function in FUNCTIONS:
        if function.check_constants is None:
            continue
        for match in re.finditer(rf"\b{function.name}\(", source):
            arguments = [_literal(argument) for argument in _arguments(source, match.end())]
            if len(arguments) in {len(overload.parameters) for overload in function.overloads}:
                problem = function.check_constants(*arguments)
                if problem is not None:
                    yield match.start(), f"{function.name}: {problem}"


def _arguments(source: str, start: int) -> list[str]:
    """The texts of a call's arguments, from after its opening bracket."""
    depth, quote, begin, parts = 0, "", start, []
    for index in range(start, len(source)):
        character = source[index]
        if quote:
            if character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            if not depth:
                parts.append(source[begin:index])
                return parts
            depth -= 1
        elif character == "," and not depth:
            parts.append(source[begin:index])
            begin = index + 1
    return parts


def _literal(argument: str) -> str | int | None:
    match = _LITERAL.fullmatch(argument)
    if match is None:
        return None
    if match[3] is not None:
        return int(match[3])
    return match[1] if match[1] is not None else match[2]
