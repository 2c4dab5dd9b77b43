"""Random replies of a notices API through the reader that all transports share, and through the verdict table.

The seed is fixed. Longer runs by hand: `REPLY_FUZZ=1000000 REPLY_FUZZ_SEED=7 pytest tests/property/adapters`.
"""

from __future__ import annotations

import codecs
import gzip
import json
import os
import random
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pipeline.adapters.notices_api.exchange import HttpOptions
from pipeline.adapters.notices_api.reply import ReplyReader
from pipeline.delivery.retry import retry_after
from pipeline.delivery.verdicts import VerdictTable
from pipeline.model.notice import Notice
from pipeline.model.reply import Fault
from pipeline.model.verdict import Verdict

REPLIES = int(os.environ.get("REPLY_FUZZ", "6000"))
SEED = int(os.environ.get("REPLY_FUZZ_SEED", "20261130"))
NOW, MOST_SECONDS = 1_795_446_060.0, 600.0
TOKEN = "canary-t0ken-7f3a"
NOTICE = Notice("abdf3647-9c11-5cb5-856a-5d43e25176c5", "rule", "alias", "u-canary-1", b'{"to":"u-canary-1"}', None)
STATUSES = [100, 200, 201, 204, 299, 301, 307, 400, 401, 403, 404, 409, 413, 422, 425, 429, 500, 503, 599, 600, 999]
PATHS = ["code", "error_response.code", "data.result.code"]
CHARSETS = [
    "utf-8",
    "gbk",
    "GB2312",
    "big5",
    "latin1",
    "utf-16",
    "utf-32",
    "shift_jis",
    "euc-kr",
    "nonsense",
    "",
    "\xff",
]
NUMBERS = ["0", "-1", "200", "200.0", "2e2", "43004", "1e999", "-1e999", "NaN", "Infinity", "9" * 25, "1" * 5_000]
CODES: list[object] = [
    200,
    0,
    -1,
    43004,
    2**31 - 1,
    2**31,
    200.0,
    200.5,
    1e300,
    "200",
    " 200",
    "ISV.BLOCK",
    "",
    "x" * 101,
]
TEXTS = ["好的，已发送", "ok", "", "\x00", "\ud800", "\u202e", TOKEN, NOTICE.recipient, "x" * 5_000, "idempotency key"]
BOMS = [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE]


