"""The sandbox over HTTP: contract C1, idempotency, misbehaviour by plan, and what it tells of itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.pyreqwest import PyreqwestNoticesApi
from pipeline.errors import Unreachable
from pipeline.model.notice import Notice
from pipeline.model.reply import Fault, Reply
from pipeline.rules.source.templates import Template, TemplateField
from pipeline.sandbox.faults import FaultPlan
from pipeline.sandbox.server import SandboxServer, running_sandbox
from pipeline.sandbox.state import SandboxOptions
from pipeline.styles.category import CATEGORY, KINDS
from tests.contract.asking import posted

ANY = "any"
PAID = Template("paid", "付款成功", CATEGORY, {"p": "T1"}, (TemplateField("thing1", KINDS["thing"], "商品"),))


class Caller:
    """Sends notices as the pipeline does, and asks its admin API."""

    def __init__(self, sandbox: SandboxServer) -> None:
        self.sandbox = sandbox
        self.http = httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False, timeout=60)
        self.api = self._client(60.0)

    def _client(self, seconds: float) -> PyreqwestNoticesApi:
        return PyreqwestNoticesApi(HttpOptions(self.sandbox.url, timeout_seconds=seconds))

    async def wait_a_second_only(self) -> None:
        """Wait at most a second for a reply from now on."""
        await self.api.close()
        self.api = self._client(1.0)

    async def send(self, key: str = "k", to: str = "u1", value: str = "咖啡", token: str = ANY) -> Reply:
        body = {"to": to, "template": "T1", "data": {"thing1": {"value": value}}}
        return await posted(self.api, Notice(key, "rule", "paid", to, json.dumps(body).encode(), None), token)

    async def follow(self, *faults: Mapping[str, object], **plan: object) -> None:
        answer = await self.http.put("/sandbox/faults", json={"faults": faults, **plan})
        assert answer.status_code == 200, answer.text

    async def stats(self) -> dict[str, object]:
        found: dict[str, object] = (await self.http.get("/sandbox/stats")).json()
        return found

    async def close(self) -> None:
        await self.http.aclose()
        await self.api.close()


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with SandboxServer(SandboxOptions(templates={"T1": PAID})) as sandbox:
        caller = Caller(sandbox)
        yield caller
        await caller.close()


class TestContract:
    async def test_a_message_is_accepted_and_shown(self, caller: Caller) -> None:
        """The body's code is 200, and the message is in the list as it was sent."""
        assert await caller.send() == Reply(200, 200)
        found = (await caller.http.get("/sandbox/messages")).json()
        assert found["total"] == 1
        [message] = found["messages"]
        assert (message["to"], message["idempotency_key"], message["data"]["thing1"]["value"]) == ("u1", "k", "咖啡")

    async def test_the_channels_refusal(self, caller: Caller) -> None:
        """A field over its limit is 47003 and names the field, under HTTP 200."""
        answer = await caller.send(value="x" * 21)
        assert (answer.status, answer.code) == (200, 47003)
        assert "data.thing1.value" in answer.detail

    async def test_tokens(self) -> None:
        """Without a good token nothing is read; tokens can be changed while it runs."""
        async with SandboxServer(SandboxOptions(tokens=frozenset({"good"}))) as sandbox:
            caller = Caller(sandbox)
            assert [(await caller.send(token=token)).code for token in ("bad", "good")] == [401, 200]
            assert (await caller.http.put("/sandbox/tokens", json={"tokens": ["new"]})).status_code == 204
            assert [(await caller.send(token=token)).code for token in ("good", "new")] == [401, 200]
            await caller.close()

    @pytest.mark.parametrize(
        ("content", "headers", "status", "code"),
        [
            (b"{", {}, 200, 47001),
            (b"\xff" * 50, {}, 200, 47001),
            (b"x" * 70_000, {}, 413, 413),
            (b"[" * 60_000, {}, 200, 47001),
            (b"{}", {"Authorization": "Basic x"}, 401, 401),
            (b'{"to":"u","template":"T1","data":{"thing1":{"value":"x"}}}', {"Idempotency-Key": '""'}, 400, 400),
            (b'{"to":"u","template":"T1","data":{"thing1":{"value":"x"}}}', {"Idempotency-Key": "x" * 300}, 400, 400),
        ],
    )
    async def test_hostile_requests(
        self, caller: Caller, content: bytes, headers: dict[str, str], status: int, code: int
    ) -> None:
        """Whatever comes is answered with a status and a code, never with a traceback."""
        answer = await caller.http.post(
            caller.sandbox.url, content=content, headers={"Authorization": "Bearer t", **headers}
        )
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
    async def test_other_methods(self, caller: Caller, method: str) -> None:
        """Only POST sends."""
        answer = await caller.http.request(method, caller.sandbox.url)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


