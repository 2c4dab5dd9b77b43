"""What a request must be: the body's contract (C1 by default), and the checks that a channel makes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from pipeline.rules.source.templates import Template
from pipeline.styles.registry import typed_kind

ACCEPTED = 200
BAD_RECIPIENT = 40003
UNKNOWN_TEMPLATE = 40037
BAD_URL = 40039
MALFORMED = 47001
BAD_FIELD = 47003
"""WeChat's published codes, which the platform may pass through; 200 is the contract's."""
MAX_RECIPIENT = 256
MAX_URL = 1_024
_KEYS = frozenset({"to", "template", "url", "data"})
_FIELD_KEYS = frozenset({"value", "color"})


class Message(NamedTuple):
    """One message of a request."""

    to: str
    template: str
    url: str | None
    fields: Mapping[str, tuple[str, str | None]]
    """Field key to value and colour."""


class Refused(NamedTuple):
    """Why the API refuses a request."""

    code: int
    message: str


def parse(body: bytes) -> Message | Refused:
    """The message in a body of contract C1, or what is wrong with its form."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return Refused(MALFORMED, f"the body is not JSON: {error.msg} at byte {error.pos}")
    if not isinstance(parsed, dict):
        return Refused(MALFORMED, "the body is not a JSON object")
    unknown = sorted(parsed.keys() - _KEYS)
    if unknown:
        return Refused(MALFORMED, f"unknown key: {unknown[0][:64]}")
    to, template, url, data = parsed.get("to"), parsed.get("template"), parsed.get("url"), parsed.get("data")
    if not isinstance(to, str) or not to or len(to) > MAX_RECIPIENT or not to.isprintable() or " " in to:
        return Refused(BAD_RECIPIENT, "invalid recipient: `to` is not a platform id")
    if not isinstance(template, str) or not template:
        return Refused(UNKNOWN_TEMPLATE, "invalid template: `template` is not a text")
    if url is not None and not _is_link(url):
        return Refused(BAD_URL, "invalid url: `url` is not an http, https or weixin link")
    fields = _fields(data)
    return fields if isinstance(fields, Refused) else Message(to, template, url, fields)


def check(message: Message, templates: Mapping[str, Template]) -> Refused | None:
    """Why the channel would refuse `message`; without templates only the keys' own kinds are checked."""
    template = templates.get(message.template)
    if templates and template is None:
        return Refused(UNKNOWN_TEMPLATE, "invalid template: unknown id")
    for key, (value, _) in message.fields.items():
        text = _field_violation(key, value, template)
        if text is not None:
            return Refused(BAD_FIELD, f"argument invalid: data.{key}.value {text}")
    if template is not None and template.style.refuses:
        for field in template.fields:
            if field.key not in message.fields and not field.optional:
                return Refused(BAD_FIELD, f"argument invalid: data.{field.key}.value is missing")
    return None


def _field_violation(key: str, value: str, template: Template | None) -> str | None:
    if template is None:
        kind = typed_kind(key)
        return kind.violation(value) if kind is not None else None
    field = template.field(key)
    if field is None:
        return "is not a field of the template"
    if not template.style.refuses:
        return None  # history and Alipay fields may be empty or long: the channel shows what it likes
    return field.kind.violation(value, field.values)


def _fields(data: object) -> Mapping[str, tuple[str, str | None]] | Refused:
    if not isinstance(data, dict) or not data:
        return Refused(MALFORMED, "`data` is not an object with fields")
    fields: dict[str, tuple[str, str | None]] = {}
    for key, field in data.items():
        name = key[:64]
        if not isinstance(field, dict) or not isinstance(field.get("value"), str) or field.keys() - _FIELD_KEYS:
            return Refused(MALFORMED, f"data.{name} is not an object of a text `value` and an optional `color`")
        color = field.get("color")
        if color is not None and not isinstance(color, str):
            return Refused(MALFORMED, f"data.{name}.color is not a text")
        fields[key] = (field["value"], color)
    return fields


def _is_link(url: object) -> bool:
    return (
        isinstance(url, str)
        and len(url) <= MAX_URL
        and url.isprintable()
        and url.startswith(("https://", "http://", "weixin://"))
    )


def write_reply(code: int | str, message: str) -> bytes:
    """The body of a reply of contract C1."""
    if code == ACCEPTED:
        return b'{"code":200}'
    return orjson.dumps({"code": code, "message": message})


class Contract(NamedTuple):
    """How an API's bodies are read and its replies written."""

    parse: Callable[[bytes], Message | Refused] = parse
    write_reply: Callable[[int | str, str], bytes] = write_reply
    """Given the code (200 for an accepted message) and a message for people."""
