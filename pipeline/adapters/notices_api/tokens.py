"""Sources of the bearer token: a fixed text, or a file; `oauth` has the token endpoint."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import ConfigurationError, TokenUnavailable

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
"""What a header can hold. RFC 6750, section 2.1 allows less; the tokens of some platforms have more."""


def checked(token: str, source: str) -> str:
    """The token, if it can be written in a header.

    Raises:
        TokenUnavailable: it cannot; the message does not hold it.
    """
    if token.startswith("\ufeff"):
        raise TokenUnavailable(f"{source} begins with a byte order mark; save it as UTF-8 without one")
    if _TOKEN.fullmatch(token) is None:
        raise TokenUnavailable(f"{source} has no token: it is empty, too long, or has spaces or non-ASCII characters")
    return token


class StaticToken:
    """A fixed token."""

    refresh_in: float | None = None

    def __init__(self, token: str) -> None:
        self._token = token

    async def fetch(self) -> str:
        """The token.

        Raises:
            TokenUnavailable: the configured text cannot be written in a header.
        """
        return checked(self._token, "notices.token")

    async def close(self) -> None:
        """Nothing to close."""


class FileToken:
    """A token in a file that another program renews: read again whenever the API refuses it."""

    refresh_in: float | None = None

    def __init__(self, path: Path, read: Callable[[Path], str]) -> None:
        """`read` returns the file's text, or raises `ConfigurationError`."""
        self._path = path
        self._read = read

    async def fetch(self) -> str:
        """Read the token.

        Raises:
            TokenUnavailable: the file cannot be read, or has no token.
        """
        try:
            return checked(await asyncio.to_thread(self._read, self._path), str(self._path))
        except ConfigurationError as error:
            raise TokenUnavailable(error.message) from None

    async def close(self) -> None:
        """Nothing to close."""
