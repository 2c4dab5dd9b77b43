"""User and password for the pages (RFC 7617). Probes stay open: their clients have no password."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.middleware import Middleware

from pipeline.web.problems import problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

PROBES = frozenset({"/healthz", "/readyz"})
METRICS = "/metrics"
CHALLENGE = 'Basic realm="notice-pipeline", charset="UTF-8"'


class PagePassword:
    """User and password of the pages; the password can be replaced. Only a digest of both is kept."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self.use(password)

    def use(self, password: str) -> None:
        """Require this password from now on."""
        self.expected = _digest(f"{self._user}:{password}".encode())


class BasicAuth:
    """Refuses requests without credentials, except for probes and, if configured, metrics."""

    def __init__(self, app: ASGIApp, password: PagePassword, *, metrics_open: bool) -> None:
        self._app = app
        self._password = password
        self._open = PROBES | {METRICS} if metrics_open else PROBES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is allowed, answer 401 to the rest."""
        if scope["type"] != "http" or scope["path"] in self._open or self._allows(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        response = problem(401, "user and password are required")
        response.headers["WWW-Authenticate"] = CHALLENGE
        await response(scope, receive, send)

    def _allows(self, headers: Headers) -> bool:
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(_digest(given), self._password.expected)


def user_of(request: Request) -> str:
    """The user that the request names. The middleware has checked it."""
    encoded = request.headers.get("authorization", "").partition(" ")[2]
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode("utf-8", "replace").partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def _digest(text: bytes) -> bytes:
    """A digest, so that the time of the comparison does not depend on the password's length."""
    return hashlib.sha256(text).digest()


def gate(password: PagePassword | None, *, metrics_open: bool) -> list[Middleware]:
    """The middleware that requires the password, if one is configured."""
    return [] if password is None else [Middleware(BasicAuth, password=password, metrics_open=metrics_open)]
