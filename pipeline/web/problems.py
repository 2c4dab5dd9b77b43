"""Error responses: problem details (RFC 9457) for programs, a page for browsers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pipeline.phrases import phrase

if TYPE_CHECKING:
    from starlette.requests import Request

TITLES: Mapping[int, str] = {
    400: phrase("Bad Request"),
    403: phrase("Forbidden"),
    404: phrase("Not Found"),
    405: phrase("Method Not Allowed"),
    413: phrase("Request Entity Too Large"),
    415: phrase("Unsupported Media Type"),
    421: phrase("Misdirected Request"),
    500: phrase("Internal Server Error"),
    503: phrase("Service Unavailable"),
}
"""Titles of error pages; others have HTTP's phrase."""

Handler = Callable[["Request", Exception], Awaitable[Response]]


def wants_html(accept: str) -> bool:
    """Whether the client is a browser: it accepts HTML explicitly, not only `*/*`."""
    return any(part.split(";")[0].strip().lower() == "text/html" for part in accept.split(","))


def problem(status: int, detail: str = "") -> Response:
    """Problem details with `type` about:blank: the status is the type."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail and detail != body["title"]:
        body["detail"] = detail
    return Response(orjson.dumps(body), status, media_type="application/problem+json")


def handler(page: Callable[[str, int, str, str], Response] | None = None) -> Handler:
    """A handler of `HTTPException`; `page` makes the error page from path, status, title and message."""

    async def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - the only class it is registered for
        title = HTTPStatus(error.status_code).phrase
        message = error.detail if error.detail != title else ""
        if page is not None and wants_html(request.headers.get("accept", "")):
            shown = TITLES.get(error.status_code, title)
            response = page(request.url.path, error.status_code, shown, message)
            if request.method == "GET" and (wait := (error.headers or {}).get("Retry-After")) is not None:
                response.headers["Refresh"] = wait  # the browser asks again by itself
        else:
            response = problem(error.status_code, message)
        response.headers.update(error.headers or {})
        return response

    return handle
