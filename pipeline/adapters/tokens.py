"""Where the bearer token comes from: a fixed text, a file, or an OAuth endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from pipeline.errors import ConfigurationError, TokenUnavailable


class StaticToken:
    """A token that stays as it is."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def fetch(self) -> str:
        """The token."""
        return self._token

    async def close(self) -> None:
        """Nothing to close."""


class FileToken:
    """A token in a file that somebody else renews: read again whenever the API refuses it."""

    def __init__(self, path: Path, read: Callable[[Path], str]) -> None:
        """`read` gives the file's text or raises `ConfigurationError`."""
        self._path = path
        self._read = read

    async def fetch(self) -> str:
        """The token as it stands in the file now.

        Raises:
            TokenUnavailable: the file cannot be read.
        """
        try:
            return await asyncio.to_thread(self._read, self._path)
        except ConfigurationError as error:
            raise TokenUnavailable(error.words) from None

    async def close(self) -> None:
        """Nothing to close."""


class OAuthOptions(NamedTuple):
    """A token endpoint for the client credentials grant."""

    token_url: str
    client_id: str
    client_secret: str
    scope: str | None = None
    timeout_seconds: float = 10.0
    ca_file: str | None = None

    def __repr__(self) -> str:
        """Without the secret."""
        return f"OAuthOptions(token_url={self.token_url!r}, client_id={self.client_id!r})"


class OAuthToken:
    """A token from an endpoint (RFC 6749, section 4.4), asked for anew whenever the API refuses the old one."""

    def __init__(self, options: OAuthOptions) -> None:
        self._url = options.token_url
        self._client = AsyncOAuth2Client(
            client_id=options.client_id,
            client_secret=options.client_secret,
            scope=options.scope,
            timeout=options.timeout_seconds,
            trust_env=False,
            follow_redirects=False,
            verify=options.ca_file or True,
        )

    async def fetch(self) -> str:
        """A fresh token.

        Raises:
            TokenUnavailable: the endpoint does not answer, refuses, or gives something else.
        """
        try:
            answer = await self._client.fetch_token(self._url, grant_type="client_credentials")
        except OAuthError as error:
            raise TokenUnavailable(f"{self._url} refuses: {error.error}") from None
        except (httpx.HTTPError, ValueError) as error:
            raise TokenUnavailable(f"{self._url}: {type(error).__name__}") from None
        token = answer.get("access_token") if hasattr(answer, "get") else None
        if not isinstance(token, str) or not token:
            raise TokenUnavailable(f"{self._url} gave no access_token")
        return token

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()
