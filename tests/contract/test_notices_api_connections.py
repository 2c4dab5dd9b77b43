"""How connections are kept, replaced and read: the same for every transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.httpx import HttpxNoticesApi
from pipeline.adapters.notices_api.pyreqwest import PyreqwestNoticesApi
from pipeline.model.notice import Notice
from pipeline.model.reply import Fault, Reply
from pipeline.ports import NoticesApi
from tests.contract.asking import posted
from tests.fakes.scripted_server import ScriptedServer, drip, raw, reply

Make = Callable[[HttpOptions], NoticesApi]
BODY = b'{"code":200}'
OK = reply(BODY)
NOTICE = Notice("id", "rule", "alias", "u1", b'{"to":"u1"}', None)


@pytest.fixture(params=[LoopNoticesApi, PyreqwestNoticesApi, HttpxNoticesApi], ids=["loop", "pyreqwest", "httpx"])
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


async def test_no_request_crosses_the_servers_close(make: Make) -> None:
    """`Keep-Alive: timeout=1` and a server that keeps to it: a connection is given up before, whatever the pauses."""
    server = ScriptedServer(reply(BODY, 200, keep_alive="timeout=1"), idle_seconds=1.0)
    async with server:
        api = make(HttpOptions(server.url))
        faults = []
        for pause in (0.1, 0.6, 0.97, 0.99, 1.0, 1.01, 1.03):
            faults.append((await posted(api, NOTICE, "token")).fault)
            await asyncio.sleep(pause)
        await api.close()
    assert faults == [None] * 7
    assert server.connections > 1


async def test_a_busy_connection_has_a_maximum_age(make: Make) -> None:
    """Requests move to new connections, where the host's name may lead elsewhere; a slow one ends on its own."""
    slow = drip([b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n", BODY], 0.8)
    async with ScriptedServer(slow, OK) as server:
        api = make(HttpOptions(server.url, max_connection_age_seconds=0.3))
        first = asyncio.create_task(posted(api, NOTICE, "token"))
        await server.arrived.wait()
        for _ in range(40):
            assert await posted(api, NOTICE, "token") == Reply(200, 200)
            await asyncio.sleep(0.04)
        assert await first == Reply(200, 200)
        await api.close()
    assert 3 < server.connections < 30


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\nContent-Length: 12\r\n\r\n" + BODY, id="equal lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 12, 12\r\n\r\n" + BODY, id="list of equal lengths"),
        pytest.param(b"HTTP/1.1 200 OK\ncontent-length: 12\n\n" + BODY, id="line feeds alone"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 12\n\r\n" + BODY, id="some line feeds alone"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nc\r\n"
            + BODY
            + b"\r\n0\r\n\r\n",
            id="length and chunks",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc \r\n" + BODY + b"\r\n0\r\n\r\n",
            id="space in a chunk",
        ),
        pytest.param(b"HTTP/1.1 200\r\ncontent-length: 12\r\n\r\n" + BODY, id="no reason"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nx: a,\r\n b\r\ncontent-length: 12\r\ny: c\r\n\td\r\n\r\n" + BODY,
            id="values of two lines",
        ),
        pytest.param(
            b"HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 103 Early\r\nlink: <a>\r\n\r\n"
            b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n" + BODY,
            id="interim replies",
        ),
        pytest.param(b"HTTP/1.1 200 \xe6\x88\x90\r\nx: \xe9\r\ncontent-length: 12\r\n\r\n" + BODY, id="beyond ASCII"),
        pytest.param(b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 12\r\n\r\n" + BODY, id="HTTP/1.0"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 7], ids=["whole", "in pieces"])
async def test_a_reply_with_one_meaning_is_read(make: Make, text: bytes, pieces: int) -> None:
    """Old servers and gateways are not strict; an accepted notice must not count as ambiguous for that."""
    step = -(-len(text) // pieces)
    sent = [text[begin : begin + step] for begin in range(0, len(text), step)]
    async with ScriptedServer(drip(sent, 0.02), OK) as server:
        api = make(HttpOptions(server.url, timeout_seconds=3.0))
        assert [await posted(api, NOTICE, "token") for _ in range(2)] == [Reply(200, 200)] * 2
        await api.close()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\ncontent-length: 13\r\n\r\n" + BODY, id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 12, 13\r\n\r\n" + BODY, id="list of two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: +12\r\n\r\n" + BODY, id="sign"),
        pytest.param(b"HTTP/1.1 200 OK\r\n x: 1\r\ncontent-length: 12\r\n\r\n" + BODY, id="continues no value"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n 2\r\n\r\n" + BODY, id="a length of two lines"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length : 12\r\n\r\n" + BODY, id="space before a colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\n: 1\r\ncontent-length: 12\r\n\r\n" + BODY, id="no name"),
        pytest.param(b"HTTP/3 200 OK\r\ncontent-length: 12\r\n\r\n" + BODY, id="another version"),
    ],
)
async def test_a_reply_with_two_meanings_is_ambiguous(make: Make, text: bytes) -> None:
    """Two readers could disagree where it ends or what it says, which is how replies are smuggled."""
    async with ScriptedServer(raw(text)) as server:
        api = make(HttpOptions(server.url, timeout_seconds=3.0))
        assert (await posted(api, NOTICE, "token")).fault is Fault.RESET
        await api.close()


async def test_a_connection_with_length_and_chunks_is_not_used_again() -> None:
    """RFC 9112, section 6.1: the server may have meant the other one."""
    both = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nc\r\n" + BODY + b"\r\n0\r\n\r\n"
    async with ScriptedServer(raw(both)) as server:
        api = LoopNoticesApi(HttpOptions(server.url))
        for _ in range(3):
            assert await posted(api, NOTICE, "token") == Reply(200, 200)
        await api.close()
    assert server.connections == 3
