"""Reads a whole HTTP reply of the notices API: its code, and what people should see of it. All transports share it.

Platforms and the gateways before them answer in many ways, so reading is lenient: compressed bodies, byte order marks,
the charset of the header, GB 18030, and JSON that is not strict (NaN, raw line breaks, lone surrogates). An accepted
notice whose reply is not recognised as such may be sent twice.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import orjson

from pipeline.adapters.inflated import inflated
from pipeline.adapters.notices_api.redaction import Confidential
from pipeline.adapters.redirects import is_redirect, not_followed
from pipeline.model.reply import Fault, Reply

if TYPE_CHECKING:
    from pipeline.adapters.notices_api.exchange import HttpOptions
    from pipeline.model.notice import Notice

Header = Callable[[str], str | None]
"""Returns the value of a reply's header by its lower-case name; None if there is none."""

MAX_DETAIL = 200
"""Bytes of an unreadable body, or of the API's own message, that are kept."""
MAX_CODE = 2**31 - 1
"""The ledger stores 32 bits; a greater number is not a code."""
MAX_NAME = 100
"""Characters of a code that is not a number."""
MAX_RETRY_AFTER = 64
"""Characters. The longest date that RFC 9110 allows has 33."""
PLAIN_SUCCESS = Reply(200, 200)
"""Most replies, so it is made once."""
_SUCCESS_BODY = b'{"code":200}'
"""As the contract writes it, so that it need not be parsed."""
_CODE_KEY = b'"code"'
_INTEGER = re.compile(r"-?[0-9]{1,10}")
_CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARSETS = {
    **dict.fromkeys(("gbk", "gb2312", "gb18030", "cp936", "x-gbk"), "gb18030"),
    **dict.fromkeys(("big5", "big5-hkscs"), "big5hkscs"),
    **dict.fromkeys(("iso-8859-1", "latin1", "windows-1252", "us-ascii", "ascii"), "cp1252"),
    **{name: name for name in ("utf-16", "utf-16le", "utf-16be", "utf-32", "shift_jis", "euc-jp", "euc-kr")},
}
"""Charsets of replies, to the codec that reads them; any other is tried as UTF-8 and GB 18030."""


class ReplyReader:
    """Reads replies by the configuration of one API."""

    def __init__(self, options: HttpOptions) -> None:
        self.confidential = Confidential(options)
        self._max_bytes = options.max_reply_bytes
        self._path = tuple(options.code_path.split("."))
        self._success_body = _SUCCESS_BODY if options.code_path == "code" else None
        header = options.idempotency_header
        self._key_names = ("idempoten", header.lower()) if header is not None else ()

    def read(self, status: int, header: Header, body: bytes, token: str, notice: Notice) -> Reply:
        """The reply with its code, or with the fault `BODY_INVALID` or `BODY_TOO_LARGE` if it has none."""
        return self.plain_success(status, body) or self.other(status, header, body, token, notice)

    def plain_success(self, status: int, body: bytes) -> Reply | None:
        """The reply if it is the contract's success, checked first because most are; no header matters to it."""
        if status != 200:  # noqa: PLR2004 - the contract's success
            return None
        if body == self._success_body:
            return PLAIN_SUCCESS
        if body.count(_CODE_KEY) > 1:  # perhaps twice in one object
            return None
        try:
            accepted = orjson.loads(body)["code"] == 200 and self._success_body is not None  # noqa: PLR2004 - as above
        except (orjson.JSONDecodeError, TypeError, KeyError):  # not JSON, not an object, no code
            return None
        return PLAIN_SUCCESS if accepted else None

    def other(self, status: int, header: Header, body: bytes, token: str, notice: Notice) -> Reply:
        """Any other reply, as `read` returns it.

        A code counts if it is an integer or clearly represents one (`"200"`, `200.0`); a text that is not a number is
        a code for APIs whose verdict table names texts. `true`, `null` and `200.5` are not codes.
        """
        retry_after = self._retry_after(header)

        def shown(text: str) -> str:
            return _printable(self.confidential.redact(text, token, notice))

        if is_redirect(status):
            return Reply(status, None, Fault.REDIRECT, retry_after, shown(not_followed(header("location"))))
        unpacked = inflated(body, header("content-encoding"), self._max_bytes)
        if unpacked is None:
            return self.too_large(status, header)
        text, parsed = _parsed(unpacked, header("content-type"))
        code = _code(_at(parsed, self._path))
        names_key = status == 422 and any(name in text.lower() for name in self._key_names)  # noqa: PLR2004 - see Reply
        if code is None:
            detail = shown(text) if text else "the body is empty"
            return Reply(status, None, Fault.BODY_INVALID, retry_after, detail, names_key)
        message = _message(parsed, self._path)
        if isinstance(code, str):
            message = f"{code}: {message}" if message else code
        return Reply(status, code, None, retry_after, shown(message), names_key)

    def too_large(self, status: int, header: Header) -> Reply:
        """A reply whose body is longer than allowed."""
        detail = f"the body is longer than {self._max_bytes} bytes"
        return Reply(status, None, Fault.BODY_TOO_LARGE, self._retry_after(header), detail)

    def _retry_after(self, header: Header) -> str | None:
        value = header("retry-after")
        return None if value is None else value[:MAX_RETRY_AFTER]


