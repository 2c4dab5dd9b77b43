"""A YAML file with the place of everything in it. Safe: no tags, no aliases, bounded size and depth.

Read from the parser's events: what rules need of YAML is little, and a tree of nodes would take twice the time. The
parser is libyaml, at a tenth of the cost of the one in Python; that one reads again what libyaml refuses, for it takes
more and its words help more.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from pipeline.model.finding import Finding
from pipeline.rules.finding_codes import CODES
from pipeline.rules.yaml_faults import yaml_fault
from pipeline.rules.yaml_places import index_in_source

MAX_CHARACTERS = 1_048_576
MAX_DEPTH = 24

Path = tuple[str | int, ...]
Resolve = Callable[[str], object]
"""What an unquoted word means."""


class Place(NamedTuple):
    """Counted from 1."""

    line: int
    column: int


class _Scalar(NamedTuple):
    value: str
    start: int
    """Index into the file's text."""
    end: int


class Document(NamedTuple):
    """One file's values, and where each stands."""

    path: str
    text: str
    value: object
    keys: Mapping[Path, Place]
    """Where each key (or list item) begins."""
    scalars: Mapping[Path, _Scalar]
    """The texts, for places inside them."""

    def place(self, path: Path) -> Place:
        """Where the deepest part of `path` that stands in the file begins."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.keys:
                return self.keys[path[:length]]
        return Place(1, 1)

    def value_place(self, path: Path, index: int = 0) -> Place:
        """Where the character `index` of the text at `path` stands."""
        scalar = self.scalars.get(path)
        if scalar is None:
            return self.place(path)
        at = scalar.start + index_in_source(self.text[scalar.start : scalar.end], scalar.value, index)
        return Place(bisect_left(_line_ends(self.text), at) + 1, at - self.text.rfind("\n", 0, at))

    def finding(self, path: Path, code: str, words: str, hint: str | None = None) -> Finding:
        """A finding at the key of `path`."""
        return _finding(self.path, self.place(path), code, words, hint)


@lru_cache(maxsize=4)
def _line_ends(text: str) -> list[int]:
    """Where each line ends: thousands of findings in one file must not count its lines anew each time."""
    return [found.start() for found in re.finditer("\n", text)]


def words_only(text: str) -> object:
    """Unquoted words of rule and template files: truth values and null; a number is a text as it was written."""
    return _WORDS.get(text, text)


def words_and_numbers(text: str) -> object:
    """Unquoted words where numbers matter, as in the events of tests (YAML 1.2 core schema, without octal and hex)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


_WORDS: Mapping[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def parse(path: str, text: str, resolve: Resolve = words_only) -> Document | Finding:
    """Read one file; a finding where it is no YAML that we take."""
    if len(text) > MAX_CHARACTERS:
        return _finding(path, Place(1, 1), "file-too-large", f"more than {MAX_CHARACTERS} characters")
    try:
        reader, value = _read(text, resolve)
    except _Refused as refused:
        return _finding(path, refused.place, refused.code, str(refused))
    except MarkedYAMLError as error:
        return _finding(path, *yaml_fault(error, text))
    except (YAMLError, ValueError) as error:
        return _finding(path, Place(1, 1), "not-yaml", (str(error).splitlines() or ["not YAML"])[0])
    return Document(path, text, value, reader.keys, reader.scalars)


def _read(text: str, resolve: Resolve) -> tuple[_Reader, object]:
    if _READ_DIFFERENTLY.search(text) is None:
        reader = _Reader(resolve)
        try:
            value = reader.read(YAML(typ="safe").parse(text))
        except YAMLError:
            pass
        else:
            if all(scalar.value for scalar in reader.scalars.values()):  # where nothing stands, places differ
                return reader, value
    reader = _Reader(resolve)
    return reader, reader.read(YAML(typ="safe", pure=True).parse(text))


def _finding(path: str, place: tuple[int, int], code: str, words: str, hint: str | None = None) -> Finding:
    return Finding(path, *place, CODES[code].level, code, words, hint)


class _Refused(ValueError):
    def __init__(self, mark: StringMark, code: str, words: str) -> None:
        super().__init__(words)
        self.place = _place(mark)
        self.code = code


def _place(mark: StringMark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


class _Reader:
    """Turns the parser's events into values and remembers where they stand."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self.keys: dict[Path, Place] = {}
        self.scalars: dict[Path, _Scalar] = {}

    def read(self, events: Iterator[Event]) -> object:
        value: object = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(event.start_mark, "not-yaml", "more than one document in a file")
            elif isinstance(event, NodeEvent):
                value = self._node(events, event, (), 0)
        return value

    def _node(self, events: Iterator[Event], event: Event, path: Path, depth: int) -> object:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _Refused(event.start_mark, "alias", "anchors and aliases are not allowed: write the value out")
        if depth > MAX_DEPTH:
            raise _Refused(event.start_mark, "too-deep", f"nested deeper than {MAX_DEPTH} levels")
        if getattr(event, "tag", None) is not None:
            raise _Refused(event.start_mark, "not-yaml", "tags are not allowed here")
        self.keys.setdefault(path, _place(event.start_mark))
        if isinstance(event, ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(events, path, depth)
        return self._mapping(events, path, depth)

    def _sequence(self, events: Iterator[Event], path: Path, depth: int) -> list[object]:
        items: list[object] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self._node(events, event, (*path, len(items)), depth + 1))
        return items

    def _mapping(self, events: Iterator[Event], path: Path, depth: int) -> dict[str, object]:
        values: dict[str, object] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            if not isinstance(event, ScalarEvent):
                raise _Refused(event.start_mark, "not-yaml", "a key is a plain word")
            key = _checked(event)
            if key in values:
                raise _Refused(event.start_mark, "duplicate-key", f"`{key}` stands here twice")
            inner = (*path, key)
            self.keys[inner] = _place(event.start_mark)
            values[key] = self._node(events, next(events), inner, depth + 1)
        return values

    def _scalar(self, event: ScalarEvent, path: Path) -> object:
        value = _checked(event)
        self.scalars[path] = _Scalar(value, event.start_mark.index, event.end_mark.index)
        return value if event.style else self._resolve(value)


def _checked(event: ScalarEvent) -> str:
    """The text, if everybody can handle it: CEL ends texts at a NUL, and UTF-8 knows no half characters."""
    value = str(event.value)
    if _UNFIT.search(value) is not None:
        raise _Refused(event.start_mark, "not-yaml", "a NUL or half a character (surrogate) in a text")
    return value


_UNFIT = re.compile("[\x00\ud800-\udfff]")
_READ_DIFFERENTLY = re.compile("[\t\ufeff\x85\u2028\u2029\r\ud800-\udfff]|(?:^|[\\s\\[{,])[&*!][^\\s&=*]", re.MULTILINE)
"""Anchors, aliases and tags, which are refused at their place; tabs, which libyaml takes where YAML does not; a byte
order mark and line ends that the two parsers count differently; what UTF-8 cannot hold."""