class TestIdempotency:
    async def test_a_repeat_is_not_sent_again(self, caller: Caller) -> None:
        """The same key with the same body has the first reply, and one message."""
        assert [await caller.send() for _ in range(3)] == [Reply(200, 200)] * 3
        stats = await caller.stats()
        assert (stats["accepted"], stats["repeats"], stats["keys_by_attempts"]) == (1, 2, {"3": 1})

    async def test_a_refusal_is_repeated_too(self, caller: Caller) -> None:
        """A final refusal is the key's reply as well."""
        first, second = [await caller.send(value="x" * 21) for _ in range(2)]
        assert first == second

    async def test_another_body(self, caller: Caller) -> None:
        """The same key with another body is 422."""
        await caller.send(value="a")
        assert (await caller.send(value="b")).code == 422

    async def test_while_the_first_runs(self, caller: Caller) -> None:
        """A repeat while the first is under way is 409, and the first still counts."""
        await caller.follow(latency="1500ms")
        first = asyncio.create_task(caller.send())
        while not caller.sandbox.state.in_flight:  # noqa: ASYNC110 - the state has no event to wait for
            await asyncio.sleep(0.005)
        assert (await caller.send()).code == 409
        assert (await first).code == 200

    async def test_without_a_key_every_request_counts(self, caller: Caller) -> None:
        """A sender that gives no key sends twice."""
        body = {"to": "u1", "template": "T1", "data": {"thing1": {"value": "x"}}}
        for _ in range(2):
            await caller.http.post(caller.sandbox.url, json=body, headers={"Authorization": "Bearer t"})
        assert (await caller.stats())["accepted"] == 2


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "reply"),
        [
            ({"status": 503}, (503, 503, None)),
            ({"code": 45011}, (200, 45011, None)),
            ({"status": 429, "retry_after": 7}, (429, 429, None)),
            ({"body": "<html>"}, (200, None, Fault.BODY_INVALID)),
            ({"body": "x" * 100_000}, (200, None, Fault.BODY_TOO_LARGE)),
            ({"status": 302, "headers": {"Location": "/"}}, (302, None, Fault.REDIRECT)),
            ({"do": "hang"}, (None, None, Fault.TIMEOUT)),
            ({"do": "close"}, (None, None, Fault.RESET)),
            ({"do": "reset"}, (None, None, Fault.RESET)),
            ({"do": "garbage"}, (None, None, Fault.RESET)),
            ({"do": "cut_short"}, (None, None, Fault.BODY_CUT_SHORT)),
        ],
    )
    async def test_each_misbehaviour_and_the_end_of_it(
        self, caller: Caller, fault: dict[str, object], reply: tuple[int | None, int | None, Fault | None]
    ) -> None:
        """Each fault reaches the client as what it is; its key is free after it, and the message comes once."""
        await caller.follow({**fault, "attempts": 1})
        if reply[2] is Fault.TIMEOUT:
            await caller.wait_a_second_only()
        answer = await caller.send()
        assert (answer.status, answer.code, answer.fault) == reply
        assert (await caller.send()).code == 200
        stats = await caller.stats()
        assert (stats["accepted"], stats["faults"], stats["in_flight"]) == (1, 1, 0)

    @pytest.mark.parametrize("do", ["hang", "close", "reset", "garbage", "cut_short"])
    async def test_a_reply_that_is_lost_after_the_message_was_taken(self, caller: Caller, do: str) -> None:
        """The first attempt was accepted: only the key keeps the second from being a duplicate."""
        await caller.follow({"do": do, "attempts": 1, "accepted": True})
        if do == "hang":
            await caller.wait_a_second_only()
        assert (await caller.send()).fault is not None
        assert await caller.send() == Reply(200, 200)
        stats = await caller.stats()
        assert (stats["accepted"], stats["repeats"]) == (1, 1)

    async def test_retry_after_as_a_date(self, caller: Caller) -> None:
        """Retry-After also comes as a date."""
        await caller.follow({"status": 503, "retry_after_date": 5})
        assert ((await caller.send()).retry_after or "").endswith(" GMT")

    async def test_latency_alone_is_no_other_reply(self, caller: Caller) -> None:
        """A fault that only waits, waits."""
        await caller.follow({"latency": "60ms", "recipients": ["slow"]})
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await caller.send("a", "slow")).code == 200
        assert loop.time() - began >= 0.06

    async def test_limits(self, caller: Caller) -> None:
        """A spent quota reports it, and its refusals are not the key's last word."""
        await caller.follow(limits={"per_day": 1})
        assert [(await caller.send(key)).code for key in ("a", "b", "b")] == [200, 45009, 45009]
        await caller.http.delete("/sandbox/faults")
        assert (await caller.send("b")).code == 200

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"faults":[{}]}', b'{"x":1}', b"\xff", b" " * 2_000_000])
    async def test_plans_that_are_none_change_nothing(self, caller: Caller, content: bytes) -> None:
        """A plan that cannot be read is refused as problem details, and the old one stays."""
        await caller.follow({"status": 503})
        answer = await caller.http.put("/sandbox/faults", content=content)
        assert answer.status_code in {400, 413, 422}
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await caller.http.get("/sandbox/faults")).json() == {"faults": [{"status": 503}]}

    async def test_errors_of_a_plan_name_the_key(self, caller: Caller) -> None:
        """All of them, as for a plan in a file."""
        answer = await caller.http.put("/sandbox/faults", json={"x": 1, "faults": [{"status": "soon"}]})
        assert answer.status_code == 422
        assert answer.json()["title"] == "`faults.0.status` must be a whole number; unknown key `x`"


