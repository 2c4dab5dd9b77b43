"""The language of the request that is being answered.

It is a variable of the context: handlers of one server answer requests in several languages at the same time.
"""

from __future__ import annotations

from contextvars import ContextVar

from pipeline.languages import ENGLISH, speaking
from pipeline.phrases import phrase

_LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)


def use(language: str) -> None:
    """Answer in that language from now on, in this context."""
    _LANGUAGE.set(language)


def language() -> str:
    """The language of this context."""
    return _LANGUAGE.get()


def say(text: str) -> str:
    """The text in the language of this context."""
    return speaking(_LANGUAGE.get())(text)


def text(template: str, /, **values: object) -> str:
    """A text of a template, in the language of this context. Its name in templates of pages is `_`."""
    return say(phrase(template, **values))
