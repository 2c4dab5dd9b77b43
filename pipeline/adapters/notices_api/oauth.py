"""A bearer token from an OAuth endpoint. A module of its own, because its HTTP client takes time to load."""

from __future__ import annotations

import asyncio
import codecs
import re
import ssl
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import httpx
import orjson

from pipeline.adapters.inflated import inflated
from pipeline.adapters.notices_api.resolving import http_transport
from pipeline.adapters.notices_api.tls import tls_context
from pipeline.adapters.notices_api.tokens import checked
from pipeline.adapters.redirects import is_redirect, not_followed
from pipeline.errors import TokenUnavailable

MAX_ANSWER = 65_536
"""Bytes of a token endpoint's answer; tokens have a few thousand at most."""
MOST_AHEAD = 60.0
"""Seconds before its end at which a token is due for renewal at the latest; a fifth of a shorter life."""
LEAST_BETWEEN = 1.0
"""Seconds between two renewals at least, however short a life the endpoint states."""
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
"""RFC 6749, sections 4.1.2.1 and 5.2. Any other text may quote the request, and is not repeated."""


class OAuthOptions(NamedTuple):
    """A token endpoint for the client credentials grant."""

    token_url: str
    client_id: str
    client_secret: str | None
    """None: the certificate alone authenticates the client."""
    scope: str | None = None
    timeout_seconds: float = 10.0
    client_auth: Literal["basic", "post", "tls"] = "basic"
    """Whether the secret is sent in the header, as RFC 6749 recommends, or in the form (section 2.3.1), or not at all
    (RFC 8705)."""
    parameters: Mapping[str, str] = {}
    """Further parameters of the form."""
    ca_pem: bytes | None = None
    """Authorities to trust beside the well-known ones."""
    client_pem: bytes | None = None
    """Our certificate and its key."""
    proxy: str | None = None

    def __repr__(self) -> str:
        """Without the secret."""
        return f"OAuthOptions(token_url={self.token_url.partition('?')[0]!r}, client_id={self.client_id!r})"


class OAuthToken:
    """A token from an endpoint (RFC 6749, section 4.4).

    `refresh_in` is the number of seconds after the last `fetch` when the next one is due, ahead of the token's end;
    None if the endpoint does not say how long the token lives.
    """

    refresh_in: float | None = None

    def __init__(self, options: OAuthOptions) -> None:
        self._options = options
        self._tls = tls_context(options.ca_pem, options.client_pem)
        self._name = options.token_url.partition("?")[0]

    def listen(self, newer: Callable[[], None]) -> None:
        """Nothing to report: this source has no newer token unless it is asked for one."""

    def replacement(self, options: OAuthOptions) -> Callable[[], None]:
        """Prepare other options, which may take a while; the function returned puts them in use from the next fetch on.

        Raises:
            ssl.SSLError, ValueError: a certificate cannot be read.
        """
        tls = tls_context(options.ca_pem, options.client_pem)

        def use() -> None:
            self._options, self._tls = options, tls

        return use

    async def fetch(self) -> str:
        """Get a new token.

        Raises:
            TokenUnavailable: the endpoint does not answer, refuses, or answers without a token.
        """
        try:
            async with asyncio.timeout(self._options.timeout_seconds):
                status, body = await self._ask()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:  # OSError: TLS that ends later
            raise TokenUnavailable(f"{self._name}: {_fault(error)}") from None
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

        Tokens are fetched seldom, so that each fetch has a connection of its own.

        Raises:
            TokenUnavailable: the answer is a redirect.
            ValueError: the answer is too long, or id or secret cannot be written in a header.
        """
        options = self._options
        form = {"grant_type": "client_credentials", **options.parameters}
        if options.scope:
            form["scope"] = options.scope
        auth = None
        if options.client_auth == "basic":
            auth = _basic(options.client_id, options.client_secret or "")
        else:
            form["client_id"] = options.client_id
            if options.client_auth == "post":
                form["client_secret"] = options.client_secret or ""
        async with (
            httpx.AsyncClient(
                timeout=options.timeout_seconds,
                trust_env=False,
                follow_redirects=False,
                transport=http_transport(self._tls, options.proxy, self._tls),
                headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "notice-pipeline"},
            ) as client,
            client.stream("POST", options.token_url, data=form, auth=auth) as response,
        ):
            if is_redirect(response.status_code):
                where = not_followed(response.headers.get("location"))
                raise TokenUnavailable(f"{self._name} answers {response.status_code}: {where}")
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MAX_ANSWER:
                    raise ValueError("the answer is too long")
            whole = inflated(bytes(body), response.headers.get("content-encoding"), MAX_ANSWER)
            if whole is None:
                raise ValueError("the answer is too long")
            return response.status_code, whole.removeprefix(codecs.BOM_UTF8)

    async def close(self) -> None:
        """Nothing is open."""


def _fault(error: Exception) -> str:
    """The kind of the fault; of a failed handshake what OpenSSL says of it, which names no secret."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {(cause.reason or 'failed').replace('_', ' ').lower()}"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _basic(client_id: str, secret: str) -> httpx.BasicAuth:
    """HTTP basic authentication.

    RFC 6749 has id and secret form-encoded before (section 2.3.1). Most endpoints do not decode them, as most clients
    do not encode them; the two differ only for characters other than letters, digits, `-`, `.`, `_` and `*`.

    Raises:
        ValueError: id or secret is not ASCII; the message does not quote it.
    """
    if not (client_id + secret).isascii():
        raise ValueError("id and secret must be ASCII")
    return httpx.BasicAuth(client_id, secret)


def _object(body: bytes) -> Mapping[str, object]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _refusal(answer: Mapping[str, object]) -> str:
    error = answer.get("error")
    if isinstance(error, str) and error in _ERRORS:
        return f": {error}"
    code = answer.get("errcode", answer.get("code"))  # as WeChat answers, with status 200
    return f": code {code}" if isinstance(code, int) and not isinstance(code, bool) else ""


def _refresh_in(expires_in: object) -> float | None:
    """Some endpoints quote the number; anything that is not a number above 0 is ignored."""
    text = str(expires_in)
    if isinstance(expires_in, bool) or re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text) is None:
        return None
    life = float(text)
    return max(LEAST_BETWEEN, life - min(MOST_AHEAD, life / 5)) if life > 0 else None
