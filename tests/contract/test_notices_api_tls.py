"""TLS to the notices API: an authority of one's own, a certificate of ours, and nothing less."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.httpx import HttpxNoticesApi
from pipeline.adapters.notices_api.pyreqwest import PyreqwestNoticesApi
from pipeline.model.notice import Notice
from pipeline.model.reply import Fault, Reply
from pipeline.ports import NoticesApi
from tests.contract.asking import posted
from tests.fakes.certificates import make_pair
from tests.fakes.scripted_server import ScriptedServer, reply

Make = Callable[[HttpOptions], NoticesApi]
OK = reply(b'{"code":200}')

AUTHORITY, STRANGER = make_pair("authority"), make_pair("stranger")
SERVER, CLIENT = make_pair("server", AUTHORITY), make_pair("client", AUTHORITY)


@pytest.fixture(params=[LoopNoticesApi, PyreqwestNoticesApi, HttpxNoticesApi], ids=["loop", "pyreqwest", "httpx"])
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "server.pem").write_bytes(SERVER.pem_with_key)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(cadata=AUTHORITY.pem.decode())
    return context


async def ask(make: Make, server: ScriptedServer, **pems: bytes) -> Reply:
    api = make(HttpOptions(server.url, ca_pem=pems.get("ca_pem"), client_pem=pems.get("client_pem")))
    try:
        return await posted(api, Notice("id", "rule", "alias", "u1", b"{}", None), "token")
    finally:
        await api.close()


async def test_an_unknown_authority_is_not_trusted(make: Make, tls: ssl.SSLContext) -> None:
    """Without its authority the server is not trusted, and the token does not leave."""
    async with ScriptedServer(OK, tls=tls) as server:
        assert (await ask(make, server)).fault is Fault.CONNECT
        assert (await ask(make, server, ca_pem=STRANGER.pem)).fault is Fault.CONNECT
    assert not server.requests


@pytest.mark.parametrize(
    "ca_pem", [AUTHORITY.pem, STRANGER.pem + b"# another\n" + AUTHORITY.pem], ids=["one", "bundle"]
)
async def test_an_authority_of_ones_own(make: Make, tls: ssl.SSLContext, ca_pem: bytes) -> None:
    """The server is trusted by its authority, wherever that is in the file."""
    async with ScriptedServer(OK, tls=tls) as server:
        assert await ask(make, server, ca_pem=ca_pem) == Reply(200, 200)


async def test_a_certificate_of_ours(make: Make, tls: ssl.SSLContext) -> None:
    """A server that wants to know us is shown our certificate; without it, nothing comes of it."""
    tls.verify_mode = ssl.CERT_REQUIRED
    async with ScriptedServer(OK, tls=tls) as server:
        assert await ask(make, server, ca_pem=AUTHORITY.pem, client_pem=CLIENT.pem_with_key) == Reply(200, 200)
        assert (await ask(make, server, ca_pem=AUTHORITY.pem)).fault is not None
    assert len(server.requests) == 1


async def test_a_certificate_for_another_name(make: Make, tls: ssl.SSLContext) -> None:
    """A certificate that is good for another host is not good for this one."""
    async with ScriptedServer(OK, tls=tls) as server:
        api = make(HttpOptions(server.url.replace("127.0.0.1", "localhost"), ca_pem=AUTHORITY.pem))
        answer = await posted(api, Notice("id", "rule", "alias", "u1", b"{}", None), "token")
        await api.close()
    assert answer.fault is Fault.CONNECT
    assert not server.requests
