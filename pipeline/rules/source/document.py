"""A YAML file with the location of everything in it. Safe: no tags, no aliases, bounded size and depth.

Read from the parser's events: what rules need of YAML is little, and a tree of nodes would take twice the time. The
parser is libyaml (that of PyYAML, for ruamel's refuses `15:01` within braces), at a twentieth of the cost of the one in
Python. That one, ruamel's, reads again what libyaml refuses: it accepts more, and its messages help more.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import yaml

from pipeline.model.finding import Finding
from pipeline.phrases import phrase
from pipeline.rules.source.faults import unfit_character, yaml_fault
from pipeline.rules.source.finding_codes import CODES
from pipeline.rules.source.locations import index_in_source

_LIBYAML = getattr(yaml, "CLoader", None)
"""None where PyYAML was built without it."""
_BEYOND_UNICODE = re.compile(r"\\U(?!000|0010)[0-9A-Fa-f]{8}")
"""The escape of a character that does not exist: parsers convert it without a check."""
MAX_CHARACTERS = 1_048_576
MAX_DEPTH = 24

Path = tuple[str | int, ...]
Resolve = Callable[[str], object]
"""The value of an unquoted scalar."""


class Location(NamedTuple):
    """Counted from 1."""

    line: int
    column: int


class _Scalar(NamedTuple):
    value: str
    start: int
    """Index into the file's text."""
    end: int


class Document(NamedTuple):
    """One file's values, and the location of each."""

    path: str
    text: str
    value: object
    keys: Mapping[Path, Location]
    """Where each key (or list item) begins."""
    scalars: Mapping[Path, _Scalar]
    """The texts, for locations inside them."""

    def location(self, path: Path) -> Location:
        """Where the deepest part of `path` that the file has begins."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.keys:
                return self.keys[path[:length]]
        return Location(1, 1)

    def value_location(self, path: Path, index: int = 0) -> Location:
        """The location of the character `index` of the text at `path`."""
        scalar = self.scalars.get(path)
        if scalar is None:
            return self.location(path)
        at = scalar.start + index_in_source(self.text[scalar.start : scalar.end], scalar.value, index)
        return Location(bisect_left(_line_ends(self.text), at) + 1, at - self.text.rfind("\n", 0, at))

    def finding(self, path: Path, code: str, message: str, hint: str | None = None) -> Finding:
        """A finding at the key of `path`."""
        return _finding(self.path, self.location(path), code, message, hint)


@lru_cache(maxsize=4)
def _line_ends(text: str) -> list[int]:
    """Where each line ends: thousands of findings in one file must not count its lines again each time."""
    return [found.start() for found in re.finditer("\n", text)]


def texts_only(text: str) -> object:
    """Unquoted scalars of rule and template files: truth values and null; a number is a text as it was written."""
    return _WORDS.get(text, text)


def texts_and_numbers(text: str) -> object:
    """Unquoted scalars where numbers matter, as in events of tests (YAML 1.2 core schema, without octal and hex)."""
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


def parse(path: str, text: str, resolve: Resolve = texts_only) -> Document | Finding:
    """Read one file; a finding if it is not YAML or uses what is not allowed."""
    if len(text) > MAX_CHARACTERS:
        return _finding(
            path,
            Location(1, 1),
            "file-too-large",
            phrase("more than {max_characters} characters", max_characters=MAX_CHARACTERS),
        )
    try:
        return _read(path, text, resolve) or _read_again(path, text, resolve)
    except _Refused as refused:
        return _finding(path, refused.location, refused.code, refused.args[0], refused.hint)


def _read(path: str, text: str, resolve: Resolve) -> Document | None:
    """By libyaml; None where it refuses the text, or might take it for something else."""
    if _LIBYAML is None or _READ_DIFFERENTLY.search(text) is not None:
        return None
    reader = _Reader(resolve, yaml.events)
    loader = _LIBYAML(text)
    try:
        value = reader.read(iter(loader.get_event, None))
    except (yaml.YAMLError, ValueError, OverflowError):
        return None
    finally:
        loader.dispose()
    # The parsers disagree about the location of an empty value without quotes.
    return reader.document(path, text, value) if all(one.end > one.start for one in reader.scalars.values()) else None


def _read_again(path: str, text: str, resolve: Resolve) -> Document | Finding:
    """By the parser in Python: the file, or what is wrong with it."""
    import ruamel.yaml  # noqa: PLC0415 - 25 ms, which hardly a file needs

    reader = _Reader(resolve, ruamel.yaml.events)
    try:
        return reader.document(path, text, reader.read(ruamel.yaml.YAML(typ="safe", pure=True).parse(text)))
    except ruamel.yaml.error.MarkedYAMLError as error:
        return _finding(path, *yaml_fault(error, text))
    except ruamel.yaml.reader.ReaderError as error:
        return _finding(path, *unfit_character(text, error.position))
    except (ruamel.yaml.error.YAMLError, ValueError, OverflowError) as error:
        beyond = _BEYOND_UNICODE.search(text)
        if beyond is not None:
            line = text.count("\n", 0, beyond.start()) + 1
            location = Location(line, beyond.start() - text.rfind("\n", 0, beyond.start()))
            return _finding(
                path, location, "not-yaml", phrase("`{beyond}`: the last character is `\\U0010FFFF`", beyond=beyond[0])
            )
        return _finding(path, Location(1, 1), "not-yaml", (str(error).splitlines() or ["not YAML"])[0])


def _finding(path: str, location: tuple[int, int], code: str, message: str, hint: str | None = None) -> Finding:
    return Finding(path, *location, CODES[code].level, code, message, hint)


class _Refused(Exception):
    def __init__(self, mark: _Mark, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.location = _location(mark)
        self.code = code
        self.hint = hint


class _Mark(Protocol):
    """Where a parser's event begins or ends; both parsers name it alike; counted from 0."""

    line: int
    column: int
    index: int


