"""All HTTP transports against one contract, on real sockets, with a server that misbehaves."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.httpx import HttpxNoticesApi
from pipeline.adapters.notices_api.pyreqwest import PyreqwestNoticesApi
from pipeline.adapters.notices_api.reply import ReplyReader
from pipeline.delivery.verdicts import VerdictTable
from pipeline.errors import ConfigurationError
from pipeline.model.notice import Notice
from pipeline.model.reply import Fault, Reply
from pipeline.model.trace import TraceContext
from pipeline.model.verdict import Verdict
from pipeline.ports import NoticesApi
from tests.contract.asking import posted
from tests.fakes.scripted_server import (
    ScriptedServer,
    Step,
    close_after,
    drip,
    hang,
    raw,
    reply,
    reset_after,
)

Make = Callable[[HttpOptions], NoticesApi]
TABLE = VerdictTable()
TOKEN = "canary-t0ken-7f3a"
OK = reply(b'{"code":200}')
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
OK_BYTES = HEAD + b'{"code":200}'
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
NOTICE = Notice("abdf3647-9c11-5cb5-856a-5d43e25176c5", "rule", "alias", "u1", b'{"to":"u1"}', None)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
IMPATIENT = {"timeout_seconds": 2.0, "connect_timeout_seconds": 1.5}
"""For what is to take too long; a busy machine needs some time to connect."""
REACHED = {Fault.TIMEOUT, Fault.RESET, Fault.BODY_CUT_SHORT}
"""After any of these no one may conclude that the request did not arrive."""


@pytest.fixture(params=[LoopNoticesApi, PyreqwestNoticesApi, HttpxNoticesApi], ids=["loop", "pyreqwest", "httpx"])
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


@asynccontextmanager
async def client(make: Make, url: str, **changes: Any) -> AsyncIterator[NoticesApi]:  # noqa: ANN401 - any option
    options = HttpOptions(url, timeout_seconds=60.0, connect_timeout_seconds=30.0)._replace(**changes)
    api = make(options)
    try:
        yield api
    finally:
        await api.close()


async def ask(make: Make, *steps: Step, **changes: Any) -> tuple[Reply, ScriptedServer]:  # noqa: ANN401 - any option
    async with ScriptedServer(*steps) as server, client(make, server.url, **changes) as api:
        return await posted(api, NOTICE, TOKEN), server


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose queue of connections is full: a connection is neither made nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex(listener.getsockname())
        try:
            yield listener.getsockname()[1]
        finally:
            for each in waiting:
                each.close()


class TestWhatLeaves:
    async def test_the_request_is_what_the_contract_says(self, make: Make) -> None:
        """One POST leaves with the notice's bytes, the bearer token and the quoted idempotency key."""
        _, server = await ask(make, OK)
        [request] = server.requests
        assert request.line == "POST /message/v2/notices HTTP/1.1"
        assert request.body == NOTICE.body
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers["idempotency-key"] == f'"{NOTICE.id}"'
        assert request.headers["content-type"] == "application/json"
        assert "traceparent" not in request.headers
        assert "cookie" not in request.headers

    async def test_a_key_of_its_own_goes_before_the_id(self, make: Make) -> None:
        """A notice sent again after a refusal keeps its id, and has another key."""
        async with ScriptedServer(OK) as server, client(make, server.url) as api:
            await posted(api, NOTICE._replace(key="another"), TOKEN)
        assert server.requests[0].headers["idempotency-key"] == '"another"'

    async def test_no_compressed_reply_is_requested(self, make: Make) -> None:
        """A compressed body could be a thousand times as large as it looks."""
        _, server = await ask(make, OK)
        assert server.requests[0].headers.get("accept-encoding", "identity") == "identity"

    async def test_extra_headers_and_parameters(self, make: Make) -> None:
        """The platform's common request parameters go along, beside those in the url."""
        async with (
            ScriptedServer(OK) as server,
            client(make, f"{server.url}?v=2", headers={"X-App": "a"}, query={"app key": "1&2"}) as api,
        ):
            await posted(api, NOTICE, TOKEN)
        assert server.requests[0].line == "POST /message/v2/notices?v=2&app%20key=1%262 HTTP/1.1"
        assert server.requests[0].headers["x-app"] == "a"

    async def test_the_idempotency_header_can_be_named_or_left_out(self, make: Make) -> None:
        """An API that knows the key by another name, or refuses unknown headers, can be served."""
        _, named = await ask(make, OK, idempotency_header="X-Request-Id")
        _, without = await ask(make, OK, idempotency_header=None)
        assert named.requests[0].headers["x-request-id"] == f'"{NOTICE.id}"'
        assert not {"idempotency-key", "x-request-id"} & without.requests[0].headers.keys()

    @pytest.mark.parametrize("state", ["", "a=1,b@c=2"])
    async def test_the_trace_context_goes_along(self, make: Make, state: str) -> None:
        """Both headers, and no tracestate where there is none."""
        async with ScriptedServer(OK) as server, client(make, server.url) as api:
            assert (await posted(api, NOTICE, TOKEN, TraceContext(TRACE, state))).code == 200
        assert server.requests[0].headers["traceparent"] == TRACE
        assert server.requests[0].headers.get("tracestate", "") == state

    async def test_cookies_are_not_kept(self, make: Make) -> None:
        """A cookie that the API sets does not come back to it."""
        async with ScriptedServer(reply(b'{"code":200}', set_cookie="a=b")) as server, client(make, server.url) as api:
            for _ in range(2):
                await posted(api, NOTICE, TOKEN)
        assert all("cookie" not in request.headers for request in server.requests)

    async def test_the_environments_proxy_is_not_used(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        """A proxy named in the environment does not get to see tokens."""
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        answer, _ = await ask(make, OK)
        assert answer.code == 200

    async def test_a_configured_proxy_is_used(self, make: Make) -> None:
        """A proxy named in the configuration gets the request."""
        async with (
            ScriptedServer(OK) as proxy,
            client(make, "http://api.invalid/message/v2/notices", proxy=f"http://127.0.0.1:{proxy.port}") as api,
        ):
            assert (await posted(api, NOTICE, TOKEN)).code == 200
        assert proxy.requests[0].line.startswith("POST http://api.invalid/message/v2/notices ")

    async def test_one_connection_serves_many_requests(self, make: Make) -> None:
        """Connections are kept and used again."""
        async with ScriptedServer(OK) as server, client(make, server.url) as api:
            for _ in range(5):
                await posted(api, NOTICE, TOKEN)
            assert (server.connections, len(server.requests)) == (1, 5)

    @pytest.mark.parametrize("token", ["two\r\nEvil: 1", "a\0b", "a\nb"])
    async def test_a_token_that_is_no_header_sends_nothing(self, make: Make, token: str) -> None:
        """A token with a line break cannot become a second header; nothing leaves, and it is not quoted."""
        async with ScriptedServer(OK) as server, client(make, server.url) as api:
            answer = await posted(api, NOTICE, token)
        assert answer.fault is Fault.CONNECT
        assert token not in answer.detail
        assert not server.requests


class TestReplies:
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b'{"code":200}', 200),
            (b'{"code":-1,"x":{}}', -1),
            (b'{"code":"45009"}', 45009),
            (b'{"code":200.0}', 200),
            (b' {"code":0}\n', 0),
            (b'{"code":2147483647}', 2**31 - 1),
            (b'{"code":"OK"}', "OK"),
        ],
    )
    async def test_codes(self, make: Make, body: bytes, code: int | str) -> None:
        """An integer is a code, as is what clearly means one, and a text for APIs whose codes are texts."""
        answer, _ = await ask(make, reply(body))
        assert (answer.status, answer.code, answer.fault) == (200, code, None)

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            pytest.param('{"code":200,"message":"成功"}'.encode("gbk"), {}, id="GBK"),
            pytest.param(
                '{"code":200,"message":"成功"}'.encode("gbk"),
                {"content_type": "application/json; charset=GBK"},
                id="GBK named",
            ),
            pytest.param(
                '{"code":200,"message":"誠功"}'.encode("big5"), {"content_type": 'text/json;charset="Big5"'}, id="Big5"
            ),
            pytest.param(
                '{"code":200}'.encode("utf-16-le"), {"content_type": "text/plain; charset=utf-16le"}, id="UTF-16"
            ),
            pytest.param(b'{"code":200,"m":"caf\xe9"}', {"content_type": "text/json; charset=latin1"}, id="Latin-1"),
            pytest.param(b'\xef\xbb\xbf{"code":200}', {}, id="BOM"),
            pytest.param('\ufeff{"code":200}'.encode("utf-16-be"), {}, id="UTF-16 with BOM"),
            pytest.param(b'{"code":200,"data":NaN}', {}, id="NaN"),
            pytest.param(b'{"code":200,"message":"a\nb\tc"}', {}, id="raw line break"),
            pytest.param(b'{"code":200,"message":"\\ud83d"}', {}, id="lone surrogate"),
            pytest.param(b'{"code":200,"x":%s1%s}' % (b"[" * 500, b"]" * 500), {}, id="nested deeply"),
            pytest.param(gzip.compress(b'{"code":200}'), {"content_encoding": "gzip"}, id="gzip"),
            pytest.param(gzip.compress(b'{"code":200}'), {"content_encoding": "x-gzip"}, id="x-gzip"),
            pytest.param(gzip.compress(b'{"code":200}'), {}, id="gzip without header"),
            pytest.param(
                gzip.compress(b'{"code"') + gzip.compress(b":200}"),
                {"content_encoding": "gzip"},
                id="gzip in two parts",
            ),
            pytest.param(zlib.compress(b'{"code":200}'), {"content_encoding": "deflate"}, id="deflate"),
            pytest.param(zlib.compress(b'{"code":200}')[2:-4], {"content_encoding": "deflate"}, id="raw deflate"),
            pytest.param(
                gzip.compress(zlib.compress(b'{"code":200}')), {"content_encoding": "deflate, gzip"}, id="two encodings"
            ),
            pytest.param(gzip.compress(gzip.compress(b'{"code":200}')), {"content_encoding": "gzip"}, id="named once"),
            pytest.param(b'{"code":200}', {"content_encoding": "gzip"}, id="not gzip, despite the header"),
            pytest.param(b'{"code":200,"code":200}', {}, id="the same code twice"),
            pytest.param(b'{"code":200}', {"content_type": "text/html; charset=utf-7"}, id="unknown charset"),
        ],
    )
    async def test_a_success_is_recognised_however_it_is_encoded(
        self, make: Make, body: bytes, headers: dict[str, str]
    ) -> None:
        """An accepted notice whose reply is not recognised may be sent twice."""
        answer, _ = await ask(make, reply(body, 200, **headers))
        assert (answer.status, answer.code, answer.fault) == (200, 200, None)

    @pytest.mark.parametrize(
        ("path", "body", "code"),
        [
            ("errcode", b'{"errcode":0,"errmsg":"ok"}', 0),
            ("result.code", b'{"result":{"code":200}}', 200),
            ("a.b.c", b'{"a":{"b":{"c":"45009","msg":"spent"}}}', 45009),
            ("errcode", b'{"code":200}', None),
            ("result.code", b'{"result":[{"code":200}]}', None),
            ("code", b'{"result":{"code":200}}', None),
            ("code", b'{"errcode":0}', None),
        ],
    )
    async def test_the_code_is_where_the_configuration_says(
        self, make: Make, path: str, body: bytes, code: int | None
    ) -> None:
        """A name, or several with dots between; a code elsewhere does not count."""
        answer, _ = await ask(make, reply(body), code_path=path)
        assert (answer.code, answer.fault) == (code, Fault.BODY_INVALID if code is None else None)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"[200]",
            b"200",
            b'"200"',
            b"null",
            b'{"code":true}',
            b'{"code":null}',
            b'{"code":" 200"}',
            b'{"code":""}',
            b'{"code":200.5}',
            b'{"code":1e400}',
            b'{"code":NaN}',
            b'{"code":2147483648}',
            b'{"code":99999999999999999999999}',
            b'{"code":%s}' % (b"9" * 10_000),
            b'{"code":{"code":200}}',
            b'{"Code":200}',
            b'{"code":200,"code":500}',
            b'{"code":500,"code":200}',
            b'{"errcode":0}',
            b'{"result":{"code":200}}',
            b'{"code":200',
            b'\xff\xfe{"code":200}',
            b"<html>200 OK</html>",
            b"[" * 5_000,
            b"\x1f\x8b" + b"x" * 50,
            gzip.compress(b'{"code":200}', mtime=0)[:-12],  # the time would be in the test's name
        ],
    )
    async def test_no_code(self, make: Make, body: bytes) -> None:
        """A 2xx reply without a usable code is ambiguous, and its first bytes are kept."""
        answer, _ = await ask(make, reply(body))
        assert (answer.status, answer.code, answer.fault) == (200, None, Fault.BODY_INVALID)
        assert TABLE.judge(answer) is Verdict.AMBIGUOUS
        assert answer.detail
        assert len(answer.detail.encode()) <= 200

    async def test_a_brotli_body_is_ambiguous(self, make: Make) -> None:
        """It is not requested, and cannot be unpacked with the standard library."""
        answer, _ = await ask(make, reply(b'\x0b\x05\x80{"code":200}\x03', content_encoding="br"))
        assert TABLE.judge(answer) is Verdict.AMBIGUOUS

    async def test_a_compressed_body_is_bounded_unpacked(self, make: Make) -> None:
        """60 MB of spaces in 60 kB are not unpacked beyond the limit."""
        bomb = gzip.compress(b" " * 60_000_000 + b'{"code":200}')
        answer, _ = await ask(make, reply(bomb, content_encoding="gzip"), timeout_seconds=5.0)
        assert (answer.status, answer.fault) == (200, Fault.BODY_TOO_LARGE)

    @pytest.mark.parametrize("status", [400, 404, 500, 502])
    @pytest.mark.parametrize("body", [b"", b"<html>", "错误".encode("gbk"), gzip.compress(b"<html>", mtime=0)])
    async def test_other_statuses_without_a_code_are_transient(self, make: Make, status: int, body: bytes) -> None:
        """An error page says that the request was not carried out."""
        answer, _ = await ask(make, reply(body, status))
        assert TABLE.judge(answer) is Verdict.RETRY

    @pytest.mark.parametrize(
        ("body", "changes", "names_key"),
        [
            (b'{"title":"Idempotency-Key is already used"}', {}, True),
            (b'{"code":422,"message":"idempotent request with another body"}', {}, True),
            (b'{"code":422,"message":"X-Request-Id was used before"}', {"idempotency_header": "X-Request-Id"}, True),
            (b'{"code":422,"message":"Idempotency-Key?"}', {"idempotency_header": None}, False),
            (b'{"code":422,"message":"thing3 is too long"}', {}, False),
            (b"", {}, False),
        ],
    )
    async def test_422_tells_of_the_key_or_not(
        self,
        make: Make,
        body: bytes,
        changes: dict[str, Any],
        names_key: bool,  # noqa: FBT001 - a parameter of the test
    ) -> None:
        """Only a reply that mentions the key is evidence that it was used before."""
        answer, _ = await ask(make, reply(body, 422), **changes)
        assert answer.names_key is names_key
        assert TABLE.judge(answer) is (Verdict.KEY_REUSED if names_key else Verdict.REJECTED_CONTENT)

    @pytest.mark.parametrize("status", [201, 202, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503, 599])
    async def test_status_and_code_come_together(self, make: Make, status: int) -> None:
        """The code is read under every status, and so is Retry-After as it is."""
        answer, _ = await ask(make, reply(b'{"code":7}', status, retry_after="Fri, 31 Dec 1999 23:59:59 GMT"))
        assert answer == Reply(status, 7, None, "Fri, 31 Dec 1999 23:59:59 GMT", "")

    async def test_a_body_that_is_no_json_is_shown_in_part(self, make: Make) -> None:
        """The first bytes of an unreadable body are kept, printable, and without the token that it may quote."""
        page = f"<h1>Bad Gateway</h1>\x1b[31m\n{'好' * 50}authorization: bEaReR {TOKEN} {TOKEN}{'x' * 900}".encode()
        answer, _ = await ask(make, reply(page, 502))
        assert (answer.status, answer.fault) == (502, Fault.BODY_INVALID)
        assert answer.detail.startswith("<h1>Bad Gateway</h1> [31m ")
        assert answer.detail.isprintable()
        assert len(answer.detail.encode()) <= 200
        assert TOKEN not in answer.detail

    @pytest.mark.parametrize("padding", range(150, 200))
    def test_no_part_of_the_token_is_left_where_the_detail_is_cut(self, padding: int) -> None:
        """The token is removed before the detail is cut, so that no part of it stays."""
        reader = ReplyReader(HttpOptions("http://127.0.0.1/"))
        body = b"x" * padding + TOKEN.encode() + b"y" * 100
        assert "canary" not in reader.read(500, lambda _: None, body, TOKEN, NOTICE).detail

    async def test_the_apis_own_message_is_kept(self, make: Make) -> None:
        """What the API says of a refusal reaches people, without the token."""
        answer, _ = await ask(make, reply(f'{{"code":47003,"message":"thing3 {TOKEN}\\u0000"}}'.encode()))
        assert (answer.code, answer.detail) == (47003, "thing3 … ")

    async def test_what_the_request_held_is_removed_from_the_detail(self, make: Make) -> None:
        """A gateway that echoes headers, query and body: no configured value, recipient or text is left."""
        notice = NOTICE._replace(
            recipient="0af7651916cd43dd", body='{"to":"0af7651916cd43dd","data":{"name1":{"value":"王 芳"}}}'.encode()
        )
        echo = (
            "<p>X-Key: canary-header canary%20query?a=canary-in-url 0af7651916cd43dd 王 芳 "
            "\\u738b \\u82b3 %E7%8E%8B%20%E8%8A%B3 Bearer abc</p>"
        )
        for body in (echo.encode(), b'{"code":47003,"message":"' + echo.encode() + b'"}'):
            async with (
                ScriptedServer(reply(body, 400)) as server,
                client(
                    make,
                    f"{server.url}?a=canary-in-url",
                    headers={"X-Key": "canary-header"},
                    query={"k": "canary query"},
                ) as api,
            ):
                answer = await posted(api, notice, TOKEN)
            assert answer.detail.startswith("<p>X-Key: … …?a=… … … ")
            for word in ("canary", "0af7", "王", "芳", "u738b", "%E7", "abc"):
                assert word not in answer.detail, answer.detail

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_redirects_are_not_followed(self, make: Make, status: int) -> None:
        """The token does not travel to wherever a redirect points."""
        async with ScriptedServer(OK) as other:
            answer, server = await ask(make, reply(b'{"code":200}', status, location=other.url))
        assert (answer.status, answer.code, answer.fault) == (status, None, Fault.REDIRECT)
        assert (len(server.requests), len(other.requests)) == (1, 0)
        assert other.url in answer.detail

    @pytest.mark.parametrize(
        ("location", "shown"),
        [
            (
                "https://user:canary@login.example/sso/canary-t0ken-7f3a?token=canary#canary",
                "https://login.example/sso/…",
            ),
            ("/elsewhere?key=canary", "/elsewhere"),
            ("//[", "not a URL"),
        ],
    )
    async def test_the_location_of_a_redirect_is_named_without_secrets(
        self, make: Make, location: str, shown: str
    ) -> None:
        """User, password, query and fragment are left out, and the token is removed."""
        answer, _ = await ask(make, reply(b"", 302, location=location))
        assert shown in answer.detail
        assert "canary" not in answer.detail

    async def test_interim_replies_are_passed_over(self, make: Make) -> None:
        """What comes before the reply proper (1xx) is not the reply."""
        hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
        answer, _ = await ask(make, raw(hints + HEAD + b'{"code":200}'))
        assert answer == Reply(200, 200)

    async def test_a_body_without_a_length_ends_with_the_connection(self, make: Make) -> None:
        """An old server's reply is read to the connection's end."""
        answer, _ = await ask(make, close_after(raw(b'HTTP/1.0 200 OK\r\n\r\n{"code":200}')))
        assert answer == Reply(200, 200)

    @pytest.mark.parametrize("size", [1_000, 1_001, 5_000_000])
    async def test_long_bodies_are_not_read_to_their_end(self, make: Make, size: int) -> None:
        """A body of the greatest size allowed is read, a longer one is cut off."""
        body = b'{"code":200}'.ljust(size)
        answer, _ = await ask(make, reply(body, 200, retry_after="9"), max_reply_bytes=1_000)
        fault, code = (None, 200) if size == 1_000 else (Fault.BODY_TOO_LARGE, None)
        assert (answer.status, answer.code, answer.fault) == (200, code, fault)
        assert answer.retry_after == ("9" if fault else None)

    async def test_an_endless_body_ends(self, make: Make) -> None:
        """A body that never ends is left at the limit, well before the timeout."""
        endless = (b"400\r\n" + b"y" * 1_024 + b"\r\n" for _ in range(10**9))
        answer, _ = await ask(make, drip((CHUNKED, *(next(endless) for _ in range(200))), 0), max_reply_bytes=65_536)
        assert (answer.status, answer.fault) == (200, Fault.BODY_TOO_LARGE)


