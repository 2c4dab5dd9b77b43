"""Types of the parts of an expression, as one version of an event's schema defines them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pipeline.rules.cel.tree import Kind, Node
from pipeline.rules.schema.types import (
    Field,
    FieldType,
    ListType,
    MapType,
    NullableType,
    RecordType,
    ScalarType,
    without_null,
)

Scope = Mapping[str, FieldType | None]
"""A macro's variables and their types."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one version, and the fields that only other versions have."""

    root: RecordType
    absent: frozenset[tuple[str, str]] = frozenset()
    """Record's and field's name of each that is in another version only."""
    variables: Mapping[str, FieldType | None] = dataclasses.field(default_factory=dict, hash=False)
    """Names besides `event`, and their types."""

    def type_of(self, node: Node, scope: Scope) -> FieldType | None:
        """A part's type if it comes from the schema; None if only CEL knows it."""
        match node.kind:
            case Kind.NAME:
                known = self.root if node.name == "event" else self.variables.get(node.name)
                return scope.get(node.name, known)
            case Kind.FIELD:
                return self._field(node, scope)
            case Kind.CALL if node.name == "_[_]":
                return _item(self._plain(node.children[0], scope))
            case Kind.CALL if node.name == "_?_:_":
                return self.type_of(node.children[1], scope)
            case Kind.MACRO if node.name == "filter":
                return self.type_of(node.children[0], scope)
            case _:
                return None

    def symbols(self, node: Node, scope: Scope) -> tuple[str, ...]:
        """The values of an enum; empty for any other type."""
        kind = self._plain(node, scope)
        return kind.symbols if isinstance(kind, ScalarType) else ()

    def is_absent(self, node: Node, scope: Scope) -> bool:
        """Whether this version lacks the field that another has."""
        if node.kind is not Kind.FIELD:
            return False
        record = self._plain(node.children[0], scope)
        return isinstance(record, RecordType) and (record.name, node.name) in self.absent

    def inside(self, macro: Node, scope: Scope) -> Scope:
        """The scope within a macro: its variable is an item of a list, or a key of a map."""
        over = self._plain(macro.children[0], scope)
        item = over.item if isinstance(over, ListType) else None
        return {**scope, **dict.fromkeys(macro.loop_variables, item)}

    def walk(self, node: Node, scope: Scope) -> Iterator[tuple[Node, Scope]]:
        """The part and all parts below it, each with its scope."""
        left = [(node, scope)]
        while left:
            one, its_scope = left.pop()
            yield one, its_scope
            if one.kind is Kind.MACRO:
                inner = self.inside(one, its_scope)
                left.extend((child, inner) for child in reversed(one.children[1:]))
                left.append((one.children[0], its_scope))
            else:
                left.extend([(child, its_scope) for child in reversed(one.children)])

    def _plain(self, node: Node, scope: Scope) -> FieldType | None:
        kind = self.type_of(node, scope)
        return without_null(kind)

    def _field(self, node: Node, scope: Scope) -> FieldType | None:
        holder = self._plain(node.children[0], scope)
        if isinstance(holder, RecordType):
            field = holder.field(node.name)
            return field.type if field is not None else None
        return holder.value if isinstance(holder, MapType) else None


def _item(holder: FieldType | None) -> FieldType | None:
    if isinstance(holder, ListType):
        return holder.item
    return holder.value if isinstance(holder, MapType) else None


def versions(roots: Iterable[RecordType]) -> list[Fields]:
    """Each version's fields, completed by what only other versions have; oldest first, as given."""
    given = list(roots)
    known: dict[str, dict[str, Field]] = {}
    for root in reversed(given):  # of a field in several versions the newest is taken
        for record in records(root):
            for field in record.fields:
                known.setdefault(record.name, {}).setdefault(field.name, field)
    return [_completed(root, known) for root in given]


def records(kind: FieldType) -> Iterator[RecordType]:
    """Every record in a type, itself included."""
    match kind:
        case RecordType():
            yield kind
            for one in kind.fields:
                yield from records(one.type)
        case ListType(inner) | MapType(inner) | NullableType(inner):
            yield from records(inner)
        case ScalarType():
            return


def _completed(root: RecordType, known: Mapping[str, Mapping[str, Field]]) -> Fields:
    absent: set[tuple[str, str]] = set()

    def complete(kind: FieldType) -> FieldType:
        match kind:
            case RecordType():
                own = {field.name for field in kind.fields}
                others = [field for name, field in known[kind.name].items() if name not in own]
                absent.update((kind.name, field.name) for field in others)
                return replace(kind, fields=(*(replace(one, type=complete(one.type)) for one in kind.fields), *others))
            case ListType(inner):
                return ListType(complete(inner))
            case MapType(inner):
                return MapType(complete(inner))
            case NullableType(inner):
                return NullableType(complete(inner))
            case ScalarType():
                return kind

    whole = complete(root)
    return Fields(whole if isinstance(whole, RecordType) else root, frozenset(absent))
