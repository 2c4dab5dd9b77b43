"""What the loop's own client promises beyond the contract of all transports."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.adapters.notices_api import client as notices_loop
from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.errors import ConfigurationError
from pipeline.model.notice import Notice
from pipeline.model.reply import Fault, Reply
from tests.contract.asking import posted
from tests.fakes.scripted_server import ScriptedServer, drip, hang, raw, reply

OK = reply(b'{"code":200}')
BUSY = b'{"code":7}'
NOTICE = Notice("abdf3647-9c11-5cb5-856a-5d43e25176c5", "rule", "alias", "u1", b'{"to":"u1"}', None)


async def test_connections_are_as_many_as_requests_at_once() -> None:
    """Twenty at once need twenty connections, and the next twenty use the same."""
    async with ScriptedServer(OK) as server:
        api = LoopNoticesApi(HttpOptions(server.url))
        for _ in range(2):
            replies = await asyncio.gather(*(posted(api, NOTICE, "token") for _ in range(20)))
            assert set(replies) == {Reply(200, 200)}
        await api.close()
    assert server.connections == 20


async def test_a_connection_idle_for_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server may be about to end it: a request on it would be lost without anybody knowing."""
    async with ScriptedServer(OK) as server:
        api = LoopNoticesApi(HttpOptions(server.url))
        await posted(api, NOTICE, "token")
        monkeypatch.setattr(notices_loop, "IDLE_SECONDS", -1.0)
        await posted(api, NOTICE, "token")
        await api.close()
    assert server.connections == 2


async def test_a_reply_that_nobody_asked_for_ends_the_connection() -> None:
    """Two replies to one request: the second must not be taken for the answer to the next notice."""
    twice = raw(b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"code":200}' * 2)
    async with ScriptedServer(twice, OK) as server:
        api = LoopNoticesApi(HttpOptions(server.url))
        first = await posted(api, NOTICE, "token")
        second = await posted(api, NOTICE, "token")
        await api.close()
    assert (first.status, second) == (200, Reply(200, 200))
    assert server.connections == 2


async def test_each_request_has_its_own_time() -> None:
    """One that hangs does not shorten or lengthen another's."""
    late = drip([b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n", b'{"code":200}'], 0.2)
    async with ScriptedServer(hang, late) as server:
        api = LoopNoticesApi(HttpOptions(server.url, timeout_seconds=0.5))
        stuck = asyncio.create_task(posted(api, NOTICE, "token"))
        await server.arrived.wait()
        await asyncio.sleep(0.3)
        assert await posted(api, NOTICE, "token") == Reply(200, 200)
        assert (await stuck).fault is Fault.TIMEOUT
        await api.close()


async def test_a_new_token_is_used_at_once() -> None:
    """What is kept of a token between requests is not an older one, and stands as it is whatever its characters."""
    async with ScriptedServer(OK) as server:
        api = LoopNoticesApi(HttpOptions(server.url))
        for token in ("first", "sec%ond%d", "first"):
            await posted(api, NOTICE, token)
        await api.close()
    assert [one.headers["authorization"] for one in server.requests] == [
        "Bearer first",
        "Bearer sec%ond%d",
        "Bearer first",
    ]


@pytest.mark.parametrize(
    ("pieces", "retry_after"),
    [
        pytest.param([b"HTTP/1.1 503 X\r\nRETRY-After: 7\r\ncontent-length: 10\r\n\r\n", BUSY], "7", id="any case"),
        pytest.param(
            [b"HTTP/1.1 503 X\r\nretry-af", b"ter: 7\r\ncontent-length: 10\r\n\r\n" + BUSY], "7", id="in pieces"
        ),
        pytest.param(
            [b"HTTP/1.1 103 X\r\nretry-after: 1\r\n\r\n", b"HTTP/1.1 503 X\r\ncontent-length: 10\r\n\r\n", BUSY],
            None,
            id="of an interim reply",
        ),
        pytest.param(
            [
                b"HTTP/1.1 103 X\r\nretry-after: 1\r\n\r\nHTTP/1.1 503 X\r\nretry-after: 7\r\n"
                b"content-length: 10\r\n\r\n" + BUSY
            ],
            "7",
            id="behind an interim reply",
        ),
        pytest.param(
            [
                b"HTTP/1.1 503 X\r\ncontent-length: 10\r\n\r\n"
                + BUSY
                + b"HTTP/1.1 503 X\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
            ],
            None,
            id="of the next reply",
        ),
        pytest.param(
            [b'HTTP/1.1 503 X\r\ncontent-length: 32\r\n\r\n{"code":7,"retry-after":"later"}'], None, id="in the body"
        ),
    ],
)
async def test_retry_after_is_the_replys_own_header(pieces: list[bytes], retry_after: str | None) -> None:
    """Whatever the case of its letters and the pieces it comes in; no other reply's, and not what a body says."""
    async with ScriptedServer(drip(pieces, 0.02)) as server:
        api = LoopNoticesApi(HttpOptions(server.url))
        answer = await posted(api, NOTICE, "token")
        await api.close()
    assert (answer.status, answer.code, answer.retry_after) == (503, 7, retry_after)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://127.0.0.1/", "http://127.0.0.1:9"),
        ("http://127.0.0.1/", "socks5://127.0.0.1:9"),
        ("http://127.0.0.1/", "http://user:canary@127.0.0.1:9"),
        ("ftp://127.0.0.1/", None),
    ],
)
def test_what_it_cannot_do_is_told_at_start(url: str, proxy: str | None) -> None:
    """Not at the first notice, and without what may be secret."""
    with pytest.raises(ConfigurationError, match="HTTP client") as caught:
        LoopNoticesApi(HttpOptions(url, proxy=proxy))
    assert "canary" not in str(caught.value)