class TestFaults:
    """Each row: what happens, and what may be concluded. Only CONNECT says that nothing has left."""

    @pytest.mark.parametrize(
        ("steps", "fault", "status"),
        [
            pytest.param([close_after()], Fault.RESET, None, id="closed before a reply"),
            pytest.param([reset_after()], Fault.RESET, None, id="reset before a reply"),
            pytest.param([hang], Fault.TIMEOUT, None, id="no reply"),
            pytest.param([drip([HEAD[:9], HEAD[9:]], 5)], Fault.TIMEOUT, None, id="half a head"),
            pytest.param([close_after(raw(HEAD[:9]))], Fault.RESET, None, id="closed within the head"),
            pytest.param([drip([HEAD], 5)], Fault.TIMEOUT, 200, id="a head and no body"),
            pytest.param([drip([HEAD, b'{"code', b'":200}'], 3)], Fault.TIMEOUT, 200, id="a slow body"),
            pytest.param(
                [drip([HEAD, *(bytes([byte]) for byte in b'{"code":200}')], 0.5)], Fault.TIMEOUT, 200, id="drop by drop"
            ),
            pytest.param([close_after(raw(HEAD + b'{"co'))], Fault.BODY_CUT_SHORT, 200, id="closed within the body"),
            pytest.param(
                [reset_after(raw(HEAD), drip([b'{"co'], 0.05))], Fault.BODY_CUT_SHORT, 200, id="reset within it"
            ),
            pytest.param([close_after(raw(CHUNKED + b"5\r\n{"))], Fault.BODY_CUT_SHORT, 200, id="chunk cut short"),
            pytest.param([close_after(raw(CHUNKED + b"5\r\n{co\r\n"))], Fault.BODY_CUT_SHORT, 200, id="wrong chunk"),
            pytest.param([raw(CHUNKED + b"zz\r\n")], Fault.BODY_CUT_SHORT, 200, id="no chunk size"),
            pytest.param([close_after(raw(b"\x16\x03garbage\r\n\r\n"))], Fault.RESET, None, id="no HTTP"),
            pytest.param([raw(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n")], Fault.RESET, None, id="no header"),
            pytest.param([raw(b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n")], Fault.RESET, None, id="NUL in a header"),
            pytest.param(
                [raw(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\ncontent-length: 13\r\n\r\n")],
                Fault.RESET,
                None,
                id="two lengths",
            ),
            pytest.param([raw(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 900_000)], Fault.RESET, None, id="endless header"),
            pytest.param([close_after(raw(SWITCHED))], Fault.RESET, None, id="another protocol"),
            pytest.param([close_after(raw(SWITCHED + OK_BYTES))], Fault.RESET, None, id="success in another"),
        ],
    )
    async def test_after_the_request_left(
        self, make: Make, steps: list[Step], fault: Fault, status: int | None
    ) -> None:
        """Once the API may have the request, the fault reports it."""
        answer, server = await ask(make, *steps, **(IMPATIENT if fault is Fault.TIMEOUT else {}))
        assert (answer.fault, answer.code) == (fault, None)
        assert answer.status in {None, status}  # the fast client reads ahead and tells no status of a broken body
        assert fault in REACHED
        assert len(server.requests) == 1

    async def test_refused(self, make: Make) -> None:
        """No one listens: the request did not leave."""
        async with ScriptedServer(OK) as server:
            url = server.url
        async with client(make, url) as api:
            assert (await posted(api, NOTICE, TOKEN)).fault is Fault.CONNECT

    async def test_unresolved(self, make: Make) -> None:
        """The name is unknown: the request did not leave."""
        async with client(make, "http://unknown.invalid/x", timeout_seconds=9.0, connect_timeout_seconds=8.0) as api:
            assert (await posted(api, NOTICE, TOKEN)).fault is Fault.CONNECT

    async def test_connect_timeout(self, make: Make) -> None:
        """The connection was not made in time: the request did not leave."""
        with deaf_port() as port:
            async with client(make, f"http://127.0.0.1:{port}/", **IMPATIENT) as api:
                assert (await posted(api, NOTICE, TOKEN)).fault is Fault.CONNECT

    async def test_tls_not_spoken(self, make: Make) -> None:
        """The other side answers the handshake in plain HTTP, as nginx does: the request did not leave."""
        received = bytearray()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.extend(await reader.read(65_536))
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1") as server:
            port = server.sockets[0].getsockname()[1]
            async with client(make, f"https://127.0.0.1:{port}/") as api:
                assert (await posted(api, NOTICE, TOKEN)).fault is Fault.CONNECT
        assert received
        assert b"POST" not in received

    async def test_tls_that_hangs(self, make: Make) -> None:
        """The other side takes the connection and says nothing: no TLS, and the request did not leave."""
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen(8)
            async with client(make, f"https://127.0.0.1:{mute.getsockname()[1]}/", **IMPATIENT) as api:
                assert (await posted(api, NOTICE, TOKEN)).fault is Fault.CONNECT

    async def test_a_closed_client_answers_with_a_fault(self, make: Make) -> None:
        """Sending after closing is a fault, not an exception."""
        async with ScriptedServer(OK) as server, client(make, server.url) as api:
            await api.close()
            assert (await posted(api, NOTICE, TOKEN)).fault is not None

    async def test_closing_ends_what_is_under_way(self, make: Make) -> None:
        """A request without an answer holds no one up, and its connection ends with it."""
        async with ScriptedServer(hang) as server, client(make, server.url, timeout_seconds=600.0) as api:
            replies: list[Reply] = []
            api.post(NOTICE, TOKEN, None, replies.append)
            await server.arrived.wait()
            async with asyncio.timeout(60):
                await api.close()
            assert all(reply.fault is not None for reply in replies)

    @pytest.mark.parametrize("step", [close_after(), reset_after(), reply(b"{}", 500), reply(b"", 302)])
    async def test_secrets_are_in_no_message(self, make: Make, step: Step) -> None:
        """Neither the token nor a key in the url or a header is in what a reply says."""
        answer, _ = await ask(make, step, query={"app_key": "canary-key"}, headers={"X-Key": "canary-header"})
        assert "canary" not in repr(answer)


class TestNothingLeavesTwice:
    """Clients like to repeat by themselves when a kept connection turns out dead. Only ours may repeat, knowingly."""

    @pytest.mark.parametrize("end", [close_after(), reset_after()], ids=["closed", "reset"])
    async def test_a_kept_connection_that_dies_under_a_request(self, make: Make, end: Step) -> None:
        """The server reads the second request on a kept connection and drops it: one attempt, one ambiguous fault."""
        async with ScriptedServer(OK, end, OK) as server, client(make, server.url) as api:
            assert (await posted(api, NOTICE, TOKEN)).code == 200
            second = await posted(api, NOTICE._replace(id="second"), TOKEN)
        assert second.fault is Fault.RESET
        assert [request.connection for request in server.requests] == [1, 1]

    @pytest.mark.parametrize("how", [close_after, reset_after])
    async def test_the_race_between_a_server_that_closes_and_the_next_request(
        self, make: Make, how: Callable[[Step], Step]
    ) -> None:
        """A server that ends every connection after its reply never sees a notice twice for one attempt."""
        faults: Counter[Fault | None] = Counter()
        async with ScriptedServer(how(OK)) as server, client(make, server.url) as api:
            for number in range(200):
                answer = await posted(api, NOTICE._replace(id=f"n{number}"), TOKEN)
                faults[answer.fault] += 1
        seen = Counter(request.headers["idempotency-key"] for request in server.requests)
        assert max(seen.values()) == 1
        assert sum(faults.values()) == 200
        assert faults[None] <= len(seen)


class TestConfiguration:
    @pytest.mark.parametrize(
        "changes",
        [{"ca_pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}, {"client_pem": b"nope"}],
    )
    async def test_certificates_that_are_none(self, make: Make, changes: dict[str, Any]) -> None:
        """A certificate that cannot be read is reported at start, with a message."""
        with pytest.raises(ConfigurationError, match="HTTP client"):
            make(HttpOptions("https://127.0.0.1/")._replace(**changes))

    async def test_headers_that_are_none(self, make: Make) -> None:
        """A configured header that cannot be written is reported at start, without its value."""
        with pytest.raises(ConfigurationError, match="HTTP client") as caught:
            make(HttpOptions("http://127.0.0.1/", headers={"X-Key": "canary\r\nEvil: 1"}))
        assert "canary" not in str(caught.value)

    def test_options_hide_what_may_be_secret(self) -> None:
        """The repr of the options has no header, query, certificate or proxy in it."""
        options = HttpOptions(
            "http://h/?k=canary", headers={"a": "canary"}, query={"b": "canary"}, client_pem=b"canary"
        )
        assert "canary" not in f"{options!r} {options}"
