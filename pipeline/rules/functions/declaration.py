"""How a function that rules may call is declared: one value gives its types, its code, its page and its tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

MAX_TEXT = 4_096
"""Characters that one function's result may have: no field takes more, and no rule may grow without bound."""


class FunctionFailed(ValueError):
    """A function cannot do what it was asked; the words become the refusal's detail."""


class Overload(NamedTuple):
    """One way to call it, in CEL's type names."""

    parameters: tuple[str, ...]
    result: str


class Example(NamedTuple):
    """Run as a test, and shown on the function's page."""

    expression: str
    result: object
    event: Mapping[str, object] = {}


class Function(NamedTuple):
    """One function."""

    name: str
    overloads: tuple[Overload, ...]
    implementation: Callable[..., object]
    """Takes a timestamp as CEL gives it, a `datetime`, and as it stands in an event, a `Timestamp`."""
    doc: str
    examples: tuple[Example, ...]
    check_constants: Callable[..., str | None] | None = None
    """Given the arguments, None for those that are not constant: what is wrong with them for sure."""


def bounded(text: str) -> str:
    """The text, if it is not absurdly long.

    Raises:
        FunctionFailed: it is.
    """
    if len(text) > MAX_TEXT:
        raise FunctionFailed(f"the text would have {len(text)} characters, more than {MAX_TEXT}")
    return text