class TestDesk:
    async def test_order_and_attempts_are_reported(self, caller: Caller) -> None:
        """Who came when, and how often, for one recipient and for all."""
        for key, to in (("a", "u1"), ("b", "u2"), ("c", "u1"), ("a", "u1")):
            await caller.send(key, to)
        answer = await caller.http.get("/sandbox/arrivals", params={"recipient": "u1"})
        assert [(row["key"], row["attempts"]) for row in answer.json()["arrivals"]] == [("a", 2), ("c", 1)]
        messages = (await caller.http.get("/sandbox/messages?recipient=u2")).json()["messages"]
        assert [message["idempotency_key"] for message in messages] == ["b"]

    async def test_two_at_once_for_one_recipient_are_seen(self, caller: Caller) -> None:
        """A sender that does not wait its turn is counted."""
        await caller.follow(latency="50ms")
        await asyncio.gather(*[caller.send(key) for key in "abc"])
        assert (await caller.stats())["overlapping"] == 2

    async def test_clearing(self, caller: Caller) -> None:
        """Everything is forgotten: the same key is fresh again."""
        await caller.send()
        assert (await caller.http.delete("/sandbox/messages")).status_code == 204
        assert (await caller.stats())["requests"] == 0
        await caller.send()
        assert (await caller.stats())["accepted"] == 1

    @pytest.mark.parametrize("limit", ["", "x", "-1", "1.5", "²", "9" * 30])
    async def test_limits_that_are_none(self, caller: Caller, limit: str) -> None:
        """A limit that is not a number is a mistake, not a traceback."""
        assert (await caller.http.get("/sandbox/messages", params={"limit": limit})).status_code == 422

    async def test_the_page_shows_cards_and_runs_nothing(self, caller: Caller) -> None:
        """Whatever a message says is text on the page; no script can run there."""
        await caller.send("k", "<b>u1</b>", "<script>x</script>")
        page = await caller.http.get("/")
        assert "&lt;script&gt;x&lt;/script&gt;" in page.text
        assert "<script" not in page.text
        assert "付款成功" in page.text
        assert "商品" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"

    async def test_the_page_of_one_recipient(self, caller: Caller) -> None:
        """Only the recipient that is requested is shown."""
        await caller.send("a", "u1", "one")
        await caller.send("b", "u2", "two")
        page = (await caller.http.get("/", params={"recipient": "u2", "live": "1"})).text
        assert "two" in page
        assert ">one<" not in page
        assert 'http-equiv="refresh"' in page

    @pytest.mark.parametrize("path", ["/nope", "/sandbox", "/sandbox/style.css/..", "/oauth/token"])
    async def test_paths_that_are_not_there(self, caller: Caller, path: str) -> None:
        """An unknown path is 404, a wrong method 405, both as problem details."""
        answer = await caller.http.get(path)
        assert answer.status_code in {404, 405}
        assert answer.headers["content-type"] == "application/problem+json"


