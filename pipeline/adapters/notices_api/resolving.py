"""An httpx transport that looks names up in a daemon thread, and tries a host's addresses 250 ms apart.

The loop's own lookup cannot be cancelled: under uvloop, one that hangs outlives the request, and then ends the process
or keeps it from ending (uvloop issues 437 and 590).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable

import httpcore
import httpx

from pipeline.adapters.notices_api.dialling import Resolver, first_connected
from pipeline.tasks import Tasks


class _Made:
    """A connection that can be closed without waiting, as `first_connected` needs it."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, closing: Tasks) -> None:
        self.stream = stream
        self._closing = closing

    def close(self) -> None:
        """End it soon."""
        self._closing.start(self.stream.aclose())


class _Backend(httpcore.AnyIOBackend):
    """Connects by addresses; everything else is anyio's."""

    def __init__(self) -> None:
        super().__init__()
        self._resolvers: dict[tuple[str, int], Resolver] = {}
        self._closing = Tasks()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers."""
        resolver = self._resolvers.setdefault((host, port), Resolver(host, port))

        async def connect(address: str) -> _Made:
            stream = await super(_Backend, self).connect_tcp(address, port, None, local_address, socket_options)
            resolver.prefer(address)
            return _Made(stream, self._closing)

        try:
            async with asyncio.timeout(timeout):
                return (await first_connected(await resolver.addresses(), connect)).stream
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error


def http_transport(
    tls: ssl.SSLContext, proxy: str | None, proxy_tls: ssl.SSLContext, limits: httpx.Limits | None = None
) -> httpx.AsyncHTTPTransport:
    """The transport of a client; proxies of the environment are not used.

    `proxy_tls` is for a proxy whose url begins with https.
    """
    through = None
    if proxy is not None:
        through = httpx.Proxy(proxy, ssl_context=proxy_tls if proxy.startswith("https:") else None)
    transport = httpx.AsyncHTTPTransport(verify=tls, proxy=through, limits=limits or httpx.Limits(), trust_env=False)
    transport._pool._network_backend = _Backend()  # noqa: SLF001 - httpx does not pass httpcore's argument on
    return transport