class Maker:
    """Makes replies of one random sequence."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - not a secret

    def value(self, depth: int = 0) -> str:
        """A value as JSON, not always strict."""
        rng = self.rng
        if depth > 3 or rng.random() < 0.6:
            plain = [*NUMBERS, "true", "null", *(json.dumps(text) for text in TEXTS), '"a\nb"', '"\\ud800"']
            return rng.choice(plain)
        if rng.random() < 0.05:
            deep = rng.choice([10, 900, 100_000])
            return "[" * deep + "]" * deep
        if rng.random() < 0.5:
            return f"[{','.join(self.value(depth + 1) for _ in range(rng.randrange(4)))}]"
        return self.object(depth + 1)

    def object(self, depth: int = 0) -> str:
        names = ["code", "code", "msg", "message", "errmsg", "data", "error_response", "result", "b", ""]
        pairs = [(self.rng.choice(names), self.value(depth)) for _ in range(self.rng.randrange(5))]
        if self.rng.random() < 0.5:
            pairs.append(("code", self.rng.choice([json.dumps(self.rng.choice(CODES)), self.value(3)])))
        return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in pairs) + "}"

    def text(self) -> str:
        return self.rng.choice([self.object, self.object, self.value, lambda: "<html>502 Bad Gateway</html>"])()

    def body(self) -> bytes:
        rng = self.rng
        encoding = rng.choice(["utf-8", "utf-8", "gb18030", "utf-16", "utf-16-be", "utf-32-le", "big5"])
        body = self.text().encode(encoding, "replace" if rng.random() < 0.5 else "ignore")
        if rng.random() < 0.2:
            body = rng.choice(BOMS) + body
        for _ in range(rng.choice([0, 0, 0, 1, 2, 4])):
            body = rng.choice(PACKERS)(body)
        if rng.random() < 0.2:
            body = body[: rng.randrange(len(body) + 1)]
        if rng.random() < 0.2:
            at = rng.randrange(len(body) + 1)
            body = body[:at] + rng.randbytes(rng.randrange(5)) + body[at + rng.randrange(5) :]
        return rng.choice([body, body, body, b"", rng.randbytes(rng.randrange(60))])

    def headers(self) -> Mapping[str, str]:
        rng = self.rng
        choices: Mapping[str, Callable[[], str]] = {
            "content-type": lambda: f"application/json; charset={rng.choice(CHARSETS)}",
            "content-encoding": lambda: rng.choice(
                ["gzip", "deflate", "gzip, gzip", "br", "identity", "x-gzip,,deflate", ",", "gzip" + ", gzip" * 200]
            ),
            "retry-after": lambda: rng.choice(
                [
                    "0",
                    "5",
                    "-1",
                    "9" * 60,
                    "1.5",
                    "soon",
                    "",
                    "Fri, 31 Dec 9999 23:59:59 GMT",
                    "Fri, 99 Foo 0000",
                    "\xff",
                ]
            ),
            "location": lambda: rng.choice(
                ["/x", "http://u:p@h/?q=s#f", "http://[", "//", "\x00", "http://h:99999999/"]
            ),
        }
        return {name: make() for name, make in choices.items() if rng.random() < 0.4}


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS: tuple[Callable[[bytes], bytes], ...] = (gzip.compress, zlib.compress, _raw_deflate)


def _reader(path: str = "code") -> ReplyReader:
    return ReplyReader(HttpOptions("https://api.example.com/notices", code_path=path, max_reply_bytes=4_096))


def test_every_reply_has_a_verdict() -> None:
    """Nothing raises; what is shown is short, printable and without the token and the recipient."""
    maker, table = Maker(SEED), VerdictTable()
    readers = [_reader(path) for path in PATHS]
    verdicts: Counter[Verdict] = Counter()
    faults: Counter[Fault | None] = Counter()
    for _ in range(REPLIES):
        status, headers, body = maker.rng.choice(STATUSES), maker.headers(), maker.body()
        reply = maker.rng.choice(readers).read(status, headers.get, body, TOKEN, NOTICE)
        assert reply.code is None or isinstance(reply.code, str) or abs(reply.code) < 2**31
        assert (reply.code is None) == (reply.fault is not None)
        assert len(reply.detail.encode()) <= 200
        assert TOKEN not in reply.detail
        wait = retry_after(reply.retry_after, NOW, MOST_SECONDS)
        assert wait is None or 0 <= wait <= MOST_SECONDS
        verdicts[table.judge(reply)] += 1
        faults[reply.fault] += 1
    assert {*verdicts} >= {Verdict.ACCEPTED, Verdict.AMBIGUOUS, Verdict.RETRY, Verdict.REJECTED_CONTENT}, verdicts
    assert {*faults} == {None, Fault.BODY_INVALID, Fault.BODY_TOO_LARGE, Fault.REDIRECT}, faults


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"])
def test_the_code_is_found_whatever_is_beside_it(encoding: str) -> None:
    """Numbers of any length, equal keys, raw line breaks, texts in any script."""
    maker, reader = Maker(SEED + 1), _reader()
    for _ in range(REPLIES // 10):
        beside: Any = [maker.rng.choice([*NUMBERS, "true", "null", '"好"', '"a\nb"', '{"code": 5}']) for _ in range(3)]
        text = "".join(f'"{name}": {value}, ' for name, value in zip(("data", "data", "msg"), beside, strict=True))
        body = f'{{{text}"code": 43004}}'.encode(encoding)
        assert reader.read(200, lambda _: None, body, TOKEN, NOTICE).code == 43004, body
