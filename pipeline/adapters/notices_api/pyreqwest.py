"""The notices API over pyreqwest (Rust's reqwest): for HTTP/2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from pyreqwest import exceptions
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.http import Url
from pyreqwest.proxy import ProxyBuilder

from pipeline.adapters.notices_api.awaited import AwaitedNoticesApi
from pipeline.adapters.notices_api.exchange import (
    FIRST_FINAL,
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
from pipeline.errors import ConfigurationError
from pipeline.model.reply import Fault, Reply

if TYPE_CHECKING:
    from pyreqwest.request import StreamRequest

    from pipeline.model.notice import Notice
    from pipeline.model.trace import TraceContext

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_CONNECTING = "client error (Connect)"
"""What hyper puts in the chain of causes when the connection itself could not be made."""

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
"""Every error of the library. The names of `ConnectError` and `ConnectTimeoutError` are misleading: the library raises
them for everything before the reply's head, also for a reset or a timeout after the request was written
(`docs/decisions/http-faults.md`). Only the chain of causes shows which; see `_fault`. Errors of a broken body are
raised before the status can be read, since the library reads ahead: such a fault has no status.
"""


class PyreqwestNoticesApi(AwaitedNoticesApi):
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
        try:
            self._url = request_url(options)
            self._parsed = Url(self._url)
            self._clients = RenewedClient(
                lambda idle_seconds: _client(options, idle_seconds),
                Client.close,
                max_age_seconds=options.max_connection_age_seconds,
                linger_seconds=options.timeout_seconds,
            )
        except (exceptions.PyreqwestError, ValueError) as error:
            raise ConfigurationError(
                f"notices: the HTTP client cannot be made: {self._reader.confidential.redact(_message(error), '')}"
            ) from None

    async def send(self, notice: Notice, token: str, trace: TraceContext | None) -> Reply:
        """POST the notice; every fault becomes a reply."""
        status: int | None = None
        try:
            async with self._request(notice, token, trace) as response:
                status = response.status
                if status < FIRST_FINAL:
                    return Reply(fault=Fault.RESET, detail=f"status {status} ends no request over HTTP")
                header = response.get_header
                self._clients.server_closes_after(keep_alive_seconds(header("keep-alive")))
                body = await response.body_reader.read(self._max_bytes + 1)
        except exceptions.PyreqwestError as error:
            fault = _fault(error) if status is None else cut_off(_fault(error))
            detail = self._reader.confidential.redact(_message(error), token, notice)[:MAX_MESSAGE]
            return Reply(status, fault=fault, detail=detail)
        except ValueError:  # a header or url that cannot be written; the error's message would quote it
            return Reply(status, fault=Fault.RESET if status else Fault.CONNECT, detail="the request cannot be built")
        if body is not None and len(body) > self._max_bytes:
            return self._reader.too_large(status, header)
        return self._reader.read(status, header, b"" if body is None else body.to_bytes(), token, notice)

    def _request(self, notice: Notice, token: str, trace: TraceContext | None) -> StreamRequest:
        query, added, body = attempt_of(self._options, notice.body)
        url = Url(self._url + query) if query else self._parsed
        request = self._clients.current().post(url).header("Authorization", f"Bearer {token}", is_sensitive=True)
        if self._key is not None:
            request = request.header(self._key, f'"{notice.idempotency_key}"')
        if trace is not None:
            request = request.header("traceparent", trace.traceparent)
            if trace.tracestate:
                request = request.header("tracestate", trace.tracestate)
        for name, value in added:
            request = request.header(name, value)
        return request.body_bytes(body).build_streamed()

    async def disconnect(self) -> None:
        """Close connections."""
        await self._clients.close()


def _client(options: HttpOptions, idle_seconds: float) -> Client:
    builder = (
        ClientBuilder()
        .runtime_multithreaded(enable=False)
        .timeout(timedelta(seconds=options.timeout_seconds))
        .connect_timeout(timedelta(seconds=options.connect_timeout_seconds))
        .pool_idle_timeout(timedelta(seconds=idle_seconds))
        .pool_max_idle_per_host(options.max_connections)
        .http1_allow_obsolete_multiline_headers_in_responses(True)  # noqa: FBT003 - takes no name
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


def _message(error: BaseException) -> str:
    """The error's type and its deepest cause; never the first one, whose url may hold a gateway's key."""
    deepest = _causes(error)[1:][-1:]
    return ": ".join([type(error).__name__, *deepest])
