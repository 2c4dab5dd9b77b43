"""Requests to servers of this machine, which speak plain HTTP."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import httpx

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Without it httpx reads every certificate authority for each request: 40 ms of CPU time in each poll of a wait."""


def get(
    url: str,
    *,
    timeout: float = 5.0,
    auth: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str | float] | None = None,
) -> httpx.Response:
    """The answer to a GET.

    Raises:
        httpx.HTTPError: there is none.
    """
    return httpx.get(
        url,
        timeout=timeout,
        auth=auth,
        headers=headers,
        params=params,
        verify=NO_AUTHORITIES,
        trust_env=False,
    )
