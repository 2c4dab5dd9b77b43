"""The notices API over pyreqwest (Rust's reqwest): the fast transport."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pyreqwest import exceptions
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.http import Url
from pyreqwest.proxy import ProxyBuilder

from pipeline.adapters.notices_api.awaited import AwaitedNoticesApi
from pipeline.adapters.notices_api.exchange import (
    MOST_WORDS,
    HttpOptions,
    cut_off,
    fault_of,
    read_reply,
    request_headers,
    request_url,
    too_large,
)
from pipeline.adapters.notices_api.redaction import Confidential
from pipeline.errors import ConfigurationError
from pipeline.model.reply import Fault, Reply

if TYPE_CHECKING:
    from pyreqwest.request import StreamRequest

    from pipeline.model.notice import Notice
    from pipeline.model.trace import TraceContext

IDLE_SECONDS = 20.0
"""Shorter than the keep-alive of common servers (nginx: 75, Tomcat: 20 to 60), so that we let go first."""
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_CONNECTING = "client error (Connect)"
"""The link in the chain of causes that hyper puts there when the connection itself could not be made."""

FAULTS: Mapping[type[BaseException], Fault] = {
    exceptions.PyreqwestError: Fault.RESET,
    exceptions.DetailedPyreqwestError: Fault.RESET,
    exceptions.RequestError: Fault.RESET,
    exceptions.RequestPanicError: Fault.RESET,
    exceptions.ClientClosedError: Fault.RESET,
    exceptions.StatusError: Fault.RESET,
    exceptions.RedirectError: Fault.REDIRECT,
    exceptions.DecodeError: Fault.RESET,
    exceptions.BodyDecodeError: Fault.BODY_CUT_SHORT,
    exceptions.JSONDecodeError: Fault.BODY_CUT_SHORT,
    exceptions.TransportError: Fault.RESET,
    exceptions.NetworkError: Fault.RESET,
    exceptions.ConnectError: Fault.RESET,
    exceptions.ReadError: Fault.BODY_CUT_SHORT,
    exceptions.WriteError: Fault.RESET,
    exceptions.RequestTimeoutError: Fault.TIMEOUT,
    exceptions.ConnectTimeoutError: Fault.TIMEOUT,
    exceptions.ReadTimeoutError: Fault.TIMEOUT,
    exceptions.WriteTimeoutError: Fault.TIMEOUT,
    exceptions.PoolTimeoutError: Fault.CONNECT,
    exceptions.BuilderError: Fault.CONNECT,
}
"""Every error of the library. `ConnectError` and `ConnectTimeoutError` are not to be taken by their names: the library
raises them for everything before the reply's head, a reset or a timeout after the request was written included
(`docs/decisions/http-faults.md`). Only the chain of causes tells; see `_fault`. What it raises for a broken body comes
before the status can be seen, since it reads ahead: such a fault has no status.
"""


class PyreqwestNoticesApi(AwaitedNoticesApi):
    """Implements `pipeline.ports.NoticesApi`."""

    def __init__(self, options: HttpOptions) -> None:
        """Make the client; nothing is sent yet.

        Raises:
            ConfigurationError: a certificate, header or url that the client cannot use.
        """
        super().__init__()
        self._key = options.idempotency_header
        self._most = options.max_reply_bytes
        self._confidential = Confidential(options)
        try:
            self._url = Url(request_url(options))
            self._client = _client(options)
        except (exceptions.PyreqwestError, ValueError) as error:
            raise ConfigurationError(
                f"notices: the HTTP client cannot be made: {self._confidential.redact(_words(error), '')}"
            ) from None

    async def send(self, notice: Notice, token: str, trace: TraceContext | None) -> Reply:
        """POST the notice; every fault of the way becomes a reply."""
        status: int | None = None
        hide = partial(self._confidential.redact, token=token, notice=notice)
        try:
            async with self._request(notice, token, trace) as response:
                status = response.status
                retry_after = response.get_header("retry-after")
                body = await response.body_reader.read(self._most + 1)
        except exceptions.PyreqwestError as error:
            fault = _fault(error)
            return Reply(
                status, fault=fault if status is None else cut_off(fault), detail=hide(_words(error))[:MOST_WORDS]
            )
        except ValueError:  # a header or url that cannot be written: its words would quote it
            return Reply(status, fault=Fault.RESET if status else Fault.CONNECT, detail="the request cannot be built")
        if body is None:
            return read_reply(status, b"", retry_after, hide)
        if len(body) > self._most:
            return too_large(status, retry_after, self._most)
        return read_reply(status, body.to_bytes(), retry_after, hide)

    def _request(self, notice: Notice, token: str, trace: TraceContext | None) -> StreamRequest:
        request = self._client.post(self._url).header("Authorization", f"Bearer {token}", is_sensitive=True)
        if self._key is not None:
            request = request.header(self._key, f'"{notice.idempotency_key}"')
        if trace is not None:
            request = request.header("traceparent", trace.traceparent)
            if trace.tracestate:
                request = request.header("tracestate", trace.tracestate)
        return request.body_bytes(notice.body).build_streamed()

    async def disconnect(self) -> None:
        """Close connections."""
        await self._client.close()


def _client(options: HttpOptions) -> Client:
    builder = (
        ClientBuilder()
        .runtime_multithreaded(enable=False)
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
    for certificate in _CERTIFICATE.findall(options.ca_pem or b""):
        builder = builder.add_root_certificate_pem(certificate)
    if options.client_pem is not None:
        builder = builder.identity_pem(options.client_pem)
    if options.proxy is not None:
        builder = builder.proxy(ProxyBuilder.all(options.proxy))
    return builder.build()


def _fault(error: exceptions.PyreqwestError) -> Fault:
    return Fault.CONNECT if _CONNECTING in _causes(error) else fault_of(error, FAULTS)


def _causes(error: BaseException) -> list[str]:
    details = getattr(error, "details", None)
    causes = details.get("causes") if isinstance(details, dict) else None
    return [cause["message"] for cause in causes or ()]


def _words(error: BaseException) -> str:
    """The error's kind and its deepest cause; never the first, whose url may hold a gateway's key."""
    deepest = _causes(error)[1:][-1:]
    return ": ".join([type(error).__name__, *deepest])
