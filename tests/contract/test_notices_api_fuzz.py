"""Random bytes in the place of an HTTP reply, through every transport: each attempt ends with a verdict.

The seed is fixed. Longer runs by hand: `TRANSPORT_FUZZ=5000 REPLY_FUZZ_SEED=7 pytest tests/contract -k api_fuzz`.
"""

from __future__ import annotations

import os
from collections import Counter

from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.verdict import Verdict
from tests.contract.asking import posted
from tests.contract.test_notices_api import NOTICE, TOKEN, Make, client
from tests.contract.test_notices_api import make as make  # noqa: PLC0414 - a fixture
from tests.fakes.scripted_server import ScriptedServer, close_after, raw
from tests.property.adapters.test_reply_fuzz import SEED, Maker

REPLIES = int(os.environ.get("TRANSPORT_FUZZ", "100"))
HEADS = [
    *(b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 503 ", b"HTTP/1.1 429", b"HTTP/1.1 99999 X", b"HTTP/2 200"),
    *(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", b"HTTP/1.1 \xe6\x88\x90", b"", b"\x16\x03\x01", b"200 OK"),
]
LENGTHS = [b"0", b"12", b"5000", b"-1", b"+5", b"9" * 30, b"0x10", b"12, 12", b"12, 13", b""]


def reply(maker: Maker) -> bytes:
    """A reply that is seldom without fault."""
    rng = maker.rng
    body = maker.body()[:3_000]
    lines = [rng.choice(HEADS[:2]) if rng.random() < 0.6 else rng.choice(HEADS)]
    lines += [f"{name}: {value}".encode("latin-1", "replace") for name, value in maker.headers().items()]
    if rng.random() < 0.7:
        lines.append(b"Content-Length: " + (b"%d" % len(body) if rng.random() < 0.6 else rng.choice(LENGTHS)))
    if rng.random() < 0.2:
        lines.append(b"Transfer-Encoding: " + rng.choice([b"chunked", b"gzip", b"chunked, chunked", b"\x00"]))
        body = rng.choice([b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), b"zz\r\n" + body, b"f" * 20 + b"\r\n", body])
    if rng.random() < 0.1:
        lines.append(rng.choice([b"no colon", b": x", b"a" * 70_000 + b": 1", b" folded", b"x: \x00", b"\xff: \xff"]))
    return rng.choice([b"\r\n", b"\r\n", b"\n"]).join([*lines, b"", body])


async def test_every_attempt_has_a_verdict(make: Make) -> None:
    """No exception, and no attempt without an end."""
    maker, table = Maker(SEED + 2), VerdictTable()
    replies = [reply(maker) for _ in range(REPLIES)]
    verdicts: Counter[Verdict] = Counter()
    async with (
        ScriptedServer(*(close_after(raw(one)) for one in replies)) as server,
        client(make, server.url, max_reply_bytes=4_096) as api,
    ):
        for _ in replies:
            found = await posted(api, NOTICE, TOKEN)
            assert TOKEN not in found.detail
            verdicts[table.judge(found)] += 1
    assert sum(verdicts.values()) == REPLIES
    assert verdicts[Verdict.AMBIGUOUS], verdicts
