"""Locales as functions name them."""

from __future__ import annotations

from functools import lru_cache

from babel.core import Locale, UnknownLocaleError

from pipeline.phrases import phrase
from pipeline.rules.functions.declaration import FunctionFailed


@lru_cache(maxsize=64)
def _locale(name: str) -> Locale | None:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return None


def unknown_locale(name: str) -> str | None:
    """What is wrong with the name of a locale; None where there is one."""
    return None if _locale(name[:32]) else phrase("there is no such locale; write it like zh-CN or en-US")


def locale_of(name: str) -> Locale:
    """The locale of a name such as `zh-CN`.

    Raises:
        FunctionFailed: there is none.
    """
    known = _locale(name[:32])
    if known is None:
        raise FunctionFailed(unknown_locale(name) or "")
    return known
