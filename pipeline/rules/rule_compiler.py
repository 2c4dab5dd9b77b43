"""Compile one rule; its errors become findings at their exact locations."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
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
from pipeline.rules.cel.samples import is_known, possible_texts
from pipeline.rules.expressions import RECIPIENT_RESULTS, ExpressionCompiler, ExpressionSource, Typed
from pipeline.rules.for_each import ForEach, taken_apart
from pipeline.rules.functions.times import unknown_zone
from pipeline.rules.message import MAX_URL, RuleField, Text
from pipeline.rules.once import RuleOnce
from pipeline.rules.ruleset import Rule
from pipeline.rules.source.document import Path
from pipeline.rules.source.format import (
    CATEGORIES,
    ActiveModel,
    FieldValue,
    OnceModel,
    RuleFields,
    RuleModel,
    TemplateByValue,
)
from pipeline.rules.source.report import Report
from pipeline.rules.source.templates import Template, TemplateField
from pipeline.rules.template_choice import OTHERS, TemplateChoice
from pipeline.styles.text import is_visible

_TEXTS = ("template", "when", "to", "url", "data", "reference")
_TAKEN = frozenset(
    {"event", "in", "true", "false", "null", "has", "size", "type", "int", "uint", "double", "string", "bool", "bytes"}
    | {"list", "map", "timestamp", "duration", "dyn", "as", "break", "const", "continue", "else", "for", "function"}
    | {"if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while", "null_type", "google"}
)
"""Names that CEL has itself or reserves (cel-spec, langdef.md, "Syntax")."""
_URL = re.compile(r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?=[/?#]|$)")
_ANY = ("1", "A", "一", "!", "15:01", "2026-11-23", "2026年11月23日 15:01", "¥1")
"""Texts of all kinds of fields: what an expression may become of which nothing is known."""
_MOST_SAMPLES = 1_024
_MOST_NAMED = 8
"""Templates that a hint lists."""


class Named(NamedTuple):
    """What rules may name."""

    templates: Mapping[str, Template]
    care: CareSource


class RuleCompiler:
    """Compiles the rules of one file."""

    def __init__(
        self,
        report: Report,
        defaults: RuleFields | None,
        named: Named,
        environment: Environment,
        typed: Typed,
        stage: str | None,
        misplaced: Collection[str] = (),
    ) -> None:
        """`typed` has every known event type; `stage` picks template ids.

        `misplaced` are keys of rules that are elsewhere in the file, which has a finding of its own.
        """
        self._report = report
        self._defaults = defaults
        self._templates, self._care = named
        self._environment = environment
        self._stage = stage
        self._misplaced = misplaced
        self._expressions = ExpressionCompiler(report, environment, typed)
        self._filled: dict[str, Template] = {}
        """Every template that a rule of the file fills, by its alias."""

    @property
    def expressions(self) -> Sequence[ExpressionSource]:
        """The expressions of the rules compiled so far."""
        return self._expressions.sources

    def compile(self, index: int, model: RuleModel, timezone: str, most_items: int) -> Rule | None:
        """The compiled rule, or None where findings keep it from being one.

        `timezone` is the file's, `most_items` bounds the items of `for_each` of one event.
        """
        errors = self._report.errors
        path: Path = ("rules", index)
        merged = with_defaults(model, self._defaults)
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
        url = self._url(locations["url"], merged.url, on, known) if merged.url else None
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
            key: self._fields(locations["data"], merged, template, on, known) for key, template in templates.items()
        }
        if not templates:
            self._fields(locations["data"], merged, None, on, known)
        for template in templates.values():
            self._check_overflow(self._key_path(path, model, "overflow"), template, merged)
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

    def _url(self, path: Path, url: str, on: Sequence[str], known: Known) -> Text | None:
        text = self._expressions.text(path, url, on, known)
        if _URL.match(url) is None:
            self._report.add_inside(
                path, 0, "bad-url", phrase("the url does not begin with https:// and a host"), _url_hint(url)
            )
        elif text is not None and (text.constant is not None and len(url) > MAX_URL):
            self._report.add_inside(
                path, 0, "bad-url", phrase("the url has over {max_url} characters", max_url=MAX_URL)
            )
        elif text is not None:
            self._check_blanks(path, text)
        return text

    def _check_blanks(self, path: Path, text: Text) -> None:
        """White space in a part of the url that does not depend on the event."""
        at = 0
        for part in text.parts:
            source = part if isinstance(part, str) else part.source
            at = text.source.find(source, at)
            outcomes = (
                [(0, part)]
                if isinstance(part, str)
                else [(one.start, value) for one, value in possible_texts(self._expressions.tree(part).root)]
            )
            for start, value in outcomes:
                found = _UNFIT_FOR_URL.search(value)
                if found is not None:
                    inside = found.start() if isinstance(part, str) else 0
                    summary = phrase(
                        "the url has white space or an invisible character, so it is never sent: `{url}`",
                        url=value.strip(),
                    )
                    hint = phrase("write %20 for a blank, and url_encode(…) for a text")
                    self._report.add_inside(path, at + start + inside, "bad-url", summary, hint)
            at += len(source)

    def _fields(
        self, path: Path, rule: RuleModel, template: Template | None, on: Sequence[str], known: Known
    ) -> list[RuleField]:
        data = rule.data or {}
        fields: list[RuleField] = []
        if template is not None:
            self._filled[template.alias] = template
        for key, given in data.items():
            value = given if isinstance(given, FieldValue) else FieldValue(value=given)
            declared = template.field(key) if template is not None else None
            is_own = self._report.has((*path, key))
            if template is not None and declared is None and not is_own:
                continue  # a default that other rules of the file use; if none does, `check_defaults` reports it
            holder = path if is_own else ("defaults", "data")
            location: Path = (*holder, key, *(("value",) if isinstance(given, FieldValue) else ()))
            may_be_null = declared is None or declared.optional  # an unknown field has a finding of its own
            text = self._expressions.text(location, value.value, on, known, may_be_null=may_be_null)
            if template is not None and declared is None:
                self._unknown_field((*path, key), template, key)
            if text is None or declared is None:
                continue
            truncate = rule.overflow.get(key) == "truncate"
            if not truncate:
                self._check_limit(location, declared, text)
            color = value.color or rule.color
            fields.append(RuleField(key, text, color, declared.kind, declared.optional, truncate, declared.values))
        if template is not None:
            self._check_filled(path, template, data)
        return fields

    def check_defaults(self) -> None:
        """Fields in `data:` of the defaults that no rule of the file uses; call it after every rule is compiled."""
        names = dict.fromkeys(field.key for template in self._filled.values() for field in template.fields)
        data = self._defaults.data if self._defaults is not None else None
        for key in data or {} if self._filled else ():
            if key not in names:
                message = phrase("no template of these rules has a field `{key}`", key=key)
                hint = did_you_mean(key, names) or phrase(
                    "they have {names}", names=joined(", ", [*names][:_MOST_NAMED])
                )
                self._report.add(("defaults", "data", key), "unknown-template-field", message, hint)

    def _unknown_field(self, path: Path, template: Template, key: str) -> None:
        names = [field.key for field in template.fields]
        hint = did_you_mean(key, names) or phrase("it has {names}", names=joined(", ", names))
        self._report.add(
            path,
            "unknown-template-field",
            phrase("template `{alias}` has no field `{key}`", alias=template.alias, key=key),
            hint,
        )

    def _check_limit(self, path: Path, field: TemplateField, text: Text) -> None:
        """Every text that the field can be seen to become: a constant, or an expression's fixed outcomes."""
        hint = phrase("shorten it, or let it be cut: `overflow: {{{key}: truncate}}`", key=field.key)
        errors = self._report.errors
        for at, outcome in self._outcomes(text):
            problem = field.kind.violation(outcome, field.values)
            if problem is not None and not (field.optional and not is_visible(outcome)):
                message = phrase("`{key}` {problem}", key=field.key, problem=problem)
                if text.constant is None and is_visible(outcome):
                    message = phrase("`{key}`: `{text}` {problem}", key=field.key, text=outcome, problem=problem)
                if len(outcome) > field.kind.most and field.kind.may_be_cut:
                    self._report.add_inside(path, at, "over-limit", message, hint)
                else:
                    self._report.add_inside(path, at, "over-limit", message, _unfit_hint(outcome))
        if self._report.errors == errors and text.constant is None and not field.values:
            self._check_around(path, field, text)

    def _check_around(self, path: Path, field: TemplateField, text: Text) -> None:
        """A text that the field takes for no event, whatever its expressions become."""
        choices = [(part,) if isinstance(part, str) else self._samples(part) for part in text.parts]
        if len(choices) == 1 or prod(map(len, choices)) > _MOST_SAMPLES:
            return
        problems = [field.kind.violation("".join(parts)) for parts in product(*choices)]
        if None not in problems:
            around = "".join(part if isinstance(part, str) else "…" for part in text.parts)
            hint = phrase("let `{key}` hold the value alone, or use a field of another kind", key=field.key)
            self._report.add_inside(
                path,
                0,
                "over-limit",
                phrase("`{key}`: `{text}` {problem}", key=field.key, text=around, problem=problems[0]),
                hint,
            )

    def _samples(self, expression: Expression) -> Sequence[str]:
        root = self._expressions.tree(expression).root
        known = [text for _, text in possible_texts(root)]
        return known if is_known(root) else [*known, *_ANY]

    def _outcomes(self, text: Text) -> list[tuple[int, str]]:
        """The texts that are known beforehand, each with the index of what decides it."""
        if text.constant is not None:
            return [(0, text.constant)]
        if len(text.expressions) != 1:
            return []
        index = next(number for number, part in enumerate(text.parts) if not isinstance(part, str))
        before, after = ("".join(map(str, part)) for part in (text.parts[:index], text.parts[index + 1 :]))
        expression = text.expressions[0]
        at = text.source.find(expression.source)
        outcomes = possible_texts(self._expressions.tree(expression).root)
        return [(at + node.start, before + value + after) for node, value in outcomes]

    def _check_filled(self, path: Path, template: Template, data: Mapping[str, object]) -> None:
        missing = [field.key for field in template.fields if field.key not in data and not field.optional]
        if missing and data:
            summary = phrase(
                "template `{alias}` also needs {missing}",
                alias=template.alias,
                missing=joined(", ", (f"`{key}`" for key in missing)),
            )
            self._report.add(path, "field-not-filled", summary)

    def _check_overflow(self, path: Path, template: Template, rule: RuleModel) -> None:
        for key, what in rule.overflow.items():
            field = template.field(key)
            if field is None:
                self._unknown_field((*path, key), template, key)
            elif what == "truncate" and not field.kind.may_be_cut:
                summary = phrase("a shortened `{kind}` would be wrong", kind=field.kind)
                self._report.add((*path, key), "cannot-truncate", summary)


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


_UNFIT_FOR_URL = re.compile(r"[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff\x00-\x1f\x7f]")


def _unfit_hint(text: str) -> str | None:
    """What helps where a text is not too long, but not what its field takes."""
    if "\n" in text.strip():
        return phrase("write the text on one line, or below a `>-`")
    return (
        phrase("a text below `|` ends with a line break: write `|-`") if text.strip() and text.endswith("\n") else None
    )


def _url_hint(url: str) -> str:
    if url.casefold().startswith("http://"):
        return phrase("write https://{url}", url=url[len("http://") :])
    if not url.startswith("https://") and re.match(r"https?[:：]?[/／\\]", url, re.IGNORECASE):
        return phrase("write `https://` with a colon and two slashes of the Latin keyboard")
    if re.match(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+([/?#:]|$)", url):
        return phrase("write https://{url}", url=url)
    return phrase("write scheme and host out; only what follows them may come from the event")
