"""One HTTP/1.1 connection to the notices API on the loop's own thread: a request at a time, its reply read bounded.

Bytes are parsed by httptools (llhttp, Node's parser). What follows from them is decided here: when a reply is whole,
what a broken one means, whether the connection may serve again. A reply whose head is, byte for byte, one that was
parsed a moment ago needs no parser (`KNOWN_HEADS`); of another's headers none is looked at unless it matters.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

import httptools

from pipeline.model.reply import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.model.notice import Notice
    from pipeline.ports import Answered

    Asked = tuple[Notice, str, Answered]
    """What an answer needs of its question: the notice, the token, and whom to tell."""

MAX_HEAD_BYTES = 65_536
"""Of a reply, interim ones included; common servers send under 1,000."""
_FIRST_FINAL = 200
"""What is below is an interim reply (RFC 9110, section 15.2)."""
KNOWN_HEADS = 64
KNOWN_REPLY_BYTES = 4_096
"""Within a second (`Date`) many an API begins its replies alike. So many such heads are kept, of replies not longer."""
_OK = 200


class ReplyCallback(Protocol):
    """Called once for each request with what came back, whole or broken."""

    def __call__(
        self, asked: Asked, status: int | None, body: bytes, retry_after: str | None, fault: Fault | None, why: str, /
    ) -> None:
        """Where the reply is not whole `fault` is RESET, TIMEOUT, BODY_CUT_SHORT or BODY_TOO_LARGE."""
        ...


class _Headers:
    """What the headers of a final reply say, read by a parser of its own: ten calls that few replies need."""

    def __init__(self, head: bytes) -> None:
        """`head` is how a reply began; what stands behind its head is passed over."""
        self.retry_after: str | None = None
        self.tell_length = False
        self._final = False
        self._parser = httptools.HttpResponseParser(self)
        with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):  # behind the head
            self._parser.feed_data(head)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Two things count: Retry-After, and whether the body's end is told."""
        if self._final:
            return  # a trailer's, or what stands behind the reply
        lower = name.lower()
        if lower == b"retry-after":
            self.retry_after = value.decode("latin-1")
        elif lower in {b"content-length", b"transfer-encoding"}:
            self.tell_length = True

    def on_headers_complete(self) -> None:
        """An interim reply's headers are not those of the reply proper."""
        if self._final:
            return
        if self._parser.get_status_code() < _FIRST_FINAL:
            self.retry_after, self.tell_length = None, False
        else:
            self._final = True


