"""Parts of expressions that have no value for some events: such events make no message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.phrases import phrase
from pipeline.rules.cel.fields import Fields, Scope
from pipeline.rules.cel.literals import Fault
from pipeline.rules.cel.measures import named_item
from pipeline.rules.cel.nulls import Known, Walk
from pipeline.rules.cel.tree import Kind, Node, Tree, written
from pipeline.rules.schema.types import FieldType, ListType, MapType, Scalar, ScalarType, without_null


def may_fail(tree: Tree, fields: Fields, known: Known) -> Iterator[Fault]:
    """Parts that have no value for some events, as far as nothing asks before."""
    return _PartialWalk(fields, tree).visit(tree.root, known, {}, may_be_null=True)


_FROM_TEXT: Mapping[str, str] = {
    "timestamp": phrase("a time such as 2026-11-23T15:01:00+08:00"),
    "duration": phrase("a span such as 90m"),
    "bool": phrase("true or false"),
}
"""CEL's functions that read a text, and the form that they read."""


class _PartialWalk(Walk[Fault]):
    def __init__(self, fields: Fields, tree: Tree) -> None:
        super().__init__(fields)
        self._tree = tree

    def itself(self, node: Node, known: Known, scope: Scope, *, may_be_null: bool) -> Iterator[Fault]:
        del may_be_null
        match node.kind, node.name:
            case Kind.FIELD, _ if isinstance(self._type(node.children[0], scope), MapType):
                yield from self._item(node, f"{written(node.children[0])}[{node.name!r}]", known, scope)
            case Kind.CALL, "_[_]":
                yield from self._item(node, written(node), known, scope)
            case Kind.CALL, "_/_" | "_%_":
                yield from self._division(node.children[1], node, known)
            case Kind.CALL, "label" | "label_in":
                yield from self._label(node, scope)
            case Kind.CALL, "int" | "double":
                yield from self._number(node, known, scope)
            case Kind.CALL, name if name in _FROM_TEXT:
                yield from self._from_text(node, known, scope)
            case Kind.CALL, "matches" if node.children[1].kind is not Kind.CONSTANT:
                text = self._tree.text(node.children[1])
                message = phrase("this fails for events whose `{text}` is not a regular expression", text=text)
                yield Fault(
                    node.children[1].start, "may-fail", message, phrase('write contains, or a fixed pattern: "…"')
                )
            case _:
                return

    def _item(self, node: Node, path: str | None, known: Known, scope: Scope) -> Iterator[Fault]:
        holder = self._type(node.children[0], scope)
        text, over = self._tree.text(node), self._tree.text(node.children[0])
        if ("item", path) in known or ("there", written(node)) in known:
            return
        if node.children[0].kind is Kind.MACRO and self._is_asked_for(node, over, known):
            return
        if isinstance(holder, ListType) or node.children[0].kind is Kind.MACRO:
            index = node.children[1]
            if isinstance(index.value, int) and index.value < 0:
                return  # an error of its own
            if index.kind is Kind.CONSTANT:
                message = phrase("`{text}` fails for events whose list is shorter", text=text)
                hint = phrase("ask first: size({over}) > {index} ? {text} : …", over=over, index=index.value, text=text)
            else:
                message, hint = (
                    phrase("`{text}` fails for events whose list is shorter", text=text),
                    phrase("ask first how long `{over}` is", over=over),
                )
            yield Fault(node.start, "may-fail", message, hint)
        elif isinstance(holder, MapType):
            named = None if node.kind is Kind.FIELD else named_item(written(node.children[0]) or "", node.children[1])
            if ("item", named) in known:
                return
            key = f'"{node.name}"' if node.kind is Kind.FIELD else self._tree.text(node.children[1])
            message = phrase("`{text}` fails for events without this key", text=text)
            yield Fault(
                node.start,
                "may-fail",
                message,
                phrase("ask first: {key} in {over} ? {text} : …", key=key, over=over, text=text),
            )

    def _is_asked_for(self, item: Node, over: str, known: Known) -> bool:
        """Whether the length of the list that a macro makes, or of the one that it maps, is asked for."""
        macro, index = item.children
        sizes = (node for node in self._tree.nodes if node.name == "size" and node.children)
        if any(self._tree.text(node.children[0]) == over for node in sizes):
            return True
        return macro.name == "map" and ("item", f"{written(macro.children[0])}[{index.value}]") in known

    def _division(self, divisor: Node, node: Node, known: Known) -> Iterator[Fault]:
        path = written(divisor)
        if path is not None and divisor.kind is Kind.FIELD and ("not zero", path) not in known:
            text = self._tree.text(divisor)
            hint = phrase("ask first: {text} != 0 ? … : …", text=text)
            yield Fault(node.own, "may-fail", phrase("this fails for events whose `{text}` is 0", text=text), hint)

    def _label(self, call: Node, scope: Scope) -> Iterator[Fault]:
        value, labels = call.children[0], call.children[-1]
        kind = self._type(value, scope)
        if not isinstance(kind, ScalarType) or kind.symbols or kind.scalar is not Scalar.STRING:
            return
        tables = labels.children[1::2] if call.name == "label_in" else [labels]
        for table in tables:
            if table.kind is Kind.MAP and all(key.value != "*" for key in table.children[::2]):
                message = phrase("this fails for events whose `{text}` has no label here", text=self._tree.text(value))
                yield Fault(table.start, "may-fail", message, phrase('add "*" for all other values'))

    def _number(self, call: Node, known: Known, scope: Scope) -> Iterator[Fault]:
        value = call.children[0]
        kind, path = self._type(value, scope), written(value)
        if isinstance(kind, ScalarType) and kind.scalar is Scalar.STRING and ("number", path) not in known:
            text = self._tree.text(value)
            hint = phrase('ask first: {text}.matches("^[0-9]+$") ? … : …', text=text)
            yield Fault(
                call.start, "may-fail", phrase("this fails for events whose `{text}` is not a number", text=text), hint
            )

    def _from_text(self, call: Node, known: Known, scope: Scope) -> Iterator[Fault]:
        value = call.children[0]
        kind = self._type(value, scope)
        is_text = isinstance(kind, ScalarType) and kind.scalar is Scalar.STRING and kind.logical != "date"
        if is_text and ("number", written(value)) not in known:
            text, what = self._tree.text(value), _FROM_TEXT[call.name]
            yield Fault(
                call.start,
                "may-fail",
                phrase("this fails for events whose `{text}` is not {what}", text=text, what=what),
                phrase('ask first: {text}.matches("…") ? … : …', text=text),
            )

    def _type(self, node: Node, scope: Scope) -> FieldType | None:
        return without_null(self._fields.type_of(node, scope))
