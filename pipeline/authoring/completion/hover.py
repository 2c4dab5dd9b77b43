"""What is at a position: a field, a function, a template, an event type or a key, with its documentation."""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.authoring.completion import care
from pipeline.authoring.completion.complete import below_event
from pipeline.authoring.completion.describe import (
    described_callable,
    described_field,
    described_template,
    described_template_field,
    field_detail,
)
from pipeline.authoring.completion.facts import Facts
from pipeline.authoring.completion.functions import CALLABLES, METHODS
from pipeline.authoring.completion.known import Known
from pipeline.authoring.completion.outline import Span, outline
from pipeline.authoring.completion.place import Place, place
from pipeline.authoring.completion.shapes import FileKind, shape_of
from pipeline.phrases import joined, phrase

_NAME = re.compile(r"[A-Za-z_]\w*")


class Hover(NamedTuple):
    """What is shown about a span of the text."""

    span: Span
    title: str
    """One line, as code."""
    body: str
    """Plain text; empty where the title says it all."""


def hover(kind: FileKind, text: str, offset: int, known: Known) -> Hover | None:
    """What is known about the word at `offset`; None where nothing is."""
    if not 0 <= offset <= len(text):
        return None
    facts = Facts(kind, outline(text), known)
    where = place(facts.outline, offset)
    if where.is_key:
        return _key(facts, where)
    name = next(
        (match for match in _NAME.finditer(text, *_line(text, offset)) if match.start() <= offset <= match.end()), None
    )
    if name is not None and facts.expression(where, name.start()) is not None:
        return _name(facts, where, Span(*name.span()))
    return _value(facts, where)


def _line(text: str, offset: int) -> tuple[int, int]:
    end = text.find("\n", offset)
    return text.rfind("\n", 0, offset) + 1, len(text) if end < 0 else end


def _name(facts: Facts, where: Place, span: Span) -> Hover | None:
    """A name in an expression."""
    text = facts.outline.text
    name = text[span.start : span.end]
    at = facts.cursor(where, span.end)
    if at is None or at.word != name:
        return None
    scope = facts.scope(where, at)
    row = scope.row(f"{at.holder}.{name}" if at.holder is not None else name)
    if row is not None:
        return Hover(span, f"{row.path}: " + field_detail(row), described_field(row))
    is_called = text[span.end :].lstrip()[:1] == "("
    found = (METHODS if at.holder is not None else CALLABLES).get(name) if is_called else None
    if found is not None:
        return Hover(span, "\n".join(found.signatures), described_callable(found))
    if at.holder is None and name in at.variables:
        return Hover(span, name, phrase("An entry of {variables}.", variables=at.variables[name]))
    types = facts.types(where.path)
    if name == "event" and at.holder is None and types:
        return Hover(span, ", ".join(types), facts.known.doc(types[0]))
    return None


def _key(facts: Facts, where: Place) -> Hover | None:
    if where.entry is None:
        return None
    name, span = str(where.entry.path[-1]), where.entry.key
    below = below_event(facts, where.entry.path)
    if below is not None:
        row = next((one for fields in facts.fields(where.path) if (one := fields.by_path.get(below))), None)
        if row is not None:
            return Hover(span, f"{row.path}: " + field_detail(row), described_field(row))
    template = facts.template(where.path) if where.path[-1:] in {("data",), ("overflow",)} else None
    field = template.field(name) if template is not None else None
    if field is not None:
        return Hover(span, f"{field.key}: {field.label}" if field.label else field.key, described_template_field(field))
    declared = next((key for key in shape_of(facts.kind).at(where.path).declared() if key.name == name), None)
    return Hover(span, name, declared.doc) if declared is not None else None


def _value(facts: Facts, where: Place) -> Hover | None:
    written = facts.outline.text[where.word.start : where.word.end].strip("\"'")
    if not written or "\n" in written:
        return None
    last = next((part for part in reversed(where.path) if isinstance(part, str)), None)
    template = facts.known.templates.get(written)
    if last == "template" and template is not None:
        return Hover(where.word, f"{written}: {template.title}", described_template(template))
    if last in {"on", "type"} and (fields := facts.known.fields(written)) is not None:
        return Hover(where.word, written, fields.doc)
    if (described := care.described(facts, where.path, written)) is not None:
        return Hover(where.word, written, described)
    rule = facts.known.rules.get(written)
    if last == "rule" and rule is not None:
        return Hover(
            where.word,
            written,
            phrase("Events: {types}\nTemplate: {template}", types=joined(", ", rule.types), template=rule.template),
        )
    return None
