"""A reply whose head is known already means what the parser would have made of it, whatever came before."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.notices_api.connection import KNOWN_HEADS, KNOWN_REPLY_BYTES, Connection
from pipeline.model.notice import Notice
from pipeline.model.reply import Fault

if TYPE_CHECKING:
    from pipeline.adapters.notices_api.connection import Asked

NOTICE = Notice("abdf3647-9c11-5cb5-856a-5d43e25176c5", "rule", "alias", "u1", b"{}", None)
BODIES = [b"", b"x" * 61, b'{"code":200}', b'{"code":500}', b'{"code":20}', b"\r\n\r\n", b"\r\n", b"a\r\n\r\nb"]
HEADS = [
    b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n",
    b"HTTP/1.1 500 OK\r\ncontent-length: %d\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nretry-after: 9\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n",
    b"HTTP/1.0 200 OK\r\ncontent-length: %d\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n",
    b"HTTP/1.1 200 OK\nx: %d\n\n",
    b"HTTP/1.1 204 OK\r\nx: %d\r\n\r\n",
    b"\r\nHTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n",
]
BEHIND = [b"", b"", b"", b"\r\n", b"\r\n0\r\n\r\n", b"x", b"HTTP/1.1 200 OK\r\n"]


class Line(asyncio.Transport):
    """Takes what is written, and can be ended."""

    ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def is_closing(self) -> bool:
        return self.ended

    def abort(self) -> None:
        self.ended = True


class Pool:
    """One connection after the other, and what their replies were taken for."""

    def __init__(self) -> None:
        self.heads: dict[int, bytes] = {}
        self.seen: list[object] = []
        self._line = Line()
        self._line.ended = True

    def ask(self, reply: bytes, cuts: list[int]) -> None:
        """A request, and its reply in pieces."""
        if self._line.ended:
            self._line = Line()
            self._connection = Connection(60, self.heads, told=self._told, idle=self._idle, lost=self._idle)
            self._connection.connection_made(self._line)
        assert self._connection.request(b"", 0.0, (NOTICE, "token", self.seen.append))
        edges = [0, *sorted(cut % (len(reply) + 1) for cut in cuts), len(reply)]
        for piece in (reply[begin:end] for begin, end in itertools.pairwise(edges) if begin < end):
            if not self._line.ended:
                self._connection.data_received(piece)
        if self._connection.under_way:
            self._connection.give_up(Fault.TIMEOUT, "")
        self.seen.append("ended" if self._line.ended else "open")

    def _told(self, asked: Asked, *answer: object) -> None:
        assert asked[0] is NOTICE
        self.seen.append(answer)

    def _idle(self, connection: Connection) -> None:
        assert connection is self._connection
        self.seen.append("idle")


REPLIES = st.builds(
    lambda head, body, behind: head % len(body) + body + behind,
    st.sampled_from(HEADS),
    st.sampled_from(BODIES),
    st.sampled_from(BEHIND),
)
IN_PIECES: st.SearchStrategy[list[int]] = st.just([]) | st.lists(st.integers(0, 200), max_size=3)


@given(st.lists(st.tuples(REPLIES, IN_PIECES), min_size=2, max_size=8))
def test_a_known_head_changes_nothing_of_what_a_reply_is_taken_for(replies: list[tuple[bytes, list[int]]]) -> None:
    """Answers and kept connections are those of a pool that remembers no head."""
    remembers, forgets = Pool(), Pool()
    for reply, cuts in replies:
        remembers.ask(reply, cuts)
        forgets.heads.clear()
        forgets.ask(reply, cuts)
    assert remembers.seen == forgets.seen


def test_only_the_head_of_a_plain_reply_is_remembered() -> None:
    """Status 200, a length, no Retry-After, the connection kept, all in one piece; every other is parsed each time."""
    pool = Pool()
    for head, behind in itertools.product(HEADS, BEHIND):
        pool.ask(head % 12 + b'{"code":200}' + behind, [])
    pool.ask(HEADS[0] % 12 + b'{"code":200}', [3])
    assert sorted(pool.heads.values()) == [HEADS[-1] % 12, HEADS[0] % 12]


def test_a_body_that_looks_like_a_known_reply_is_a_body() -> None:
    """Only a reply's own beginning is held against known heads."""
    pool = Pool()
    known = HEADS[0] % 12 + b'{"code":200}'
    outer = HEADS[0] % len(known)
    pool.ask(known, [])
    pool.ask(outer + known, [len(outer)])
    assert pool.seen[3:] == ["idle", (200, known, None, None, ""), "open"]


def test_heads_are_remembered_within_bounds() -> None:
    """An API that begins each reply differently costs no memory."""
    pool = Pool()
    for number in range(3 * KNOWN_HEADS):
        pool.ask(b"HTTP/1.1 200 OK\r\nx: %b\r\ncontent-length: 0\r\n\r\n" % (b"y" * number), [])
    assert 0 < len(pool.heads) <= KNOWN_HEADS
    pool = Pool()
    pool.ask(b"HTTP/1.1 200 OK\r\nx: %b\r\ncontent-length: 0\r\n\r\n" % (b"y" * KNOWN_REPLY_BYTES), [])
    assert pool.heads == {}


@pytest.mark.parametrize("begun", [0, 21])
def test_the_head_of_a_reply_that_was_too_large_is_not_remembered(begun: int) -> None:
    """Its end was seen, but its body not kept: what had come of it by then is no reply."""
    pool = Pool()
    head = HEADS[0] % 61
    for _ in range(2):
        pool.ask(head + b"x" * 61, [len(head) + begun])
    assert pool.heads == {}
    assert pool.seen == [(200, b"", None, Fault.BODY_TOO_LARGE, ""), "ended"] * 2
