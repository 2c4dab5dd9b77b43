"""A client of a library, made again after a while: its connections then follow a change of the host's addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pipeline.adapters.notices_api.exchange import IDLE_SECONDS, idle_seconds
from pipeline.tasks import Tasks

LINGER_SECONDS = 1.0
"""Beyond the timeout of a request, until a client that was replaced is closed."""

Client = TypeVar("Client")


class RenewedClient(Generic[Client]):
    """The client in use. One that was replaced ends the requests that it has, and is closed then.

    The libraries close idle connections after one fixed time and have no maximum age of connections, so both need
    another client.
    """

    def __init__(
        self,
        make: Callable[[float], Client],
        close: Callable[[Client], Awaitable[None]],
        *,
        max_age_seconds: float,
        linger_seconds: float,
    ) -> None:
        """`make` takes the seconds after which an idle connection is closed. The first client is made now."""
        self._make = make
        self._close = close
        self._max_age = max_age_seconds
        self._linger = linger_seconds + LINGER_SECONDS
        self._idle = IDLE_SECONDS
        self._client = make(self._idle)
        self._renew_at: float | None = None
        self._closing = Tasks()

    def current(self) -> Client:
        """The client for the next request."""
        now = asyncio.get_running_loop().time()
        if self._renew_at is None:
            self._renew_at = now + self._max_age
        elif now >= self._renew_at:
            self._renew(now)
        return self._client

    def server_closes_after(self, seconds: float | None) -> None:
        """A reply's `Keep-Alive: timeout`: a shorter one than before is kept to."""
        if seconds is not None and (idle := idle_seconds(seconds)) < self._idle:
            self._idle = idle
            self._renew(asyncio.get_running_loop().time())

    def _renew(self, now: float) -> None:
        before, self._client = self._client, self._make(self._idle)
        self._renew_at = now + self._max_age
        self._closing.start(self._close_later(before))

    async def _close_later(self, client: Client) -> None:
        try:
            await asyncio.sleep(self._linger)
        finally:
            await self._close(client)

    async def close(self) -> None:
        """Close the client in use, and those that were replaced."""
        await self._closing.cancel()
        await self._close(self._client)
