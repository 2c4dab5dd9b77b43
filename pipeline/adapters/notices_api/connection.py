"""One HTTP/1.1 connection to the notices API on the loop's own thread: one request at a time, replies of bounded size.

Bytes are parsed by httptools (llhttp, Node's parser). This module decides when a reply is whole, what a broken one
means, and whether the connection can serve again. Headers are read only where they matter: for the first reply of a
connection, and for every reply that is not a plain success.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

import httptools

from pipeline.adapters.notices_api.exchange import FIRST_FINAL, idle_seconds, keep_alive_seconds
from pipeline.adapters.notices_api.lenient_head import is_complete, rewritten
from pipeline.model.reply import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.model.notice import Notice
    from pipeline.ports import Answered

    Request = tuple[Notice, str, Answered]
    """What a reply needs of its request: the notice, the token, and the callback."""

MAX_HEAD_BYTES = 65_536
"""Of a reply, interim ones included; common servers send under 1,000."""


class ReplyCallback(Protocol):
    """Called once for each request with its reply, whole or broken."""

    def __call__(
        self, request: Request, status: int | None, body: bytes, head: bytes, fault: Fault | None, detail: str, /
    ) -> None:
        """`fault` is RESET, TIMEOUT, BODY_CUT_SHORT or BODY_TOO_LARGE where the reply is not whole."""
        ...


class Head:
    """The headers of a final reply, read by a parser of its own."""

    def __init__(self, head: bytes) -> None:
        """`head` is the beginning of a reply; bytes after its head are ignored."""
        self._headers: dict[str, str] = {}
        self._final = False
        self._parser = httptools.HttpResponseParser(self)
        with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):  # after the head
            self._parser.feed_data(head)

    def get(self, name: str) -> str | None:
        """The first value of a header, by its lower-case name."""
        return self._headers.get(name)

    @property
    def has_length(self) -> bool:
        """Whether the head says where the body ends."""
        return "content-length" in self._headers or "transfer-encoding" in self._headers

    @property
    def keep_alive_seconds(self) -> float | None:
        """The server's `Keep-Alive: timeout`, if it sends one."""
        return keep_alive_seconds(self._headers.get("keep-alive"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser; headers after the head are those of a trailer or of another reply."""
        if not self._final:
            self._headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Called by the parser; the headers of an interim reply do not count."""
        if self._final:
            return
        if self._parser.get_status_code() < FIRST_FINAL:
            self._headers.clear()
        else:
            self._final = True


class Connection(asyncio.Protocol):
    """Serves one request at a time; `idle` is called whenever it can take the next, `lost` once at its end."""

    def __init__(
        self,
        max_body: int,
        retire_at: float,
        *,
        replied: ReplyCallback,
        idle: Callable[[Connection], None],
        lost: Callable[[Connection], None],
    ) -> None:
        """`max_body` is in bytes; after `retire_at`, by the loop's clock, it takes no further request."""
        self._max_body = max_body
        self._retire_at = retire_at
        self._replied = replied
        self._idle = idle
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None
        self._idle_seconds: float | None = None
        """How long it may be idle; None until its first reply."""
        self._parser = _parser(self)
        self._is_lenient = False
        """Whether the head is not strict HTTP, and waits to be whole."""
        self._may_keep = True
        self._head = b""
        """The bytes up to the end of the head, with the beginning of the body."""
        self._begin_reply()
        self.used_at = 0.0
        """When its last request began, by the loop's clock."""
        self.usable_until = 0.0
        """While idle: until when it may take the next request."""

    def _begin_reply(self) -> None:
        """Reset everything that belongs to one reply but its head, which interim replies precede."""
        self._status: int | None = None
        self._body: list[bytes] = []
        self._length = 0
        self._whole = False
        self._keeps = False

    # Called by the pool

    def request(self, data: bytes, now: float, request: Request) -> bool:
        """Write one request, whose time began at `now`; False, with nothing written, if the connection has ended."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        self.used_at = now
        self._request = request
        transport.write(data)
        return True

    @property
    def in_flight(self) -> bool:
        """Whether a reply is awaited."""
        return self._request is not None

    def give_up(self, fault: Fault, detail: str) -> None:
        """End the request in flight, and the connection with it."""
        self._finish(self._status, fault, detail)
        self.close()

    def close(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # Called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport can always write

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls the callbacks below."""
        if self._request is None:
            self.close()  # without a request: what follows could be taken for the reply to the next one
            return
        if self._status is None:
            self._head += data
        if self._is_lenient:
            self._feed_rewritten()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            self._garbled(error)
        except httptools.HttpParserError as error:
            if self._status is None and not self._whole:
                self._is_lenient = True
                self._feed_rewritten()
            else:
                self._garbled(error)
        else:
            if self._whole:
                self._end_of_reply()
            elif self._status is None and len(self._head) > MAX_HEAD_BYTES:
                self.give_up(Fault.RESET, "the reply's head is too long")

    def _feed_rewritten(self) -> None:
        """Read a head that is not strict HTTP with the tolerance of `lenient_head`, as soon as it is whole."""
        if not is_complete(self._head) and len(self._head) <= MAX_HEAD_BYTES:
            return
        self._is_lenient = False
        found = rewritten(self._head)
        if found is None:
            self._garbled(httptools.HttpParserError())
            return
        self._head = found.data
        self._may_keep = found.keep
        self._parser = _parser(self)
        try:
            self._parser.feed_data(found.data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._garbled(error)
        else:
            if self._whole:
                self._end_of_reply()

    def _garbled(self, error: Exception) -> None:
        """What has come is not HTTP; behind a whole reply it does not change the reply."""
        if self._whole:
            self._keeps = False
            self._end_of_reply()
        else:
            self._break(type(error).__name__)
            self.close()

    def eof_received(self) -> None:
        """The server has ended its side: the end of a body without a length."""
        has_started = self._status is not None and not self._whole and self._request is not None
        if has_started and not Head(self._head).has_length:
            self._keeps = False
            self._end_of_reply()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended, with its request if there is one."""
        self._break("the connection ended" if exc is None else type(exc).__name__)
        self._transport = None
        self._lost(self)

    # Called by the parser

    def on_message_begin(self) -> None:
        """A second reply to one request: the connection cannot be used again."""
        if self._whole:
            self._keeps = False

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if not self._whole:
            self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """A piece of the body; a body above the limit is neither kept nor waited for."""
        if self._whole:
            return
        self._length += len(body)
        if self._length <= self._max_body:
            self._body.append(body)
        elif self._request is not None:
            self._finish(self._status, Fault.BODY_TOO_LARGE, "")
            self.close()

    def on_message_complete(self) -> None:
        """A reply is whole, unless it is an interim one."""
        if self._whole:
            return
        status = self._status
        if status is not None and status < FIRST_FINAL:
            self._begin_reply()
        else:
            self._whole = True
            self._keeps = self._parser.should_keep_alive()  # valid inside this callback only

    # Ends

    def _end_of_reply(self) -> None:
        status, body, head = self._status, b"".join(self._body), self._head
        request, self._request = self._request, None
        idle, replied = self._idle, self._replied  # CPython 3.11 looks `self.name(…)` up slowly if it is not a method
        if self._keeps and self._may_keep and request is not None:  # without a request it was given up, and is closing
            if self._idle_seconds is None:
                self._idle_seconds = idle_seconds(Head(head).keep_alive_seconds)
            self.usable_until = min(self.used_at + self._idle_seconds, self._retire_at)
            self._head = b""
            self._begin_reply()
            idle(self)
        else:
            self.close()
        if request is not None:
            replied(request, status, body, head, None, "")

    def _break(self, detail: str) -> None:
        """The reply will not become whole: before the end of its head that is a reset."""
        self._finish(self._status, Fault.RESET if self._status is None else Fault.BODY_CUT_SHORT, detail)

    def _finish(self, status: int | None, fault: Fault, detail: str) -> None:
        request, self._request = self._request, None
        if request is not None:
            self._replied(request, status, b"", self._head, fault, detail)


def _parser(connection: Connection) -> httptools.HttpResponseParser:
    parser = httptools.HttpResponseParser(connection)
    parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)  # RFC 9112, section 7.1.1: bad white space
    return parser
