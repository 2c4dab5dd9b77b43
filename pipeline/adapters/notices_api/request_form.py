"""Writes whole HTTP/1.1 requests: what all requests share is joined once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pipeline.adapters.notices_api.exchange import HttpOptions, request_headers, request_url

if TYPE_CHECKING:
    from pipeline.adapters.notices_api.parameters import AttemptParameters
    from pipeline.model.notice import Notice
    from pipeline.model.trace import TraceContext

WriteRequest = Callable[["Notice", str, "TraceContext | None"], bytes | None]
"""Gives the bytes of a request with this token; None if it cannot be written."""


class RequestForm:
    """The requests of one API."""

    def __init__(self, options: HttpOptions, target: str, headers: Mapping[str, str]) -> None:
        """`target` is that of the request line; `headers` come before those of the options.

        Raises:
            ValueError: a header or the url cannot be written; the message does not hold it.
        """
        self._parts = _parts(options, target, headers)
        self._keyed = options.idempotency_header is not None
        self._token: str | None = None
        self._form = b""
        """A request with this token, to be filled in by `%`: cheaper than joining parts that are encoded one by one."""

    def write(self, notice: Notice, token: str, trace: TraceContext | None) -> bytes | None:
        """The whole request; None if the token cannot be written in a header."""
        if token != self._token and not self._renew(token):
            return None
        body = notice.body
        traced = b"" if trace is None else _trace_headers(trace)
        if self._keyed:
            return self._form % (len(body), notice.idempotency_key.encode("latin-1"), traced, body)
        return self._form % (len(body), traced, body)

    def _renew(self, token: str) -> bool:
        if not token.isascii() or not token.isprintable():
            return False
        self._token = token
        begin, headers, rest = self._parts
        self._form = (begin + headers + _authorization(token)).replace(b"%", b"%%") + rest
        return True


class ComputedRequestForm(RequestForm):
    """The requests of an API with parameters that are computed for each attempt."""

    def __init__(
        self, options: HttpOptions, target: str, headers: Mapping[str, str], parameters: AttemptParameters
    ) -> None:
        super().__init__(options, target, headers)
        self._parameters = parameters

    def write(self, notice: Notice, token: str, trace: TraceContext | None) -> bytes | None:
        """The whole request; None if the token cannot be written in a header, or the body cannot take the constants."""
        if token != self._token and not self._renew(token):
            return None
        try:
            query, headers, body = self._parameters.of(notice.body)
        except ValueError:
            return None
        more = "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1")
        if trace is not None:
            more += _trace_headers(trace)
        if self._keyed:
            key = notice.idempotency_key.encode("latin-1")
            return self._form % (query.encode("latin-1"), len(body), key, more, body)
        return self._form % (query.encode("latin-1"), len(body), more, body)

    def _renew(self, token: str) -> bool:
        if not super()._renew(token):
            return False
        begin, headers, rest = self._parts
        line_end = b" HTTP/1.1\r\n"
        target = begin.removesuffix(line_end).replace(b"%", b"%%")
        self._form = target + b"%b" + line_end + (headers + _authorization(token)).replace(b"%", b"%%") + rest
        return True


def request_form(options: HttpOptions, target: str, headers: Mapping[str, str]) -> RequestForm:
    """The form for these options: without computed parameters a request costs nothing for them."""
    if options.parameters is None:
        return RequestForm(options, target, headers)
    return ComputedRequestForm(options, target, headers, options.parameters)


class _Parts(NamedTuple):
    line: bytes
    headers: bytes
    rest: bytes
    """What follows the headers that all requests share; `%` marks length, key, further headers and body."""


def _parts(options: HttpOptions, target: str, headers: Mapping[str, str]) -> _Parts:
    headers = {**headers, **request_headers(options)}
    line = f"POST {target} HTTP/1.1"
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if any(not text.isascii() or not text.isprintable() for text in (line, *lines)) or " " in target:
        raise ValueError("the url cannot be written")
    key = options.idempotency_header
    keyed = b"" if key is None else key.encode("latin-1").replace(b"%", b"%%") + b': "%b"\r\n'
    return _Parts(
        f"{line}\r\n".encode(),
        "".join(f"{one}\r\n" for one in lines).encode(),
        b"Content-Length: %d\r\n" + keyed + b"%b\r\n%b",
    )


def _authorization(token: str) -> bytes:
    return f"Authorization: Bearer {token}\r\n".encode()


def _trace_headers(trace: TraceContext) -> bytes:
    lines = f"traceparent: {trace.traceparent}\r\n"
    if trace.tracestate:
        lines += f"tracestate: {trace.tracestate}\r\n"
    return lines.encode("latin-1")


def request_target(options: HttpOptions) -> str:
    """Path and query of the url, as they are in the request line; without the parameters of each attempt."""
    parts = urlsplit(request_url(options))
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
