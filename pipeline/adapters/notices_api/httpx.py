"""The notices API over httpx: a transport in pure Python, for platforms where the others do not run."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import httpx

from pipeline.adapters.notices_api.awaited import AwaitedNoticesApi
from pipeline.adapters.notices_api.exchange import (
    MAX_MESSAGE,
    HttpOptions,
    attempt_of,
    cut_off,
    fault_of,
    keep_alive_seconds,
    request_headers,
    request_url,
)
from pipeline.adapters.notices_api.renewed import RenewedClient
from pipeline.adapters.notices_api.reply import ReplyReader
from pipeline.adapters.notices_api.resolving import http_transport
from pipeline.adapters.notices_api.tls import tls_context
from pipeline.errors import ConfigurationError
from pipeline.model.reply import Fault, Reply

if TYPE_CHECKING:
    from pipeline.model.notice import Notice
    from pipeline.model.trace import TraceContext

FAULTS: Mapping[type[BaseException], Fault] = {
    httpx.HTTPError: Fault.RESET,
    httpx.RequestError: Fault.RESET,
    httpx.TransportError: Fault.RESET,
    httpx.TimeoutException: Fault.TIMEOUT,
    httpx.ConnectTimeout: Fault.CONNECT,
    httpx.PoolTimeout: Fault.CONNECT,
    httpx.ReadTimeout: Fault.TIMEOUT,
    httpx.WriteTimeout: Fault.TIMEOUT,
    httpx.NetworkError: Fault.RESET,
    httpx.ConnectError: Fault.CONNECT,
    httpx.ReadError: Fault.RESET,
    httpx.WriteError: Fault.RESET,
    httpx.CloseError: Fault.RESET,
    httpx.ProxyError: Fault.CONNECT,
    httpx.UnsupportedProtocol: Fault.CONNECT,
    httpx.ProtocolError: Fault.RESET,
    httpx.LocalProtocolError: Fault.CONNECT,  # a header that h11 will not write; it has written nothing yet
    httpx.RemoteProtocolError: Fault.RESET,
    httpx.DecodingError: Fault.RESET,
    httpx.TooManyRedirects: Fault.REDIRECT,
    httpx.HTTPStatusError: Fault.RESET,
    httpx.InvalidURL: Fault.CONNECT,
    httpx.CookieConflict: Fault.RESET,
    httpx.StreamError: Fault.RESET,
    httpx.StreamConsumed: Fault.RESET,
    httpx.StreamClosed: Fault.RESET,
    httpx.ResponseNotRead: Fault.RESET,
    httpx.RequestNotRead: Fault.RESET,
    OSError: Fault.RESET,  # a server that refuses our certificate does so after the handshake (TLS 1.3)
    TimeoutError: Fault.TIMEOUT,  # our own deadline for the whole request
    RuntimeError: Fault.RESET,  # the client is closed
}
"""Every error of the library, and what else comes out of it. `RESET` wherever the request may have left."""
_FOREIGN = tuple(FAULTS)
_SENDING = "http11.send_request_headers.started"
"""The step of httpcore's trace before which nothing has left. Errors of a proxy's tunnel have no types of their own."""


class HttpxNoticesApi(AwaitedNoticesApi):
    """Implements `pipeline.ports.NoticesApi`."""

    def __init__(self, options: HttpOptions) -> None:
        """Make the client; nothing is sent yet.

        Raises:
            ConfigurationError: a certificate, header or url that the client cannot use.
        """
        super().__init__()
        self._options = options
        self._key = options.idempotency_header
        self._max_bytes = options.max_reply_bytes
        self._reader = ReplyReader(options)
        self._timeout = options.timeout_seconds
        try:
            self._url = request_url(options)
            httpx.URL(self._url)
            tls = tls_context(options.ca_pem, options.client_pem)
            proxy_tls = tls if options.client_pem is None else tls_context(options.ca_pem, None)
            self._clients = RenewedClient(
                lambda idle_seconds: _client(options, tls, proxy_tls, idle_seconds),
                httpx.AsyncClient.aclose,
                max_age_seconds=options.max_connection_age_seconds,
                linger_seconds=options.timeout_seconds,
            )
        except (httpx.InvalidURL, ssl.SSLError, ValueError) as error:
            raise ConfigurationError(f"notices: the HTTP client cannot be made: {type(error).__name__}") from None

    async def send(self, notice: Notice, token: str, trace: TraceContext | None) -> Reply:
        """POST the notice; every fault becomes a reply."""
        heads: list[httpx.Response] = []
        left: list[str] = []
        client = self._clients.current()

        async def trace_step(step: str, details: Mapping[str, Any]) -> None:
            if step == _SENDING and details["request"].method != b"CONNECT":
                left.append(step)

        try:
            query, added, body = attempt_of(self._options, notice.body)
            headers = {**self._headers(notice, token, trace), **dict(added)}
            request = client.build_request(
                "POST", self._url + query, content=body, headers=headers, extensions={"trace": trace_step}
            )
        except (ValueError, httpx.InvalidURL):  # a token that is not ASCII; the error's message would quote it
            return Reply(fault=Fault.CONNECT, detail="the request cannot be built")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(client, request, token, notice, heads)
        except _FOREIGN as error:
            fault = fault_of(error, FAULTS) if left else Fault.CONNECT
            detail = self._reader.confidential.redact(_message(error), token, notice)[:MAX_MESSAGE]
            if heads:
                return Reply(heads[0].status_code, fault=cut_off(fault), detail=detail)
            return Reply(fault=fault, detail=detail)

    def _headers(self, notice: Notice, token: str, trace: TraceContext | None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {token}"}
        if self._key is not None:
            headers[self._key] = f'"{notice.idempotency_key}"'
        if trace is not None:
            headers["traceparent"] = trace.traceparent
            if trace.tracestate:
                headers["tracestate"] = trace.tracestate
        return headers

    async def _exchange(
        self, client: httpx.AsyncClient, request: httpx.Request, token: str, notice: Notice, heads: list[httpx.Response]
    ) -> Reply:
        """One request and its reply, whose head is put in `heads` as soon as it is there."""
        response = await client.send(request, stream=True)
        try:
            heads.append(response)
            header = response.headers.get
            self._clients.server_closes_after(keep_alive_seconds(header("keep-alive")))
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > self._max_bytes:
                    return self._reader.too_large(response.status_code, header)
        finally:
            await response.aclose()
        return self._reader.read(response.status_code, header, bytes(body), token, notice)

    async def disconnect(self) -> None:
        """Close connections."""
        await self._clients.close()


def _client(
    options: HttpOptions, tls: ssl.SSLContext, proxy_tls: ssl.SSLContext, idle_seconds: float
) -> httpx.AsyncClient:
    limits = httpx.Limits(
        max_connections=options.max_connections,
        max_keepalive_connections=options.max_connections,
        keepalive_expiry=idle_seconds,
    )
    return httpx.AsyncClient(
        headers={**request_headers(options), "Accept-Encoding": "identity"},
        transport=http_transport(tls, options.proxy, proxy_tls, limits),
        timeout=httpx.Timeout(options.timeout_seconds, connect=options.connect_timeout_seconds),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # keeps none
        follow_redirects=False,
        trust_env=False,
    )


def _message(error: BaseException) -> str:
    """The error's type and message; its type alone where the message may quote a header of the request."""
    known = isinstance(error, httpx.HTTPError) and not isinstance(error, httpx.LocalProtocolError)
    return f"{type(error).__name__}: {error}" if known else type(error).__name__
