"""Texts inside an expression that the author took for texts with `${…}`: the customer would read them as written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.phrases import joined, phrase
from pipeline.rules.cel.fields import Fields
from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.tree import Kind, Node, Tree
from pipeline.rules.schema.types import RecordType, Scalar, ScalarType, without_null
from pipeline.rules.source.text import Part, Unclosed, split

FIELD = re.compile(r"(?<![A-Za-z0-9_.-])(?<!\$\{)event\.([A-Za-z_]\w*)", re.ASCII)
"""A field of the event as a plain word in a text."""


def in_texts(tree: Tree) -> Iterator[Fault]:
    """`${…}` inside a text of an expression: braces have no meaning there."""
    for node in _texts(tree):
        at = str(node.value).find("${")
        if at >= 0:
            message = phrase(
                "inside the quotes of an expression `${…}` has no meaning: the customer would read the braces"
            )
            hint = phrase("close the quotes and join with `+`: {joined}", joined=_joined(str(node.value)))
            yield Fault(_index(tree, node, "${"), "nested-braces", message, hint)


def fields_in_texts(tree: Tree, fields: Fields) -> Iterator[Fault]:
    """Fields of the event that stand in a text of an expression as plain words."""
    for node in _texts(tree):
        text = str(node.value)
        found = FIELD.search(text)
        if found is None or "${" in text or fields.root.field(found[1]) is None:
            continue
        value = found[0] if _is_text(fields.root, found[1]) else f"string({found[0]})"
        before, behind = text[: found.start()].rstrip("{"), text[found.end() :].lstrip("}")
        parts = [f'"{before}"' if before else "", value, f'"{behind}"' if behind else ""]
        hint = phrase("close the quotes and join with `+`: {joined}", joined=joined(" + ", filter(None, parts)))
        message = phrase("`{found}` is inside quotes, so the customer would read it as it is written", found=found[0])
        yield Fault(_index(tree, node, found[0]), "forgotten-braces", message, hint)


def _texts(tree: Tree) -> Iterator[Node]:
    return (node for node in tree.nodes if node.kind is Kind.CONSTANT and isinstance(node.value, str))


def _index(tree: Tree, node: Node, part: str) -> int:
    """The index of `part` in the source; that of the whole text where it is written with escapes."""
    at = tree.text(node).find(part)
    return node.start + max(0, at)


def _joined(text: str) -> str:
    try:
        parts = split(text)
    except Unclosed:
        parts = (Part(text.replace("${", ""), is_expression=False, at=0),)
    return " + ".join(part.source.strip() if part.is_expression else f'"{part.source}"' for part in parts)


def _is_text(record: RecordType, name: str) -> bool:
    field = record.field(name)
    kind = field.type if field is not None else None
    kind = without_null(kind)
    return isinstance(kind, ScalarType) and kind.scalar is Scalar.STRING
