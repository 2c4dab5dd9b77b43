"""Limits on the cost of an expression: CEL has some, the others are here.

Measured with cel-expr-python 0.1.3: CEL refuses nesting over 32, sources over 100,000 characters and more than 10,000
steps of macros in one evaluation, and its regular expressions take linear time. Not bounded: `map` and `filter` copy
their result for every item, so that 1,000 items take 0.02 s and 10,000 take 6 s; `+` may repeat a long text.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.phrases import phrase
from pipeline.rules.cel.tree import Kind, Node, Tree

MAX_ITEMS = 1_000
"""Items of a list that `map` or `filter` goes through."""
MAX_SUMS = 40
"""Uses of `+` in one expression."""
MAX_LOOPS = 3
"""Macros within macros."""

_BUILDERS = frozenset({"map", "filter"})


def may_build_lists(source: str) -> bool:
    """A quick check that spares most expressions reading their tree."""
    return "map" in source or "filter" in source


def lists_walked(tree: Tree) -> list[str]:
    """The sources of the lists that `map` and `filter` go through, where they can be evaluated beforehand.

    A list that another is made of comes before it.
    """
    builders = [node for node in tree.nodes if node.kind is Kind.MACRO and node.name in _BUILDERS]
    return [tree.text(node.children[0]) for node in reversed(builders) if node.children[0].is_closed]


def excesses(tree: Tree) -> Iterator[tuple[int, str]]:
    """What makes an expression too expensive: an index into its source, and a message."""
    sums = [node for node in tree.nodes if node.name == "_+_"]
    if len(sums) > MAX_SUMS:
        yield sums[MAX_SUMS].own, phrase("more than {max_sums} times `+`", max_sums=MAX_SUMS)
    yield from _nested(tree.root, 0)


def _nested(node: Node, loops: int) -> Iterator[tuple[int, str]]:
    if node.kind is Kind.MACRO:
        if loops and node.name in _BUILDERS:
            yield node.own, phrase("`{name}` inside another macro", name=node.name)
        elif loops >= MAX_LOOPS:
            yield node.own, phrase("more than {max_loops} macros inside one another", max_loops=MAX_LOOPS)
        over, *bodies = node.children
        yield from _nested(over, loops)
        for body in bodies:
            yield from _nested(body, loops + 1)
        return
    for child in node.children:
        yield from _nested(child, loops)
