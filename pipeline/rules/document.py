"""A YAML file with the place of everything in it. Safe: no tags, no aliases, bounded size and depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.composer import ComposerError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.model.finding import Finding, Level

MAX_CHARACTERS = 1_048_576
MAX_DEPTH = 24

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """Counted from 1."""

    line: int
    column: int


class Document(NamedTuple):
    """One file's values, and where each stands."""

    path: str
    value: object
    keys: Mapping[Path, Place]
    """Where each key (or list item) begins."""
    scalars: Mapping[Path, ScalarNode]
    """The node of each text, for places inside it."""

    def place(self, path: Path) -> Place:
        """Where the deepest part of `path` that stands in the file begins."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.keys:
                return self.keys[path[:length]]
        return Place(1, 1)

    def value_place(self, path: Path, index: int = 0) -> Place:
        """Where the character `index` of the text at `path` stands."""
        node = self.scalars.get(path)
        return _inside(node, index) if node is not None else self.place(path)

    def finding(self, path: Path, level: Level, code: str, words: str, hint: str | None = None) -> Finding:
        """A finding at the key of `path`."""
        place = self.place(path)
        return Finding(self.path, place.line, place.column, level, code, words, hint)


def parse(path: str, text: str) -> Document | Finding:
    """Read one file; a finding where it is no YAML that we take."""
    if len(text) > MAX_CHARACTERS:
        return Finding(path, 1, 1, Level.ERROR, "file-too-large", f"more than {MAX_CHARACTERS} characters")
    try:
        root = _compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        words = str(error.problem or error.context)
        code = "alias" if "alias" in words else "not-yaml"
        return Finding(path, line, column, Level.ERROR, code, words)
    except (YAMLError, ValueError, RecursionError) as error:
        return Finding(path, 1, 1, Level.ERROR, "not-yaml", str(error).splitlines()[0] or "not YAML")
    reader = _Reader(path)
    value = reader.read(root, (), 0) if root is not None else None
    if reader.problem is not None:
        return reader.problem
    return Document(path, value, reader.keys, reader.scalars)


def _compose(text: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    for event in yaml.parse(text):
        if isinstance(event, AliasEvent):
            raise ComposerError(problem="an alias: write the value out", problem_mark=event.start_mark)
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    return node


class _Reader:
    """Turns nodes into values and remembers where they stand."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.keys: dict[Path, Place] = {}
        self.scalars: dict[Path, ScalarNode] = {}
        self.problem: Finding | None = None

    def read(self, node: Node, path: Path, depth: int) -> object:
        if depth > MAX_DEPTH:
            self._refuse(node, "too-deep", f"nested deeper than {MAX_DEPTH} levels")
            return None
        self.keys.setdefault(path, _place(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, SequenceNode):
            return [self.read(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        if not isinstance(node, ScalarNode):
            self._refuse(node, "not-yaml", "neither a mapping, nor a list, nor a value")
            return None
        self.scalars[path] = node
        return self._scalar(node)

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> object:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._refuse(key_node, "not-yaml", "a key is a plain word")
                continue
            key = str(key_node.value)
            if key in result:
                self._refuse(key_node, "duplicate-key", f"`{key}` stands here twice")
            self.keys[(*path, key)] = _place(key_node)
            result[key] = self.read(value_node, (*path, key), depth + 1)
        return result

    def _scalar(self, node: ScalarNode) -> object:
        text = str(node.value)
        match str(node.tag).rpartition(":")[2]:
            case "null":
                return None
            case "bool":
                return text.lower() in {"true", "yes", "on"}
            case "int":
                return _number(text, int)
            case "float":
                return _number(text, float)
            case "str" | "timestamp":
                return text
            case _:
                self._refuse(node, "not-yaml", "tags are not allowed here")
                return None

    def _refuse(self, node: Node, code: str, words: str) -> None:
        if self.problem is None:
            line, column = _place(node)
            self.problem = Finding(self._path, line, column, Level.ERROR, code, words)


def _number(text: str, kind: type[int | float]) -> object:
    try:
        return kind(text.replace("_", ""))
    except ValueError:
        return text


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _inside(node: ScalarNode, index: int) -> Place:
    """Where character `index` of a text stands in the file, for each way that YAML writes a text.

    Exact for plain, single-quoted and literal texts, and for double-quoted ones without escapes before the place;
    for a folded text the line is right.
    """
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    value = str(node.value)
    before = value[:index]
    if node.style in {"|", ">"}:
        indent = _indent(node)
        return Place(line + 1 + before.count("\n"), indent + index - (before.rfind("\n") + 1) + 1)
    if node.style == "'":
        return Place(line, column + 1 + index + before.count("'"))
    if node.style == '"':
        escapes = sum(before.count(character) for character in '"\\\n\t')
        return Place(line, column + 1 + index + escapes)
    return Place(line, column + index)


def _indent(node: ScalarNode) -> int:
    buffer = node.start_mark.buffer or ""
    lines = buffer[node.start_mark.index :].splitlines() if buffer else []
    first = next((text for text in lines[1:] if text.strip()), "")
    return len(first) - len(first.lstrip())
