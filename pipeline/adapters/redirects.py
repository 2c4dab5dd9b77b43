"""How a redirect is reported: none is followed, because a secret or a message would go to another address."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_redirect(status: int) -> bool:
    """Whether an answer of this status points elsewhere (RFC 9110, section 15.4)."""
    return 300 <= status < 400  # noqa: PLR2004 - statuses of HTTP


def not_followed(location: str | None) -> str:
    """Where a redirect points, without what may be secret in it: user, password, query, fragment."""
    if location is None:
        return "redirects are not followed"
    try:
        parts = urlsplit(location)
    except ValueError:
        return "redirects are not followed; Location is not a URL"
    host = parts.netloc.rpartition("@")[2]
    return f"redirects are not followed; Location: {f'{parts.scheme}://{host}' if host else ''}{parts.path}"
