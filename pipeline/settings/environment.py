"""Reads settings from environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from pipeline.languages import VARIABLE

ENVIRONMENT_PREFIX = "NOTICE_PIPELINE_"
_SERVICE_LINK = re.compile(
    r"(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)?)"
)
"""Variables that are not settings. If a Kubernetes Service is named `notice-pipeline`, every pod of its namespace gets
`NOTICE_PIPELINE_SERVICE_HOST`, `NOTICE_PIPELINE_PORT_8080_TCP_ADDR` and so on
(https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables). Settings with these
endings have two underscores before them."""


class Overlay(NamedTuple):
    """The file's values overridden by the environment's, and which variable gave which setting."""

    values: dict[str, object]
    variables: dict[tuple[str, ...], str]
    """Variables by the path of the setting that they give."""


def ours(environ: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The path of a setting for each variable that gives one, in the order of names."""
    return {name: _path(name) for name in sorted(environ) if name.startswith(ENVIRONMENT_PREFIX) and _is_setting(name)}


def variable_of(location: tuple[str, ...]) -> str:
    """The variable for the setting at `location`."""
    return ENVIRONMENT_PREFIX + "__".join(location).upper()


def lay_over(document: CommentedMap, environ: Mapping[str, str]) -> Overlay:
    """Override the file's settings with the environment's."""
    values: dict[str, object] = {str(key): _plain(value) for key, value in document.items()}
    variables: dict[tuple[str, ...], str] = {}
    for name, keys in ours(environ).items():
        target = values
        for key in keys[:-1]:
            below = target.get(key)
            if not isinstance(below, dict):
                below = target[key] = {}
            target = below
        target[keys[-1]] = _value(environ[name])
        variables[keys] = name
    return Overlay(values, variables)


def _plain(node: object) -> object:
    if isinstance(node, CommentedMap):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    return node


def _is_setting(name: str) -> bool:
    rest = name.removeprefix(ENVIRONMENT_PREFIX)
    return name != VARIABLE and ("__" in rest or _SERVICE_LINK.fullmatch(rest) is None)


def _path(name: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))


def _value(text: str) -> object:
    """Parse a list or mapping, written in YAML's flow style (`[a, b]`). Other text is converted by pydantic."""
    if text.startswith(("[", "{")):
        try:
            return _plain(YAML(typ="rt").load(text))
        except (YAMLError, ValueError, OverflowError, RecursionError):
            return text
    return text
