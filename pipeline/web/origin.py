"""Refuses requests that a page of another origin makes through a visitor's browser (CSRF, DNS rebinding)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from pipeline.origin import is_foreign, is_loopback
from pipeline.phrases import phrase

if TYPE_CHECKING:
    from starlette.requests import Request


def require_same_origin(request: Request) -> None:
    """Refuse a request of a page of another origin.

    Raises:
        HTTPException: 403.
    """
    headers = request.headers
    if is_foreign(headers.get("sec-fetch-site"), headers.get("origin"), headers.get("host", "")):
        raise HTTPException(403, phrase("the request was sent by a page of another origin"))


def require_loopback(request: Request) -> None:
    """Refuse a host name that a foreign DNS server may have resolved to this machine's address.

    Raises:
        HTTPException: 421.
    """
    if not is_loopback(request.headers.get("host", "")):
        raise HTTPException(421, phrase("use the address localhost"))