class TestServer:
    async def test_a_taken_port(self, caller: Caller) -> None:
        """A port that is in use is reported clearly."""
        with pytest.raises(Unreachable, match="cannot listen"):
            await SandboxServer(SandboxOptions(port=caller.sandbox.port)).__aenter__()

    async def test_requests_that_hang_do_not_keep_it_from_ending(self) -> None:
        """The sandbox ends although a request is under way that never would."""
        async with SandboxServer(
            SandboxOptions(plan=FaultPlan.model_validate({"faults": [{"do": "hang"}]}))
        ) as sandbox:
            caller = Caller(sandbox)
            hanging = asyncio.create_task(caller.send())
            while not sandbox.state.in_flight:  # noqa: ASYNC110 - the state has no event to wait for
                await asyncio.sleep(0.005)
        assert (await hanging).fault is Fault.RESET
        await caller.close()

    def test_in_a_thread_of_its_own(self) -> None:
        """A program without a loop can have one, too."""
        with running_sandbox() as sandbox, httpx.Client(trust_env=False) as http:
            assert http.get(f"{sandbox.base_url}/healthz").text == "ok\n"
            url = sandbox.base_url
        with httpx.Client(trust_env=False) as http, pytest.raises(httpx.ConnectError):
            http.get(url)

    def test_a_taken_port_in_a_thread(self) -> None:
        """The thread's failure to listen is the caller's."""
        with (
            running_sandbox() as sandbox,
            pytest.raises(Unreachable, match="cannot listen"),
            running_sandbox(SandboxOptions(port=sandbox.port)),
        ):
            pass


@pytest.mark.parametrize("path", ["/", "/healthz", "/sandbox/messages", "/sandbox/stats"])
async def test_a_name_of_another_dns_server_is_refused_on_the_loopback_address(path: str) -> None:
    """Else a web site could read and change everything through its own name (DNS rebinding)."""
    async with SandboxServer() as sandbox, httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http:
        refused = await http.get(path, headers={"Host": f"evil.example.com:{sandbox.port}"})
        assert (refused.status_code, refused.json()["title"]) == (421, "use the address localhost")
        assert refused.headers["x-frame-options"] == "DENY"
        for name in ("localhost", "127.0.0.1", "[::1]"):
            assert (await http.get(path, headers={"Host": f"{name}:{sandbox.port}"})).status_code == 200


async def test_every_name_is_answered_where_others_may_connect() -> None:
    """In a network of containers the sandbox has a name."""
    options = SandboxOptions(host="0.0.0.0")  # noqa: S104 - what is tested
    async with SandboxServer(options) as sandbox, httpx.AsyncClient(trust_env=False) as http:
        url = f"http://127.0.0.1:{sandbox.port}/healthz"
        assert (await http.get(url, headers={"Host": "sandbox:8090"})).status_code == 200
