"""What completion and hover say about fields, templates, functions and event types, as plain text."""

from __future__ import annotations

import json

from pipeline.authoring.completion.functions import FunctionHelp
from pipeline.authoring.event_fields import FieldRow
from pipeline.phrases import joined, phrase
from pipeline.rules.source.templates import Template, TemplateField

MOST_VALUES = 20
MOST_EXAMPLE = 80


def field_detail(row: FieldRow) -> str:
    """The type on one line."""
    return phrase("{type}, may be missing", type=row.type) if row.may_be_missing else row.type


def described_field(row: FieldRow) -> str:
    """The documentation, the values and an example of an event's field."""
    lines = [row.doc] if row.doc else []
    if row.values:
        more = ", …" if len(row.values) > MOST_VALUES else ""
        lines.append(phrase("Values: {values}{more}", values=joined(", ", row.values[:MOST_VALUES]), more=more))
    if row.may_be_missing:
        name = row.path.rpartition(".")[2]
        lines.append(
            phrase('It may be missing: default(event.{name}, "-").', name=name)
            if row.path.count(".") == 1
            else phrase("It may be missing.")
        )
    if row.example is not None:
        example = row.example if isinstance(row.example, str) else json.dumps(row.example, ensure_ascii=False)
        lines.append(phrase("Example: {example}", example=example[:MOST_EXAMPLE]))
    return joined("\n", lines)


def described_template(template: Template) -> str:
    """The fields of a template, one on each line."""
    return "\n".join(f"{field.key}: {field.label} ({field.kind})" for field in template.fields)


def described_template_field(field: TemplateField) -> str:
    """What a template's field takes."""
    lines = [f"{field.kind}: " + field.kind.takes]
    if field.values:
        lines.append(phrase("Registered values: {values}", values=joined(", ", field.values)))
    if field.example is not None:
        lines.append(phrase("Example: {example}", example=field.example))
    return joined("\n", lines)


def described_callable(one: FunctionHelp) -> str:
    """The documentation of a function with its examples."""
    return joined("\n", [one.doc, *one.examples[:3]])