_Event = Any
"""Of one parser or the other: their classes have the same names and attributes."""


def _location(mark: _Mark) -> Location:
    return Location(mark.line + 1, mark.column + 1)


class _Reader:
    """Turns the parser's events into values and records their locations."""

    def __init__(self, resolve: Resolve, events: Any) -> None:  # noqa: ANN401 - a module
        """`events` has the classes of the parser's events."""
        self._resolve = resolve
        self._is = events
        self._scalar_event = events.ScalarEvent
        self.keys: dict[Path, Location] = {}
        self.scalars: dict[Path, _Scalar] = {}

    def document(self, path: str, text: str, value: object) -> Document:
        """What was read, with its locations."""
        return Document(path, text, value, self.keys, self.scalars)

    def read(self, events: Iterator[_Event]) -> object:
        """The value that these events make up.

        Raises:
            _Refused: a part of the file is not allowed.
        """
        value: object = None
        documents = 0
        for event in events:
            if isinstance(event, self._is.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(
                        event.start_mark,
                        "not-yaml",
                        phrase("more than one document in a file"),
                        phrase("delete the line `---`"),
                    )
            elif isinstance(event, self._is.NodeEvent):
                value = self._node(events, event, (), 0)
        return value

    def _node(self, events: Iterator[_Event], event: _Event, path: Path, depth: int) -> object:
        is_scalar = event.__class__ is self._scalar_event
        if event.__class__ is self._is.AliasEvent or event.anchor is not None:
            hint = phrase("put a text that begins with `*` or `&` in quotes")
            raise _Refused(
                event.start_mark, "alias", phrase("anchors and aliases are not allowed: write the value out"), hint
            )
        if depth > MAX_DEPTH:
            raise _Refused(
                event.start_mark, "too-deep", phrase("nested deeper than {max_depth} levels", max_depth=MAX_DEPTH)
            )
        if event.tag is not None:
            raise _Refused(event.start_mark, "not-yaml", _TAG, phrase("put the text in quotes: '…'"))
        if path not in self.keys:
            self.keys[path] = _location(event.start_mark)
        if is_scalar:
            value = _checked(event)
            self.scalars[path] = _Scalar(value, event.start_mark.index, event.end_mark.index)
            return value if event.style else self._resolve(value)
        if event.__class__ is self._is.SequenceStartEvent:
            return self._sequence(events, path, depth)
        return self._mapping(events, path, depth)

    def _sequence(self, events: Iterator[_Event], path: Path, depth: int) -> list[object]:
        items: list[object] = []
        for event in events:
            if event.__class__ is self._is.SequenceEndEvent:
                break
            items.append(self._node(events, event, (*path, len(items)), depth + 1))
        return items

    def _mapping(self, events: Iterator[_Event], path: Path, depth: int) -> dict[str, object]:
        values: dict[str, object] = {}
        for event in events:
            if event.__class__ is self._is.MappingEndEvent:
                break
            if event.__class__ is not self._scalar_event:
                hint = phrase("put a text that begins with a bracket in quotes; a value of the event is `${event.…}`")
                if isinstance(event, self._is.AliasEvent):
                    hint = phrase('put the key in quotes: "*"')
                raise _Refused(event.start_mark, "not-yaml", phrase("a key must be a plain text"), hint)
            key = _checked(event)
            if key in values:
                raise _Refused(event.start_mark, "duplicate-key", phrase("`{key}` is here twice", key=key))
            inner = (*path, key)
            self.keys[inner] = _location(event.start_mark)
            values[key] = self._node(events, next(events), inner, depth + 1)
        return values


def _checked(event: _Event) -> str:
    """The text, unless CEL or UTF-8 cannot hold it: CEL ends texts at a NUL, and UTF-8 has no surrogates."""
    value: str = event.value
    if event.style == '"' and _UNFIT.search(value) is not None:  # by an escape: files with the characters are refused
        hint = phrase("write the character itself: 😀, not its escapes")
        raise _Refused(event.start_mark, "not-yaml", phrase("a NUL or half a character (surrogate) in a text"), hint)
    return value


_TAG = phrase("a text must not begin with `{character}`", character="!")
_UNFIT = re.compile("[\x00\ud800-\udfff]")
_READ_DIFFERENTLY = re.compile(
    "[\t\ufeff\x85\u2028\u2029\r\ud800-\udfff]|(?:^|[\\s\\[{,])[&*!][^\\s&=*]|[|>][-+0-9]*#", re.MULTILINE
)
"""Anchors, aliases and tags, which are refused at their location; tabs, which libyaml takes where YAML does not; a byte
order mark and line ends that the two parsers count differently; what UTF-8 cannot hold; a
comment at once behind `|` or `>`."""
