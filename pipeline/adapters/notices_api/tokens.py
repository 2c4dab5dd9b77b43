"""Where the bearer token comes from: a fixed text, or a file; an endpoint is asked by `tokens_oauth`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import ConfigurationError, TokenUnavailable

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
"""What can stand in a header: RFC 6750, section 2.1 allows less, some platforms' tokens have more."""


def checked(token: str, source: str) -> str:
    """The token, if it can stand in a header.

    Raises:
        TokenUnavailable: it cannot; words without it.
    """
    if _TOKEN.fullmatch(token) is None:
        raise TokenUnavailable(f"{source} holds no token: it is empty, too long or has spaces or other characters")
    return token


class StaticToken:
    """A token that stays as it is."""

    refresh_in: float | None = None

    def __init__(self, token: str) -> None:
        self._token = token

    async def fetch(self) -> str:
        """The token.

        Raises:
            TokenUnavailable: what is configured cannot stand in a header.
        """
        return checked(self._token, "notices.token")

    async def close(self) -> None:
        """Nothing to close."""


class FileToken:
    """A token in a file that somebody else renews: read again whenever the API refuses it."""

    refresh_in: float | None = None

    def __init__(self, path: Path, read: Callable[[Path], str]) -> None:
        """`read` gives the file's text or raises `ConfigurationError`."""
        self._path = path
        self._read = read

    async def fetch(self) -> str:
        """The token as it stands in the file now.

        Raises:
            TokenUnavailable: the file cannot be read, or holds no token.
        """
        try:
            return checked(await asyncio.to_thread(self._read, self._path), str(self._path))
        except ConfigurationError as error:
            raise TokenUnavailable(error.message) from None

    async def close(self) -> None:
        """Nothing to close."""