def _parsed(body: bytes, content_type: str | None) -> tuple[str, object]:
    """The body as text, and the JSON in it; None where it holds none."""
    for text in _texts(body, content_type):
        try:
            return text, json.loads(text, strict=False, parse_int=_integer, object_pairs_hook=_object)
        except (ValueError, RecursionError):
            continue
    return body.decode("utf-8", "replace"), None


def _integer(text: str) -> int | float:
    """A long number beside the code must not hide it: `int` refuses more than 4,300 digits."""
    return int(text) if len(text) <= MAX_DETAIL else float(text)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A key with several values has none: a success and a refusal in one reply are not a success."""
    found = dict(pairs)
    if len(found) < len(pairs):
        found |= {name: None for name, value in pairs if value != found[name]}
    return found


def _texts(body: bytes, content_type: str | None) -> Iterator[str]:
    """The readings of a body, the likeliest first."""
    candidates = [(mark, codec) for mark, codec in _BOMS if body.startswith(mark)][:1] or [(b"", "utf-8")]
    named = _CHARSET.search(content_type or "")
    charset = _CHARSETS.get(named[1].lower()) if named else None
    candidates += [(b"", charset)] if charset else []
    candidates.append((b"", "gb18030"))
    for mark, codec in candidates:
        try:
            yield body[len(mark) :].decode(codec)
        except UnicodeError:
            continue


def _at(parsed: object, path: tuple[str, ...]) -> object:
    for name in path:
        if not isinstance(parsed, Mapping):
            return None
        parsed = parsed.get(name)
    return parsed


def _code(found: object) -> int | str | None:
    if isinstance(found, str) and _INTEGER.fullmatch(found):
        found = float(found)  # exact: ten digits at most
    if isinstance(found, str) and 0 < len(found) <= MAX_NAME and found.isprintable() and found == found.strip():
        return found
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or abs(found) > MAX_CODE:
        return None
    return found


def _message(parsed: object, path: tuple[str, ...]) -> str:
    """The API's own message, from beside the code or from the top."""
    for level in (_at(parsed, path[:-1]), parsed):
        if isinstance(level, Mapping):
            for name in ("message", "msg", "errmsg", "error", "sub_msg"):
                text = level.get(name)
                if isinstance(text, str) and text:
                    return text
    return ""


def _printable(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text[:MAX_DETAIL])
    return shown.encode("utf-8", "replace")[:MAX_DETAIL].decode("utf-8", "ignore")
