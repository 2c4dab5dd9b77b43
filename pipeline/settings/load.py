"""Read the file, lay the environment over it, check it, and name the place of whatever is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.errors import ConfigurationError
from pipeline.settings.environment import lay_over, ours, variable_of
from pipeline.settings.model import Settings
from pipeline.settings.shadow import apart
from pipeline.settings.validation_messages import hint_for, location_of, told_once, words_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

DEFAULT_FILE = Path("pipeline.yaml")
"""What commands read where nobody names a file."""
MAX_BYTES = 1_048_576
"""A larger file is no configuration."""
_VALUES = re.compile(r" with value .*", re.DOTALL)
"""What ruamel.yaml says of a key that stands there twice: a secret's value, maybe."""


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The configuration in `path`, with every `NOTICE_PIPELINE_A__B` of `environ` in place of `a.b`.

    Where `DEFAULT_FILE` is meant, is not there, and `environ` holds settings, these are the whole configuration.

    Raises:
        ConfigurationError: with `path:line:column:` of the first fault, and the others after it.
    """
    alone = is_by_environment(path, environ)
    document = CommentedMap({"kafka": CommentedMap(), "notices": CommentedMap()}) if alone else _read(path)
    overlay = lay_over(document, environ)
    try:
        settings = Settings.model_validate(overlay.values, context={"base": path.parent})
    except ValidationError as error:
        faults = told_once(error.errors())
        locations = None if alone else _Places(path, document)
        message = [f"{_place_of(fault, locations, overlay.variables)}: {words_of(fault)}" for fault in faults]
        hint = f"there is no {path} here: the environment alone was read" if alone else hint_for(faults)
        raise ConfigurationError("\n".join(dict.fromkeys(message)), hint=hint) from None
    return apart(settings) if settings.shadow else settings


def is_by_environment(path: Path, environ: Mapping[str, str]) -> bool:
    """Whether the environment is the whole configuration: nobody named a file, and none is there."""
    return path == DEFAULT_FILE and bool(ours(environ)) and not path.exists()


def places_in(path: Path, environ: Mapping[str, str]) -> Callable[[str], str]:
    """Tells where a setting is given: the variable, or `path:line:column`; of one that nobody gave, the nearest.

    Raises:
        ConfigurationError: as `load_settings`.
    """
    variables = ours(environ)
    locations = None if is_by_environment(path, environ) else _Places(path, _read(path))

    def place_of(key: str) -> str:
        location = tuple(key.split("."))
        given = (name for name, keys in variables.items() if location[: len(keys)] == keys)
        return next(given, None) or _line_of(locations, location)

    return place_of


def _read(path: Path) -> CommentedMap:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: there is no such file", hint="name one with --config; README.md shows a small one"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(f"{path}: larger than {MAX_BYTES} bytes; this is no configuration")
    try:
        document = YAML(typ="rt").load(raw.decode())
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 (byte {error.start})") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        spot_location = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        message = _VALUES.sub("", error.problem or error.context or "")
        raise ConfigurationError(f"{spot_location}: not YAML: {message}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    if document is None:
        return CommentedMap()
    if not isinstance(document, CommentedMap):
        raise ConfigurationError(f"{path}:1:1: a configuration is a mapping of names to values")
    return document


class _Places(NamedTuple):
    """Where things stand in the file."""

    path: Path
    document: CommentedMap


def _place_of(fault: ErrorDetails, locations: _Places | None, variables: Mapping[tuple[str, ...], str]) -> str:
    """The variable that says so; else `path:line:column`; else the variable that could have said it."""
    location = location_of(fault)
    for length in range(len(location), 0, -1):
        if location[:length] in variables:
            return variables[location[:length]]
    if fault["type"] == "extra_forbidden":  # a section that nobody knows, made by a variable of something in it
        below = (name for path, name in variables.items() if path[: len(location)] == location)
        return next(below, _line_of(locations, location))
    if locations is None and fault["type"] == "missing":
        return variable_of(location)
    return _line_of(locations, location)


def _line_of(locations: _Places | None, location: tuple[str, ...]) -> str:
    if locations is None:
        return "the environment"
    line, column = _place(locations.document, location)
    return f"{locations.path}:{line}:{column}"


def _place(document: CommentedMap, location: tuple[str, ...]) -> tuple[int, int]:
    """Line and column, from 1, of the deepest part of `location` that stands in the file."""
    node: object = document
    line, column = 1, 1
    for depth, part in enumerate(location):
        dotted = ".".join(location[depth:])  # a name of librdkafka's has dots of its own
        if isinstance(node, CommentedMap) and (part in node or dotted in node):
            key = part if part in node else dotted
            line, column = (number + 1 for number in node.lc.key(key))
            node = node[key]
        elif isinstance(node, CommentedSeq) and part.isdigit() and int(part) < len(node):
            line, column = (number + 1 for number in node.lc.item(int(part)))
            node = node[int(part)]
        else:
            break
    return line, column
