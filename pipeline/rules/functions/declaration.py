"""Declarations of functions for rules: types, implementation, documentation and tests in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

MAX_TEXT = 4_096
"""Characters of a function's result. No field takes more."""


class FunctionFailed(ValueError):
    """A function fails for its arguments; the message becomes the detail of the outcome."""


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
    """Takes a timestamp of CEL, a `datetime`, or one of an event, a `Timestamp`."""
    doc: str
    examples: tuple[Example, ...]
    check_constants: Callable[..., str | None] | None = None
    """Takes the arguments, None for those that are not constant; returns what is wrong with them for any event."""


def bounded(text: str) -> str:
    """The text.

    Raises:
        FunctionFailed: it is longer than `MAX_TEXT`.
    """
    if len(text) > MAX_TEXT:
        raise FunctionFailed(f"the text would have {len(text)} characters, more than {MAX_TEXT}")
    return text
