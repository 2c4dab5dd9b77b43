"""What is wrong with the arguments of a command, in plain words and in the language of the output."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import Match
from typing import Any

from pipeline.cli.help import use_titles
from pipeline.cli.language import chosen, in_language
from pipeline.languages import ENGLISH
from pipeline.phrases import phrase

_INPUT = re.compile(r"Input should be (.+)", re.DOTALL)
_VALUES: list[tuple[str, Callable[[Match[str]], str]]] = [
    ("a valid integer.*", lambda _: phrase("write a whole number")),
    ("(?:a valid|a finite) number.*", lambda _: phrase("write a number")),
    ("a valid boolean.*", lambda _: phrase("write true or false")),
    ("greater than or equal to (.+)", lambda found: phrase("must be at least {bound}", bound=found[1])),
    ("less than or equal to (.+)", lambda found: phrase("must be at most {bound}", bound=found[1])),
    ("greater than (.+)", lambda found: phrase("must be greater than {bound}", bound=found[1])),
    ("less than (.+)", lambda found: phrase("must be less than {bound}", bound=found[1])),
    ("('.+') or ('.+')", lambda found: phrase("must be {choices} or {last}", choices=found[1], last=found[2])),
]
"""pydantic's messages about a value, behind `Input should be`."""
_ERRORS: list[tuple[str, Callable[[Match[str]], str]]] = [
    (
        r"No such option: (\S+) \(Possible options: (.+)\)",
        lambda found: phrase("No such option: {name} (Possible options: {names})", name=found[1], names=found[2]),
    ),
    (r"No such option: (\S+)", lambda found: phrase("No such option: {name}", name=found[1])),
    (r"Missing argument (.+)\.", lambda found: phrase("Missing argument {name}.", name=found[1])),
    (r"Missing option (.+)\.", lambda found: phrase("Missing option {name}.", name=found[1])),
    (r"Missing command\.", lambda _: phrase("Missing command.")),
    (
        r"Invalid value for (.+?): (.+)",
        lambda found: phrase("Invalid value for {name}: {error}", name=found[1], error=in_plain_words(found[2])),
    ),
    (
        r"Option (.+) requires an argument\.",
        lambda found: phrase("Option {name} requires an argument.", name=found[1]),
    ),
    (
        r"Got unexpected extra argument(?:s|\(s\))? \((.+)\)",
        lambda found: phrase("Got unexpected extra arguments ({names})", names=found[1]),
    ),
    (
        r"No such command (.+)\. Did you mean (.+)\?",
        lambda found: phrase("No such command {name}. Did you mean {names}?", name=found[1], names=found[2]),
    ),
    (r"No such command (.+)\.", lambda found: phrase("No such command {name}.", name=found[1])),
]
"""The messages of typer 0.29."""


_NOT_ONE_OF = re.compile(r"'(.*)' is not one of (.+)\.", re.DOTALL)


def in_plain_words(message: str) -> str:
    """The message of a refused value.

    >>> in_plain_words("Input should be less than or equal to 65535")
    'must be at most 65535'
    """
    message = message.removeprefix("Value error, ")
    if (found := _NOT_ONE_OF.fullmatch(message)) is not None:
        return phrase("'{value}' is not one of {choices}.", value=found[1], choices=found[2])
    found = _INPUT.fullmatch(message)
    if found is None:
        return message
    return _first(_VALUES, found[1]) or phrase("must be {bound}", bound=found[1])


def translate(error: Any) -> None:  # noqa: ANN401 - typer has no public type for it
    """Give a usage error its message in plain words and in the language of the output; one that is not known stays."""
    if chosen() == ENGLISH:
        error.message = in_plain_words(error.message)
        return
    use_titles()
    message = _first(_ERRORS, error.format_message())
    if message is not None:
        text = in_language(message)
        error.format_message = lambda: text


def _first(messages: list[tuple[str, Callable[[Match[str]], str]]], text: str) -> str | None:
    return next((make(found) for form, make in messages if (found := re.fullmatch(form, text, re.DOTALL))), None)
