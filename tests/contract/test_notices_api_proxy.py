"""Requests through a proxy: forwarded, or through a tunnel; the same for every transport."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.httpx import HttpxNoticesApi
from pipeline.adapters.notices_api.proxy import environment_proxy, is_excluded
from pipeline.adapters.notices_api.pyreqwest import PyreqwestNoticesApi
from pipeline.bootstrap.notices import notices_api
from pipeline.errors import ConfigurationError
from pipeline.model.notice import DEFAULT_API, Notice
from pipeline.model.reply import Fault, Reply
from pipeline.ports import NoticesApi
from pipeline.runtime.credentials import Credentials
from pipeline.settings import Settings
from tests.contract.asking import posted
from tests.contract.test_notices_api_tls import AUTHORITY, SERVER
from tests.fakes.proxy import Proxy
from tests.fakes.scripted_server import ScriptedServer, reply

Make = Callable[[HttpOptions], NoticesApi]
OK = reply(b'{"code":200}')
NOTICE = Notice("id", "rule", "alias", "u1", b'{"to":"u1"}', None)
USER = f"Basic {base64.b64encode(b'user:p w:canary').decode()}"


@pytest.fixture(params=[LoopNoticesApi, PyreqwestNoticesApi, HttpxNoticesApi], ids=["loop", "pyreqwest", "httpx"])
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "server.pem").write_bytes(SERVER.pem_with_key)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


async def ask(make: Make, url: str, proxy: str, *, times: int = 1, **changes: object) -> Reply:
    options = HttpOptions(url, timeout_seconds=60.0, connect_timeout_seconds=30.0, proxy=proxy, ca_pem=AUTHORITY.pem)
    api = make(options._replace(**changes))  # type: ignore[arg-type]
    try:
        for _ in range(times - 1):
            await posted(api, NOTICE, "token")
        return await posted(api, NOTICE, "token")
    finally:
        await api.close()


@pytest.mark.parametrize("secure_proxy", [False, True], ids=["http proxy", "https proxy"])
@pytest.mark.parametrize("credentials", ["", "user:p%20w%3Acanary@"], ids=["open", "with a password"])
async def test_https_goes_through_a_tunnel(
    make: Make, tls: ssl.SSLContext, credentials: str, *, secure_proxy: bool
) -> None:
    """The proxy sees host and port alone; the API's certificate is that of its own name; the tunnel is used again."""
    async with (
        ScriptedServer(OK, tls=tls) as server,
        Proxy(server.port, tls=tls if secure_proxy else None) as proxy,
    ):
        url = proxy.url.replace("://", f"://{credentials}")
        assert await ask(make, f"https://127.0.0.1:{server.port}/a?b=canary", url, times=3) == Reply(200, 200)
    [(line, headers)] = proxy.heads
    assert line == f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert headers.get("proxy-authorization") == (USER if credentials else None)
    assert "authorization" not in headers
    assert [request.line for request in server.requests] == ["POST /a?b=canary HTTP/1.1"] * 3
    assert all("proxy-authorization" not in request.headers for request in server.requests)


@pytest.mark.parametrize("credentials", ["", "user:p%20w%3Acanary@"], ids=["open", "with a password"])
async def test_http_is_forwarded(make: Make, credentials: str) -> None:
    """With the whole url in the first line, and the name of the API as host."""
    async with ScriptedServer(OK) as server, Proxy(server.port) as proxy:
        url = proxy.url.replace("://", f"://{credentials}")
        assert await ask(make, "http://api.invalid/a?b=c", url, times=2) == Reply(200, 200)
    for request in server.requests:
        assert request.line == "POST http://api.invalid/a?b=c HTTP/1.1"
        assert request.headers["host"] == "api.invalid"
        assert request.headers.get("proxy-authorization") == (USER if credentials else None)


@pytest.mark.parametrize(
    "refuse",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\ntext",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"",
        b"\x16\x03\x01 text\r\n\r\n",
    ],
    ids=["407", "403", "502", "closed", "not HTTP"],
)
async def test_a_proxy_that_makes_no_tunnel(make: Make, tls: ssl.SSLContext, refuse: bytes) -> None:
    """Nothing has left, and the proxy's password is not in the detail."""
    async with ScriptedServer(OK, tls=tls) as server, Proxy(server.port, refuse=refuse) as proxy:
        url = proxy.url.replace("://", "://user:canary@")
        answer = await ask(make, f"https://127.0.0.1:{server.port}/", url)
    assert answer.fault is Fault.CONNECT
    assert "canary" not in answer.detail
    assert not server.requests


async def test_a_proxy_that_never_answers(make: Make, tls: ssl.SSLContext) -> None:
    """The time to connect covers the tunnel: nothing has left."""
    async with ScriptedServer(OK, tls=tls) as server, Proxy(server.port, refuse=b"HTTP/1.1 ") as proxy:
        answer = await ask(
            make, f"https://127.0.0.1:{server.port}/", proxy.url, timeout_seconds=2.0, connect_timeout_seconds=0.3
        )
    assert answer.fault is Fault.CONNECT


async def test_the_certificate_behind_a_tunnel_is_checked(make: Make, tls: ssl.SSLContext) -> None:
    """A proxy that leads elsewhere gets neither token nor message."""
    async with ScriptedServer(OK, tls=tls) as server, Proxy(server.port) as proxy:
        assert (await ask(make, "https://api.invalid/", proxy.url)).fault is Fault.CONNECT
    assert not server.requests


