"""Compile the fields of a rule's message, as its template declares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

from pipeline.model.suggestion import closest, did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.cel.engine import Expression
from pipeline.rules.cel.nulls import Known
from pipeline.rules.cel.samples import is_known, possible_texts
from pipeline.rules.expressions import ExpressionCompiler
from pipeline.rules.message import RuleField, Text
from pipeline.rules.source.document import Path
from pipeline.rules.source.format import FieldValue, RuleFields, RuleModel
from pipeline.rules.source.report import Report
from pipeline.rules.source.templates import Template, TemplateField
from pipeline.styles.text import is_visible

_ANY = ("1", "A", "一", "!", "15:01", "2026-11-23", "2026年11月23日 15:01", "¥1")
"""Texts of all kinds of fields: what an expression may become of which nothing is known."""
_MOST_SAMPLES = 1_024
_MOST_NAMED = 8
"""Fields that a hint lists."""


class FieldCompiler:
    """Compiles the fields of the rules of one file; what is wrong goes to the report."""

    def __init__(self, report: Report, defaults: RuleFields | None, expressions: ExpressionCompiler) -> None:
        self._report = report
        self._defaults = defaults
        self._expressions = expressions
        self._filled: dict[str, Template] = {}
        """Every template that a rule of the file fills, by its alias."""
        self._fitting: set[tuple[str, str, str]] = set()
        """Template, field and text without a finding: many rules of a file have the same order number and time."""

    def compile(
        self, path: Path, rule: RuleModel, template: Template | None, on: Sequence[str], known: Known
    ) -> list[RuleField]:
        """The fields of a rule's message by this template; None: the template is not known."""
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
            if text is None or declared is None or template is None:
                continue
            truncate = rule.overflow.get(key) == "truncate"
            if not truncate and (template.alias, key, text.source) not in self._fitting:
                reported = self._report.reported
                self._check_limit(location, declared, text)
                if self._report.reported == reported:
                    self._fitting.add((template.alias, key, text.source))
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
        # A key that is not the template's has a finding of its own, with the field that it probably means.
        strange = [key for key in data if template.field(key) is None]
        names = [field.key for field in template.fields]
        meant = {closest(key, names) for key in strange if self._report.has((*path, key))}
        given = meant | data.keys()
        missing = [field.key for field in template.fields if field.key not in given and not field.optional]
        if missing and data:
            summary = phrase(
                "template `{alias}` also needs {missing}",
                alias=template.alias,
                missing=joined(", ", (f"`{key}`" for key in missing)),
            )
            self._report.add(path, "field-not-filled", summary)

    def check_overflow(self, path: Path, template: Template, rule: RuleModel) -> None:
        """The fields that `overflow` names."""
        for key, what in rule.overflow.items():
            field = template.field(key)
            if field is None:
                self._unknown_field((*path, key), template, key)
            elif what == "truncate" and not field.kind.may_be_cut:
                summary = phrase("a shortened `{kind}` would be wrong", kind=field.kind)
                self._report.add((*path, key), "cannot-truncate", summary)


def _unfit_hint(text: str) -> str | None:
    """What helps where a text is not too long, but not what its field takes."""
    if "\n" in text.strip():
        return phrase("write the text on one line, or below a `>-`")
    return (
        phrase("a text below `|` ends with a line break: write `|-`") if text.strip() and text.endswith("\n") else None
    )
