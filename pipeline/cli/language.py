"""The language of a command's output: `--lang`, else NOTICE_PIPELINE_LANG, else the locale of the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.languages import ENGLISH, LANGUAGES, VARIABLE, catalogue, language_of, speaking

OPTION = "--lang"
NAMES = (ENGLISH, *LANGUAGES)
_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
"""In the order of POSIX: the first that is set decides."""


@dataclass
class _Output:
    """The language of this process: a command is one process, and its output has one language."""

    language: str = ENGLISH
    asked: str | None = None
    """What `--lang` says, if it does."""


_output = _Output()


def choose(arguments: Sequence[str]) -> str:
    """Choose the language of the output by the command's arguments and the environment, and return its name."""
    _output.asked = requested(arguments)
    _output.language = _output.asked or of_environment(os.environ)
    return _output.language


def english() -> None:
    """Choose English, for a command whose output has no other language."""
    _output.language, _output.asked = ENGLISH, None


def requested(arguments: Sequence[str]) -> str | None:
    """The language of `--lang`, if it is there and known."""
    for index, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == OPTION:
            found = value or next(iter(arguments[index + 1 :]), "")
            return found if found in NAMES else None
    return None


def of_environment(environment: Mapping[str, str]) -> str:
    """The language of the environment: `zh_CN.UTF-8` is Chinese."""
    named = next((value for name in (VARIABLE, *_LOCALE) if (value := environment.get(name))), "")
    return language_of(named)


def asked_for() -> str | None:
    """The language that `--lang` asks for, which a page of the command has as well."""
    return _output.asked


def chosen() -> str:
    """The name of the language of the output."""
    return _output.language


def in_language(text: str) -> str:
    """The text in the language of the output."""
    return speaking(_output.language)(text)


def entry(text: str) -> str:
    """The catalogue's entry of a text that is no `phrase`, such as the help of a command."""
    return catalogue(_output.language)(text)


def in_json(text: str) -> str:
    """The text as JSON has it: in English, which programs may compare, unless `--lang` asks for another language."""
    return speaking(_output.asked or ENGLISH)(text)