@pytest.mark.parametrize(
    ("url", "entries", "excluded"),
    [
        ("https://api.example.com/", ["*"], True),
        ("https://api.example.com/", ["example.com"], True),
        ("https://example.com/", ["example.com"], True),
        ("https://notexample.com/", ["example.com"], False),
        ("https://example.com.evil/", ["example.com"], False),
        ("https://api.example.com/", [".example.com"], True),
        ("https://example.com/", [".example.com"], False),
        ("https://api.example.com/", ["*.example.com"], True),
        ("https://example.com/", ["*.example.com"], False),
        ("https://API.Example.com/", ["exAMPLE.com"], True),
        ("https://api.example.com./", ["example.com"], True),
        ("https://api.example.com/", ["example.com."], True),
        ("https://api.example.com/", ["example.com:443"], True),
        ("https://api.example.com/", ["example.com:8443"], False),
        ("https://api.example.com:8443/", ["example.com:8443"], True),
        ("http://api.example.com/", ["example.com:80"], True),
        ("http://10.1.2.3/", ["10.0.0.0/8"], True),
        ("http://11.1.2.3/", ["10.0.0.0/8"], False),
        ("http://10.1.2.3/", ["10.1.2.3"], True),
        ("http://10.1.2.30/", ["10.1.2.3"], False),
        ("http://10.1.2.3:8080/", ["10.1.2.3:80"], False),
        ("http://110.1.2.3/", ["10.1.2.3"], False),
        ("http://host.10.1.2.3.example/", ["10.0.0.0/8"], False),
        ("http://[2001:db8::1]/", ["2001:db8::/32"], True),
        ("http://[2001:db8::1]/", ["2001:DB8:0::1"], True),
        ("http://[2001:db8::1]:8080/", ["[2001:db8::1]:8080"], True),
        ("http://[2001:db8::1]/", ["[2001:db8::1]:8080"], False),
        ("http://10.1.2.3/", ["::/0"], False),
        ("https://api.example.com/", ["10.0.0.0/8", "", "other", "example.com"], True),
        ("https://api.example.com/", [], False),
    ],
)
def test_hosts_without_the_proxy(url: str, entries: list[str], excluded: bool) -> None:  # noqa: FBT001 - expected value
    """The usual semantics of NO_PROXY, as Go's and curl's."""
    assert is_excluded(url, entries) is excluded


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://a.example/", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.example/", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://a.example/", {"HTTP_PROXY": "p:1"}, "http://p:1"),
        ("https://a.example/", {"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, "http://low:1"),
        ("https://a.example/", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.example/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "b.example, .a.example"}, "http://p:1"),
        ("https://a.example/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "b.example,a.example"}, None),
        ("https://a.example/", {"HTTPS_PROXY": "http://p:1", "no_proxy": "", "NO_PROXY": "*"}, None),
        ("https://localhost/", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://127.0.0.2/", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://[::1]/", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://a.example/", {}, None),
    ],
)
def test_the_environment(url: str, environ: dict[str, str], proxy: str | None) -> None:
    """By scheme, lower case first, with NO_PROXY; this machine's own names never go through it."""
    found, excluded = environment_proxy(url, environ)
    assert (None if is_excluded(url, excluded) else found) == proxy


@pytest.fixture
def _without_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_without_environment")
@pytest.mark.parametrize(
    ("extra", "environ", "through"),
    [
        ({"proxy": "PROXY"}, {}, True),
        ({"proxy": "PROXY", "no_proxy": ["other.invalid", "invalid:81"]}, {}, True),
        ({"proxy_from_environment": True}, {"HTTP_PROXY": "PROXY"}, True),
        ({"proxy_from_environment": True, "no_proxy": ["api.invalid"]}, {"HTTP_PROXY": "PROXY"}, False),
        ({"proxy_from_environment": True}, {"HTTP_PROXY": "PROXY", "NO_PROXY": "invalid"}, False),
        ({}, {"HTTP_PROXY": "PROXY"}, False),
    ],
)
@pytest.mark.parametrize("transport", ["auto", "pyreqwest", "httpx"])
async def test_the_configuration_chooses(
    transport: str,
    extra: dict[str, object],
    environ: dict[str, str],
    through: bool,  # noqa: FBT001 - expected value
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`proxy`, or the environment's where it is requested, except for the hosts of `no_proxy`."""
    async with ScriptedServer(OK) as server, Proxy(server.port) as proxy:
        for name, value in environ.items():
            monkeypatch.setenv(name, value.replace("PROXY", proxy.url))
        notices = {
            "url": "http://api.invalid/message",
            "token": "t",
            "transport": transport,
            **{key: proxy.url if value == "PROXY" else value for key, value in extra.items()},
        }
        settings = Settings.model_validate(
            {"kafka": {"bootstrap_servers": "localhost:9092", "topics": ["t"]}, "notices": notices}
        )
        api = notices_api(settings.notices, DEFAULT_API, Credentials(SystemClock()), SystemClock())
        answer = await posted(api, NOTICE, "token")
        await api.close()
    assert (answer.fault is None, len(proxy.heads)) == (through, int(through))


@pytest.mark.usefixtures("_without_environment")
def test_an_unusable_proxy_of_the_environment_is_reported_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its password."""
    monkeypatch.setenv("ALL_PROXY", "socks5://user:canary@127.0.0.1:9")
    notices = {"url": "http://api.invalid/", "token": "t", "proxy_from_environment": True}
    settings = Settings.model_validate(
        {"kafka": {"bootstrap_servers": "localhost:9092", "topics": ["t"]}, "notices": notices}
    )
    with pytest.raises(ConfigurationError, match="proxy cannot be used") as caught:
        notices_api(settings.notices, DEFAULT_API, Credentials(SystemClock()), SystemClock())
    assert "canary" not in str(caught.value)
