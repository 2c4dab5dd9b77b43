"""Token sources against real files and a real token endpoint: what they give, and what they never tell."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from pipeline.adapters.notices_api.oauth import OAuthOptions, OAuthToken
from pipeline.adapters.notices_api.tokens import FileToken, StaticToken
from pipeline.errors import TokenUnavailable
from pipeline.ports import TokenSource
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.state import SandboxOptions
from pipeline.settings.secrets import read_secret_file
from tests.fakes.certificates import make_pair
from tests.fakes.guarded_server import GuardedServer
from tests.fakes.scripted_server import ScriptedServer, Step, close_after, drip, hang, raw, reply, reset_after

CANARY = "canary-s3cret-9d1"
SECONDS = 30.0
"""For a busy machine; an answer comes within milliseconds."""


def from_file(path: Path) -> FileToken:
    return FileToken(path, lambda spot_location: read_secret_file(spot_location, "the token file"))


@asynccontextmanager
async def oauth(url: str, secret: str | None = CANARY, **more: object) -> AsyncIterator[OAuthToken]:
    options = OAuthOptions(url, "us", secret, timeout_seconds=SECONDS)._replace(**more)  # type: ignore[arg-type]  # options of several types
    source = OAuthToken(options)
    try:
        yield source
    finally:
        await source.close()


async def answer_to(step: Step) -> str:
    async with ScriptedServer(step) as server, oauth(server.url, timeout_seconds=0.5) as source:
        return await source.fetch()


class TestFixedAndFile:
    async def test_a_fixed_token_stays(self) -> None:
        """What is configured is what comes, each time."""
        source: TokenSource = StaticToken("abc")
        assert [await source.fetch(), await source.fetch()] == ["abc", "abc"]
        await source.close()

    async def test_a_file_is_read_again(self, tmp_path: Path) -> None:
        """Who renews the file renews the token, without a restart."""
        path = tmp_path / "token"
        source: TokenSource = from_file(path)
        for token in ("first", "second"):
            path.write_text(f"  {token}\n")
            assert await source.fetch() == token
        await source.close()

    @pytest.mark.parametrize(
        "content", [b"", b" \n", b"two words", b"a\nb", b"\xff\xfe", b"a\0b", "名".encode(), b"x" * 70_000]
    )
    async def test_a_file_without_a_token(self, tmp_path: Path, content: bytes) -> None:
        """A text that cannot be in a header is not a token; the message names the file and no content of it."""
        path = tmp_path / "token"
        path.write_bytes(content)
        with pytest.raises(TokenUnavailable, match="token") as caught:
            await from_file(path).fetch()
        assert "two words" not in str(caught.value)

    async def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        """A missing file is reported as missing; it may come back."""
        with pytest.raises(TokenUnavailable, match="No such file"):
            await from_file(tmp_path / "token").fetch()

    async def test_a_fixed_token_that_is_no_header(self) -> None:
        """A configured token with a line break is refused without quoting it."""
        with pytest.raises(TokenUnavailable) as caught:
            await StaticToken(f"{CANARY}\r\nEvil: 1").fetch()
        assert CANARY not in str(caught.value)


class TestEndpoint:
    @pytest.mark.parametrize("client_auth", ["basic", "post"])
    @pytest.mark.parametrize("secret", [CANARY, "p+l/u=s &%41:"])
    async def test_a_token_that_the_api_takes(self, client_auth: str, secret: str) -> None:
        """The endpoint's token opens the API, whichever way the secret is given."""
        async with (
            SandboxServer(SandboxOptions(clients={"us": secret}, token_seconds=100)) as sandbox,
            oauth(
                f"{sandbox.base_url}/oauth/token",
                secret,
                client_auth=client_auth,
                scope="notices",
            ) as source,
        ):
            token = await source.fetch()
            assert sandbox.state.credentials.accepts(f"Bearer {token}")
            assert source.refresh_in == 80
            assert await source.fetch() != token

    async def test_a_wrong_secret(self) -> None:
        """A refusal is reported with the endpoint's error code and without the secret."""
        async with (
            SandboxServer(SandboxOptions(clients={"us": "other"})) as sandbox,
            oauth(f"{sandbox.base_url}/oauth/token") as source,
        ):
            with pytest.raises(TokenUnavailable, match="401: invalid_client") as caught:
                await source.fetch()
        assert CANARY not in str(caught.value)

    @pytest.mark.parametrize(
        ("expires_in", "refresh_in"),
        [
            ("7200", 7140),
            ('"7200"', 7140),
            ("10", 8),
            ("3600.5", 3540.5),
            ("0.001", 1),
            ("0", None),
            ("-5", None),
            ("true", None),
            ('"soon"', None),
            ("null", None),
            ("[]", None),
            ("99999999999", None),
        ],
    )
    async def test_renewal_is_due_ahead_of_the_end(self, expires_in: str, refresh_in: float | None) -> None:
        """A minute before the end, or a fifth of a short life; never where the endpoint says nothing usable."""
        body = f'{{"access_token":"t","expires_in":{expires_in}}}'.encode()
        async with ScriptedServer(reply(body)) as server, oauth(server.url) as source:
            assert await source.fetch() == "t"
            assert source.refresh_in == refresh_in

    @pytest.mark.parametrize(
        "step",
        [
            reply(b""),
            reply(b"<html>"),
            reply(b"[]"),
            reply(b"null"),
            reply(b"{}"),
            reply(b'{"access_token":5}'),
            reply(b'{"access_token":""}'),
            reply(b'{"access_token":"two words"}'),
            reply(b'{"access_token":"a\\r\\nEvil: 1"}'),
            reply(b'{"access_token":"t"}', 201),
            reply(b'{"access_token":"t"}', 302, location="/elsewhere"),
            reply(b'{"access_token":"t"}', 500),
            reply(f'{{"error":"{CANARY}","error_description":"{CANARY}"}}'.encode(), 400),
            reply(b'{"error":5}', 400),
            reply(b" " * 5_000_000),
            reply(b"zz", content_encoding="gzip"),
            raw(b"garbage\r\n\r\n"),
            close_after(),
            reset_after(),
            close_after(raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{")),
            drip([b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", *[b" "] * 90], 0.1),
            hang,
        ],
    )
    async def test_whatever_else_it_answers(self, step: Step) -> None:
        """Every other answer, and none, is `TokenUnavailable`, in time, and without a secret."""
        with pytest.raises(TokenUnavailable) as caught:
            await answer_to(step)
        assert CANARY not in str(caught.value)
        assert caught.value.__cause__ is None

    @pytest.mark.parametrize(
        "step",
        [
            reply(b'\xef\xbb\xbf{"access_token":"t"}'),
            reply(gzip.compress(b'{"access_token":"t"}'), content_encoding="gzip"),
            reply(b'\r\n{"access_token":"t","expires_in":null,"scope":[]}\n', content_type="text/html"),
        ],
        ids=["byte order mark", "gzip", "type of a page"],
    )
    async def test_a_token_in_an_unusual_answer_is_read(self, step: Step) -> None:
        """Gateways compress, and add marks and types of their own."""
        assert await answer_to(step) == "t"

    async def test_a_redirect_names_where_it_points(self) -> None:
        """It is not followed, and names neither user nor query: the endpoint may have moved."""
        location = f"https://us:{CANARY}@login.example.com/oauth/token?key={CANARY}"
        with pytest.raises(TokenUnavailable, match=r"302: .*Location: https://login\.example\.com/oauth/token$"):
            await answer_to(reply(b"", 302, location=location))

    async def test_a_refusal_by_code_alone_is_reported(self) -> None:
        """Some platforms refuse with status 200 and a number."""
        with pytest.raises(TokenUnavailable, match=r"gave no access_token: code 40013$"):
            await answer_to(reply(f'{{"errcode":40013,"errmsg":"{CANARY}"}}'.encode()))

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:1/t?k=canary-s3cret-9d1", "http://unknown.invalid/t", "ftp://h/t"]
    )
    async def test_an_endpoint_that_is_not_there(self, url: str) -> None:
        """An endpoint that cannot be reached is reported by its address, without its query."""
        async with oauth(url) as source:
            with pytest.raises(TokenUnavailable, match=r"://") as caught:
                await source.fetch()
        assert CANARY not in str(caught.value)

    async def test_a_secret_that_cannot_be_written(self) -> None:
        """A secret that HTTP basic authentication has no letters for is not quoted."""
        async with oauth("http://127.0.0.1:1/t", "名" + CANARY) as source:
            with pytest.raises(TokenUnavailable) as caught:
                await source.fetch()
        assert CANARY not in str(caught.value)

    async def test_a_certificate_of_ours_replaces_the_secret(self) -> None:
        """With an authority of its own; the form has the client's id, and no secret is sent (RFC 8705)."""
        authority = make_pair("authority")
        client = make_pair("us", authority)
        with GuardedServer(lambda _: (200, b'{"access_token":"t"}'), make_pair("server", authority)) as server:
            server.guard(make_pair("server", authority), clients=authority)
            options: dict[str, object] = {
                "client_auth": "tls",
                "ca_pem": authority.pem,
                "client_pem": client.pem_with_key,
                "parameters": {"audience": "https://api.example.com"},
            }
            async with oauth(f"{server.url}/token", None, **options) as source:
                assert await source.fetch() == "t"
                assert server.requested[0].client == "us"
                assert parse_qs(server.requested[0].body.decode()) == {
                    "grant_type": ["client_credentials"],
                    "client_id": ["us"],
                    "audience": ["https://api.example.com"],
                }
                assert "authorization" not in server.requested[0].headers
                options["client_pem"] = make_pair("us", make_pair("stranger")).pem_with_key
                source.replacement(source._options._replace(client_pem=options["client_pem"]))()  # type: ignore[arg-type]  # bytes
                with pytest.raises(TokenUnavailable):
                    await source.fetch()

    async def test_a_proxy_is_asked(self) -> None:
        """And no other client."""
        async with (
            ScriptedServer(reply(b'{"access_token":"t"}')) as proxy,
            oauth("http://login.invalid/token", proxy=f"http://127.0.0.1:{proxy.port}") as source,
        ):
            assert await source.fetch() == "t"
        assert proxy.requests[0].line == "POST http://login.invalid/token HTTP/1.1"

    async def test_https_is_checked(self, tls_of_an_unknown_authority: ssl.SSLContext) -> None:
        """An endpoint whose certificate no one vouches for does not get our secret."""
        async with (
            ScriptedServer(reply(b'{"access_token":"t"}'), tls=tls_of_an_unknown_authority) as server,
            oauth(server.url) as source,
        ):
            with pytest.raises(TokenUnavailable, match="TLS: unable to get local issuer certificate"):
                await source.fetch()
        assert not server.requests


@pytest.mark.parametrize(
    "made",
    [
        lambda: StaticToken(CANARY),
        lambda: OAuthOptions(f"http://h/?k={CANARY}", "us", CANARY),
        lambda: SandboxOptions(tokens=frozenset({CANARY}), clients={"us": CANARY}),
    ],
)
def test_no_secret_in_what_is_printed(made: Callable[[], object]) -> None:
    """Printing a source, its options or the sandbox's shows no secret."""
    assert CANARY not in f"{made()!r} {made()}"


@pytest.fixture
def tls_of_an_unknown_authority(tmp_path: Path) -> ssl.SSLContext:
    from tests.broker.secure import make_keys  # noqa: PLC0415 - one test's need

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_keys(tmp_path).broker)
    return context
