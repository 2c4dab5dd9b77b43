"""Writes what came as the expectation of a test into its file; nothing else of the file changes.

Where only texts differ, those texts alone are replaced. Otherwise `expect:` is written again, with its comments above.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import yaml

from pipeline.authoring.drafting.expectations import expected_of
from pipeline.authoring.drafting.yaml_text import block, flow, scalar, scalar_like
from pipeline.authoring.rule_tests.running import Result
from pipeline.phrases import phrase
from pipeline.rules.source.document import Path

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
PLACEHOLDER = "expect: {none: no_match}"
"""For a test that expects nothing yet."""


class _Edit(NamedTuple):
    """Characters `start` to `end` of the file become `text`."""

    start: int
    end: int
    text: str


class Accepted(NamedTuple):
    """A test file with new expectations."""

    text: str
    names: tuple[str, ...]
    """The tests whose expectation is new."""
    left: tuple[str, ...]
    """The tests whose result no expectation can say, each with the reason."""


def completed(text: str, only: Collection[Path] | None = None) -> str:
    """The file with a placeholder in each test or case that expects nothing; as it is where it is not YAML.

    `only`: the paths of the tests and cases that get one; without it, all.
    """
    try:
        root = _compose(text)
    except yaml.YAMLError:
        return text
    items = enumerate(_items(root, "tests"))
    edits = [edit for number, item in items for edit in _completing(text, item, ("tests", number), only)]
    return _edited(text, edits)


def newly_given(before: str, results: Iterable[Result]) -> list[str]:
    """The names of the tests that pass by an expectation that the file did not have `before`."""
    root = _compose(before)
    return [one.case.name for one in results if one.passed and _at(root, one.case.expect_path) is None]


def accepted(text: str, results: Sequence[Result], *, is_whole: bool = False) -> Accepted:
    """The file with what came for each of these failed cases.

    `is_whole`: write each `expect:` again, also where only texts differ.
    """
    root = _compose(text)
    edits: list[_Edit] = []
    names: list[str] = []
    left: list[str] = []
    for result in results:
        name = result.case.name
        if result.event is None:
            left.append(phrase("{name}: {message}", name=name, message=result.mismatches[0].message))
            continue
        found = None if is_whole else _texts(text, root, result)
        if found is None:
            value = expected_of(result.came, result.case.expect.notices or ())
            if value is None:
                refused = next(message for message in result.came if message.refused is not None)
                left.append(phrase("{name}: beside other messages, {refused}", name=name, refused=refused.in_brief))
                continue
            found = [_again(text, root, result.case.expect_path, value)]
        edits += found
        names.append(name)
    return Accepted(_edited(text, edits), tuple(names), tuple(left))


def _texts(text: str, root: yaml.Node, result: Result) -> list[_Edit] | None:
    """The changes of texts alone; None if more than texts differ."""
    edits: list[_Edit] = []
    for mismatch in result.mismatches:
        node = _at(root, mismatch.path)
        is_shown = mismatch.expected is not None and (mismatch.got is not None or "data" in mismatch.path)
        if not is_shown or not isinstance(node, yaml.ScalarNode) or mismatch.got in {"never", "none"}:
            return None
        edits.append(_replaced(text, node, mismatch.got or ""))
    return edits


def _replaced(text: str, node: yaml.ScalarNode, value: str) -> _Edit:
    start, end = node.start_mark.index, node.end_mark.index
    if node.style in {"|", ">"}:
        return _Edit(start, end, scalar_like(value, '"') + ("\n" if text[end - 1 : end] == "\n" else ""))
    is_number = _NUMBER.fullmatch(value) is not None
    is_plain = node.style is None and (is_number or _is_plain_in_a_block(value))
    return _Edit(start, end, value if is_plain else scalar_like(value, node.style))


def _is_plain_in_a_block(value: str) -> bool:
    """Whether it needs no quotes, as `https://…`; braces and commas would end it on one line with others."""
    return not set(value) & set(",[]{}") and scalar(value) == value


def _again(text: str, root: yaml.Node, path: Path, value: object) -> _Edit:
    """The value of `expect:` written again."""
    key, node = _entry(root, path)
    start, end = node.start_mark.index, node.end_mark.index
    if not isinstance(node, yaml.CollectionNode) or node.flow_style:
        return _Edit(start, end, flow(value))
    end = _end_of_content(node)
    begin = text.index(":", key.end_mark.index) + 1
    indent = key.start_mark.column + 2
    comments = [f"\n{' ' * indent}{comment}" for comment in _comments(text, node, begin, end)]
    lines = [f"\n{line}" for line in block(value, indent)]
    return _Edit(begin, end, "".join((*comments, *lines)))


def _comments(text: str, node: yaml.Node, begin: int, end: int) -> Iterator[str]:
    """The comments between two characters: a `#` behind white space that is in no text."""
    spans = [(one.start_mark.index, one.end_mark.index) for one in _scalars(node)]
    at = begin
    while (at := text.find("#", at, end)) >= 0:
        line_end = text.find("\n", at)
        line_end = end if line_end < 0 else min(line_end, end)
        if text[at - 1 : at].isspace() and not any(start <= at < stop for start, stop in spans):
            yield text[at:line_end].rstrip()
            at = line_end
        else:
            at += 1


def _end_of_content(node: yaml.Node) -> int:
    """Where the last text or bracket of a block ends: its own mark is that of what follows."""
    ends = [one.end_mark.index for one in _scalars(node)]
    ends += [one.end_mark.index for one in _collections(node) if one.flow_style]
    return max(ends, default=node.end_mark.index)


def _completing(text: str, item: yaml.Node, path: Path, only: Collection[Path] | None) -> Iterator[_Edit]:
    """A placeholder for a test, or for its cases, without an expectation."""
    if not isinstance(item, yaml.MappingNode) or not item.value:
        return
    names = {key.value: value for key, value in item.value if isinstance(key, yaml.ScalarNode)}
    if "cases" in names:
        for number, case in enumerate(_items(item, "cases")):
            yield from _completing(text, case, (*path, "cases", number), only)
    elif "timeline" in names:
        for number, entry in enumerate(_items(item, "timeline")):
            if isinstance(entry, yaml.MappingNode) and any(key.value == "event" for key, _ in entry.value):
                yield from _completing(text, entry, (*path, "timeline", number), only)
    elif "expect" not in names and (only is None or path in only):
        if item.flow_style:
            yield _Edit(item.end_mark.index - 1, item.end_mark.index - 1, f", {PLACEHOLDER}")
        else:
            end = _end_of_content(item)
            line_end = text.find("\n", end)
            at = len(text) if line_end < 0 else line_end
            yield _Edit(at, at, f"\n{' ' * item.value[0][0].start_mark.column}{PLACEHOLDER}")


def _compose(text: str) -> yaml.Node:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return root if root is not None else yaml.ScalarNode("", "")


def _edited(text: str, edits: Sequence[_Edit]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        carriage = new.replace("\n", "\r\n") if "\r\n" in text else new
        text = text[:start] + carriage + text[end:]
    return text


def _items(node: yaml.Node | None, key: str) -> list[yaml.Node]:
    found = _at(node, (key,)) if node is not None else None
    return list(found.value) if isinstance(found, yaml.SequenceNode) else []


def _at(node: yaml.Node, path: Path) -> yaml.Node | None:
    """The node at a path."""
    found: yaml.Node | None = node
    for step in path:
        if isinstance(found, yaml.MappingNode):
            found = next((value for key, value in found.value if key.value == step), None)
        elif isinstance(found, yaml.SequenceNode) and isinstance(step, int) and step < len(found.value):
            found = found.value[step]
        else:
            return None
    return found


def _entry(root: yaml.Node, path: Path) -> tuple[yaml.Node, yaml.Node]:
    """The nodes of the key and the value at a path that the file has."""
    holder = _at(root, path[:-1])
    assert isinstance(holder, yaml.MappingNode)  # noqa: S101 - the path of a case
    return next((key, value) for key, value in holder.value if key.value == path[-1])


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    for child in _children(node):
        yield from _scalars(child)


def _collections(node: yaml.Node) -> Iterator[yaml.CollectionNode]:
    if isinstance(node, yaml.CollectionNode):
        yield node
    for child in _children(node):
        yield from _collections(child)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value