class Connection(asyncio.Protocol):
    """Used by one request at a time; `idle` is called whenever it may take the next, `lost` once at its end."""

    def __init__(
        self,
        most: int,
        heads: dict[int, bytes],
        *,
        told: ReplyCallback,
        idle: Callable[[Connection], None],
        lost: Callable[[Connection], None],
    ) -> None:
        """`most` is the greatest body, in bytes; `heads` is shared by all connections of a pool, empty at first."""
        self._most = most
        self._heads = heads
        """By the size of the whole reply: the head of a reply with status 200 and a length, without Retry-After, behind
        which the connection was kept."""
        self._told = told
        self._idle = idle
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._asked: Asked | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._begin()
        self.used_at = 0.0
        """When its last request began, by the loop's clock."""

    def _begin(self) -> None:
        """A new reply is to come: nothing of an earlier one may stay."""
        self._head: list[bytes] = []
        """What came until the head was whole, the beginning of the body included."""
        self._head_bytes = 0
        self._begin_reply()

    def _begin_reply(self) -> None:
        self._status: int | None = None
        self._body: list[bytes] = []
        self._length = 0
        self._whole = False
        self._keeps = False

    # What the pool calls

    def request(self, data: bytes, now: float, asked: Asked) -> bool:
        """Write one request, whose time began at `now`; False, and nothing written, where the connection has ended."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        self.used_at = now
        self._asked = asked
        transport.write(data)
        return True

    @property
    def under_way(self) -> bool:
        """Whether an answer is awaited."""
        return self._asked is not None

    def give_up(self, fault: Fault, why: str) -> None:
        """End the request under way, and the connection with it."""
        self._finish(self._status, None, fault, why)
        self.close()

    def close(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        self._transport = transport  # type: ignore[assignment]  # of a stream it is always one that writes

    def data_received(self, data: bytes) -> None:
        """Feed the parser; its callbacks below are called inside."""
        asked = self._asked
        if asked is None:
            self.close()  # nobody asked: what follows cannot be told from an answer to the next request
            return
        if not self._head:
            size = len(data)
            body = data.removeprefix(self._heads.get(size, b""))
            if len(body) < size:
                # The same head told the parser to read this many bytes, whatever they are, and to keep the connection.
                self._asked = None
                idle, told = self._idle, self._told  # a stored function called by its name is no fast path of 3.11
                idle(self)
                told(asked, _OK, body, None, None, "")
                return
        if self._status is None:
            self._head.append(data)
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._whole:
                self._end_of_reply(keep=False)  # what stands behind a whole reply does not make it a worse one
            else:
                self._break(type(error).__name__)
                self.close()
            return
        if self._status is None and self._head_bytes > MAX_HEAD_BYTES:
            self.give_up(Fault.RESET, "the reply's head is too long")
        elif self._whole:
            self._end_of_reply(keep=self._keeps)

    def eof_received(self) -> None:
        """The other side says no more: without a length, that is the body's end."""
        begun = self._status is not None and not self._whole and self._asked is not None
        if begun and not _Headers(b"".join(self._head)).tell_length:
            self._end_of_reply(keep=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, with whatever was under way."""
        self._break("the connection ended" if exc is None else type(exc).__name__)
        self._transport = None
        self._lost(self)

    # What the parser calls

    def on_message_begin(self) -> None:
        """Behind a whole reply nothing may begin: nobody asked, so nobody could tell whose answer it is."""
        if self._whole:
            self._keeps = False

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._whole:
            return
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """A piece of the body; beyond the limit nothing is kept, and the rest not waited for."""
        if self._whole:
            return
        self._length += len(body)
        if self._length <= self._most:
            self._body.append(body)
        elif self._asked is not None:
            self._finish(self._status, self._retry_after(), Fault.BODY_TOO_LARGE, "")
            self.close()

    def on_message_complete(self) -> None:
        """A reply is whole, unless it is an interim one."""
        if self._whole:
            return
        if self._status is not None and self._status < _FIRST_FINAL:
            self._begin_reply()
        else:
            self._whole = True
            self._keeps = self._parser.should_keep_alive()  # true of the reply at hand only inside this callback

    # Ends

    def _end_of_reply(self, *, keep: bool) -> None:
        status, body, retry_after = self._status, b"".join(self._body), self._retry_after()
        asked, self._asked = self._asked, None
        if keep and asked is not None:  # else it was given up: its body was not kept, and it is closing
            if status == _OK and retry_after is None and len(self._head) == 1:
                self._remember_head(self._head[0], body)
            self._begin()
            self._idle(self)
        else:
            self.close()
        if asked is not None:
            self._told(asked, status, body, retry_after, None, "")

    def _retry_after(self) -> str | None:
        head = b"".join(self._head)
        # `in` would first take what is looked for as a number, and make an exception of that: 3,000 instructions.
        return None if head.lower().find(b"retry-after") < 0 else _Headers(head).retry_after

    def _remember_head(self, reply: bytes, body: bytes) -> None:
        """Of a reply whose first piece ends with its body: so the body's length was told, and in no chunks."""
        head, end, rest = reply.partition(b"\r\n\r\n")
        if rest == body and len(reply) <= KNOWN_REPLY_BYTES:
            if len(self._heads) >= KNOWN_HEADS:
                self._heads.clear()
            self._heads[len(reply)] = head + end

    def _break(self, why: str) -> None:
        """The reply will not become whole: before its head is, it is a reset."""
        fault = Fault.RESET if self._status is None else Fault.BODY_CUT_SHORT
        self._finish(self._status, None, fault, why)

    def _finish(self, status: int | None, retry_after: str | None, fault: Fault, why: str) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            self._told(asked, status, b"", retry_after, fault, why)
