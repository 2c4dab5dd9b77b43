"""Which language a page has: the one that its reader chose, else the browser's."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders

from pipeline.languages import ENGLISH, LANGUAGES, current

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAME = "language"
"""The cookie, and the query's parameter that sets it: `?language=zh`."""
NAMES = (ENGLISH, *LANGUAGES)
_YEAR = 31_536_000


class Languages:
    """Chooses the language of each request, and keeps in the browser what the switch of a page chose."""

    def __init__(self, app: ASGIApp, default: str | None = None) -> None:
        """`default` is for browsers that did not choose; without it their own language decides."""
        self._app = app
        self._default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, in the language."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        switched = _switched(scope.get("query_string", b""))
        kept = _kept(headers.get("cookie", ""))
        current.use(switched or kept or self._default or wished(headers.get("accept-language", "")))

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                cookie = f"{NAME}={switched}; Path=/; Max-Age={_YEAR}; SameSite=Lax"
                MutableHeaders(scope=message).append("Set-Cookie", cookie)
            await send(message)

        await self._app(scope, receive, with_cookie if switched is not None else send)


def wished(accepted: str) -> str:
    """The first language of `Accept-Language` that there is; the header's weights are in the order of its entries."""
    for wish in accepted.split(","):
        tag = wish.partition(";")[0].strip().lower()
        found = next((name for name in NAMES if tag == name or tag.startswith(f"{name}-")), None)
        if found is not None:
            return found
    return ENGLISH


def _switched(query: bytes) -> str | None:
    found = parse_qs(query.decode("latin-1")).get(NAME, [""])[-1]
    return found if found in NAMES else None


def _kept(header: str) -> str | None:
    try:
        cookie = SimpleCookie(header).get(NAME)
    except CookieError:
        return None
    return cookie.value if cookie is not None and cookie.value in NAMES else None
