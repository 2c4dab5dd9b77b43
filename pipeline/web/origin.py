"""Who may POST: a page of ours, or a program; not another site's page through a visitor's browser.

Nothing of ours is changed by a request, so that a forged one could do no harm but work. It is refused all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.requests import Request

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def require_same_origin(request: Request) -> None:
    """Refuse what a page of another origin sends, by the browser's own word for it (Fetch Metadata, RFC 6454).

    Raises:
        HTTPException: 403.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:  # a form of ours without script has the origin `null`, for pages of ours send no referrer
        foreign = site not in {"same-origin", "none"}
    else:
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    if foreign:
        raise HTTPException(403, "this was sent by a page of another origin")


def require_loopback(request: Request) -> None:
    """Refuse a name that a foreign DNS server gave to this machine's own address (DNS rebinding).

    Raises:
        HTTPException: 421.
    """
    host = request.headers.get("host", "")
    name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    if name.lower() not in LOOPBACK:
        raise HTTPException(421, "ask for localhost")
