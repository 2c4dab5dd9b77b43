"""The notices API over pyreqwest (Rust's reqwest): the fast transport."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pyreqwest import exceptions
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.proxy import ProxyBuilder

from pipeline.adapters.notices_http import HttpOptions, read_reply, request_headers, too_large
from pipeline.model.reply import Fault, Reply

if TYPE_CHECKING:
    from pipeline.model.notice import Notice

IDLE_SECONDS = 20.0
"""Shorter than the keep-alive of common servers (nginx: 75, Tomcat: 20 to 60), so that we let go first."""

FAULTS: tuple[tuple[type[exceptions.PyreqwestError], Fault], ...] = (
    (exceptions.ConnectTimeoutError, Fault.CONNECT),
    (exceptions.PoolTimeoutError, Fault.CONNECT),
    (exceptions.ConnectError, Fault.CONNECT),
    (exceptions.BuilderError, Fault.CONNECT),
    (exceptions.RequestTimeoutError, Fault.TIMEOUT),
    (exceptions.DecodeError, Fault.BODY_CUT_SHORT),
    (exceptions.ReadError, Fault.RESET),
    (exceptions.WriteError, Fault.RESET),
    (exceptions.RequestError, Fault.RESET),
)
"""First match wins. What cannot be placed surely before the request left counts as after it: RESET."""


class PyreqwestNoticesApi:
    """Implements `pipeline.ports.NoticesApi`."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._headers = request_headers(options)
        self._url = options.url
        self._key = options.idempotency_header
        self._most = options.max_reply_bytes
        self._client = _client(options)

    async def send(self, notice: Notice, token: str, traceparent: str | None = None) -> Reply:
        """POST the notice; every fault of the way becomes a reply."""
        request = self._client.post(self._url).header("Authorization", f"Bearer {token}")
        if self._key is not None:
            request = request.header(self._key, f'"{notice.id}"')
        if traceparent is not None:
            request = request.header("traceparent", traceparent)
        if self._options.query:
            request = request.query(dict(self._options.query))
        try:
            streamed = request.body_bytes(notice.body).streamed_read_buffer_limit(self._most).build_streamed()
            async with streamed as response:
                retry_after = response.get_header("retry-after")
                body = await response.body_reader.read(self._most + 1)
                if body is not None and len(body) > self._most:
                    return too_large(response.status, retry_after, self._most)
                return read_reply(response.status, bytes(body or b""), retry_after, token)
        except exceptions.PyreqwestError as error:
            fault = next((fault for kind, fault in FAULTS if isinstance(error, kind)), Fault.RESET)
            return Reply(fault=fault, detail=_words(error))

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()


def _client(options: HttpOptions) -> Client:
    builder = (
        ClientBuilder()
        .timeout(timedelta(seconds=options.timeout_seconds))
        .connect_timeout(timedelta(seconds=options.connect_timeout_seconds))
        .pool_idle_timeout(timedelta(seconds=IDLE_SECONDS))
        .pool_max_idle_per_host(options.max_connections)
        .default_headers(request_headers(options))
        .follow_redirects(enable=False)
        .default_cookie_store(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .no_proxy()
    )
    if options.ca_pem is not None:
        builder = builder.add_root_certificate_pem(options.ca_pem)
    if options.client_pem is not None:
        builder = builder.identity_pem(options.client_pem)
    if options.proxy is not None:
        builder = builder.proxy(ProxyBuilder.all(options.proxy))
    return builder.build()


def _words(error: exceptions.PyreqwestError) -> str:
    """The error's kind and its deepest cause; never the url's query, where a gateway may want its key."""
    details = getattr(error, "details", None)
    causes = details.get("causes") if isinstance(details, dict) else None
    deepest = causes[-1]["message"] if causes else ""
    return f"{type(error).__name__}: {deepest}"[:200] if deepest else type(error).__name__
