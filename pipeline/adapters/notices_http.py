"""What every HTTP client for the notices API shares: what to send, and how to read what comes back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from pipeline.model.reply import Fault, Reply

DETAIL_BYTES = 200
"""Of an unreadable body, so many bytes are kept to look at."""
_BEARER = re.compile(r"(?i)bearer\s+\S+")


class HttpOptions(NamedTuple):
    """How to reach the notices API."""

    url: str
    timeout_seconds: float = 5.0
    connect_timeout_seconds: float = 2.0
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    idempotency_header: str | None = "Idempotency-Key"
    max_reply_bytes: int = 65_536
    max_connections: int = 512
    ca_pem: bytes | None = None
    client_pem: bytes | None = None
    proxy: str | None = None


def request_headers(options: HttpOptions) -> dict[str, str]:
    """The headers that are the same in every request."""
    return {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "notice-pipeline",
        **options.headers,
    }


def read_reply(status: int, body: bytes, retry_after: str | None, token: str) -> Reply:
    """A whole reply, before anybody judges it.

    `code` counts when it is an integer, or a text of one: some gateways quote every number.
    """
    if 300 <= status < 400:  # noqa: PLR2004 - RFC 9110, section 15.4
        return Reply(status, None, Fault.REDIRECT, retry_after, "redirects are not followed")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Reply(status, None, Fault.BODY_INVALID, retry_after, _readable(body, token))
    code = parsed.get("code") if isinstance(parsed, dict) else None
    if isinstance(code, str) and re.fullmatch(r"-?\d{1,9}", code):
        code = int(code)
    if not isinstance(code, int) or isinstance(code, bool):
        return Reply(status, None, Fault.BODY_INVALID, retry_after, _readable(body, token))
    if code == 200:  # noqa: PLR2004 - the contract's success, and the hot path
        return Reply(status, code, None, retry_after)
    return Reply(status, code, None, retry_after, _message(parsed, token))


def too_large(status: int, retry_after: str | None, most: int) -> Reply:
    """A reply whose body was not read to its end."""
    return Reply(status, None, Fault.BODY_TOO_LARGE, retry_after, f"the body is longer than {most} bytes")


def _message(parsed: Mapping[str, object], token: str) -> str:
    """What the API says of its refusal: such words are about fields and templates, and are kept short."""
    for name in ("message", "msg", "errmsg", "error"):
        text = parsed.get(name)
        if isinstance(text, str) and text:
            return scrub(text, token)[:DETAIL_BYTES]
    return ""


def _readable(body: bytes, token: str) -> str:
    text = body[: DETAIL_BYTES * 2].decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in scrub(text, token))[:DETAIL_BYTES]


def scrub(text: str, token: str) -> str:
    """The text without the token: a faulty gateway may send our own header back to us."""
    if token:
        text = text.replace(token, "…")
    return _BEARER.sub("Bearer …", text)
