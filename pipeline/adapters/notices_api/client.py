"""The notices API over the loop's own sockets: a third of the CPU of a client with a thread of its own.

HTTP/1.1 only; connections are kept and the newest is used first. For https through a proxy and for HTTP/2 there are
the other transports behind the same port.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.adapters.notices_api.connection import Connection, Head
from pipeline.adapters.notices_api.dialling import Resolver, first_connected
from pipeline.adapters.notices_api.exchange import HttpOptions, request_headers, request_url
from pipeline.adapters.notices_api.reply import ReplyReader
from pipeline.adapters.notices_api.tls import tls_context
from pipeline.errors import ConfigurationError
from pipeline.model.reply import Fault, Reply
from pipeline.tasks import Tasks

if TYPE_CHECKING:
    from pipeline.adapters.notices_api.connection import Request
    from pipeline.adapters.notices_api.reply import Header
    from pipeline.model.notice import Notice
    from pipeline.model.trace import TraceContext
    from pipeline.ports import Answered

MAX_AGE_SECONDS = 30.0
"""After this, and up to half as long again, a connection takes no further request, so that a change of the host's
addresses is followed."""
_PORTS = {"http": 80, "https": 443}


class LoopNoticesApi:
    """Implements `pipeline.ports.NoticesApi`."""

    def __init__(self, options: HttpOptions) -> None:
        """Read the options; nothing is sent yet.

        Raises:
            ConfigurationError: a certificate, header or url that cannot be used, or https through a proxy.
        """
        self._options = options
        try:
            self._host, self._port, self._head = _target(options)
            self._rest_of_form = _rest_of_form(options)
            secure = urlsplit(options.url).scheme == "https"
            self._tls = tls_context(options.ca_pem, options.client_pem) if secure else None
        except (ssl.SSLError, ValueError) as error:
            message = str(error) if isinstance(error, _Unusable) else type(error).__name__
            raise ConfigurationError(f"notices: the HTTP client cannot be made: {message}") from None
        self._timeout_seconds = options.timeout_seconds
        self._max_idle = options.max_connections
        self._keyed = options.idempotency_header is not None
        self._reader = ReplyReader(options)
        self._resolver = Resolver(self._host, self._port)
        self._token: str | None = None
        self._form = b""
        """A request with this token, to be filled in by `%`: cheaper than joining parts that are encoded one by one."""
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
        data = self._request(notice, token, trace)
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
            self._replied(request, None, b"", b"", Fault.CONNECT, type(error).__name__)
            return
        if not connection.request(data, now, request):
            self._replied(request, None, b"", b"", Fault.CONNECT, "the connection ended before it was used")
        elif now < self._alarm_covers:
            self._set_alarm(loop, now)

    def _replied(
        self, request: Request, status: int | None, body: bytes, head: bytes, fault: Fault | None, detail: str, /
    ) -> None:
        notice, token, answered = request
        if fault is None and status is not None:
            answered(self._reader.read(status, _header(head), body, token, notice))
        elif fault is Fault.BODY_TOO_LARGE and status is not None:
            answered(self._reader.too_large(status, _header(head)))
        else:
            answered(Reply(status, fault=fault, detail=detail))

    def _request(self, notice: Notice, token: str, trace: TraceContext | None) -> bytes | None:
        """The whole request; None if the token cannot be written in a header."""
        if token != self._token:
            if not token.isascii() or not token.isprintable():
                return None
            self._token = token
            authorization = f"Authorization: Bearer {token}\r\n".encode()
            self._form = (self._head + authorization).replace(b"%", b"%%") + self._rest_of_form
        body = notice.body
        traced = b"" if trace is None else _trace_headers(trace)
        if self._keyed:
            return self._form % (len(body), notice.idempotency_key.encode("latin-1"), traced, body)
        return self._form % (len(body), traced, body)

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> Connection:
        # Connections that were made at once must not all be made again at once.
        self._made += 1
        retire_at = loop.time() + MAX_AGE_SECONDS * (1 + self._made % 16 / 32)

        def make() -> Connection:
            return Connection(
                self._options.max_reply_bytes, retire_at, replied=self._replied, idle=self._keep, lost=self._forget
            )

        async def connect(address: str) -> Connection:
            _, made = await loop.create_connection(
                make, address, self._port, ssl=self._tls, server_hostname=self._host if self._tls else None
            )
            return made

        seconds = min(self._options.connect_timeout_seconds, self._options.timeout_seconds)
        async with asyncio.timeout(seconds):
            connection = await first_connected(await self._resolver.addresses(), connect)
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


def _header(head: bytes) -> Header:
    """Looks headers up in `head`, which is parsed at the first look-up: most replies need none."""
    parsed: list[Head] = []

    def get(name: str) -> str | None:
        if not parsed:
            parsed.append(Head(head))
        return parsed[0].get(name)

    return get


class _Unusable(ValueError):
    """An option that this client cannot use; its message holds nothing secret."""


def _rest_of_form(options: HttpOptions) -> bytes:
    """What follows the headers that all requests share; `%` marks length, key, trace and body."""
    key = options.idempotency_header
    keyed = b"" if key is None else key.encode("latin-1").replace(b"%", b"%%") + b': "%b"\r\n'
    return b"Content-Length: %d\r\n" + keyed + b"%b\r\n%b"


def _trace_headers(trace: TraceContext) -> bytes:
    lines = f"traceparent: {trace.traceparent}\r\n"
    if trace.tracestate:
        lines += f"tracestate: {trace.tracestate}\r\n"
    return lines.encode("latin-1")


def _target(options: HttpOptions) -> tuple[str, int, bytes]:
    """Host and port to connect to, and the beginning of every request."""
    parts = urlsplit(request_url(options))
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _Unusable("the url is neither http nor https")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    if options.proxy is not None:
        if parts.scheme != "http":
            raise _Unusable("https through a proxy needs `transport: pyreqwest`")
        path = f"http://{parts.netloc.rpartition('@')[2]}{path}"
        proxy = urlsplit(options.proxy)
        if proxy.scheme != "http" or not proxy.hostname or proxy.username:
            raise _Unusable("this kind of proxy needs `transport: pyreqwest`")
        host, port = proxy.hostname, proxy.port or _PORTS["http"]
    headers = {"Host": parts.netloc.rpartition("@")[2], **request_headers(options)}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if any(not line.isascii() or not line.isprintable() for line in lines) or " " in path:
        raise _Unusable("the url cannot be written")
    return host, port, "".join(f"{line}\r\n" for line in lines).encode()
