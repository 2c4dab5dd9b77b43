"""The sandbox checks common request parameters against what it receives, and says what is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from pipeline.adapters.clock import SystemClock
from pipeline.bootstrap.notices import notices_api
from pipeline.bootstrap.parameters import constants, definition
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.notice import DEFAULT_API, Notice
from pipeline.model.reply import Reply
from pipeline.model.verdict import Verdict
from pipeline.runtime.credentials import Credentials
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.state import SandboxOptions
from pipeline.settings import Settings
from tests.contract.asking import posted

BODY = b'{"to":"u1","template":"t","data":{"thing1":{"value":"x"}}}'
NOW = 1_700_000_000.0
SECRET = "canary-s3cret-0123456789"
HMAC = {"preset": "hmac-sha256", "headers": {"X-App": "a"}, "sign": {"secret": SECRET}}
MD5 = {"preset": "sorted-md5", "query": {"app": "a b", "empty": ""}, "body": {"app": "a"}, "sign": {"secret": SECRET}}


def settings(url: str, parameters: Mapping[str, Any], folder: Path) -> Settings:
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": "localhost:9092", "topics": ["t"]},
            "notices": {"url": url, "token": "t", "parameters": parameters},
        },
        context={"base": folder},
    )


class Checked(NamedTuple):
    """A sandbox that checks, and a sender whose configuration and clock may be others."""

    sandbox: SandboxServer
    folder: Path

    async def send(self, parameters: Mapping[str, Any], *, key: str = "k", ahead: float = 0.0) -> Reply:
        own = settings(self.sandbox.url, parameters, self.folder)
        clock = SystemClock(lambda: NOW + ahead, lambda: 0.0)
        api = notices_api(own.notices, DEFAULT_API, Credentials(clock), clock)
        try:
            return await posted(api, Notice(key, "rule", "alias", "u1", BODY, None), "token")
        finally:
            await api.close()


Start = Callable[[Mapping[str, Any]], Any]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    @asynccontextmanager
    async def started(parameters: Mapping[str, Any]) -> AsyncIterator[Checked]:
        notices = settings("http://localhost/message/v2/notices", parameters, tmp_path).notices
        found = definition(notices, DEFAULT_API, constants(notices))
        async with SandboxServer(SandboxOptions(parameters=found, clock=lambda: NOW)) as sandbox:
            yield Checked(sandbox, tmp_path)

    return started


@pytest.mark.parametrize("parameters", [HMAC, MD5], ids=["hmac", "md5"])
async def test_what_is_signed_by_the_same_configuration_is_accepted(
    start: Start, parameters: Mapping[str, Any]
) -> None:
    """Constants of the body are not part of the message, and a repeated attempt is recognised by its key."""
    async with start(parameters) as checked:
        assert await checked.send(parameters) == Reply(200, 200)
        assert await checked.send(parameters) == Reply(200, 200)
        counts = checked.sandbox.state.memory.counts
    assert (counts.accepted, counts.repeats, counts.parameters_refused) == (1, 1, 0)


async def test_rsa(start: Start, tmp_path: Path) -> None:
    """The sandbox has the private key, and so the public one."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - used here alone
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - as above

    for name in ("key", "other"):
        pem = rsa.generate_private_key(65_537, 2_048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (tmp_path / name).write_bytes(pem)
    parameters = {"preset": "rsa-sha256", "query": {"app_id": "1"}, "sign": {"key_file": "key"}}
    async with start(parameters) as checked:
        assert await checked.send(parameters) == Reply(200, 200)
        other = await checked.send({**parameters, "sign": {"key_file": "other"}})
    assert (other.status, other.code) == (403, 403)


@pytest.mark.parametrize(
    ("parameters", "sent", "ahead", "reason"),
    [
        (HMAC, {**HMAC, "sign": {"secret": "other"}}, 0.0, "the signature is not that of the text"),
        (HMAC, {**HMAC, "sign": {"secret": SECRET, "over": "{path}"}}, 0.0, "the signature is not that of the text"),
        (HMAC, {**HMAC, "body": {"extra": 1}}, 0.0, None),
        (HMAC, {"headers": {"X-App": "a"}, "timestamp": {"header": "X-Timestamp"}}, 0.0, "X-Signature, the signature,"),
        (HMAC, {"headers": {"X-App": "a"}}, 0.0, "the header X-Timestamp is missing"),
        (HMAC, {**HMAC, "headers": {}}, 0.0, "the header X-App is missing"),
        (HMAC, {**HMAC, "headers": {"X-App": "b"}}, 0.0, "the header X-App has another value"),
        (HMAC, HMAC, 301.0, "the timestamp is 301 s ahead: more than 300 s"),
        (HMAC, HMAC, -400.0, "the timestamp is 400 s old"),
        (HMAC, HMAC, 299.0, None),
        (HMAC, {**HMAC, "timestamp": {"format": "%Y%m%dT%H%M%S"}}, 0.0, "cannot be read"),
        (MD5, {**MD5, "query": {"empty": ""}}, 0.0, "the query parameter app is missing"),
        (MD5, {**MD5, "query": {"app": "a b", "empty": "", "more": "1"}}, 0.0, None),
        (MD5, {**MD5, "nonce": {"query": "other"}}, 0.0, "the query parameter nonce is missing"),
        (MD5, {**MD5, "body": {}}, 0.0, "the key app of the body is missing"),
        (MD5, {**MD5, "body": {"app": "b"}}, 0.0, "the key app of the body has another value"),
    ],
)
async def test_each_deviation_is_named(
    start: Start, parameters: Mapping[str, Any], sent: Mapping[str, Any], ahead: float, reason: str | None
) -> None:
    """With status and code 403, which halts sending: another token would not help. None: accepted, or for the body."""
    async with start(parameters) as checked:
        answer = await checked.send(sent, ahead=ahead)
        counts = checked.sandbox.state.memory.counts
    if reason is None:
        assert counts.parameters_refused == 0
        return
    assert (answer.status, answer.code) == (403, 403)
    assert VerdictTable().judge(answer) is Verdict.UNAUTHORISED
    assert answer.detail.startswith("invalid parameters: ")
    assert reason in answer.detail
    assert (counts.parameters_refused, counts.accepted) == (1, 0)


async def test_a_nonce_is_accepted_once(start: Start) -> None:
    """A request that is sent again as it was is a replay; another attempt of the notice has another nonce."""
    async with start(MD5) as checked:
        requests: list[httpx.Request] = []
        async with httpx.AsyncClient(trust_env=False) as http:
            await checked.send(MD5)
            replay = await _signed_by_hand(checked.sandbox.url, http, requests)
            again = await http.send(requests[0])
        assert replay.json() == {"code": 200}
        assert again.status_code == 403
        assert "was used before" in again.json()["message"]


async def _signed_by_hand(url: str, http: httpx.AsyncClient, requests: list[httpx.Request]) -> httpx.Response:
    """A request of another client in any order of parameters, signed with the standard library alone."""
    import hashlib  # noqa: PLC0415 - used here alone

    text = f"app=a b&nonce=0123456789&timestamp={NOW:.0f}&key={SECRET}"
    sign = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
    query = f"?sign={sign}&empty&nonce=0123456789&app=a+b&timestamp={NOW:.0f}"
    body = BODY[:-1] + b', "app": "a"}'
    requests.append(http.build_request("POST", url + query, content=body, headers={"Authorization": "Bearer x"}))
    return await http.send(requests[0])


async def test_page_and_counts_show_the_text_that_must_be_signed(start: Start) -> None:
    """As it would be signed, without the secret; clearing forgets it."""
    over = "{body}&<b>{secret}"
    parameters = {"sign": {"header": "X-S", "algorithm": "md5", "over": over, "secret": SECRET}}
    async with start(parameters) as checked, httpx.AsyncClient(base_url=checked.sandbox.base_url) as http:
        await checked.send({"sign": {**parameters["sign"], "secret": "wrong"}})
        page = (await http.get("/")).text
        stats = (await http.get("/sandbox/stats")).json()
        await http.delete("/sandbox/messages")
        cleared = (await http.get("/")).text
    assert stats["parameters_refused"] == 1
    assert "<dt>Wrong parameters</dt><dd>1</dd>" in page
    assert "&amp;&lt;b&gt;…</pre>" in page
    assert SECRET not in page
    assert "must be signed" not in cleared
