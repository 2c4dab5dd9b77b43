"""Whether a request came from a page of this server, by its headers; for every server with pages. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether the value of a `Host` header names this machine: `localhost`, or a loopback address.

    Any other name may be one that a foreign DNS server resolves to this machine's address (DNS rebinding).
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def is_foreign(site: str | None, origin: str | None, host: str) -> bool:
    """Whether a page of another origin made the request, as the browser labels it (Fetch Metadata, RFC 6454).

    `site`, `origin` and `host` are the values of `Sec-Fetch-Site`, `Origin` and `Host`.
    """
    if site is not None:  # without scripts, forms of these pages have the origin `null`: the pages send no referrer
        return site not in {"same-origin", "none"}
    return origin is not None and urlsplit(origin).netloc != host
