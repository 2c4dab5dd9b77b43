"""Removes from the text of a reply what its request holds: secrets, the recipient, and the message.

A faulty gateway sends the request's headers back, and an API quotes the text that it refuses. Such texts end in
outcomes, dead letters and logs, which must hold neither secrets nor what is written to a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

import orjson

if TYPE_CHECKING:
    from pipeline.adapters.notices_api.exchange import HttpOptions
    from pipeline.model.notice import Notice

SHORTEST_SECRET = 8
"""Removing shorter values would remove too much of a text."""
SHORTEST_TEXT = 2
"""A name of two characters is a name."""
SHORTEST_NUMBER = 5
HIDDEN = "…"
_BEARER = re.compile(r"(?i)bearer\s+\S+")


class Confidential:
    """Removes confidential values from texts."""

    def __init__(self, options: HttpOptions) -> None:
        """Configured header values and query parameters may be secret, so all of them are removed."""
        query = [value for _, value in parse_qsl(urlsplit(options.url).query)]
        computed = () if options.parameters is None else options.parameters.confidential
        given = (*options.headers.values(), *options.query.values(), *query, *computed)
        self._always = [value for value in given if len(value) >= SHORTEST_SECRET]

    def redact(self, text: str, token: str, notice: Notice | None = None) -> str:
        """The text without token, configured values, the recipient and what the notice says."""
        message = [*self._always, *([token] if len(token) >= SHORTEST_SECRET else ())]
        if notice is not None:
            message += [word for word in _texts(notice) if len(word) >= SHORTEST_TEXT and not _is_small_number(word)]
        for form in sorted({form for word in message for form in _forms(word)}, key=len, reverse=True):
            text = text.replace(form, HIDDEN)
        return _BEARER.sub(f"Bearer {HIDDEN}", text)


def _forms(word: str) -> Sequence[str]:
    """As it is, and as JSON and urls write it."""
    return (
        word,
        json.dumps(word)[1:-1],
        json.dumps(word, ensure_ascii=False)[1:-1],
        quote(word, safe="", errors="replace"),
    )


def _is_small_number(word: str) -> bool:
    """It identifies no person, and occurs in every code and status."""
    return word.isdigit() and len(word) < SHORTEST_NUMBER


def _texts(notice: Notice) -> Iterator[str]:
    yield notice.recipient
    try:
        body = orjson.loads(notice.body)
    except orjson.JSONDecodeError:
        return
    if isinstance(body, Mapping):
        url, fields = body.get("url"), body.get("data")
        if isinstance(url, str):
            yield url
        if isinstance(fields, Mapping):
            for field in fields.values():
                if isinstance(field, Mapping) and isinstance(field.get("value"), str):
                    yield field["value"]
