"""Makes connections to the API, directly or through a proxy, in plain text or TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.adapters.notices_api.dialling import Resolver, first_connected
from pipeline.adapters.notices_api.proxy import Tunnel, read_proxy
from pipeline.adapters.notices_api.tls import tls_context

if TYPE_CHECKING:
    from pipeline.adapters.notices_api.connection import Connection
    from pipeline.adapters.notices_api.exchange import HttpOptions

PORTS = {"http": 80, "https": 443}


class Dialler:
    """Makes connections to one API."""

    def __init__(self, options: HttpOptions) -> None:
        """Read the options; nothing is connected yet.

        Raises:
            ValueError: the url is neither http nor https, or the proxy's is not.
            ssl.SSLError: a certificate cannot be read.
        """
        url = urlsplit(options.url)
        if url.scheme not in PORTS or not url.hostname:
            raise ValueError("the url is neither http nor https")
        self._host, self._port = url.hostname, url.port or PORTS[url.scheme]
        self._tls = tls_context(options.ca_pem, options.client_pem) if url.scheme == "https" else None
        self._proxy = None if options.proxy is None else read_proxy(options.proxy)
        is_tls = self._proxy is not None and self._proxy.is_tls
        self._proxy_tls = tls_context(options.ca_pem, None) if is_tls else None
        first = (self._host, self._port) if self._proxy is None else (self._proxy.host, self._proxy.port)
        self._first_host, self._first_port = first
        self._resolver = Resolver(*first)
        self.seconds = min(options.connect_timeout_seconds, options.timeout_seconds)

    @property
    def forward_authorization(self) -> str | None:
        """`Proxy-Authorization` for requests themselves: where a proxy forwards them without a tunnel."""
        return None if self._proxy is None or self._tls is not None else self._proxy.authorization

    @property
    def is_forwarded(self) -> bool:
        """Whether a proxy gets the requests themselves, which then need the whole url in their first line."""
        return self._proxy is not None and self._tls is None

    async def connect(self, make: Callable[[], Connection]) -> Connection:
        """A connection of `make` that is ready for its first request.

        Raises:
            OSError: there is none, or not in time (`TimeoutError`); the proxy refuses (`ProxyRefused`).
            ssl.CertificateError, ValueError: the API's certificate is not valid, or the host cannot be looked up.
        """
        loop = asyncio.get_running_loop()

        async def connect(address: str) -> Connection:
            connection = await self._connect(loop, address, make)
            self._resolver.prefer(address)
            return connection

        async with asyncio.timeout(self.seconds):
            return await first_connected(await self._resolver.addresses(), connect)

    async def _connect(
        self, loop: asyncio.AbstractEventLoop, address: str, make: Callable[[], Connection]
    ) -> Connection:
        proxy = self._proxy
        if proxy is None or self._tls is None:
            tls = self._tls if proxy is None else self._proxy_tls
            _, made = await loop.create_connection(
                make, address, self._first_port, ssl=tls, server_hostname=self._first_host if tls else None
            )
            return made
        authority = f"{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"
        transport, tunnel = await loop.create_connection(
            lambda: Tunnel(authority, proxy.authorization),
            address,
            self._first_port,
            ssl=self._proxy_tls,
            server_hostname=self._first_host if self._proxy_tls else None,
        )
        with _aborted_on_failure(transport):
            await tunnel.made
            connection = make()
            secure = await loop.start_tls(transport, connection, self._tls, server_hostname=self._host)
            if secure is None:
                raise ConnectionAbortedError("the connection ended before it was used")
            connection.connection_made(secure)
        return connection


@contextlib.contextmanager
def _aborted_on_failure(transport: asyncio.BaseTransport) -> Iterator[None]:
    try:
        yield
    except BaseException:
        transport.abort()  # type: ignore[attr-defined]  # a stream's transport can always be aborted
        raise
