"""The notices API over httpx: the fallback transport, for proxies and platforms that the fast one does not know."""

from __future__ import annotations

import ssl
import tempfile
from typing import TYPE_CHECKING

import httpx

from pipeline.adapters.notices_http import HttpOptions, read_reply, request_headers, too_large
from pipeline.model.reply import Fault, Reply

if TYPE_CHECKING:
    from pipeline.model.notice import Notice

FAULTS: tuple[tuple[type[Exception], Fault], ...] = (
    (httpx.ConnectTimeout, Fault.CONNECT),
    (httpx.PoolTimeout, Fault.CONNECT),
    (httpx.ConnectError, Fault.CONNECT),
    (httpx.UnsupportedProtocol, Fault.CONNECT),
    (httpx.ProxyError, Fault.CONNECT),
    (httpx.TimeoutException, Fault.TIMEOUT),
    (httpx.DecodingError, Fault.BODY_CUT_SHORT),
    (httpx.HTTPError, Fault.RESET),
)
"""First match wins. What cannot be placed surely before the request left counts as after it: RESET."""


class HttpxNoticesApi:
    """Implements `pipeline.ports.NoticesApi`."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        limits = httpx.Limits(
            max_connections=options.max_connections, max_keepalive_connections=options.max_connections
        )
        self._client = httpx.AsyncClient(
            headers={**request_headers(options), "Accept-Encoding": "identity"},
            params=dict(options.query),
            timeout=httpx.Timeout(options.timeout_seconds, connect=options.connect_timeout_seconds),
            limits=limits,
            verify=_context(options),
            proxy=options.proxy,
            follow_redirects=False,
            trust_env=False,
        )

    async def send(self, notice: Notice, token: str, traceparent: str | None = None) -> Reply:
        """POST the notice; every fault of the way becomes a reply."""
        options = self._options
        headers = {"Authorization": f"Bearer {token}"}
        if options.idempotency_header is not None:
            headers[options.idempotency_header] = f'"{notice.id}"'
        if traceparent is not None:
            headers["traceparent"] = traceparent
        try:
            async with self._client.stream("POST", options.url, content=notice.body, headers=headers) as response:
                retry_after = response.headers.get("retry-after")
                body = b""
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > options.max_reply_bytes:
                        return too_large(response.status_code, retry_after, options.max_reply_bytes)
                return read_reply(response.status_code, body, retry_after, token)
        except httpx.InvalidURL as error:
            return Reply(fault=Fault.CONNECT, detail=str(error)[:200])
        except httpx.HTTPError as error:
            fault = next((fault for kind, fault in FAULTS if isinstance(error, kind)), Fault.RESET)
            return Reply(fault=fault, detail=f"{type(error).__name__}: {error}"[:200])

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()


def _context(options: HttpOptions) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=options.ca_pem.decode() if options.ca_pem else None)
    if options.client_pem is not None:
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # the standard library reads it from a file only
            file.write(options.client_pem)
            file.flush()
            context.load_cert_chain(file.name)
    return context
