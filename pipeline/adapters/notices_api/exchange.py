"""What every HTTP client for the notices API shares: options, headers and url of a request, and the names of faults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from pipeline.model.reply import Fault
from pipeline.parameters.request import Attempt

if TYPE_CHECKING:
    from pipeline.adapters.notices_api.parameters import AttemptParameters

MAX_MESSAGE = 200
"""Characters of a client library's own message."""
IDLE_SECONDS = 4.0
"""A connection idle for longer is not used again: common servers close theirs after 5 s (Node, uvicorn) or more."""
FIRST_FINAL = 200
"""Lower statuses are interim replies (RFC 9110, section 15.2)."""
KEEP_ALIVE_MARGIN = 1.0
"""Seconds by which a connection is given up before the server closes it; half of a shorter timeout."""
_KEEP_ALIVE_TIMEOUT = re.compile(r"(?:^|[,;\s])timeout\s*=\s*\"?([0-9]{1,6})", re.IGNORECASE)
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
    code_path: str = "code"
    """Where the code is in a reply's JSON: names with dots between."""
    max_connections: int = 512
    max_connection_age_seconds: float = 30.0
    """After this, and up to half as long again, a connection takes no further request."""
    ca_pem: bytes | None = None
    """Authorities to trust beside the well-known ones; any number of certificates."""
    client_pem: bytes | None = None
    """Our certificate and its key."""
    proxy: str | None = None
    parameters: AttemptParameters | None = None
    """Common request parameters that are computed for each attempt."""

    def __repr__(self) -> str:
        """Without anything that may be secret."""
        return f"HttpOptions(url={self.url.partition('?')[0]!r}, timeout_seconds={self.timeout_seconds})"


def keep_alive_seconds(header: str | None) -> float | None:
    """The server's `Keep-Alive: timeout=N` (RFC 2068, section 19.7.1.1); None if it sends none."""
    found = _KEEP_ALIVE_TIMEOUT.search(header or "")
    return float(found[1]) if found else None


def idle_seconds(keep_alive: float | None) -> float:
    """How long a connection may be idle before it is given up."""
    if keep_alive is None:
        return IDLE_SECONDS
    return keep_alive - min(KEEP_ALIVE_MARGIN, keep_alive / 2)


def request_headers(options: HttpOptions) -> dict[str, str]:
    """The headers that are the same in every request.

    Raises:
        ValueError: one cannot be written; the message does not hold its value.
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
    """The url, with the query parameters that are the same in every request after its own; without a fragment."""
    parts = urlsplit(options.url)
    query = "&".join(part for part in (parts.query, urlencode(options.query, quote_via=quote)) if part)
    return urlunsplit(parts._replace(query=query, fragment=""))


def attempt_of(options: HttpOptions, body: bytes) -> Attempt:
    """What an attempt sends beside what is the same in every request.

    Raises:
        ValueError: the body cannot take the configured constants.
    """
    return Attempt("", (), body) if options.parameters is None else options.parameters.of(body)


def fault_of(error: BaseException, table: Mapping[type[BaseException], Fault]) -> Fault:
    """The fault of the error's nearest ancestor in a client's table, so that errors of later releases have one.

    An error without an ancestor there may have happened after the request left, so it counts as RESET.
    """
    return next((table[kind] for kind in type(error).__mro__ if kind in table), Fault.RESET)


def cut_off(fault: Fault) -> Fault:
    """The fault within a reply's body: there a broken connection is a body cut short."""
    return Fault.BODY_CUT_SHORT if fault is Fault.RESET else fault
