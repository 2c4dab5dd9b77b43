"""Which fields of an event name recipients: those of which the `to:` of a rule makes its value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipeline.errors import UserError
from pipeline.model.finding import Finding
from pipeline.phrases import phrase
from pipeline.rules.cel.compiling import CompileError
from pipeline.rules.cel.engine import Environment
from pipeline.rules.cel.tree import Kind, Node
from pipeline.rules.for_each import taken_apart
from pipeline.rules.source.document import parse
from pipeline.rules.source.files import RuleSources
from pipeline.rules.source.text import Unclosed, split

Path = tuple[str, ...]
"""Names of fields from the event on; `ANY` for an item of a list or a value of a map."""
ANY = "[]"
Scope = Mapping[str, frozenset[Path]]
"""The values of variables: where in the event they may come from."""

_EVENT: Scope = {"event": frozenset({()})}
_TRUTHS = frozenset(
    {"_&&_", "_||_", "!_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"}
    | {"startsWith", "endsWith", "contains", "matches", "size"}
)
"""Calls whose result says something of their arguments, and holds nothing of them."""
_STEP = re.compile(r"\s*\.\s*(\w+)|\[[^\]]*\]")


class Recipients:
    """The fields that name recipients, by event type."""

    def __init__(self, fields: Mapping[str | None, frozenset[Path]]) -> None:
        """None stands for every event type."""
        self._fields = fields

    def of(self, event_type: str) -> frozenset[Path]:
        """The paths of an event type."""
        return self._fields.get(event_type, frozenset()) | self._fields.get(None, frozenset())


class _Read(NamedTuple):
    types: tuple[str | None, ...]
    paths: frozenset[Path]


def find_recipients(sources: RuleSources) -> Recipients:
    """What every rule has as `to:`, sound or not.

    Raises:
        UserError: a file is not YAML, so that its rules are not known.
    """
    environment = Environment()
    fields: dict[str | None, frozenset[Path]] = {}
    for file, text in sources.rules.items():
        document = parse(file, text)
        if isinstance(document, Finding):
            raise UserError(
                f"{file}:{document.line}: {document.message}",
                hint=phrase("correct it first: which fields name recipients is not known"),
            )
        for read in _rules(document.value, environment):
            for event_type in read.types:
                fields[event_type] = fields.get(event_type, frozenset()) | read.paths
    return Recipients(fields)


def _rules(value: object, environment: Environment) -> Iterator[_Read]:
    if not isinstance(value, Mapping):
        return
    defaults, rules = value.get("defaults"), value.get("rules")
    for rule in rules if isinstance(rules, list) else ():
        whole = {**(defaults if isinstance(defaults, Mapping) else {}), **(rule if isinstance(rule, Mapping) else {})}
        to, each = whole.get("to"), whole.get("for_each")
        if isinstance(to, str):
            yield _Read(_types(whole.get("on")), _of_text(to, each if isinstance(each, str) else None, environment))


def _types(on: object) -> tuple[str | None, ...]:
    names = on if isinstance(on, list) else [on]
    found = tuple(part for name in names if isinstance(name, str) for part in re.split(r"[\s,]+", name) if part)
    return found or (None,)


def _of_text(to: str, each: str | None, environment: Environment) -> frozenset[Path]:
    scope = _EVENT
    written = taken_apart(each) if each is not None else None
    if written is not None:
        items = {(*path, ANY) for path in _of_expression(written.source, _EVENT, environment)}
        scope = {**_EVENT, written.name: frozenset(items)}
    try:
        parts = [part.source for part in split(to) if part.is_expression]
    except Unclosed:
        parts = [to]
    return frozenset(path for part in parts for path in _of_expression(part, scope, environment))


def _of_expression(source: str, scope: Scope, environment: Environment) -> frozenset[Path]:
    variable = next((name for name in scope if name != "event"), None)
    try:
        return frozenset(_origins(environment.compile(source, variable).tree().root, scope))
    except CompileError:
        return frozenset(_mentioned(source, scope))


def _origins(node: Node, scope: Scope) -> Iterator[Path]:
    """Where in the event the value of an expression may come from."""
    match node.kind:
        case Kind.NAME:
            yield from scope.get(node.name, ())
        case Kind.FIELD:
            for path in _origins(node.children[0], scope):
                yield (*path, node.name)
        case Kind.CALL if node.name == "_[_]":
            for path in _origins(node.children[0], scope):
                yield (*path, ANY)
        case Kind.CALL if node.name in _TRUTHS:
            return
        case Kind.CALL if node.name == "_?_:_":
            yield from _of_all(node.children[1:], scope)
        case Kind.MACRO:
            yield from _of_macro(node, scope)
        case Kind.CALL | Kind.LIST | Kind.MAP:
            yield from _of_all(node.children, scope)


def _of_all(nodes: tuple[Node, ...], scope: Scope) -> Iterator[Path]:
    for node in nodes:
        yield from _origins(node, scope)


def _of_macro(node: Node, scope: Scope) -> Iterator[Path]:
    over = frozenset(_origins(node.children[0], scope))
    if node.name == "filter":
        yield from over
    elif node.name not in {"exists", "exists_one", "all"}:
        items = frozenset((*path, ANY) for path in over)
        yield from _of_all(node.children[1:], {**scope, **dict.fromkeys(node.loop_variables, items)})


def _mentioned(source: str, scope: Scope) -> Iterator[Path]:
    """The fields that a text names which is no expression yet."""
    for name, origins in scope.items():
        for found in re.finditer(rf"\b{name}\b", source):
            steps: list[str] = []
            at = found.end()
            while (step := _STEP.match(source, at)) is not None:
                steps.append(step[1] or ANY)
                at = step.end()
            yield from ((*origin, *steps) for origin in origins)
