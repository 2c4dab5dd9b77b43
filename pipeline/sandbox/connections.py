"""Ends connections in ways that a web framework does not offer."""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import StrEnum
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import Scope

NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER on with 0 seconds: closing sends a reset."""
GARBAGE = b"\x16\x03\x01 this is not HTTP\r\n\r\n"


class Ending(StrEnum):
    """How to end a connection."""

    CLOSE = "close"
    """In order."""
    RESET = "reset"
    """Broken."""
    GARBAGE = "garbage"
    """After bytes that are not HTTP."""


class Connections:
    """The open connections by their peer's address."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncio.Transport] = {}

    def opened(self, peer: tuple[str, int], transport: asyncio.Transport) -> None:
        """A connection was made."""
        self._open[peer] = transport

    def closed(self, peer: tuple[str, int]) -> None:
        """It is gone."""
        self._open.pop(peer, None)

    def end(self, scope: Scope, how: Ending) -> None:
        """End the request's connection; what was written before still leaves, but for a reset."""
        transport = self._of(scope)
        if transport is None:
            return
        if how is Ending.GARBAGE:
            transport.write(GARBAGE)
        if how is Ending.RESET:
            peer: socket.socket = transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            transport.abort()
        else:
            transport.close()

    def close_all(self) -> None:
        """End every connection; what was written still leaves."""
        for transport in tuple(self._open.values()):
            transport.close()

    def _of(self, scope: Scope) -> asyncio.Transport | None:
        return self._open.get(tuple(scope["client"])) if scope["client"] else None


def protocol_with(connections: Connections) -> type[H11Protocol]:
    """Uvicorn's HTTP protocol, which registers open connections in `connections`."""

    class _Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            super().connection_made(transport)
            if self.client:
                connections.opened(self.client, transport)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self.client:
                connections.closed(self.client)

    return _Protocol
