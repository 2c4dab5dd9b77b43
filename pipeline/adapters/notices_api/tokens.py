"""Sources of the bearer token: a fixed text, or a file; `oauth` has the token endpoint."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import ConfigurationError, TokenUnavailable

MAX_CHARACTERS = 16_384
_OTHER = re.compile(r"[^\x21-\x7e]")
"""What a header's value cannot hold. RFC 6750, section 2.1 allows less; the tokens of some platforms have more."""


def checked(token: str, source: str) -> str:
    """The token, if it can be written in a header.

    Raises:
        TokenUnavailable: it cannot; the message does not hold it.
    """
    if token.startswith("\ufeff"):
        raise TokenUnavailable(f"{source} begins with a byte order mark; save it as UTF-8 without one")
    if not token:
        raise TokenUnavailable(f"{source} has no token: it is empty")
    if len(token) > MAX_CHARACTERS:
        raise TokenUnavailable(f"{source} has no token: it is longer than {MAX_CHARACTERS} characters")
    other = _OTHER.search(token)
    if other is not None:
        found = _NAMES.get(other[0], "a character that is not printable ASCII")
        raise TokenUnavailable(f"{source} has no usable token: character {other.start() + 1} is {found}")
    return token


_NAMES = {"\n": "a line break", "\r": "a line break", " ": "a space", "\t": "a tab", "\0": "a null byte"}


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

    def listen(self, newer: Callable[[], None]) -> None:
        """Nothing to report: the token stays."""

    async def close(self) -> None:
        """Nothing to close."""


class FileToken:
    """A token in a file that another program renews: read again when it changes, and when the API refuses it."""

    refresh_in: float | None = None

    def __init__(self, path: Path, read: Callable[[Path], str]) -> None:
        """`read` returns the file's text, or raises `ConfigurationError`."""
        self._path = path
        self._read = read
        self._newer: Callable[[], None] = lambda: None

    def listen(self, newer: Callable[[], None]) -> None:
        """Call `newer` whenever the file has another token."""
        self._newer = newer

    async def fetch(self) -> str:
        """Read the token.

        Raises:
            TokenUnavailable: the file cannot be read, or has no token.
        """
        try:
            return checked(await asyncio.to_thread(self._read, self._path), str(self._path))
        except ConfigurationError as error:
            raise TokenUnavailable(error.message) from None

    def replacement(self) -> Callable[[], None]:
        """Check the file's new content; the function returned has it fetched.

        Raises:
            ConfigurationError: the file cannot be read, or has no token; the message does not hold its content.
        """
        require_token(self._path, self._read)
        return lambda: self._newer()  # noqa: PLW0108 - the listener of that time

    async def close(self) -> None:
        """Nothing to close."""


def require_token(path: Path, read: Callable[[Path], str]) -> None:
    """Check that the file has a token.

    Raises:
        ConfigurationError: it cannot be read, or has none.
    """
    try:
        checked(read(path), str(path))
    except TokenUnavailable as error:
        raise ConfigurationError(str(error)) from None
