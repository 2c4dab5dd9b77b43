"""Refuses requests that a page of another origin makes through a visitor's browser (CSRF, DNS rebinding)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.requests import Request

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def require_same_origin(request: Request) -> None:
    """Refuse a request of a page of another origin, as the browser labels it (Fetch Metadata, RFC 6454).

    Raises:
        HTTPException: 403.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:  # without scripts, forms of these pages have the origin `null`: the pages send no referrer
        foreign = site not in {"same-origin", "none"}
    else:
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    if foreign:
        raise HTTPException(403, "the request was sent by a page of another origin")


def require_loopback(request: Request) -> None:
    """Refuse a host name that a foreign DNS server resolves to this machine's address (DNS rebinding).

    Raises:
        HTTPException: 421.
    """
    host = request.headers.get("host", "")
    name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    if name.lower() not in LOOPBACK:
        raise HTTPException(421, "use the address localhost")
