"""What the loop's own client does beyond the contract of all transports."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from pipeline.adapters.notices_api import dialling
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


class _Made:
    """A connection that only remembers whether it was closed."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.closed = False

    def close(self) -> None:
        self.closed = True


async def test_connections_are_as_many_as_requests_at_once() -> None:
    """Twenty at once need twenty connections, and the next twenty use the same."""
    async with ScriptedServer(OK) as server:
        api = LoopNoticesApi(HttpOptions(server.url))
        for _ in range(2):
            replies = await asyncio.gather(*(posted(api, NOTICE, "token") for _ in range(20)))
            assert set(replies) == {Reply(200, 200)}
        await api.close()
    assert server.connections == 20


@pytest.mark.parametrize(
    ("headers", "idle", "connections"),
    [
        ({}, 3.9, 1),
        ({}, 4.1, 2),
        ({"keep_alive": "timeout=5"}, 3.9, 1),
        ({"keep_alive": "timeout=5"}, 4.1, 2),
        ({"keep_alive": "timeout=60, max=100"}, 50.0, 1),
        ({"keep_alive": "max=100, timeout=1"}, 0.6, 2),
        ({"keep_alive": "timeout=0"}, 0.1, 2),
        ({"keep_alive": "timeout=soon"}, 3.9, 1),
    ],
)
async def test_an_idle_connection_is_given_up_before_the_server_closes_it(
    headers: dict[str, str], idle: float, connections: int
) -> None:
    """By the server's `Keep-Alive: timeout=N`, else after 4 s: a request on a closed one would be ambiguous."""
    async with ScriptedServer(reply(b'{"code":200}', 200, **headers)) as server:
        api = LoopNoticesApi(HttpOptions(server.url, max_connection_age_seconds=1_000.0))
        await posted(api, NOTICE, "token")
        _pass_time(api, idle)
        await posted(api, NOTICE, "token")
        await api.close()
    assert server.connections == connections


@pytest.mark.parametrize(("age", "connections"), [(29.0, 1), (46.0, 2)])
async def test_a_connection_is_replaced_after_its_maximum_age(age: float, connections: int) -> None:
    """A busy connection too, so that a change of the host's addresses is followed."""
    async with ScriptedServer(reply(b'{"code":200}', keep_alive="timeout=600")) as server:
        api = LoopNoticesApi(HttpOptions(server.url))
        await posted(api, NOTICE, "token")
        _pass_time(api, age)
        await posted(api, NOTICE, "token")
        await api.close()
    assert server.connections == connections


def _pass_time(api: LoopNoticesApi, seconds: float) -> None:
    """Make the idle connections of the client older."""
    for connection in api._idle:
        connection.usable_until -= seconds


