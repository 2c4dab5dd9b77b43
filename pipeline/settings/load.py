"""Read the file, lay the environment over it, check it, and name the place of whatever is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.errors import ConfigurationError
from pipeline.settings.model import Settings
from pipeline.settings.shadow import apart

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ENVIRONMENT_PREFIX = "NOTICE_PIPELINE_"
MAX_BYTES = 1_048_576
"""A larger file is no configuration."""


class _Overlay(NamedTuple):
    """The file's values with the environment's laid over them, and who said which."""

    values: dict[str, object]
    variables: dict[tuple[str, ...], str]


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The configuration in `path`, with every `NOTICE_PIPELINE_A__B` of `environ` in place of `a.b`.

    Raises:
        ConfigurationError: with `path:line:column:` of the first fault, and the others after it.
    """
    document = _read(path)
    overlay = _lay_over(document, environ)
    try:
        settings = Settings.model_validate(overlay.values, context={"base": path.parent})
    except ValidationError as error:
        faults = [_describe(fault, path, document, overlay.variables) for fault in error.errors()]
        raise ConfigurationError("\n".join(dict.fromkeys(faults)), hint=_hint(error.errors())) from None
    return apart(settings) if settings.shadow else settings


def _read(path: Path) -> CommentedMap:
    try:
        raw = path.read_bytes()
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
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise ConfigurationError(f"{place}: not YAML: {error.problem or error.context}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    if document is None:
        return CommentedMap()
    if not isinstance(document, CommentedMap):
        raise ConfigurationError(f"{path}:1:1: a configuration is a mapping of names to values")
    return document


def _lay_over(document: CommentedMap, environ: Mapping[str, str]) -> _Overlay:
    values = _plain(document)
    if not isinstance(values, dict):
        raise ConfigurationError("a configuration is a mapping of names to values")
    variables: dict[tuple[str, ...], str] = {}
    for name in sorted(environ):
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        keys = tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
        target = values
        for key in keys[:-1]:
            below = target.get(key)
            if not isinstance(below, dict):
                below = target[key] = {}
            target = below
        target[keys[-1]] = _from_environment(environ[name])
        variables[keys] = name
    return _Overlay(values, variables)


def _from_environment(text: str) -> object:
    """A list or mapping is written as YAML flow (`[a, b]`); everything else is the text, which pydantic converts."""
    if text.startswith(("[", "{")):
        try:
            return _plain(YAML(typ="rt").load(text))
        except YAMLError:
            return text
    return text


def _plain(node: object) -> object:
    if isinstance(node, CommentedMap):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    return node


def _describe(fault: ErrorDetails, path: Path, document: CommentedMap, variables: Mapping[tuple[str, ...], str]) -> str:
    location = tuple(str(part) for part in fault["loc"])
    name = ".".join(location)
    words = _words(fault, name)
    for length in range(len(location), 0, -1):
        if location[:length] in variables:
            return f"{variables[location[:length]]}: {words}"
    line, column = _place(document, location)
    return f"{path}:{line}:{column}: {words}"


def _words(fault: ErrorDetails, name: str) -> str:
    if fault["type"] == "extra_forbidden":
        return f"unknown key `{name}`"
    if fault["type"] == "missing":
        return f"`{name}` is missing"
    message = fault["msg"].removeprefix("Value error, ")
    return f"`{name}`: {message[0].lower()}{message[1:]}" if name else message


def _hint(faults: list[ErrorDetails]) -> str | None:
    for fault in faults:
        if fault["type"] == "extra_forbidden":
            *parents, key = (str(part) for part in fault["loc"])
            near = difflib.get_close_matches(key, _known_keys(parents), n=1)
            if near:
                return f"did you mean `{near[0]}`?"
    return "`notice-pipeline config schema` prints every setting with its meaning"


def _known_keys(parents: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for parent in parents:
        field = model.model_fields.get(parent)
        if field is None:
            return []
        candidates = [field.annotation, *get_args(field.annotation)]
        below = next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if below is None:
            return []
        model = below
    return list(model.model_fields)


def _place(document: CommentedMap, location: tuple[str, ...]) -> tuple[int, int]:
    """Line and column, from 1, of the deepest part of `location` that stands in the file."""
    node: object = document
    line, column = 1, 1
    for part in location:
        if isinstance(node, CommentedMap) and part in node:
            line, column = (number + 1 for number in node.lc.key(part))
            node = node[part]
        elif isinstance(node, CommentedSeq) and part.isdigit() and int(part) < len(node):
            line, column = (number + 1 for number in node.lc.item(int(part)))
            node = node[int(part)]
        else:
            break
    return line, column
