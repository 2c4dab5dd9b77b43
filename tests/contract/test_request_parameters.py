"""Common request parameters as they leave: equal bytes from every transport, signatures that openssl verifies."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pipeline.adapters.clock import SystemClock
from pipeline.bootstrap.notices import notices_api
from pipeline.model.notice import DEFAULT_API, Notice
from pipeline.model.reply import Reply
from pipeline.model.trace import TraceContext
from pipeline.ports import NoticesApi
from pipeline.runtime.credentials import Credentials
from pipeline.settings import Settings
from tests.contract.asking import posted
from tests.fakes.scripted_server import Request, ScriptedServer, close_after, reply

OK = reply(b'{"code":200}')
SECRET = "canary-s3cret-0123456789"
BODY = '{"to":"u1","template":"t","data":{"thing1":{"value":"咖啡 & 茶"}}}'.encode()
NOTICE = Notice("abdf3647-9c11-5cb5-856a-5d43e25176c5", "rule", "alias", "u1", BODY, None)
NOW = 1_700_000_000.25
TRANSPORTS = ("loop", "pyreqwest", "httpx")
Make = Callable[..., NoticesApi]
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the command openssl")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    (tmp_path / "secret").write_text(f"{SECRET}\n")

    def made(
        url: str,
        transport: str,
        parameters: Mapping[str, Any],
        credentials: Credentials | None = None,
        **notices: Any,  # noqa: ANN401 - any setting
    ) -> NoticesApi:
        settings = Settings.model_validate(
            {
                "kafka": {"bootstrap_servers": "localhost:9092", "topics": ["t"]},
                "notices": {"url": url, "token": "t", "transport": transport, "parameters": parameters, **notices},
            },
            context={"base": tmp_path},
        )
        clock = SystemClock(lambda: NOW, lambda: 0.0)
        return notices_api(settings.notices, DEFAULT_API, credentials or Credentials(clock), clock)

    return made


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def sent(make: Make, transport: str, parameters: Mapping[str, Any], **notices: Any) -> Request:  # noqa: ANN401
    async with ScriptedServer(OK) as server:
        api = make(server.url + notices.pop("more", ""), transport, parameters, **notices)
        assert await posted(api, NOTICE, "token") == Reply(200, 200)
        await api.close()
    [request] = server.requests
    return request


def query_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.line.split(" ")[1]).query, strict_parsing=True, keep_blank_values=True))


def openssl_command(*arguments: str | Path, text: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, check=True)
    return done.stdout


def digest(*arguments: str, text: bytes) -> str:
    return openssl_command("dgst", *arguments, "-binary", text=text).hex()


@needs_openssl
async def test_sorted_parameters_and_a_secret_in_md5(make: Make, transport: str) -> None:
    """The preset `sorted-md5`, computed by the command `openssl` from a text written by hand."""
    parameters = {
        "preset": "sorted-md5",
        "query": {"app_id": "wx咖 1", "empty": "", "Z": "&="},
        "sign": {"secret_file": "secret"},
    }
    request = await sent(make, transport, parameters, more="?v=2&x=a+b%2B")
    query = query_of(request)
    nonce = query["nonce"]
    text = f"Z=&=&app_id=wx咖 1&nonce={nonce}&timestamp=1700000000&v=2&x=a b+&key={SECRET}"
    assert query["sign"] == digest("-md5", text=text.encode()).upper()
    assert re.fullmatch(r"[0-9a-f]{32}", nonce)
    assert request.line == (
        "POST /message/v2/notices?v=2&x=a+b%2B&app_id=wx%E5%92%96%201&empty=&Z=%26%3D&timestamp=1700000000"
        f"&nonce={nonce}&sign={query['sign']} HTTP/1.1"
    )
    assert request.body == BODY


@needs_openssl
async def test_hmac_over_method_path_time_and_hash_of_the_body(make: Make, transport: str) -> None:
    """The preset `hmac-sha256`, computed by the command `openssl` from a text written by hand."""
    parameters = {"preset": "hmac-sha256", "headers": {"X-App-Id": "app"}, "sign": {"secret_file": "secret"}}
    request = await sent(make, transport, parameters)
    text = f"POST\n/message/v2/notices\n1700000000\n{hashlib.sha256(request.body).hexdigest()}"
    assert request.headers["x-signature"] == digest("-sha256", "-hmac", SECRET, text=text.encode())
    assert (request.headers["x-timestamp"], request.headers["x-app-id"]) == ("1700000000", "app")
    assert request.line == "POST /message/v2/notices HTTP/1.1"


@needs_openssl
async def test_rsa_as_alipays(make: Make, transport: str, tmp_path: Path) -> None:
    """The preset `rsa-sha256`: a key made by `openssl`, which also verifies the signature of a text written by hand."""
    key, public, signature = (tmp_path / name for name in ("key.pem", "public.pem", "signature"))
    openssl_command("genrsa", "-out", key, "2048")
    openssl_command("rsa", "-in", key, "-pubout", "-out", public)
    parameters = {
        "preset": "rsa-sha256",
        "query": {"app_id": "2014072300007148", "method": "notices.send", "charset": "utf-8", "sign_type": "RSA2"},
        "sign": {"key_file": "key.pem"},
    }
    query = query_of(await sent(make, transport, parameters))
    text = (
        f"app_id=2014072300007148&biz_content={BODY.decode()}&charset=utf-8&method=notices.send&sign_type=RSA2"
        "&timestamp=2023-11-15 06:13:20"
    )
    signature.write_bytes(base64.b64decode(query["sign"], validate=True))
    verified = openssl_command("dgst", "-sha256", "-verify", public, "-signature", signature, text=text.encode())
    assert verified == b"Verified OK\n"
    assert query["timestamp"] == "2023-11-15 06:13:20"


async def test_attempts_differ_in_what_is_computed_and_in_nothing_else(make: Make, transport: str) -> None:
    """Body and idempotency key are the same bytes; nonce, request id and signature are new for each attempt."""
    parameters = {
        "body": {"app": "咖", "n": 1},
        "nonce": {"header": "X-Nonce", "length": 17},
        "request_id": {"query": "rid"},
        "sign": {
            "header": "X-Sign",
            "algorithm": "sha256",
            "over": "{nonce}{request_id}{secret}",
            "secret_file": "secret",
        },
    }
    async with ScriptedServer(close_after(), OK) as server:
        api = make(server.url, transport, parameters)
        for _ in range(3):
            await posted(
                api, NOTICE, "token", TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "")
            )
        await api.close()
    assert {request.body for request in server.requests} == {BODY[:-1] + ',"app":"咖","n":1}'.encode()}
    assert {request.headers["idempotency-key"] for request in server.requests} == {f'"{NOTICE.id}"'}
    assert len({request.headers["x-nonce"] for request in server.requests}) == 3
    assert all(len(request.headers["x-nonce"]) == 17 for request in server.requests)
    assert len({query_of(request)["rid"] for request in server.requests}) == 3
    uuid4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert all(re.fullmatch(uuid4, query_of(request)["rid"]) for request in server.requests)
    for request in server.requests:
        text = request.headers["x-nonce"] + query_of(request)["rid"] + SECRET
        assert request.headers["x-sign"] == hashlib.sha256(text.encode()).hexdigest()
        assert int(request.headers["content-length"]) == len(request.body)


async def test_constants_alone(make: Make, transport: str, tmp_path: Path) -> None:
    """In query, headers and body, from the configuration and from files."""
    (tmp_path / "key").write_text("k 1\n")
    parameters = {
        "query": {"a": "1"},
        "secret_query_files": {"key": "key"},
        "headers": {"X-A": "2"},
        "body": {"b": {"c": [3]}},
        "secret_body_files": {"d": "key"},
    }
    request = await sent(make, transport, parameters, query={"q": "0"})
    assert request.line == "POST /message/v2/notices?q=0&a=1&key=k%201 HTTP/1.1"
    assert request.headers["x-a"] == "2"
    assert request.body == BODY[:-1] + b',"b":{"c":[3]},"d":"k 1"}'


async def test_all_transports_send_the_same_bytes(make: Make) -> None:
    """Of a url with characters that clients like to rewrite, and of parameters of every kind."""
    parameters = {
        "query": {"a b": "!'()*;:@/?~", "e": ""},
        "timestamp": {"query": "t i", "format": "%Y-%m-%d %H:%M:%S.%f%z", "zone": "Asia/Shanghai"},
        "sign": {"query": "s+", "algorithm": "hmac-sha1", "over": "{query}", "encode": "base64", "secret": "s"},
    }
    requests = [await sent(make, each, parameters, more="?x=a+b&y=%7e%2F&z=(1)'*!&flag") for each in TRANSPORTS]
    assert len({request.line for request in requests}) == 1, [request.line for request in requests]
    assert len({request.body for request in requests}) == 1
    assert "t%20i=2023-11-15%2006%3A13%3A20.250000%2B0800&s%2B=" in requests[0].line


async def test_what_an_api_echoes_of_them_is_removed(make: Make, transport: str) -> None:
    """A gateway that shows the text it would have signed, with the secret, as some do in a reply."""
    echo = json.dumps({"code": 47003, "message": f"sign error: {SECRET} canary-body canary-query canary-file"}).encode()
    async with ScriptedServer(reply(echo)) as server:
        api = make(
            server.url,
            transport,
            {
                "preset": "sorted-md5",
                "query": {"app": "canary-query"},
                "body": {"c": "canary-body"},
                "sign": {"secret_file": "secret"},
            },
        )
        answer = await posted(api, NOTICE, "token")
        await api.close()
    assert answer.detail == "sign error: … … … canary-file"


async def test_a_body_that_takes_no_constants_sends_nothing(make: Make, transport: str) -> None:
    """The fault is known before anything leaves."""
    async with ScriptedServer(OK) as server:
        api = make(server.url, transport, {"body": {"a": 1}})
        answer = await posted(api, NOTICE._replace(body=b"[]"), "token")
        await asyncio.sleep(0)
        await api.close()
    assert (answer.fault, answer.detail) == ("connect", "the request cannot be built")
    assert not server.requests


async def test_secrets_and_keys_are_read_again(make: Make, transport: str, tmp_path: Path) -> None:
    """Requests are signed with the new secret; a secret that is empty for a moment leaves the old one in use."""
    credentials = Credentials(SystemClock(lambda: NOW, lambda: 0.0))
    over = {"algorithm": "sha256", "over": "{secret}", "secret_file": "secret"}
    parameters = {"sign": {"header": "X-Sign", **over}, "secret_query_files": {"app": "secret"}}
    async with ScriptedServer(OK) as server:
        api = make(server.url, transport, parameters, credentials)
        await posted(api, NOTICE, "token")
        for content in ("", "second"):
            (tmp_path / "secret").write_text(content)
            for _ in range(2):  # a change counts once two looks find the same
                await credentials.look()
            await posted(api, NOTICE, "token")
        await api.close()
    secrets = [query_of(request)["app"] for request in server.requests]
    assert secrets == [SECRET, SECRET, "second"]
    signatures = [hashlib.sha256(secret.encode()).hexdigest() for secret in secrets]
    assert [request.headers["x-sign"] for request in server.requests] == signatures