class TestAddresses:
    """`localhost` means a host with several addresses."""

    @staticmethod
    def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)

    async def test_a_dead_first_address_delays_the_second_by_little(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Happy eyeballs (RFC 8305): the next address is tried after 250 ms, and the first given up."""
        monkeypatch.setattr(dialling, "NEXT_ADDRESS_SECONDS", 0.01)
        made: list[_Made] = []
        given_up: list[str] = []

        async def connect(address: str) -> _Made:
            try:
                if address == "dead":
                    await asyncio.Event().wait()
            except asyncio.CancelledError:
                given_up.append(address)
                raise
            made.append(_Made(address))
            return made[-1]

        async with asyncio.timeout(30):
            assert (await dialling.first_connected(["dead", "b", "c"], connect)).address == "b"
        assert given_up == ["dead"]
        assert [one.address for one in made if not one.closed] == ["b"]

    async def test_of_two_connections_made_at_once_one_is_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No connection is left open that nothing uses."""
        monkeypatch.setattr(dialling, "NEXT_ADDRESS_SECONDS", 0.0)
        go, made = asyncio.Event(), []

        async def connect(address: str) -> _Made:
            await go.wait()
            made.append(_Made(address))
            return made[-1]

        connecting = asyncio.create_task(dialling.first_connected(["a", "b"], connect))
        await asyncio.sleep(0.05)
        go.set()
        winner = await connecting
        assert [one for one in made if not one.closed] == [winner]

    async def test_a_refusing_first_address_does_not_delay_the_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The next address is tried at once."""
        self.resolve_to(monkeypatch, "::1", "127.0.0.1")
        async with ScriptedServer(OK) as server:
            api = LoopNoticesApi(HttpOptions(server.url.replace("127.0.0.1", "two.invalid")))
            monkeypatch.setattr(dialling, "NEXT_ADDRESS_SECONDS", 60.0)
            async with asyncio.timeout(30):
                assert await posted(api, NOTICE, "token") == Reply(200, 200)
            await api.close()

    async def test_without_a_living_address_it_is_a_connect_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing has left."""
        async with ScriptedServer(OK) as server:
            port = server.port
        self.resolve_to(monkeypatch, "::1", "127.0.0.1")
        api = LoopNoticesApi(HttpOptions(f"http://two.invalid:{port}/"))
        async with asyncio.timeout(30):
            assert (await posted(api, NOTICE, "token")).fault is Fault.CONNECT
        await api.close()

    async def test_a_resolver_that_hangs_is_a_fault_of_that_request(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Requests time out, share one lookup, and continue once it answers; closing does not wait for it."""
        hung, lookups = threading.Event(), []

        def slow(*_: object, **__: object) -> list[object]:
            lookups.append(1)
            hung.wait(120)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        try:
            async with ScriptedServer(OK) as server:
                url = server.url.replace("127.0.0.1", "slow.invalid")
                api = LoopNoticesApi(HttpOptions(url, connect_timeout_seconds=0.05))
                replies = await asyncio.gather(*(posted(api, NOTICE, "token") for _ in range(5)))
                assert {one.fault for one in replies} == {Fault.CONNECT}
                assert len(lookups) == 1
                hung.set()
                answers = [await posted(api, NOTICE, "token") for _ in range(10)]
                assert answers[-1] == Reply(200, 200)
                hung.clear()
                other = LoopNoticesApi(HttpOptions(url))
                other.post(NOTICE, "token", None, lambda _: None)
                await asyncio.sleep(0.01)
                async with asyncio.timeout(30):
                    await other.close()
                await api.close()
        finally:
            hung.set()

    @pytest.mark.parametrize(
        ("found", "tried"),
        [
            (["1.1.1.1", "1.1.1.1", "2.2.2.2"], ["1.1.1.1", "2.2.2.2"]),
            (["::1", "::2", "1.1.1.1"], ["::1", "1.1.1.1", "::2"]),
            (["1.1.1.1", "2.2.2.2", "::1"], ["1.1.1.1", "::1", "2.2.2.2"]),
        ],
    )
    def test_families_are_tried_in_turn(self, found: list[str], tried: list[str]) -> None:
        """RFC 8305, section 4."""
        assert dialling._in_turn(found) == tried


async def test_an_unrequested_reply_ends_the_connection() -> None:
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
    late = drip([b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n", b'{"code":200}'], 0.8)
    async with ScriptedServer(hang, late) as server:
        api = LoopNoticesApi(HttpOptions(server.url, timeout_seconds=2.0))
        stuck = asyncio.create_task(posted(api, NOTICE, "token"))
        await server.arrived.wait()
        await asyncio.sleep(1.4)
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
        ("http://127.0.0.1/", "socks5://127.0.0.1:9"),
        ("https://127.0.0.1/", "socks5://user:canary@127.0.0.1:9"),
        ("ftp://127.0.0.1/", None),
    ],
)
def test_what_it_cannot_do_is_reported_at_start(url: str, proxy: str | None) -> None:
    """Not at the first notice, and without what may be secret."""
    with pytest.raises(ConfigurationError, match="HTTP client") as caught:
        LoopNoticesApi(HttpOptions(url, proxy=proxy))
    assert "canary" not in str(caught.value)
