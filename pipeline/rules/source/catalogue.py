"""templates.yaml, read and checked."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from pipeline.model.finding import Finding
from pipeline.phrases import phrase
from pipeline.rules.source.document import Document, parse
from pipeline.rules.source.format import TemplateFieldModel, TemplateFile
from pipeline.rules.source.structure import validate
from pipeline.rules.source.templates import Template, TemplateField
from pipeline.styles.category import AMOUNT
from pipeline.styles.field_kind import PLAIN, FieldKind
from pipeline.styles.registry import STYLES, kinds
from pipeline.styles.style import Style


def read_templates(path: str, text: str) -> tuple[Mapping[str, Template], Document | None, list[Finding]]:
    """The templates by alias, the document for locations in it, and the errors."""
    document = parse(path, text)
    if isinstance(document, Finding):
        return {}, None, [document]
    model, findings = validate(document, TemplateFile)
    if model is None:
        return {}, document, findings
    templates: dict[str, Template] = {}
    for alias, template in model.templates.items():
        style = STYLES[template.style]
        fields = [
            _field(document, alias, style, key, field or TemplateFieldModel(), findings)
            for key, field in template.fields.items()
        ]
        templates[alias] = Template(alias, template.title, style, dict(template.ids), tuple(fields), template.api)
    return templates, document, findings


def _field(
    document: Document,
    alias: str,
    style: Style,
    key: str,
    field: TemplateFieldModel,
    findings: list[Finding],
) -> TemplateField:
    path = ("templates", alias, "fields", key)
    kind = style.kind_of(key) if field.type is None else kinds()[field.type]
    if kind is None:
        message = phrase("`{key}` does not name a kind of field", key=key)
        findings.append(document.finding(path, "field-kind-unknown", message, _key_hint(style, key)))
        kind = PLAIN
    if field.example is not None and (fault := kind.violation(field.example, field.values)):
        message = phrase("the example of `{key}` {fault}", key=key, fault=fault)
        location = document.value_location((*path, "example"))
        finding = document.finding((*path, "example"), "over-limit", message, _example_hint(kind, field.example))
        findings.append(finding._replace(line=location.line, column=location.column))
    return TemplateField(key, kind, field.label, field.example, field.optional, field.values)


def _key_hint(style: Style, key: str) -> str:
    """What to write for a key that names no kind; WeChat's own pages write `{{thing1.DATA}}`."""
    plain = key.strip("{} ").removesuffix(".DATA")
    if plain != key and style.kind_of(plain) is not None:
        return phrase("write `{plain}`: the key alone, without braces and `.DATA`", plain=plain)
    likely = "".join(unicodedata.normalize("NFKC", key).casefold().split())
    if likely != key and style.owns(likely):
        return phrase("did you mean `{part}`?", part=likely)
    part = next((key[at + 1 :] for at, one in enumerate(key) if one in "_- " and style.owns(key[at + 1 :])), None)
    return phrase("did you mean `{part}`?", part=part) if part is not None else style.key_hint


def _example_hint(kind: FieldKind, example: str) -> str | None:
    is_grouped = kind is AMOUNT and "," in example
    return phrase("an amount has no thousands separators") if is_grouped else None
