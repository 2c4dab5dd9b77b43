"""A bearer token from an OAuth endpoint. Apart from the other sources: its client takes time to load."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import urlencode

import httpx
import orjson
from authlib.oauth2.auth import ClientAuth

from pipeline.adapters.notices_api.tokens import checked
from pipeline.errors import TokenUnavailable

MAX_ANSWER = 65_536
"""Bytes of a token endpoint's answer; tokens have a few thousand at most."""
MOST_AHEAD = 60.0
"""Seconds before its end at which a token is due for renewal at the latest; a fifth of a shorter life."""
_ERRORS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
        "temporarily_unavailable",
        "server_error",
    }
)
"""RFC 6749, sections 4.1.2.1 and 5.2. Any other word may quote what we sent, and is not repeated."""


class OAuthOptions(NamedTuple):
    """A token endpoint for the client credentials grant."""

    token_url: str
    client_id: str
    client_secret: str
    scope: str | None = None
    timeout_seconds: float = 10.0
    ca_file: str | None = None
    client_auth: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    """Where the endpoint wants the secret: in the header, as RFC 6749 prefers, or in the form."""

    def __repr__(self) -> str:
        """Without the secret."""
        return f"OAuthOptions(token_url={self.token_url.partition('?')[0]!r}, client_id={self.client_id!r})"


class OAuthToken:
    """A token from an endpoint (RFC 6749, section 4.4).

    `refresh_in` tells in how many seconds after the last `fetch` the next one is due, ahead of the token's end; None
    where the endpoint did not say how long the token lives.
    """

    refresh_in: float | None = None

    def __init__(self, options: OAuthOptions) -> None:
        self._options = options
        self._name = options.token_url.partition("?")[0]
        self._auth = ClientAuth(options.client_id, options.client_secret, options.client_auth)
        self._client = httpx.AsyncClient(
            timeout=options.timeout_seconds,
            trust_env=False,
            follow_redirects=False,
            verify=ssl.create_default_context(cafile=options.ca_file),
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "notice-pipeline"},
        )

    async def fetch(self) -> str:
        """A fresh token.

        Raises:
            TokenUnavailable: the endpoint does not answer, refuses, or gives something else.
        """
        try:
            async with asyncio.timeout(self._options.timeout_seconds):
                status, body = await self._ask()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            raise TokenUnavailable(f"{self._name}: {type(error).__name__}") from None
        answer = _object(body)
        if status != httpx.codes.OK:
            raise TokenUnavailable(f"{self._name} answers {status}{_refusal(answer)}")
        token = answer.get("access_token")
        if not isinstance(token, str):
            raise TokenUnavailable(f"{self._name} gave no access_token{_refusal(answer)}")
        self.refresh_in = _refresh_in(answer.get("expires_in"))
        return checked(token, self._name)

    async def _ask(self) -> tuple[int, bytes]:
        """Status and body of the endpoint's answer.

        Raises:
            ValueError: the answer is too long, or id or secret cannot be written as the method wants.
        """
        options = self._options
        form = {"grant_type": "client_credentials", **({"scope": options.scope} if options.scope else {})}
        given = {"Content-Type": "application/x-www-form-urlencoded"}
        url, headers, content = self._auth.prepare("POST", options.token_url, given, urlencode(form))
        async with self._client.stream("POST", url, headers=headers, content=content) as response:
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MAX_ANSWER:
                    raise ValueError("the answer is too long")
            return response.status_code, bytes(body)

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()


def _object(body: bytes) -> Mapping[str, object]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _refusal(answer: Mapping[str, object]) -> str:
    error = answer.get("error")
    return f": {error}" if isinstance(error, str) and error in _ERRORS else ""


def _refresh_in(expires_in: object) -> float | None:
    """Some endpoints quote the number; what is none, or not above 0, tells nothing."""
    text = str(expires_in)
    if isinstance(expires_in, bool) or re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text) is None:
        return None
    life = float(text)
    return life - min(MOST_AHEAD, life / 5) if life > 0 else None
