"""templates.yaml, read and checked."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.model.finding import Finding
from pipeline.rules.source.document import Document, parse
from pipeline.rules.source.format import TemplateFieldModel, TemplateFile, TemplateModel
from pipeline.rules.source.structure import validate
from pipeline.rules.source.templates import Style, Template, TemplateField
from pipeline.styles.channel import FieldKind, kind_of, violation


def read_templates(path: str, text: str) -> tuple[Mapping[str, Template], Document | None, list[Finding]]:
    """The templates by alias, the document for places in it, and what is wrong."""
    document = parse(path, text)
    if isinstance(document, Finding):
        return {}, None, [document]
    model, findings = validate(document, TemplateFile)
    if model is None:
        return {}, document, findings
    templates: dict[str, Template] = {}
    for alias, template in model.templates.items():
        fields = [
            _field(document, alias, template, key, field or TemplateFieldModel(), findings)
            for key, field in template.fields.items()
        ]
        templates[alias] = Template(alias, template.title, template.style, dict(template.ids), tuple(fields))
    return templates, document, findings


def _field(
    document: Document,
    alias: str,
    template: TemplateModel,
    key: str,
    field: TemplateFieldModel,
    findings: list[Finding],
) -> TemplateField:
    path = ("templates", alias, "fields", key)
    kind = field.type or (kind_of(key) if template.style is Style.CATEGORY else FieldKind.PLAIN)
    if kind is None:
        message = f"`{key}` names no kind of field"
        hint = "keys of category templates begin with thing, time, amount, …; or say `type:`"
        findings.append(document.finding(path, "field-kind-unknown", message, hint))
        kind = FieldKind.PLAIN
    if field.example is not None and (problem := violation(kind, field.example, field.values)):
        message = f"the example of `{key}` {problem}"
        location = document.value_place((*path, "example"))
        finding = document.finding((*path, "example"), "over-limit", message, _example_hint(kind, field.example))
        findings.append(finding._replace(line=location.line, column=location.column))
    return TemplateField(key, kind, field.label, field.example, field.optional, field.values)


def _example_hint(kind: FieldKind, example: str) -> str | None:
    is_grouped = kind is FieldKind.AMOUNT and "," in example
    return "an amount has no thousands separators" if is_grouped else None
