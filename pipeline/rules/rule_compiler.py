"""Compile one rule; its errors become findings at their exact locations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from pipeline.care.declaration import OverCap
from pipeline.model.notice import OnAmbiguous
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules import template_choice
from pipeline.rules.active import Days
from pipeline.rules.body import Body
from pipeline.rules.care_compiler import CareSource, too_long
from pipeline.rules.cel import braces
from pipeline.rules.cel.engine import Environment, Expression
from pipeline.rules.cel.nulls import NOTHING, Known
from pipeline.rules.expressions import RECIPIENT_RESULTS, ExpressionCompiler, ExpressionSource, Typed
from pipeline.rules.field_compiler import FieldCompiler
from pipeline.rules.for_each import ForEach, taken_apart
from pipeline.rules.functions.times import unknown_zone
from pipeline.rules.message import Text
from pipeline.rules.once import RuleOnce
from pipeline.rules.ruleset import Rule
from pipeline.rules.sound import SoundExpressions, Trees
from pipeline.rules.source.document import Path
from pipeline.rules.source.format import (
    CATEGORIES,
    ActiveModel,
    OnceModel,
    RuleFields,
    RuleModel,
    TemplateByValue,
)
from pipeline.rules.source.report import Report
from pipeline.rules.source.templates import Template
from pipeline.rules.template_choice import OTHERS, TemplateChoice
from pipeline.rules.url_compiler import compile_url

_TEXTS = ("template", "when", "to", "url", "data", "reference")
_TAKEN = frozenset(
    {"event", "in", "true", "false", "null", "has", "size", "type", "int", "uint", "double", "string", "bool", "bytes"}
    | {"list", "map", "timestamp", "duration", "dyn", "as", "break", "const", "continue", "else", "for", "function"}
    | {"if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while", "null_type", "google"}
)
"""Names that CEL has itself or reserves (cel-spec, langdef.md, "Syntax")."""
_MOST_NAMED = 8
"""Templates that a hint lists."""


class Shared(NamedTuple):
    """What the rules of all files share: what they may name, and what is known of their expressions."""

    templates: Mapping[str, Template]
    care: CareSource
    environment: Environment
    typed: Typed
    """Every known event type."""
    sound: SoundExpressions
    trees: Trees


class RuleCompiler:
    """Compiles the rules of one file."""

    def __init__(
        self,
        report: Report,
        defaults: RuleFields | None,
        shared: Shared,
        stage: str | None,
        misplaced: Collection[str] = (),
    ) -> None:
        """`stage` picks template ids.

        `misplaced` are keys of rules that are elsewhere in the file, which has a finding of its own.
        """
        self._report = report
        self._defaults = defaults
        self._templates, self._care = shared.templates, shared.care
        self._stage = stage
        self._misplaced = misplaced
        self._expressions = ExpressionCompiler(report, shared.environment, shared.typed, shared.sound, shared.trees)
        self._fields = FieldCompiler(report, defaults, self._expressions)

    @property
    def expressions(self) -> Sequence[ExpressionSource]:
        """The expressions of the rules compiled so far."""
        return self._expressions.sources

    def check_defaults(self) -> None:
        """Fields in `data:` of the defaults that no rule of the file uses; call it after every rule is compiled."""
        self._fields.check_defaults()

    def compile(self, index: int, model: RuleModel, merged: RuleModel, timezone: str, most_items: int) -> Rule | None:
        """The compiled rule, or None where findings keep it from being one.

        `merged` is the rule with the file's defaults, `timezone` the file's, `most_items` bounds the items of
        `for_each` of one event.
        """
        errors = self._report.errors
        path: Path = ("rules", index)
        written = taken_apart(merged.for_each) if merged.for_each is not None else None
        self._expressions.begin_rule(None if written is None else written.name)
        on = event_types(merged)
        locations = {name: self._key_path(path, model, name) for name in _TEXTS}
        self._require(path, merged, on)
        when, known = None, NOTHING
        if merged.when:
            when, known = self._expressions.condition(locations["when"], merged.when, on)
        each = None
        if merged.for_each is not None:
            each = self._for_each(self._key_path(path, model, "for_each"), merged.for_each, on, known, most_items)
        templates, by = self._templates_of(locations["template"], merged.template, on, known)
        to = self._recipient(locations["to"], merged.to, on, known) if merged.to else None
        url = None
        if merged.url:
            url = compile_url(locations["url"], merged.url, on, known, self._report, self._expressions)
        active = None
        if merged.active is not None:
            active = self._active(self._key_path(path, model, "active"), merged.active, timezone)
        reference = self._reference(locations["reference"], merged.reference, on, known) if merged.reference else None
        once = None
        if merged.once is not None:
            once = self._once(self._key_path(path, model, "once"), merged.once, on, known)
        category = merged.category or CATEGORIES[0]
        self._check_care(path, model, merged, category)
        fields = {
            key: self._fields.compile(locations["data"], merged, template, on, known)
            for key, template in templates.items()
        }
        if not templates:
            self._fields.compile(locations["data"], merged, None, on, known)
        for template in templates.values():
            self._fields.check_overflow(self._key_path(path, model, "overflow"), template, merged)
        if self._report.errors > errors or to is None or not templates:
            return None

        def with_template(key: str, template: Template) -> Rule:
            template_id = template.ids.get(self._stage, "") if self._stage else next(iter(template.ids.values()))
            return Rule(
                id=model.id,
                on=on,
                when=when,
                to=to,
                template=template.alias,
                template_id=template_id,
                url=url,
                fields=tuple(fields[key]),
                expires_after=merged.expires_after,
                ordered=merged.order == "recipient",
                on_ambiguous=OnAmbiguous(merged.on_ambiguous),
                stop=merged.stop,
                body=Body(template_id, to, url, fields[key]),
                owner=merged.owner or "",
                description=model.description or "",
                category=category,
                file=self._report.path,
                api=template.api,
                max_per_minute=merged.max_per_minute,
                reference=reference,
                active=active,
                for_each=each,
                once=once,
            )

        rules = {key: with_template(key, template) for key, template in templates.items()}
        first = next(iter(rules.values()))
        return first if by is None else replace(first, choice=TemplateChoice(by, rules))

    @staticmethod
    def _key_path(path: Path, model: RuleModel, name: str) -> Path:
        """The path of a key: in the rule, else in the file's defaults."""
        return (*path, name) if name in model.model_fields_set else ("defaults", name)

    def _require(self, path: Path, rule: RuleModel, on: Sequence[str]) -> None:
        given = {"on": on, "to": rule.to, "template": rule.template, "data": rule.data}
        for name, value in given.items():
            if not value and name not in self._misplaced:
                hint = phrase("write it in the rule, or in `defaults:` of the file")
                self._report.add(
                    (*path, "id"), "missing-key", phrase("rule `{id}` has no `{name}`", id=rule.id, name=name), hint
                )

    def _templates_of(
        self, path: Path, given: TemplateByValue | str | None, on: Sequence[str], known: Known
    ) -> tuple[Mapping[str, Template], Expression | None]:
        """The rule's templates by the value that chooses them, and the expression; a single one has the key ``."""
        if not isinstance(given, TemplateByValue):
            template = self._template(path, given) if given else None
            return ({} if template is None else {"": template}), None
        may_be_null = OTHERS in given.of
        choice = self._expressions.choice((*path, "by"), given.by, on, known, may_be_null=may_be_null)
        found = {key: self._template((*path, "of", key), alias) for key, alias in given.of.items()}
        templates = {key: template for key, template in found.items() if template is not None}
        for fault in template_choice.faults(given.of, choice.symbols, templates) if choice.expression else ():
            where: Path = (*path, "of") if fault.key is None else (*path, "of", fault.key)
            self._report.add(where, fault.code, fault.message, fault.hint)
        return (templates if choice.expression is not None else {}), choice.expression

    def _template(self, path: Path, alias: str) -> Template | None:
        template = self._templates.get(alias)
        if template is None and self._templates:  # none at all has a finding of its own
            hint = self._meant(alias) or did_you_mean(alias, self._templates) or _aliases(self._templates)
            self._report.add_inside(
                path, 0, "unknown-template", phrase("there is no template `{alias}`", alias=alias), hint
            )
        elif template is not None and self._stage is not None and self._stage not in template.ids:
            summary = phrase("template `{alias}` has no id for environment `{stage}`", alias=alias, stage=self._stage)
            hint = did_you_mean(self._stage, template.ids) or phrase(
                "it has one for {ids}", ids=joined(", ", template.ids)
            )
            self._report.add_inside(path, 0, "no-template-id", summary, hint)
        return template

    def _meant(self, given: str) -> str | None:
        """A hint for an id or a title in the place of the alias."""
        for template in self._templates.values():
            stage = next((stage for stage, one in template.ids.items() if one == given), None)
            if stage is not None:
                return phrase(
                    "that is its id in {stage}: write its name in templates.yaml, `{alias}`",
                    stage=stage,
                    alias=template.alias,
                )
            if template.title == given:
                return phrase("that is its title: write its name in templates.yaml, `{alias}`", alias=template.alias)
        return None

    def _recipient(self, path: Path, to: str, on: Sequence[str], known: Known) -> Text | None:
        return self._expressions.text(path, to, on, known, results=RECIPIENT_RESULTS)

    def _active(self, path: Path, active: ActiveModel, timezone: str) -> Days | None:
        if active.first is not None and active.until is not None and active.first > active.until:
            summary = phrase("the rule would end on {until}, before it begins", until=active.until)
            self._report.add_inside(
                (*path, "until"), 0, "bad-days", summary, phrase("exchange the days, or correct the year")
            )
            return None
        if (fault := unknown_zone(timezone)) is not None:
            self._report.add_inside(("timezone",), 0, "bad-days", *fault)
            return None
        return Days.of(active.first, active.until, timezone)

    def _for_each(self, path: Path, text: str, on: Sequence[str], known: Known, most: int) -> ForEach | None:
        hint = phrase("write it like: person in event.people")
        written = taken_apart(text)
        if written is None:
            self._report.add_inside(path, 0, "bad-for-each", phrase("this is not a name, `in`, and a list"), hint)
            return None
        if written.name in _TAKEN:
            at = text.index(written.name)
            summary = phrase("`{name}` has a meaning of its own in expressions", name=written.name)
            self._report.add_inside(
                path, at, "bad-for-each", summary, phrase("give the item another name, like `person`")
            )
            return None
        over = self._expressions.items(path, written.at, written.source, on, known, written.name)
        return None if over is None else ForEach(written.name, over, most)

    def _reference(self, path: Path, reference: str, on: Sequence[str], known: Known) -> Text | None:
        text = self._expressions.text(path, reference, on, known, may_be_null=True)
        if text is not None and text.constant is not None and braces.FIELD.search(reference) is None:
            summary = phrase("every message has this reference, so it finds none of them")
            self._report.add_inside(path, 0, "constant-reference", summary, phrase("write a field: ${event.order_no}"))
        return text

    def _once(self, path: Path, once: OnceModel, on: Sequence[str], known: Known) -> RuleOnce | None:
        by = self._expressions.text((*path, "by"), once.by, on, known)
        is_too_long = too_long(self._report, (*path, "within"), "`within`", once.within)
        return None if by is None or is_too_long else RuleOnce(by, once.within)

    def _check_care(self, path: Path, model: RuleModel, merged: RuleModel, category: str) -> None:
        """The rule's category exists, and what holds its messages back can rely on their order."""
        if category not in self._care.categories and self._care.is_sound:
            names = sorted(self._care.categories)
            hint = did_you_mean(category, names) or phrase(
                "there are {names}; care.yaml declares others", names=joined(", ", names)
            )
            summary = phrase("there is no category `{category}`", category=category)
            self._report.add_inside(self._key_path(path, model, "category"), 0, "unknown-category", summary, hint)
        declared = self._care.care.categories.get(category)
        if declared is not None and declared.urgent and merged.once is not None:
            summary = phrase("category `{category}` is urgent, so that `once` has no effect", category=category)
            location = self._key_path(path, model, "once")
            self._report.add(location, "urgent-held-back", summary, phrase("leave out `once`, or use another category"))
        if merged.order != "none":
            return
        cap = next((cap.name for cap in declared.caps), None) if declared is not None else None
        what = None
        if merged.once is not None:
            what = "`once`"
        elif declared is not None and declared.over_cap is OverCap.DROP and cap is not None:
            what = phrase("cap `{cap}` of category `{category}`", cap=cap, category=category)
        if what is not None:
            summary = phrase("{what} needs the order of messages: two at the same time would both be sent", what=what)
            location = self._key_path(path, model, "order")
            self._report.add_inside(location, 0, "care-needs-order", summary, phrase("leave out `order: none`"))


def _aliases(templates: Mapping[str, Template]) -> str:
    return phrase("there are {names}", names=joined(", ", [*templates][:_MOST_NAMED]))


def with_defaults(model: RuleModel, defaults: RuleFields | None) -> RuleModel:
    """The rule with the file's defaults where it says nothing; of `data`, for each field."""
    if defaults is None:
        return model
    given = {name: getattr(defaults, name) for name in defaults.model_fields_set}
    given |= {name: getattr(model, name) for name in model.model_fields_set}
    if defaults.data and model.data:
        given["data"] = {**defaults.data, **model.data}
    return model.model_copy(update=given)


def template_aliases(rule: RuleFields) -> tuple[str, ...]:
    """The templates that a rule names."""
    given = rule.template
    return tuple(given.of.values()) if isinstance(given, TemplateByValue) else (given,) if given else ()


def event_types(rule: RuleFields) -> tuple[str, ...]:
    """The types that a rule looks at."""
    return (rule.on,) if isinstance(rule.on, str) else rule.on or ()
