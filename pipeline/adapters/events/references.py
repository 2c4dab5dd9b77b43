"""Schemas that refer to others in the registry, made whole: each type defined where it is used first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pipeline.errors import SchemaError
from pipeline.rules.schema.avro_types import MAX_DEPTH

MAX_REFERENCES = 100
"""A schema that needs more is refused: each costs a request while events wait."""


class Reference(NamedTuple):
    """A type that a schema uses and another subject defines."""

    name: str
    """Full name of the type."""
    subject: str
    version: int


Document = tuple[Mapping[str, object], Sequence[Reference]]


def resolved(
    avro: Mapping[str, object], references: Sequence[Reference], fetch: Callable[[Reference], Document]
) -> Mapping[str, object]:
    """`avro` with the definition of every referenced type at its first use; later uses find it by its name.

    Raises:
        SchemaError: too many references, or nested too deeply.
    """
    definitions: dict[str, Mapping[str, object]] = {}
    waiting = list(references)
    while waiting:
        reference = waiting.pop()
        if reference.name in definitions:
            continue
        if len(definitions) >= MAX_REFERENCES:
            raise SchemaError(f"a schema with more than {MAX_REFERENCES} references")
        below, more = fetch(reference)
        definitions[reference.name] = {"namespace": "", **below}
        waiting.extend(more)
    if not definitions:
        return avro
    whole = _Inliner(definitions).walk(avro, "", 0)
    return whole if isinstance(whole, dict) else avro


class _Inliner:
    def __init__(self, definitions: dict[str, Mapping[str, object]]) -> None:
        self._waiting = definitions

    def walk(self, node: object, namespace: str, depth: int) -> object:
        if depth > 4 * MAX_DEPTH:  # a field, its type and its items are levels of JSON each
            raise SchemaError("a schema nested too deeply")
        if isinstance(node, str):
            full = node if "." in node or not namespace else f"{namespace}.{node}"
            definition = self._waiting.pop(full, None)
            return node if definition is None else self.walk(definition, "", depth + 1)
        if isinstance(node, list):
            return [self.walk(part, namespace, depth + 1) for part in node]
        if isinstance(node, Mapping):
            inner = _namespace(node, namespace)
            return {
                key: self.walk(value, inner, depth + 1)
                if key in {"items", "values", "fields"} or (key == "type" and value not in _KINDS)
                else value
                for key, value in node.items()
            }
        return node


_NAMED = ("record", "error", "enum", "fixed")
_KINDS = (*_NAMED, "array", "map")


def _namespace(node: Mapping[str, object], outer: str) -> str:
    if node.get("type") not in _NAMED:
        return outer
    name = str(node.get("name", ""))
    return name.rpartition(".")[0] if "." in name else str(node.get("namespace", outer))
