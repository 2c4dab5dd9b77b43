"""Resolves a host and connects to the first of its addresses that answers.

The resolver runs in a daemon thread, because a lookup cannot be cancelled: one that hangs neither outlives its request
on the loop nor keeps the process from ending, as with the loop's own `getaddrinfo` (uvloop issues 437 and 590).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import zip_longest
from typing import Protocol, TypeVar

NEXT_ADDRESS_SECONDS = 0.25
"""Until the next address is tried beside the one before (RFC 8305, section 5: 250 ms)."""
LOOKUP_SECONDS = 10.0
"""A lookup that takes longer is not waited for by new requests; they start another."""


class Closable(Protocol):
    """A connection that can be ended."""

    def close(self) -> None:
        """End it at once."""
        ...


Made = TypeVar("Made", bound=Closable)


class Resolver:
    """Looks up one host; requests that need its addresses at the same time share one lookup."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._lookup: asyncio.Future[list[str] | OSError] | None = None
        self._began = 0.0
        self._preferred: str | None = None

    def prefer(self, address: str) -> None:
        """Put an address that has just served first from now on, as long as the host has it (RFC 8305, section 4)."""
        self._preferred = address

    async def addresses(self) -> Sequence[str]:
        """The host's IP addresses: the preferred one, then families in turn (RFC 8305, section 4).

        Raises:
            OSError: there are none, or the lookup failed.
        """
        if _is_address(self._host):
            return (self._host,)
        loop = asyncio.get_running_loop()
        lookup = self._lookup
        if lookup is None or lookup.done() or loop.time() - self._began > LOOKUP_SECONDS:
            lookup = self._lookup = loop.create_future()
            self._began = loop.time()
            threading.Thread(target=self._look_up, args=(loop, lookup), name="resolver", daemon=True).start()
        found = await asyncio.shield(lookup)
        if isinstance(found, OSError):
            raise OSError(*found.args)
        if self._preferred not in found:
            return found
        return [self._preferred, *(address for address in found if address != self._preferred)]

    def _look_up(self, loop: asyncio.AbstractEventLoop, lookup: asyncio.Future[list[str] | OSError]) -> None:
        found: list[str] | OSError
        try:
            rows = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            found = _in_turn([str(row[4][0]) for row in rows]) or OSError("the host has no address")
        except OSError as error:
            found = error
        except UnicodeError:
            found = OSError("the host's name cannot be looked up")

        def tell() -> None:
            if not lookup.done():
                lookup.set_result(found)

        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _in_turn(addresses: Sequence[str]) -> list[str]:
    """Each address once, IPv6 and IPv4 in turn, beginning with the family that the system puts first."""
    each = list(dict.fromkeys(addresses))
    first = [address for address in each if (":" in address) == (":" in each[0])]
    second = [address for address in each if address not in first]
    return [address for pair in zip_longest(first, second) for address in pair if address is not None]


async def first_connected(addresses: Sequence[str], connect: Callable[[str], Awaitable[Made]]) -> Made:
    """The first connection that is made; an address that does not answer delays the next by 250 ms only.

    Raises:
        OSError: the error of the last address, where none answers.
    """
    if len(addresses) == 1:
        return await connect(addresses[0])
    remaining = deque(addresses)
    tasks: set[asyncio.Task[Made]] = set()
    error: BaseException = OSError("no address")
    try:
        while remaining or tasks:
            if remaining:
                tasks.add(asyncio.ensure_future(connect(remaining.popleft())))
            wait = NEXT_ADDRESS_SECONDS if remaining else None
            done, tasks = await asyncio.wait(tasks, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            made: list[Made] = []
            for task in done:
                failure = task.exception()
                if failure is None:
                    made.append(task.result())
                else:
                    error = failure
            for surplus in made[1:]:
                surplus.close()
            if made:
                return made[0]
        raise error
    finally:
        for task in tasks:
            task.cancel()
        for late in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(late, BaseException):
                late.close()
