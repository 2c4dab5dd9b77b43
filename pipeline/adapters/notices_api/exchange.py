"""What every HTTP client for the notices API shares: what to send, how to read what comes back, how to name faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import orjson

from pipeline.model.reply import Fault, Reply

MOST_WORDS = 200
"""Characters of a client library's own words."""
DETAIL_BYTES = 200
"""Of an unreadable body, so many bytes are kept to look at."""
MOST_CODE = 2**31 - 1
"""A code beyond 32 bits is none: the ledger stores 32."""
MAX_RETRY_AFTER = 64
"""Characters. The longest date that RFC 9110 allows has 33; the rest of a longer header is not worth keeping."""
PLAIN_SUCCESS = Reply(200, 200)
"""Most replies, so it is made once."""
_SUCCESS_BODY = b'{"code":200}'
"""As the contract writes it: so it need not be parsed."""
_INTEGER = re.compile(r"-?[0-9]{1,10}")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?")
"""RFC 9110, section 5.5, without bytes beyond ASCII: clients disagree on them."""


class HttpOptions(NamedTuple):
    """How to reach the notices API. Header values and the query may hold secrets and are not in the repr."""

    url: str
    timeout_seconds: float = 5.0
    """For one whole request, connecting included."""
    connect_timeout_seconds: float = 2.0
    """Keep it below `timeout_seconds`: then a slow connection is known to have carried no request."""
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    idempotency_header: str | None = "Idempotency-Key"
    max_reply_bytes: int = 65_536
    max_connections: int = 512
    ca_pem: bytes | None = None
    """Authorities to trust beside the well-known ones; any number of certificates."""
    client_pem: bytes | None = None
    """Our certificate and its key."""
    proxy: str | None = None

    def __repr__(self) -> str:
        """Without anything that may be secret."""
        return f"HttpOptions(url={self.url.partition('?')[0]!r}, timeout_seconds={self.timeout_seconds})"


def request_headers(options: HttpOptions) -> dict[str, str]:
    """The headers that are the same in every request.

    Raises:
        ValueError: one cannot be written; words without its value.
    """
    for name, value in options.headers.items():
        if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
            raise ValueError(f"header {name!r} cannot be written")
    return {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "notice-pipeline",
        **options.headers,
    }


def request_url(options: HttpOptions) -> str:
    """The url with the query parameters that are the same in every request behind its own."""
    if not options.query:
        return options.url
    parts = urlsplit(options.url)
    query = "&".join(part for part in (parts.query, urlencode(options.query, quote_via=quote)) if part)
    return urlunsplit(parts._replace(query=query))


def fault_of(error: BaseException, table: Mapping[type[BaseException], Fault]) -> Fault:
    """The fault of the error's nearest ancestor in a client's table; one of a later release falls to its parent.

    What has no ancestor there may have happened after the request left, so it counts as such: RESET.
    """
    return next((table[kind] for kind in type(error).__mro__ if kind in table), Fault.RESET)


def cut_off(fault: Fault) -> Fault:
    """The fault in the middle of a reply's body: a broken connection is then a body cut short."""
    return Fault.BODY_CUT_SHORT if fault is Fault.RESET else fault


def is_plain_success(status: int, body: bytes, retry_after: str | None) -> bool:
    """Whether `read_reply` would give `PLAIN_SUCCESS`; asked first where most replies are, since it is cheaper.

    A success that it does not recognise (a code in quotes) is none the less one to `read_reply`.
    """
    if status != 200 or retry_after is not None:  # noqa: PLR2004 - the contract's success
        return False
    try:
        return body == _SUCCESS_BODY or orjson.loads(body)["code"] == 200  # noqa: PLR2004 - an int's or float's
    except (orjson.JSONDecodeError, TypeError, KeyError):  # no JSON, no object, no code
        return False


def read_reply(status: int, body: bytes, retry_after: str | None, hide: Callable[[str], str]) -> Reply:
    """A whole reply, before anybody judges it.

    `code` counts when it is an integer, or plainly means one (`"200"`, `200.0`): some gateways quote every number, and
    an accepted notice that is not recognised as such would be sent again. `true` is no code. `hide` takes out of words
    what must not be in them.
    """
    if retry_after is not None:
        retry_after = retry_after[:MAX_RETRY_AFTER]
    if 300 <= status < 400:  # noqa: PLR2004 - RFC 9110, section 15.4
        return Reply(status, None, Fault.REDIRECT, retry_after, "redirects are not followed")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Reply(status, None, Fault.BODY_INVALID, retry_after, _readable(body, hide))
    code = _code(parsed)
    if code is None:
        return Reply(status, None, Fault.BODY_INVALID, retry_after, _readable(body, hide))
    if code == 200:  # noqa: PLR2004 - the contract's success, and the hot path
        return Reply(status, code, None, retry_after)
    return Reply(status, code, None, retry_after, _message(parsed, hide))


def too_large(status: int, retry_after: str | None, most: int) -> Reply:
    """A reply whose body was not read to its end."""
    return Reply(status, None, Fault.BODY_TOO_LARGE, retry_after, f"the body is longer than {most} bytes")


def _code(parsed: object) -> int | None:
    code = parsed.get("code") if isinstance(parsed, dict) else None
    if isinstance(code, str) and _INTEGER.fullmatch(code):
        code = float(code)  # exact: ten digits at most
    if isinstance(code, float) and code.is_integer():
        code = int(code)
    if not isinstance(code, int) or isinstance(code, bool) or abs(code) > MOST_CODE:
        return None
    return code


def _message(parsed: Mapping[str, object], hide: Callable[[str], str]) -> str:
    """What the API says of its refusal: such words are about fields and templates, and are kept short."""
    for name in ("message", "msg", "errmsg", "error"):
        text = parsed.get(name)
        if isinstance(text, str) and text:
            return _printable(hide(text))
    return ""


def _readable(body: bytes, hide: Callable[[str], str]) -> str:
    """The first bytes of a body; hidden from before they are cut, so that no half of a token stays behind."""
    if not body:
        return "the body is empty"
    return _printable(hide(body.decode("utf-8", "replace")))


def _printable(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text[:DETAIL_BYTES])
    return shown.encode()[:DETAIL_BYTES].decode("utf-8", "ignore")
