"""One scenario of addresses with each transport, in a process whose own /etc/hosts says where names lead; prints JSON.

Run by `test_notices_api_addresses.py`, in a mount namespace: `python addresses.py SCENARIO HOSTS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import uvloop

from pipeline.adapters.notices_api.client import LoopNoticesApi
from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.httpx import HttpxNoticesApi
from pipeline.adapters.notices_api.oauth import OAuthOptions, OAuthToken
from pipeline.adapters.notices_api.pyreqwest import PyreqwestNoticesApi
from pipeline.errors import TokenUnavailable
from pipeline.model.notice import Notice
from pipeline.model.reply import Reply
from pipeline.ports import NoticesApi
from tests.contract.asking import posted
from tests.fakes.scripted_server import ScriptedServer, close_after, reply

OK = reply(b'{"code":200}')
LAST = close_after(reply(b'{"code":200}', 200, connection="close"))
NOTICE = Notice("id", "rule", "alias", "u1", b'{"to":"u1"}', None)
Make = Callable[[HttpOptions], NoticesApi]
TRANSPORTS: Mapping[str, Make] = {"loop": LoopNoticesApi, "pyreqwest": PyreqwestNoticesApi, "httpx": HttpxNoticesApi}


def free_port() -> int:
    """A port that is free on every address of the loopback."""
    with socket.socket() as one:
        one.bind(("", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def silent(host: str, port: int) -> Iterator[None]:
    """An address that neither takes nor refuses connections: its queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex((host, port))
        yield


async def timed(api: NoticesApi) -> tuple[Reply, float]:
    began = time.monotonic()
    answer = await posted(api, NOTICE, "token")
    return answer, time.monotonic() - began


async def two_addresses(api_of: Make, *, is_silent: bool) -> Mapping[str, object]:
    """The first address of the name is dead; each request needs a connection of its own."""
    dead, alive = [str(row[4][0]) for row in socket.getaddrinfo("two.test", 80, type=socket.SOCK_STREAM)]
    port = free_port()
    with silent(dead, port) if is_silent else contextlib.nullcontext():
        async with ScriptedServer(LAST, host=alive, port=port) as server:
            api = api_of(HttpOptions(f"http://two.test:{port}/"))
            done = [await timed(api) for _ in range(6)]
            await api.close()
    return {
        "faults": [answer.fault for answer, _ in done],
        "seconds": [round(seconds, 3) for _, seconds in done],
        "arrived": len(server.requests),
    }


def _lead(hosts: Path, address: str) -> None:
    hosts.write_text(f"{address} moves.test\n")


async def moved(api_of: Make, hosts: Path) -> Mapping[str, object]:
    """The name leads elsewhere while requests are sent; the old address still answers."""
    port = free_port()
    _lead(hosts, "127.0.0.1")
    async with (
        ScriptedServer(OK, host="127.0.0.1", port=port) as old,
        ScriptedServer(OK, host="127.0.0.2", port=port) as new,
    ):
        options = HttpOptions(f"http://moves.test:{port}/", max_connection_age_seconds=0.5)
        api = api_of(options)
        faults = [(await posted(api, NOTICE, "token")).fault for _ in range(3)]
        before = len(old.requests), len(new.requests)
        _lead(hosts, "127.0.0.2")
        ends = time.monotonic() + 10
        while not new.requests and time.monotonic() < ends:
            faults.append((await posted(api, NOTICE, "token")).fault)
            await asyncio.sleep(0.05)
        await api.close()
    return {"faults": sorted({str(fault) for fault in faults}), "before": before, "moved": len(new.requests)}


async def hung(api_of: Make | None) -> Mapping[str, object]:
    """The name server is silent; a request and the process's end do not wait for it. None: the token's client."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.9", 53))
        began = time.monotonic()
        if api_of is None:
            token = OAuthToken(OAuthOptions("http://slow.test/", "id", client_secret="s", timeout_seconds=0.5))
            try:
                fault = await token.fetch()
            except TokenUnavailable:
                fault = "connect"
        else:
            api = api_of(HttpOptions("http://slow.test/", connect_timeout_seconds=0.5))
            fault = str((await posted(api, NOTICE, "token")).fault)
            await api.close()
        asked = bool(server.recv(512, socket.MSG_DONTWAIT))
    return {"fault": fault, "seconds": time.monotonic() - began, "asked": asked}


async def main(scenario: str, hosts: Path) -> None:
    """Play it with each transport, and the last one also with the client of the token endpoint."""
    found: dict[str, Mapping[str, object]] = {}
    for name, api_of in TRANSPORTS.items():
        if scenario == "hung":
            found[name] = await hung(api_of)
        elif scenario == "moved":
            found[name] = await moved(api_of, hosts)
        else:
            found[name] = await two_addresses(api_of, is_silent=scenario == "silent")
    if scenario == "hung":
        found["oauth"] = await hung(None)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Path(sys.argv[2])))
