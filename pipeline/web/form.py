"""Reads the form of a request, with limits."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException

from pipeline.phrases import phrase

if TYPE_CHECKING:
    from starlette.requests import Request

FORM = "application/x-www-form-urlencoded"


async def read_form(request: Request, most_bytes: int) -> dict[str, str]:
    """The fields of the form.

    Raises:
        HTTPException: the body is not a form, too large, or not UTF-8.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, phrase("send {form}", form=FORM), {"Accept-Post": FORM})
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise HTTPException(413, phrase("the form is longer than {most} bytes", most=most_bytes))
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=16))
    except UnicodeDecodeError:
        raise HTTPException(400, phrase("the form is not UTF-8")) from None
    except ValueError:
        raise HTTPException(400, phrase("the form has too many fields")) from None
