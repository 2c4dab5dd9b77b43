"""Loads the configuration: reads the file, applies the environment, validates, and locates every fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from pipeline.errors import ConfigurationError
from pipeline.rules.source.faults import YamlFault, unfit_character, yaml_fault
from pipeline.settings.environment import lay_over, ours, variable_of
from pipeline.settings.model import Settings
from pipeline.settings.validation_messages import fault_text, hint_for, location_of, without_repeats

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

DEFAULT_FILE = Path("pipeline.yaml")
"""The file that commands read by default."""
MAX_BYTES = 1_048_576
"""Largest configuration file that is read."""
SHADOW_SUFFIX = ".shadow"
_REPEATED = re.compile(r'found duplicate key "(.*?)"(?: with value|$)', re.DOTALL)
"""ruamel.yaml's message for a duplicate key. The value, which is behind it, may be a secret."""


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Load the configuration from `path`; each variable `NOTICE_PIPELINE_A__B` of `environ` replaces the setting `a.b`.

    If `path` is `DEFAULT_FILE`, does not exist, and `environ` has settings, they are the whole configuration.

    Raises:
        ConfigurationError: the file cannot be read or is invalid; one line `path:line:column: message` for each fault.
    """
    return _load(path, environ, {})


def load_without_kafka(path: Path, environ: Mapping[str, str]) -> Settings:
    """The same for a command that uses no Kafka, for which the section may be missing.

    Raises:
        ConfigurationError: as `load_settings`.
    """
    return _load(path, environ, {"kafka": {"bootstrap_servers": "localhost:9092", "topics": ["none"]}})


def _load(path: Path, environ: Mapping[str, str], missing: Mapping[str, object]) -> Settings:
    """`missing` has sections that replace those which are not given."""
    alone = is_by_environment(path, environ)
    document = CommentedMap({"kafka": CommentedMap(), "notices": CommentedMap()}) if alone else _read(path)
    overlay = lay_over(document, environ)
    values = {**overlay.values, **{key: section for key, section in missing.items() if not overlay.values.get(key)}}
    try:
        settings = Settings.model_validate(values, context={"base": path.parent})
    except ValidationError as error:
        faults = without_repeats(error.errors())
        locations = None if alone else _Locations(path, document)
        message = [f"{_location_text(fault, locations, overlay.variables)}: {fault_text(fault)}" for fault in faults]
        hint = f"{path} does not exist: only the environment was read" if alone else hint_for(faults)
        raise ConfigurationError("\n".join(dict.fromkeys(message)), hint=hint) from None
    return _shadow(settings) if settings.shadow else settings


def require_group(settings: Settings, path: Path, environ: Mapping[str, str]) -> None:
    """Check that `kafka.group_id` is given, for commands that read or write on behalf of the group.

    It has no default: two installations that share a group by accident each send only a part of their notices.

    Raises:
        ConfigurationError: it is not given; the location is that of `kafka`.
    """
    if settings.kafka.group_id:
        return
    variable = variable_of(("kafka", "group_id"))
    location = variable if is_by_environment(path, environ) else locations_in(path, environ)("kafka.group_id")
    raise ConfigurationError(
        f"{location}: `kafka.group_id` is missing",
        hint="two installations must never share a group by accident; write "
        f"`kafka.group_id: <name of this installation>`, or set the environment variable {variable}",
    )


def _shadow(settings: Settings) -> Settings:
    """Give a shadow its own consumer group and topics.

    Its own group separates its offsets from the live service's, its own outcomes topic separates the ledger.
    """
    kafka, outcomes, letters, care = settings.kafka, settings.outcomes, settings.dead_letters, settings.recipient_care
    group = kafka.group_id and kafka.group_id + SHADOW_SUFFIX
    return settings.model_copy(
        update={
            "kafka": kafka.model_copy(update={"group_id": group}),
            "outcomes": outcomes.model_copy(update={"topic": outcomes.topic + SHADOW_SUFFIX}),
            "dead_letters": letters.model_copy(update={"topic": letters.topic + SHADOW_SUFFIX}),
            "recipient_care": care.model_copy(
                update={
                    "intents_topic": care.intents_topic + SHADOW_SUFFIX,
                    "care_topic": care.care_topic + SHADOW_SUFFIX,
                }
            ),
        }
    )


def is_by_environment(path: Path, environ: Mapping[str, str]) -> bool:
    """Whether the environment is the whole configuration: the default file does not exist."""
    return path == DEFAULT_FILE and bool(ours(environ)) and not path.exists()


def locations_in(path: Path, environ: Mapping[str, str]) -> Callable[[str], str]:
    """A function that locates a setting: its variable or `path:line:column`; the nearest parent if it is not given.

    Raises:
        ConfigurationError: as `load_settings`.
    """
    variables = ours(environ)
    locations = None if is_by_environment(path, environ) else _Locations(path, _read(path))

    def location_of_key(key: str) -> str:
        location = tuple(key.split("."))
        given = (name for name, keys in variables.items() if location[: len(keys)] == keys)
        return next(given, None) or _line_of(locations, location)

    return location_of_key


def _not_yaml(path: Path, fault: YamlFault) -> ConfigurationError:
    line, column = fault.location
    return ConfigurationError(f"{path}:{line}:{column}: not YAML: {fault.message}", hint=fault.hint)


def _repeated(error: MarkedYAMLError) -> YamlFault | None:
    found, mark = _REPEATED.match(error.problem or ""), error.problem_mark
    if found is None or mark is None:
        return None
    return YamlFault((mark.line + 1, mark.column + 1), "", f"`{found[1]}` is here twice", "keep one of the two lines")


def _read(path: Path) -> CommentedMap:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: there is no such file",
            hint="name one with --config; `notice-pipeline config schema` prints every setting",
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(f"{path}: larger than {MAX_BYTES} bytes: not a configuration file")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 (byte {error.start})", hint="save the file as UTF-8") from None
    try:
        document = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        raise _not_yaml(path, _repeated(error) or yaml_fault(error, text)) from None
    except ReaderError as error:
        raise _not_yaml(path, unfit_character(text, error.position)) from None
    except RecursionError:
        raise ConfigurationError(f"{path}: not YAML: nested too deeply") from None
    except (YAMLError, ValueError, OverflowError) as error:
        raise ConfigurationError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    if document is None:
        return CommentedMap()
    if not isinstance(document, CommentedMap):
        raise ConfigurationError(f"{path}:1:1: the configuration must be a mapping of names to values")
    return document


class _Locations(NamedTuple):
    """The parsed file, which knows the location of each key."""

    path: Path
    document: CommentedMap


def _location_text(fault: ErrorDetails, locations: _Locations | None, variables: Mapping[tuple[str, ...], str]) -> str:
    """The variable that gives the setting, else `path:line:column`, else the variable that could give it."""
    location = location_of(fault)
    for length in range(len(location), 0, -1):
        if location[:length] in variables:
            return variables[location[:length]]
    if fault["type"] == "extra_forbidden":  # an unknown section that a variable has created
        below = (name for path, name in variables.items() if path[: len(location)] == location)
        return next(below, _line_of(locations, location))
    if locations is None and fault["type"] == "missing":
        return variable_of(location)
    return _line_of(locations, location)


def _line_of(locations: _Locations | None, location: tuple[str, ...]) -> str:
    if locations is None:
        return "the environment"
    line, column = _find(locations.document, location)
    return f"{locations.path}:{line}:{column}"


def _find(document: CommentedMap, location: tuple[str, ...]) -> tuple[int, int]:
    """Line and column, from 1, of the deepest part of `location` that is in the file."""
    node: object = document
    line, column = 1, 1
    for depth, part in enumerate(location):
        dotted = ".".join(location[depth:])  # names of librdkafka's properties have dots
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
