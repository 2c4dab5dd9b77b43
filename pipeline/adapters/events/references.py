"""Schemas that use types of other subjects, made whole: each type is defined where it is used first.

A registry's schema may name types that are defined in others, its references; and it may be a union of such types. The
name of a reference is free: what counts are the types that the referenced schema defines, as in Avro's own parser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pipeline.errors import SchemaError
from pipeline.rules.schema.avro_types import MAX_DEPTH

MAX_REFERENCES = 100
"""A schema that needs more is refused: each costs a request while events wait."""


class Reference(NamedTuple):
    """A schema with types that another one uses."""

    subject: str
    version: int


class Document(NamedTuple):
    """One schema as the registry has it."""

    avro: object
    references: Sequence[Reference]


def resolved(
    document: Document, fetch: Callable[[Reference], Document]
) -> Mapping[str, object] | Sequence[Mapping[str, object] | None]:
    """The record that the schema is, or each branch of the union that it is, with every definition it needs.

    Raises:
        SchemaError: neither a record nor a union with one; too many references, or nested too deeply.
    """
    definitions: dict[str, _Definition] = {}
    fetched: set[Reference] = set()
    waiting = list(document.references)
    while waiting:
        reference = waiting.pop()
        if reference in fetched:
            continue
        if len(fetched) >= MAX_REFERENCES:
            raise SchemaError(f"a schema with more than {MAX_REFERENCES} references")
        fetched.add(reference)
        below = fetch(reference)
        _collect(below.avro, "", definitions, 0)
        waiting.extend(below.references)
    if isinstance(document.avro, list):
        _collect(document.avro, "", definitions, 0)
        branches = [_record(_Inliner(definitions).walk(branch, "", 0)) for branch in document.avro]
        if any(branches):
            return branches
    elif not definitions and isinstance(document.avro, dict):
        return document.avro
    elif (whole := _record(_Inliner(definitions).walk(document.avro, "", 0))) is not None:
        return whole
    raise SchemaError("an event's schema must be a record, or a union of records")


def _record(avro: object) -> Mapping[str, object] | None:
    return avro if isinstance(avro, dict) and avro.get("type") in ("record", "error") else None  # it may be a list


class _Definition(NamedTuple):
    node: Mapping[str, object]
    namespace: str
    """Around it."""


def _collect(node: object, namespace: str, found: dict[str, _Definition], depth: int) -> None:
    """Every named type defined in a schema, by its full name."""
    if depth > 4 * MAX_DEPTH:  # a field, its type and its items are levels of JSON each
        raise SchemaError("a schema nested too deeply")
    if isinstance(node, list):
        for part in node:
            _collect(part, namespace, found, depth + 1)
    elif isinstance(node, Mapping):
        inner = namespace
        if node.get("type") in _NAMED:
            full = _full_name(node, namespace)
            found.setdefault(full, _Definition(node, namespace))
            inner = full.rpartition(".")[0]
        for key in _NESTED:
            if key in node and not (key == "type" and isinstance(node[key], str)):
                _collect(node[key], inner, found, depth + 1)


class _Inliner:
    def __init__(self, definitions: Mapping[str, _Definition]) -> None:
        self._definitions = definitions
        self._defined: set[str] = set()

    def walk(self, node: object, namespace: str, depth: int) -> object:
        if depth > 4 * MAX_DEPTH:
            raise SchemaError("a schema nested too deeply")
        if isinstance(node, str):
            return self._name(node, namespace, depth)
        if isinstance(node, list):
            return [self.walk(part, namespace, depth + 1) for part in node]
        if isinstance(node, Mapping):
            return self._type(node, namespace, depth)
        return node

    def _name(self, name: str, namespace: str, depth: int) -> object:
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        for candidate in (full, name):
            if candidate in self._defined:
                return candidate
            definition = self._definitions.get(candidate)
            if definition is not None:
                return self.walk(definition.node, definition.namespace, depth + 1)
        return name

    def _type(self, node: Mapping[str, object], namespace: str, depth: int) -> object:
        inner, named = namespace, {}
        if node.get("type") in _NAMED:
            full = _full_name(node, namespace)
            if full in self._defined:
                return full
            self._defined.add(full)
            inner, _, short = full.rpartition(".")
            named = {"name": short, "namespace": inner}
        return {
            key: self.walk(value, inner, depth + 1)
            if key in _NESTED and not (key == "type" and value in _KINDS)
            else value
            for key, value in {**node, **named}.items()
        }


_NAMED = ("record", "error", "enum", "fixed")
_KINDS = (*_NAMED, "array", "map")
_NESTED = ("type", "items", "values", "fields")


def _full_name(node: Mapping[str, object], outer: str) -> str:
    name, space = str(node.get("name", "")), node.get("namespace", outer)
    return name if "." in name or not space else f"{space}.{name}"
