"""The notices API over the loop's own sockets: a third of the CPU of a client with a thread of its own.

HTTP/1.1 only, directly or through a proxy; connections are kept and the newest is used first. For HTTP/2 there is
another transport behind the same port.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.adapters.notices_api.connection import Connection, Head
from pipeline.adapters.notices_api.dial import Dialler
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.proxy import ProxyRefused
from pipeline.adapters.notices_api.reply import ReplyReader
from pipeline.adapters.notices_api.request_form import RequestForm, request_form, request_target
from pipeline.errors import ConfigurationError
from pipeline.model.reply import Fault, Reply
from pipeline.tasks import Tasks

if TYPE_CHECKING:
    from pipeline.adapters.notices_api.connection import Request
    from pipeline.model.notice import Notice
    from pipeline.model.trace import TraceContext
    from pipeline.ports import Answered


class LoopNoticesApi:
    """Implements `pipeline.ports.NoticesApi`."""

    def __init__(self, options: HttpOptions) -> None:
        """Read the options; nothing is sent yet.

        Raises:
            ConfigurationError: a certificate, header, url or proxy that cannot be used.
        """
        self._options = options
        try:
            self._dialler = Dialler(options)
            form = _form(options, self._dialler)
        except (ssl.SSLError, ValueError) as error:
            # Messages of certificates may quote them; ours hold nothing secret.
            message = "a certificate cannot be read" if isinstance(error, (ssl.SSLError, UnicodeError)) else str(error)
            raise ConfigurationError(f"notices: the HTTP client cannot be made: {message}") from None
        self._timeout_seconds = options.timeout_seconds
        self._max_idle = options.max_connections
        self._request = form.write
        self._reader = ReplyReader(options)
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()
        self._made = 0
        self._alarm: asyncio.TimerHandle | None = None
        """One timer for all requests: a timer for each would cost more than the parser."""
        self._alarm_covers = math.inf
        """The begin of the request that it is set for; requests that began later time out after it."""
        self._loop: asyncio.AbstractEventLoop | None = None
        """Kept, because asking for it is a system call on CPython 3.11."""
        self._connecting = Tasks()
        self._closed = False

    def post(self, notice: Notice, token: str, trace: TraceContext | None, answered: Answered) -> None:
        """POST the notice; every fault becomes a reply."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        if self._closed:
            loop.call_soon(answered, Reply(fault=Fault.CONNECT, detail="the client is closed"))
            return
        write = self._request  # CPython 3.11 looks `self.name(…)` up slowly if it is not a method
        data = write(notice, token, trace)
        if data is None:
            loop.call_soon(answered, Reply(fault=Fault.CONNECT, detail="the request cannot be built"))
            return
        now = loop.time()
        request = (notice, token, answered)
        idle = self._idle
        while idle and now >= idle[0].usable_until:
            idle.popleft().close()
        while idle:
            connection = idle.pop()  # the one that was used last
            if now >= connection.usable_until:
                connection.close()
            elif connection.request(data, now, request):
                break
        else:
            self._connecting.start(self._send_on_new(loop, data, now, request))
            return
        if now < self._alarm_covers:
            self._set_alarm(loop, now)

    async def _send_on_new(self, loop: asyncio.AbstractEventLoop, data: bytes, now: float, request: Request) -> None:
        try:
            connection = await self._connect(loop)
        except (OSError, ValueError) as error:  # refused, unresolved, no TLS, too late (TimeoutError is an OSError)
            self._replied(request, None, b"", b"", Fault.CONNECT, _reason(error))
            return
        if not connection.request(data, now, request):
            self._replied(request, None, b"", b"", Fault.CONNECT, "the connection ended before it was used")
        elif now < self._alarm_covers:
            self._set_alarm(loop, now)

    def _replied(
        self, request: Request, status: int | None, body: bytes, head: bytes, fault: Fault | None, detail: str, /
    ) -> None:
        notice, token, answered = request
        reader = self._reader
        if fault is None and status is not None:
            reply = reader.plain_success(status, body)
            answered(reply or reader.other(status, Head(head).get, body, token, notice))
        elif fault is Fault.BODY_TOO_LARGE and status is not None:
            answered(reader.too_large(status, Head(head).get))
        else:
            answered(Reply(status, fault=fault, detail=detail))

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> Connection:
        # Connections that were made at once must not all be made again at once.
        self._made += 1
        retire_at = loop.time() + self._options.max_connection_age_seconds * (1 + self._made % 16 / 32)

        def make() -> Connection:
            return Connection(
                self._options.max_reply_bytes, retire_at, replied=self._replied, idle=self._keep, lost=self._forget
            )

        connection = await self._dialler.connect(make)
        self._all.add(connection)
        return connection

    def _keep(self, connection: Connection) -> None:
        if self._closed or len(self._idle) >= self._max_idle:
            connection.close()
            return
        self._idle.append(connection)

    def _forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _set_alarm(self, loop: asyncio.AbstractEventLoop, began_at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = loop.call_at(began_at + self._timeout_seconds, self._time_out, loop)
        self._alarm_covers = began_at

    def _time_out(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the requests that have taken too long, and set the alarm for the next one."""
        now = loop.time()
        self._alarm, self._alarm_covers = None, math.inf
        for connection in [one for one in self._all if one.in_flight and one.used_at + self._timeout_seconds <= now]:
            connection.give_up(Fault.TIMEOUT, f"no whole reply within {self._timeout_seconds:g} s")
        began_at = min((one.used_at for one in self._all if one.in_flight), default=math.inf)
        if began_at < self._alarm_covers:
            self._set_alarm(loop, began_at)

    async def close(self) -> None:
        """Close connections."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        await self._connecting.cancel()
        for connection in tuple(self._all):
            connection.close()
        await asyncio.sleep(0)  # transports end at the loop's next turn


def _reason(error: Exception) -> str:
    """What prevented a connection. Messages of other errors may hold anything, so only their type is shown."""
    return str(error) if isinstance(error, ProxyRefused) else type(error).__name__


def _form(options: HttpOptions, dialler: Dialler) -> RequestForm:
    """The requests as the API, or a proxy that forwards them, expects them."""
    host = urlsplit(options.url).netloc.rpartition("@")[2]
    target = request_target(options)
    return request_form(
        options,
        f"http://{host}{target}" if dialler.is_forwarded else target,
        {"Host": host, **({"Proxy-Authorization": found} if (found := dialler.forward_authorization) else {})},
    )
