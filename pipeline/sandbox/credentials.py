"""The accepted bearer tokens, and the token endpoint of the client credentials grant (RFC 6749, section 4.4)."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import unquote_plus

MOST_ISSUED = 10_000
"""Issued tokens that are kept; the oldest go first."""


class Granted(NamedTuple):
    """What the token endpoint answers."""

    status: int
    body: dict[str, object]


class Credentials:
    """Fixed tokens, and tokens issued to clients, which expire."""

    def __init__(
        self,
        tokens: frozenset[str],
        clients: Mapping[str, str],
        token_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        """`clients` is client id to secret. With neither tokens nor clients, any bearer token is good."""
        self._tokens = tokens
        self._clients = clients
        self._token_seconds = token_seconds
        self._clock = clock
        self._issued: dict[str, float] = {}

    def __repr__(self) -> str:
        """Without secrets."""
        return f"Credentials(tokens={len(self._tokens)}, clients={sorted(self._clients)})"

    def accepts(self, authorization: str | None) -> bool:
        """Whether a request with this `Authorization` header is accepted."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return False
        if not self._tokens and not self._clients:
            return True
        return token in self._tokens or self._issued.get(token, 0.0) > self._clock()

    def replace(self, tokens: frozenset[str]) -> None:
        """Only these fixed tokens are good from now on; issued ones are revoked."""
        self._tokens = tokens
        self._issued.clear()

    def revoke_issued(self) -> None:
        """Revoke the issued tokens."""
        self._issued.clear()

    def grant(self, form: Mapping[str, str], authorization: str | None) -> Granted:
        """Issue a token to a client that knows its secret."""
        if form.get("grant_type") != "client_credentials":
            return Granted(400, {"error": "unsupported_grant_type" if "grant_type" in form else "invalid_request"})
        name, secret = _client(form, authorization)
        known = self._clients.get(name)
        if known is None or not (_same(known, secret) or _same(known, unquote_plus(secret))):
            return Granted(401, {"error": "invalid_client"})
        token = secrets.token_urlsafe(24)
        self._issued[token] = self._clock() + self._token_seconds
        if len(self._issued) > MOST_ISSUED:
            del self._issued[next(iter(self._issued))]
        body = {"access_token": token, "token_type": "Bearer", "expires_in": int(self._token_seconds)}
        return Granted(200, {**body, **({"scope": form["scope"]} if "scope" in form else {})})


def _client(form: Mapping[str, str], authorization: str | None) -> tuple[str, str]:
    """Client id and secret from HTTP basic authentication, else from the form.

    RFC 6749, section 2.3.1, has both encoded as in a form before; few clients do it, so a secret is good either way.
    """
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def _same(known: str, given: str) -> bool:
    return hmac.compare_digest(known.encode(), given.encode())
