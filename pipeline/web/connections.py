"""Bounds what clients of our endpoint may hold: how many connections, for how long, and how long a request head.

Anyone who reaches the port may open connections; without bounds they would take every file descriptor of the process,
and Kafka, the API and the rules' files need some.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

MOST_CONNECTIONS = 128
"""Open at once. At the bound the one that has waited longest makes room, so that probes are answered."""
MOST_HEAD_BYTES = 65_536
REQUEST_SECONDS = 10.0
"""For a whole request to arrive, from the connection's start or the last response."""
RESPONSE_SECONDS = 60.0
"""For a whole response to be taken by the client."""


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, with a deadline for each request and each response."""

    _deadline: asyncio.TimerHandle | None = None
    _answering = False
    _since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        """Take the connection, in place of another where there are too many."""
        if len(self.connections) >= MOST_CONNECTIONS:
            self._make_room()
        super().connection_made(transport)
        self._wait(REQUEST_SECONDS)

    def handle_events(self) -> None:
        """Start the response's time once the request has arrived."""
        super().handle_events()
        cycle: RequestResponseCycle | None = self.cycle  # None until the first request
        answering = cycle is not None and not cycle.response_complete and not cycle.more_body
        if answering and not self._answering:
            self._wait(RESPONSE_SECONDS)
        self._answering = answering

    def on_response_complete(self) -> None:
        """Start the next request's time."""
        super().on_response_complete()
        self._answering = False
        if not self.transport.is_closing():
            self._wait(REQUEST_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the time."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _wait(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._since = self.loop.time()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _make_room(self) -> None:
        """Close the connection that has waited longest, one without a request to answer first."""
        bounded = [one for one in self.connections if isinstance(one, BoundedProtocol)]
        if bounded:
            longest = min(bounded, key=lambda one: (one._answering, one._since))  # noqa: SLF001 - of the same class
            self.connections.discard(longest)
            longest.transport.abort()
